"""What a deployment would come to: what is wanted, what is there, and what stands in the way.

:func:`make` asks everything and changes nothing, so `safelight deploy --print` looks the same way
as a deployment does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from safelight import account as accounts
from safelight import adoption, preflight, shipment
from safelight import engine as engines
from safelight.account import Account
from safelight.deployed import explained
from safelight.preflight import Findings, Trouble, Wish
from safelight.problem import Problem
from safelight.registry import Registry
from safelight.rollout import Rollout, State, Tell
from safelight.screen import console, printable, say
from safelight.shipment import Item
from safelight.stack import docker_trouble
from safelight.template import Given, Template
from safelight.wording import kind_in_words

REGISTRY_STACK = "safelight-registry"
"""The stack of the image repositories: one for all of Safelight's stacks in a region."""

REPOSITORIES = {"thumbnailer": "ThumbnailerRepositoryUri", "sitegen": "SitegenRepositoryUri"}
"""The outputs of ``infra/registry.yaml``, by service."""

IMAGES = {"thumbnailer": "ThumbnailerImageUri", "sitegen": "SitegenImageUri"}
"""The parameters of ``infra/template.yaml`` that name the images, by service."""

ARCHITECTURES = ("arm64", "x86_64")
"""Lambda's names for them; the first, which costs less, unless another is asked for."""


@dataclass(frozen=True)
class Place:
    """Where a deployment goes: the account, and the two stacks in it as they were found."""

    account: Account
    rollout: Rollout
    registry_rollout: Rollout
    state: State | None
    registry_state: State | None


@dataclass
class Plan:
    """All that is known before anything is done.

    ``place`` is ``None`` where AWS does not let us in, which ``findings`` tells.
    ``parameters`` are given to CloudFormation; those that are not among them stay as they are.
    ``takes_up_bucket``: the new stack's bucket is there, left by an earlier stack of that name.
    """

    wish: Wish
    template: Template
    parameters: dict[str, str]
    place: Place | None
    items: list[Item]
    findings: Findings = field(default_factory=Findings)
    registry_host: str = ""
    takes_up_bucket: bool = False

    @property
    def made(self) -> Mapping[str, str]:
        """The parameters of the stack as it is; none if there is no stack."""
        state = self.place.state if self.place is not None else None
        return state.parameters if state is not None and state.is_made else {}

    @property
    def has_registry(self) -> bool:
        """Whether the image repositories are there."""
        state = self.place.registry_state if self.place is not None else None
        return state is not None and state.is_made

    @property
    def to_build(self) -> list[Item]:
        """The images that are not in the registry."""
        return [item for item in self.items if item.digest is None]

    def given(self, parameters: Mapping[str, str] | None = None) -> Given:
        """What the template is worked out with, here and there by guess: a distribution that is
        not there yet has no identifier."""
        account = self.place.account if self.place is not None else None
        region = account.region if account else "us-east-1"
        number = account.id if account else "000000000000"
        partition = account.partition if account else "aws"
        name = f"arn:{partition}:sqs:{region}:{number}:{self.wish.stack}"
        state = self.place.state if self.place is not None else None
        outputs = state.outputs if state is not None else {}
        return Given(
            parameters={**self.made, **self.parameters, **(parameters or {})},
            stack=self.wish.stack,
            region=region,
            account=number,
            partition=partition,
            resources={
                "Bucket": self.wish.bucket,
                "Distribution": outputs.get("DistributionId", ""),
            },
            attributes={
                "ThumbnailQueue.Arn": f"{name}-thumbnail",
                "PublishQueue.Arn": f"{name}-publish",
            },
        )


def make(options: argparse.Namespace, tell: Tell) -> Plan:
    """Look at everything.  Raises :class:`Problem` if the options make no sense."""
    template = Template.read()
    asked = _asked(options.parameter, template)
    findings = Findings()
    place = _place(options, findings, tell)
    made = place.state.parameters if place and place.state and place.state.is_made else {}
    wish = _wish(options, asked, place.account if place else None, made)
    plan = Plan(
        wish,
        template,
        _parameters(options, asked, wish),
        place,
        shipment.wanted(None, {}, wish.architecture, {}),
        findings,
        registry_host=options.registry or "",
    )
    findings.troubles += preflight.names(wish, template.parameters())
    if place is not None:
        _ask_aws(plan, place)
    if plan.to_build or options.anew:
        findings.troubles += _builder_trouble()
    return plan


def _asked(pairs: Iterable[str], template: Template) -> dict[str, str]:
    """The parameters that are asked for; ``NAME=`` goes back to the template's default."""
    found = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise Problem(f"--parameter is {pair!r}; it must be NAME=VALUE.")
        found[name] = value or str(template.parameters().get(name, {}).get("Default", ""))
    return found


def _place(options: argparse.Namespace, findings: Findings, tell: Tell) -> Place | None:
    try:
        account = accounts.find(accounts.region(options.region))
        rollout = _rollout(account, options.stack, options.stack)
        registry = _rollout(account, REGISTRY_STACK, REGISTRY_STACK)
        return Place(account, rollout, registry, _idle(rollout, tell), _idle(registry, tell))
    except Problem as problem:
        findings.add(Trouble("It is not clear where to.", str(problem)))
    except (ClientError, BotoCoreError) as error:
        told = explained(error) or printable(str(error))
        findings.add(Trouble("AWS does not let us in.", told))
    return None


def _rollout(account: Account, name: str, tag: str) -> Rollout:
    return Rollout(account.client("cloudformation"), name, {"safelight:stack": tag})


def _idle(rollout: Rollout, tell: Tell) -> State | None:
    """The stack's state, once nothing is under way on it."""
    state = rollout.state()
    if state is not None and state.is_busy:
        say(f"CloudFormation is at work on {rollout.name} ({state.status}): waiting for it …")
        state = rollout.wait(tell)
    return state


def _wish(
    options: argparse.Namespace,
    asked: Mapping[str, str],
    account: Account | None,
    made: Mapping[str, str],
) -> Wish:
    bucket = options.bucket or asked.get("BucketName") or made.get("BucketName")
    existing = made.get("ExistingBucket") == "true" if made else bool(options.bucket)
    return Wish(
        stack=options.stack,
        bucket=bucket or default_bucket(options.stack, account),
        existing_bucket=existing,
        domain=options.domain or "",
        email=options.email or "",
        architecture=options.architecture or made.get("Architecture") or ARCHITECTURES[0],
        parameters={
            name: value
            for name, value in asked.items()
            if name not in ("BucketName", "Architecture")
        },
    )


def default_bucket(stack: str, account: Account | None) -> str:
    """The name of a new bucket: names are global, so it has the account and the region in it."""
    where = f"{account.id}-{account.region}" if account is not None else "account-region"
    return f"{stack.lower()[: 62 - len(where)]}-{where}"


def _parameters(
    options: argparse.Namespace, asked: Mapping[str, str], wish: Wish
) -> dict[str, str]:
    found = {
        **asked,
        "Target": "aws",
        "BucketName": wish.bucket,
        "ExistingBucket": "true" if wish.existing_bucket else "false",
        "Architecture": wish.architecture,
    }
    if options.originals:
        found["Originals"] = options.originals
    if options.email is not None:
        found["AlarmEmail"] = options.email
    if options.domain is not None:
        found["DomainName"] = options.domain
        if not options.domain:
            found |= {"CertificateArn": "", "HostedZoneId": ""}
    return found


def _ask_aws(plan: Plan, place: Place) -> None:
    wish, findings, account = plan.wish, plan.findings, place.account
    if wish.stack == REGISTRY_STACK:
        findings.add(
            Trouble(f"{REGISTRY_STACK} is the stack of the image repositories.", "Take another.")
        )
    declared = plan.template.parameters()
    looked = preflight.look(account, wish, place.state, declared)
    findings.troubles += looked.troubles
    findings.notes += looked.notes
    findings.bucket_is_there = looked.bucket_is_there
    if looked.certificate:
        plan.parameters["CertificateArn"] = looked.certificate
    if looked.bucket_is_there and not plan.made:
        if wish.existing_bucket:
            _adoption_trouble(plan, account)
        else:
            plan.takes_up_bucket = True
    try:
        if plan.has_registry and place.registry_state is not None:
            found, paths = registry(plan, place.registry_state.outputs)
            plan.items = shipment.wanted(found, paths, wish.architecture, deployed_images(plan))
    except (ClientError, BotoCoreError) as error:
        told = explained(error) or printable(str(error))
        findings.add(Trouble("ECR does not say what images it has.", told))
    except Problem as problem:
        findings.add(Trouble("The registry does not say what images it has.", str(problem)))


def _adoption_trouble(plan: Plan, account: Account) -> None:
    """Whether the bucket's own notifications and policy leave room for ours."""
    s3, given = account.client("s3"), plan.given()
    try:
        there = s3.get_bucket_notification_configuration(Bucket=plan.wish.bucket)
        adoption.merged(there, adoption.notifications(plan.template, given), given.stack)
    except Problem as problem:
        plan.findings.add(Trouble(f"{plan.wish.bucket} cannot be adopted as it is.", str(problem)))
    except (ClientError, BotoCoreError) as error:
        told = explained(error) or printable(str(error))
        plan.findings.add(Trouble(f"{plan.wish.bucket} does not show its notifications.", told))


def registry(plan: Plan, outputs: Mapping[str, str]) -> tuple[Registry, dict[str, str]]:
    """The registry that the repositories with these outputs are in, and each service's path in
    it."""
    addresses = {service: outputs[output] for service, output in REPOSITORIES.items()}
    paths = {service: address.partition("/")[2] for service, address in addresses.items()}
    if plan.registry_host:
        return Registry(plan.registry_host), paths
    assert plan.place is not None  # noqa: S101 - the outputs are from there
    ecr = plan.place.account.client("ecr")
    return Registry.of_ecr(ecr, addresses["thumbnailer"].partition("/")[0]), paths


def deployed_images(plan: Plan) -> dict[str, str]:
    """The references that the functions have now, by service."""
    return {service: plan.made.get(name, "") for service, name in IMAGES.items()}


def _builder_trouble() -> list[Trouble]:
    trouble = docker_trouble()
    if trouble is not None:
        return [
            Trouble(
                f"Images have to be built, and no Docker engine answers: {trouble}.",
                "Start one; on Debian: `sudo scripts/install-docker`. (Where both images are in "
                "ECR already, none is needed.)",
            )
        ]
    try:
        engines.require_plugin("buildx")
    except Problem:
        return [
            Trouble(
                "Images have to be built, and `docker buildx` does not work here.",
                "Install the plugin; on Debian: `sudo scripts/install-docker`, elsewhere the "
                "package docker-buildx-plugin.",
            )
        ]
    return []


# -- In words ------------------------------------------------------------------------------------


def preparations(plan: Plan) -> list[str]:
    """What is made before there can be a change set to show: images have to be there for it."""
    found = []
    if not plan.has_registry:
        found.append(f"make two image repositories in ECR (the stack {REGISTRY_STACK})")
    for item in plan.to_build:
        found.append(
            f"build the {item.service}'s image for {plan.wish.architecture}, and push it as "
            f"{item.tag}"
        )
    return found


def show(plan: Plan) -> None:
    """All of it, for ``--print``."""
    wish = plan.wish
    where = "no account"
    if plan.place is not None:
        where = f"account {plan.place.account.id}, region {plan.place.account.region}"
    console.print(escape(f"Stack {printable(wish.stack)}, {where}. Nothing is done.\n"))
    console.print("Steps:", markup=False)
    steps = preparations(plan)
    if plan.takes_up_bucket:
        steps.append(f"take up the bucket {wish.bucket}, which is there, with all that is in it")
    verb = "change" if plan.made else "make"
    steps.append(f"{verb} the stack {wish.stack} by a change set, which is shown and asked about")
    if wish.existing_bucket:
        steps.append(f"add to {wish.bucket}'s notifications and policy what the gallery needs")
    steps += ["publish the first pages, unless they are there", "wait until the gallery answers"]
    for number, step in enumerate(steps, 1):
        console.print(escape(f"  {number}. {printable(step)}"))
    console.print(
        "\nParameters" + (" (the others stay as they are):" if plan.made else ":"), markup=False
    )
    parameters = dict(plan.parameters)
    for item in plan.items:
        known = item.digest or "(the digest that the push gives)"
        parameters[IMAGES[item.service]] = f"{item.repository or item.service}@{known}"
    for name, value in sorted(parameters.items()):
        console.print(escape(f"  {name} = {printable(value)}"))
    console.print("\nThe stack's resources:", markup=False)
    given = plan.given(parameters)
    kinds: dict[str, list[str]] = {}
    for name, resource in plan.template.document["Resources"].items():
        if plan.template.exists(name, given):
            kinds.setdefault(resource["Type"], []).append(name)
    for kind, names in kinds.items():
        console.print(escape(f"  {kind_in_words(kind)} ({kind}): {', '.join(names)}"))
    for note in plan.findings.notes:
        console.print(escape(f"\nNote: {note.what}"))
    if plan.findings.troubles:
        console.print("\nIn the way:", markup=False)
        for trouble in plan.findings.troubles:
            console.print(escape(f"• {trouble}"))
