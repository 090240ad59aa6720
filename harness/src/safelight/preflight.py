"""What stands in a deployment's way, found before anything is made.

:func:`look` asks everything and gives all that it found at once: nobody should mend one thing to
be told of the next.  Each :class:`Trouble` says what helps.  What the credentials do not let us
look at is a :class:`Note`, since it may be as it should.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from safelight.account import CLOUDFRONT_REGION, Account
from safelight.rollout import State
from safelight.screen import printable

_STACK_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
# Lambda allows a function's name 64 characters, and the longest is the stack's + "-thumbnailer".
_LONGEST_STACK_NAME = 64 - len("-thumbnailer")
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HOST = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_OWN_PARAMETERS = frozenset(
    {"Target", "Mode", "CodeVersion", "ThumbnailerImageUri", "SitegenImageUri"}
)
_NOTHING_IN_IT = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})
_NOT_ALLOWED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})


@dataclass(frozen=True)
class Trouble:
    """Something that would make the deployment fail: what, and what to do about it."""

    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}\n  → {self.fix}"


@dataclass(frozen=True)
class Note:
    """Something worth knowing that need not be in the way."""

    what: str


Finding = Trouble | Note


@dataclass(frozen=True)
class Wish:
    """What somebody wants to have deployed, as far as it can be wrong.

    ``parameters`` are the template's, by name, that were asked for; ``existing_bucket``: the
    bucket is there, and somebody's own.
    """

    stack: str
    bucket: str
    existing_bucket: bool = False
    domain: str = ""
    email: str = ""
    architecture: str = "arm64"
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Findings:
    """What was found, and what was learnt on the way.

    ``certificate``: the ARN for the domain.  ``bucket_is_there``: it exists, and is ours.
    """

    troubles: list[Trouble] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    certificate: str = ""
    bucket_is_there: bool = False

    def add(self, finding: Finding) -> None:
        """Note it."""
        if isinstance(finding, Trouble):
            self.troubles.append(finding)
        else:
            self.notes.append(finding)


def names(wish: Wish, declared: Mapping[str, Mapping[str, Any]]) -> Iterable[Trouble]:
    """What is wrong with the wish by itself, given the parameters that the template declares;
    needs no network."""
    if not _STACK_NAME.fullmatch(wish.stack) or len(wish.stack) > _LONGEST_STACK_NAME:
        yield Trouble(
            f"--stack is {printable(wish.stack)!r}.",
            "A stack's name has letters, digits and hyphens, begins with a letter and is at most "
            f"{_LONGEST_STACK_NAME} long, so that the functions can be named after it.",
        )
    if not _BUCKET_NAME.fullmatch(wish.bucket) or ".." in wish.bucket:
        yield Trouble(
            f"{printable(wish.bucket)!r} is no name for a bucket.",
            "3 to 63 lower-case letters, digits, dots and hyphens.",
        )
    elif "." in wish.bucket:
        yield Trouble(
            f"The bucket's name {wish.bucket!r} has a dot in it.",
            "CloudFront reaches the bucket over TLS, whose certificate does not cover such names: "
            "take one without dots.",
        )
    if wish.domain and not _HOST.fullmatch(wish.domain):
        yield Trouble(
            f"--domain is {printable(wish.domain)!r}.",
            "A host's name in lower case, such as photos.example.org, without https:// and "
            "without a slash.",
        )
    if wish.email and not _EMAIL.fullmatch(wish.email):
        yield Trouble(
            f"--email is {printable(wish.email)!r}.", "An address, such as me@example.org."
        )
    for name, value in wish.parameters.items():
        if name in _OWN_PARAMETERS:
            yield Trouble(f"--parameter {name}=… is what deploy fills in itself.", "Leave it out.")
        elif name not in declared:
            yield Trouble(
                f"The template has no parameter {printable(name)!r}.",
                f"It has {', '.join(sorted(set(declared) - _OWN_PARAMETERS))}.",
            )
        else:
            yield from _value(name, value, declared[name])


def _value(name: str, value: str, declared: Mapping[str, Any]) -> Iterable[Trouble]:
    """Whether CloudFormation will take the value: it is asked for minutes later otherwise."""
    shown = f"--parameter {name}={printable(value)}"
    allowed = [str(one) for one in declared.get("AllowedValues", [])]
    if allowed and value not in allowed:
        yield Trouble(f"{shown} is not allowed.", f"One of {', '.join(allowed)}.")
    pattern = declared.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        yield Trouble(
            f"{shown} is not allowed.",
            str(declared.get("ConstraintDescription") or f"It has to be like {pattern}."),
        )
    if declared.get("Type") == "Number":
        try:
            number = float(value)
        except ValueError:
            yield Trouble(f"{shown} is no number.", str(declared.get("Description", "")))
            return
        least, most = declared.get("MinValue"), declared.get("MaxValue")
        if (least is not None and number < float(least)) or (
            most is not None and number > float(most)
        ):
            yield Trouble(
                f"{shown} is out of range.",
                f"{least if least is not None else '…'} to {most if most is not None else '…'}.",
            )


def look(
    account: Account,
    wish: Wish,
    state: State | None,
    declared: Mapping[str, Mapping[str, Any]],
) -> Findings:
    """Everything that can be found out by asking AWS.

    ``state`` is the stack as it is, ``declared`` what the template takes.  Changes nothing.
    """
    found = Findings()
    if account.is_root:
        found.add(
            Note(
                "These are the credentials of the account's root user. It works; a user or role "
                "of its own is safer."
            )
        )
    _ask(found, "CloudFormation", lambda: _stack(found, wish, state))
    _ask(found, "S3", lambda: _bucket(found, account, wish, state))
    _ask(found, "Lambda", lambda: _concurrency(found, account, wish, state, declared))
    if state is None or state.status in _NOTHING_IN_IT:
        _ask(found, "SQS", lambda: _strays_queues(found, account, wish))
        _ask(found, "CloudWatch Logs", lambda: _strays_logs(found, account, wish))
    if wish.domain and not wish.parameters.get("CertificateArn"):
        _ask(found, "ACM", lambda: _certificate(found, account, wish))
    return found


def _ask(found: Findings, service: str, look_at: Callable[[], None]) -> None:
    """Ask, and note what was not to be found out."""
    try:
        look_at()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _NOT_ALLOWED:
            found.add(
                Note(f"{service} was not looked at: no permission for {error.operation_name}.")
            )
        else:
            found.add(
                Trouble(
                    f"{service} did not answer as it should: {printable(str(error))}",
                    "Is the service to be had in this region, and for this account? Then try "
                    "again.",
                )
            )
    except BotoCoreError as error:
        found.add(
            Trouble(
                f"{service} cannot be reached: {printable(str(error))}",
                "Is there a network, and is the service to be had in this region?",
            )
        )


def _stack(found: Findings, wish: Wish, state: State | None) -> None:
    if state is None or not state.is_made:
        return
    if state.outputs and "ThumbnailQueueUrl" not in state.outputs:
        found.add(
            Trouble(
                f"There is a stack {wish.stack!r} that is not Safelight's.",
                "Choose another name: --stack NAME.",
            )
        )
        return
    bucket = state.parameters.get("BucketName", "")
    if bucket and bucket != wish.bucket:
        found.add(
            Trouble(
                f"The stack {wish.stack!r} has the bucket {bucket!r}, and cannot change to "
                f"{wish.bucket!r}: the photos would stay behind.",
                f"Leave the bucket as it is; or deploy another stack for {wish.bucket!r}: "
                "--stack NAME.",
            )
        )


def _bucket(found: Findings, account: Account, wish: Wish, state: State | None) -> None:
    if not _BUCKET_NAME.fullmatch(wish.bucket):
        return
    if state is not None and state.is_made and state.parameters.get("BucketName") == wish.bucket:
        found.bucket_is_there = _exists(account, wish.bucket)[0]
        if not found.bucket_is_there:
            found.add(
                Trouble(
                    f"The stack's bucket {wish.bucket!r} is gone.",
                    "Somebody deleted it, and the photos with it. `safelight destroy` removes "
                    "the rest, then deploy anew.",
                )
            )
        return
    there, whose, where = _exists(account, wish.bucket)
    found.bucket_is_there = there and whose == account.id
    if not there:
        if wish.existing_bucket:
            found.add(
                Trouble(
                    f"There is no bucket {wish.bucket!r}.",
                    "Is it another account's, or another name? Without --bucket a new one is made.",
                )
            )
        return
    if whose != account.id:
        found.add(
            Trouble(
                f"The bucket {wish.bucket!r} is somebody else's (names are global), or these "
                "credentials may not look at it.",
                "Take another name: --parameter BucketName=NAME. For a bucket of yours: "
                "permission for s3:ListBucket on it.",
            )
        )
    elif where != account.region:
        found.add(
            Trouble(
                f"The bucket {wish.bucket!r} is in {where}, and the stack would be in "
                f"{account.region}.",
                f"Queues can only be told of a bucket in their own region: --region {where}.",
            )
        )


def _exists(account: Account, bucket: str) -> tuple[bool, str, str]:
    """Whether there is such a bucket; whose, as far as that is ours to know; and where."""
    s3 = account.client("s3")
    try:
        answer = s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account.id)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        where = headers.get("x-amz-bucket-region", "")
        if status == 404:
            return False, "", ""
        if status == 403:
            return True, "", where
        if status in (301, 400) and where:
            # In another region: there it says whose it is.
            account.client("s3", where).head_bucket(Bucket=bucket, ExpectedBucketOwner=account.id)
            return True, account.id, where
        raise
    return True, account.id, answer.get("BucketRegion") or account.region


def _effective(
    wish: Wish, state: State | None, declared: Mapping[str, Mapping[str, Any]], name: str
) -> int:
    """A number among the parameters, as it will be."""
    value = wish.parameters.get(name)
    if value is None and state is not None:
        value = state.parameters.get(name)
    if value is None:
        value = str(declared.get(name, {}).get("Default", 0))
    try:
        return int(float(value))
    except ValueError:
        return 0


def _concurrency(
    found: Findings,
    account: Account,
    wish: Wish,
    state: State | None,
    declared: Mapping[str, Mapping[str, Any]],
) -> None:
    """Functions that want more of the account's concurrency than there is are throttled, which
    counts against their messages until those are given up on."""
    limits = account.client("lambda").get_account_settings().get("AccountLimit", {})
    free = limits.get("UnreservedConcurrentExecutions", limits.get("ConcurrentExecutions"))
    if not isinstance(free, int):
        return
    thumbnailers = _effective(wish, state, declared, "ThumbnailerConcurrency")
    sitegens = _effective(wish, state, declared, "SitegenConcurrency")
    # One more: the sweep is called directly.
    if thumbnailers + sitegens + 1 <= free:
        return
    least = 2
    room = free - sitegens - 1
    more = (
        "or ask for more (it is free, and takes a day or so): `aws service-quotas "
        "request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
        f"--desired-value 1000 --region {account.region}`"
    )
    if room >= least:
        fix = f"--parameter ThumbnailerConcurrency={room}; {more}."
    else:
        fix = f"It needs {least + sitegens + 1} at least: {more.removeprefix('or ')}."
    found.add(
        Trouble(
            f"The account lets {free} functions run at a time in {account.region}, and the stack "
            f"would use {thumbnailers + sitegens + 1}.",
            fix,
        )
    )


def _strays_queues(found: Findings, account: Account, wish: Wish) -> None:
    names = [f"{wish.stack}-{name}" for name in ("thumbnail", "publish")]
    urls = account.client("sqs").list_queues(QueueNamePrefix=f"{wish.stack}-").get("QueueUrls", [])
    own = {name for base in names for name in (base, f"{base}-dlq")}
    strays = sorted(url.rpartition("/")[2] for url in urls if url.rpartition("/")[2] in own)
    if strays:
        found.add(
            Trouble(
                f"Queues of the stack's names are there without it: {', '.join(strays)}.",
                "Delete them (`aws sqs delete-queue --queue-url URL`) and wait a minute; or "
                "deploy under another name: --stack NAME.",
            )
        )


def _strays_logs(found: Findings, account: Account, wish: Wish) -> None:
    prefix = f"/aws/lambda/{wish.stack}-"
    answer = account.client("logs").describe_log_groups(logGroupNamePrefix=prefix)
    own = {f"{prefix}thumbnailer", f"{prefix}sitegen"}
    there = {group["logGroupName"] for group in answer.get("logGroups", [])}
    strays = sorted(there & own)
    if strays:
        commands = "; ".join(
            f"`aws logs delete-log-group --log-group-name {name} --region {account.region}`"
            for name in strays
        )
        found.add(
            Trouble(
                f"Logs of the stack's names are there without it: {', '.join(strays)}.",
                f"If nobody needs them: {commands}. Or deploy under another name: --stack NAME.",
            )
        )


def _certificate(found: Findings, account: Account, wish: Wish) -> None:
    """Find the certificate for the domain, or say how to come by one."""
    acm = account.client("acm", CLOUDFRONT_REGION)
    waiting: list[str] = []
    for page in acm.get_paginator("list_certificates").paginate(
        CertificateStatuses=["ISSUED", "PENDING_VALIDATION"],
        # Else only RSA with 2,048 bits is listed (ACM API reference, ListCertificates).
        Includes={
            "keyTypes": ["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1"]
        },
    ):
        for summary in page["CertificateSummaryList"]:
            certificate = acm.describe_certificate(CertificateArn=summary["CertificateArn"])
            told = certificate["Certificate"]
            covered = [told.get("DomainName", ""), *told.get("SubjectAlternativeNames", [])]
            if not any(_covers(name, wish.domain) for name in covered):
                continue
            if told.get("Status") == "ISSUED":
                found.certificate = summary["CertificateArn"]
                return
            waiting += _validation(told)
    if waiting:
        found.add(
            Trouble(
                f"The certificate for {wish.domain} waits for its validation.",
                "Make these DNS records, wait until `aws acm list-certificates --region "
                f"{CLOUDFRONT_REGION}` says ISSUED, then deploy again: {'; '.join(waiting)}",
            )
        )
        return
    found.add(
        Trouble(
            f"There is no certificate for {wish.domain} in {CLOUDFRONT_REGION}, where CloudFront "
            "looks for them.",
            "Ask for one (it costs nothing), make the DNS record that it names, then deploy "
            f"again: `aws acm request-certificate --region {CLOUDFRONT_REGION} --domain-name "
            f"{wish.domain} --validation-method DNS`.",
        )
    )


def _covers(pattern: str, host: str) -> bool:
    """Whether a certificate for ``pattern`` is good for ``host``: a star is one label."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:].lower() and "." in host
    return pattern.lower() == host


def _validation(certificate: Mapping[str, Any]) -> list[str]:
    found = []
    for option in certificate.get("DomainValidationOptions", []):
        record = option.get("ResourceRecord")
        if record:
            line = f"{record.get('Name')} {record.get('Type')} {record.get('Value')}"
            found.append(printable(line))
    return found
