"""`safelight deploy`: from a checkout and credentials to a gallery behind CloudFront.

In this order, and each step is mended by the next run if this one is interrupted in it:

1. look at everything that could stand in the way, and say all of it at once (:mod:`.plan`);
2. the image repositories, a stack of their own (``infra/registry.yaml``);
3. build the two images and push them, unless they are there already (:mod:`.shipment`);
4. the stack (``infra/template.yaml``): a change set, in words, agreed to, followed
   (:mod:`.rollout`);
5. the first pages, and the gallery's address once it answers.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from rich.markup import escape

from gallery import keys
from safelight import adoption, consent, door, plan, shipment
from safelight import engine as engines
from safelight import home as homes
from safelight.account import Account
from safelight.embedded import begin_sweep
from safelight.home import Home
from safelight.plan import ARCHITECTURES, IMAGES, Place, Plan
from safelight.problem import Problem
from safelight.registry import Registry
from safelight.rollout import Proposal, Rollout, State
from safelight.screen import console, errors, printable, say
from safelight.shipment import Item
from safelight.stack import Deployment
from safelight.stack_events import Event
from safelight.template import Template
from safelight.wording import summary

STACK = "safelight"
"""The stack's name on AWS, unless another is given."""

ORIGINALS = ("public", "stripped", "private")
_FIRST_PAGE_SECONDS = 240
_DOOR_SECONDS = 300
# What is begun is told too, lest minutes pass without a word.
_SLOW = frozenset({"AWS::CloudFront::Distribution"})


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--stack", metavar="NAME", default=STACK, help=f"the stack's name (default: {STACK})"
    )
    parser.add_argument(
        "--region", metavar="R", help="the region (default: as the AWS command line's)"
    )
    parser.add_argument(
        "--domain", metavar="D", help="the gallery's own host name, such as photos.example.org"
    )
    parser.add_argument(
        "--bucket", metavar="NAME", help="adopt this bucket of yours, with the photos in it"
    )
    originals = parser.add_mutually_exclusive_group()
    originals.add_argument(
        "--originals", choices=ORIGINALS, help="what visitors may take (default: public)"
    )
    originals.add_argument(
        "--private-originals",
        dest="originals",
        action="store_const",
        const="private",
        help="the same as --originals private",
    )
    parser.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        help="of the functions (default: arm64, which costs less)",
    )
    parser.add_argument("--email", metavar="ADDRESS", help="who is told when an alarm goes off")
    parser.add_argument(
        "--parameter",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="one of the template's parameters (docs/deploy.md); may be given several times",
    )
    parser.add_argument(
        "--anew", action="store_true", help="build the images again, on the newest base"
    )
    parser.add_argument(
        "--registry",
        metavar="HOST",
        help="push to this registry in place of ECR's own address; for rehearsals",
    )
    parser.add_argument(
        "--print", dest="only_print", action="store_true", help="say what would be done; do nothing"
    )
    consent.arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    began = time.monotonic()
    made = plan.make(options, tell)
    if options.only_print:
        plan.show(made)
        return 1 if made.findings.troubles else 0
    for note in made.findings.notes:
        say(note.what)
    place = made.place
    if made.findings.troubles or place is None:
        errors.print("Before anything can be deployed:", markup=False)
        for trouble in made.findings.troubles:
            errors.print(escape(f"• {trouble}"))
        return 1
    if not _agree_to_prepare(made, place, yes=options.yes):
        say("Nothing was done.")
        return 1
    shipped = _ship(made, place, anew=options.anew, yes=options.yes)
    if shipped is None:
        say("Nothing was done.")
        return 1
    registry, items = shipped
    state, changed = _roll_out(made, place, registry, items, yes=options.yes)
    if state is None:
        say("The stack was left as it is.")
        return 1
    changed = _adopt(made, place, state) or changed
    deployment = Deployment.from_outputs(made.wish.stack, None, place.account.region, state.outputs)
    _publish(deployment, place.account)
    _open(state)
    if not changed:
        say(f"Nothing has changed: looked for {time.monotonic() - began:.0f} s.")
    _greet(deployment, state)
    return 0


def tell(event: Event) -> None:
    """A line for each step of CloudFormation's that is over, and for slow ones when they
    begin."""
    under_way = event.status.endswith("_IN_PROGRESS")
    if under_way and event.kind not in _SLOW:
        return
    if event.is_of_stack and not event.is_failure:
        return
    slow = " (this takes a few minutes)" if under_way else ""
    line = f"{event.time}  {event.in_words()}{slow}".strip()
    if event.is_failure:
        errors.print(escape(line), style="bold red")
    else:
        say(line)


def _agree_to_prepare(made: Plan, place: Place, *, yes: bool) -> bool:
    preparations = plan.preparations(made)
    if not preparations:
        return True
    account = place.account
    console.print(f"In account {account.id}, region {account.region}, this would first")
    for line in preparations:
        console.print(escape(f"  • {line}"))
    console.print("and then show what becomes of the stack, and ask again.")
    return consent.ask("Go on?", yes=yes)


# -- The images ----------------------------------------------------------------------------------


def _ship(made: Plan, place: Place, *, anew: bool, yes: bool) -> tuple[Registry, list[Item]] | None:
    """Have both images in the registry; ``None`` if nobody agreed to a change of it."""
    rollout = place.registry_rollout
    rollout.settle(say, tell)
    template = Template.read(homes.checkout() / "infra" / "registry.yaml")
    proposal = rollout.propose(template.body(), {})
    state = rollout.state()
    if proposal is not None:
        if made.has_registry:
            # That they are made was agreed to; not that they are changed.
            console.print("The image repositories:")
            show(proposal)
            if not consent.ask("Change the image repositories?", yes=yes):
                rollout.forget(proposal)
                return None
        say("Making the image repositories …")
        state = rollout.execute(proposal, tell)
    assert state is not None  # noqa: S101 - there is one, or it was just made
    registry, paths = plan.registry(made, state.outputs)
    architecture = made.wish.architecture
    items = shipment.wanted(registry, paths, architecture, plan.deployed_images(made))
    if not anew and all(item.digest is not None for item in items):
        return registry, items
    engine = engines.connect()
    sent = [
        shipment.send(engine, registry, item, architecture, say, anew=anew)
        if anew or item.digest is None
        else item
        for item in items
    ]
    return registry, sent


# -- The stack -----------------------------------------------------------------------------------


def _roll_out(
    made: Plan, place: Place, registry: Registry, items: list[Item], *, yes: bool
) -> tuple[State | None, bool]:
    """The stack as it is then, and whether it was changed; no stack if nobody agreed."""
    rollout, wish = place.rollout, made.wish
    state = rollout.settle(say, tell)
    if state is None and made.takes_up_bucket:
        question = (
            f"The bucket {wish.bucket} is there already, and yours. Make it this stack's, with "
            "all that is in it?"
        )
        if not consent.ask(question, yes=yes):
            return None, False
        _take_up(rollout, place.account, made)
    images = {IMAGES[item.service]: item.reference(registry) for item in items}
    proposal = rollout.propose(made.template.body(), {**made.parameters, **images})
    if proposal is None:
        return rollout.state(), False
    show(proposal)
    _refuse(rollout, proposal)
    question = "Make the stack?" if proposal.creates else "Change the stack?"
    if not consent.ask(question, yes=yes):
        rollout.forget(proposal)
        return None, False
    marker = _marker(place.account, wish.stack)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    return rollout.execute(proposal, tell), True


def show(proposal: Proposal) -> None:
    """A change set, in words; what goes away in red."""
    console.print(f"What would be done: {summary(proposal.sentences)}.")
    for one in proposal.sentences:
        console.print(escape(f"  {one}"), style="bold red" if one.is_dangerous else None)


def _refuse(rollout: Rollout, proposal: Proposal) -> None:
    if proposal.refused:
        told = "; ".join(str(one) for one in proposal.refused)
        rollout.forget(proposal)
        raise Problem(f"That would give up photos, and is not done: {told}")


def _take_up(rollout: Rollout, account: Account, made: Plan) -> None:
    """Make a stack of nothing but the bucket that is there; the change set does the rest."""
    bucket = made.wish.bucket
    _clear_way(account, made)
    say(f"Taking up the bucket {bucket} …")
    alone = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {"BucketName": {"Type": "String"}},
        "Resources": {
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": {"BucketName": {"Ref": "BucketName"}},
            }
        },
    }
    identified = {
        "ResourceType": "AWS::S3::Bucket",
        "LogicalResourceId": "Bucket",
        "ResourceIdentifier": {"BucketName": bucket},
    }
    given = {"BucketName": bucket}
    proposal = rollout.propose(json.dumps(alone), given, imports=[identified])
    if proposal is not None:
        rollout.execute(proposal, tell)


def _clear_way(account: Account, made: Plan) -> None:
    """Take away the policy that an earlier stack of ours left on the bucket, for its safety:
    CloudFormation makes none where there is one.

    Raises :class:`Problem` if the policy, or the notifications, are not only ours: the bucket
    has other duties then, and is to be adopted.
    """
    s3, bucket, given = account.client("s3"), made.wish.bucket, made.given()
    properties = made.template.document["Resources"]["BucketPolicy"]["Properties"]
    own = {statement["Sid"] for statement in properties["PolicyDocument"]["Statement"]}
    policy = adoption.policy_of(s3, bucket)
    there = json.loads(policy)["Statement"] if policy is not None else []
    foreign = [
        str(statement.get("Sid", "one without a name"))
        for statement in (there if isinstance(there, list) else [there])
        if statement.get("Sid") not in own
    ]
    queues = {given.attributes["ThumbnailQueue.Arn"], given.attributes["PublishQueue.Arn"]}
    notified = s3.get_bucket_notification_configuration(Bucket=bucket)
    foreign += [
        str(each[target])
        for kind, target in adoption.TARGETS.items()
        for each in notified.get(kind, [])
        if each[target] not in queues
    ]
    if foreign:
        raise Problem(
            f"The bucket {bucket} has other duties, which the stack would take from it: "
            f"{printable(', '.join(foreign))}. Adopt it instead, which leaves it those: "
            f"--bucket {bucket}"
        )
    if policy is not None:
        s3.delete_bucket_policy(Bucket=bucket)


def _adopt(made: Plan, place: Place, state: State) -> bool:
    """Tell the bucket that is somebody's own of the queues; whether anything was to be told."""
    if state.parameters.get("ExistingBucket") != "true":
        return False
    given = made.given(state.parameters)
    known = {**given.resources, "Distribution": state.outputs["DistributionId"]}
    given = replace(given, resources=known)
    changed = adoption.attach(place.account.client("s3"), made.template, given)
    for line in changed:
        say(f"{line[0].upper()}{line[1:]}.")
    if changed:
        _marker(place.account, made.wish.stack).touch()
    return bool(changed)


# -- The gallery ---------------------------------------------------------------------------------


def _marker(account: Account, stack: str) -> Path:
    """A file that is there while a change has not been followed by a look at everything: what
    was interrupted in between is taken up by the next deployment from this home."""
    return Home.here().path / "deploy" / f"{account.id}-{account.region}-{stack}.unswept"


def _publish(deployment: Deployment, account: Account) -> None:
    """Have everything looked at after a change, and the home page there in any case."""
    marker = _marker(account, deployment.stack)
    store, page = deployment.store(), keys.album_page("")
    if marker.exists() or store.head(page) is None:
        say("Having every photo and every page looked at …")
        begin_sweep(deployment)
    marker.unlink(missing_ok=True)
    until = time.monotonic() + _FIRST_PAGE_SECONDS
    pause = 0.1
    while store.head(page) is None:
        if time.monotonic() > until:
            raise Problem(
                f"The stack is there, but within {_FIRST_PAGE_SECONDS} s no home page was "
                f"published. `safelight logs --errors{deployment.option}` says why."
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 3.0)


def _open(state: State) -> None:
    """Wait until the gallery answers at CloudFront's own address."""
    url = f"https://{state.outputs['DistributionDomain']}/"
    answer = door.await_open(url, _DOOR_SECONDS)
    if answer.status != 200:
        came = str(answer.status) if answer.status else answer.trouble
        raise Problem(
            f"Everything is there, but {url} does not show it: {printable(came)}. CloudFront may "
            "need more time: deploy again in some minutes, which waits once more."
        )


def _greet(deployment: Deployment, state: State) -> None:
    console.print(f"\nThe gallery is at  [bold]{escape(deployment.gallery_url)}[/bold]\n")
    own = state.parameters.get("DomainName", "")
    if own and door.knock(f"https://{own}/").status != 200:
        console.print(
            escape(
                f"{own} does not lead there yet: make a CNAME (or ALIAS) record that points to "
                f"{state.outputs['DistributionDomain']}.\n"
            )
        )
    option = deployment.option
    console.print(
        escape(
            f"Add photos:         aws s3 sync ~/Pictures s3://{deployment.bucket}/photos/\n"
            f"                or  safelight sync ~/Pictures{option}\n"
            f"See what happens:   safelight status{option}\n"
            f"                    safelight logs --follow{option}\n"
            f"After a change:     safelight deploy{option}\n"
            f"Take it away:       safelight destroy{option}   (the photos stay)"
        )
    )
