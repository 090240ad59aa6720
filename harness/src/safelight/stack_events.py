"""What CloudFormation tells of its work while it does it, and why it gave up when it did.

An event is one resource's step (``DescribeStackEvents``).  Everything here is pure but
:class:`Following`, which asks for the events that are new.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safelight.screen import printable
from safelight.wording import kind_in_words

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STACK = "AWS::CloudFormation::Stack"
"""The type of the events that are about the stack itself."""

_DOING = {
    "CREATE": ("creating", "created"),
    "UPDATE": ("changing", "changed"),
    "DELETE": ("deleting", "deleted"),
    "IMPORT": ("taking up", "taken up"),
    "ROLLBACK": ("undoing", "undone"),
    "UPDATE_ROLLBACK": ("undoing", "undone"),
    "IMPORT_ROLLBACK": ("giving back", "given back"),
}

# What follows from another failure, and is no reason.
_FOLLOWS = re.compile(
    r"cancell?ed|^the following resource\(s\) failed|rollback requested|"
    r"^user initiated$|^resource (creation|update) initiated$",
    re.IGNORECASE,
)

# What CloudFormation says, and what helps.  The first that fits.
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"not authorized to perform|access ?denied|is not authorized|UnauthorizedOperation",
        "The credentials lack a permission that it names. Deploy with ones that have it: the "
        "least that is needed is in docs/deploy.md, 'Permissions'.",
    ),
    (
        r"CNAMEAlreadyExists|one or more of the CNAMEs",
        "Another CloudFront distribution has this domain name. Take it from there first, or "
        "deploy with another --domain.",
    ),
    (
        r"InvalidViewerCertificate|certificate.*(doesn't exist|not valid|isn't valid)",
        "The certificate does not cover the domain, or is not issued yet: `aws acm "
        "list-certificates --region us-east-1`.",
    ),
    (
        r"hosted ?zone",
        "The parameter HostedZoneId names no zone of this account that holds the domain: `aws "
        "route53 list-hosted-zones` lists them. Without it, make the DNS record where the domain "
        "is kept.",
    ),
    (
        r"bucket.*(already (owned|exists))|BucketAlreadyExists|BucketAlreadyOwnedByYou",
        "A bucket of that name is there. If it is yours: --bucket NAME adopts it. Else choose "
        "another name with --parameter BucketName=NAME.",
    ),
    (
        r"Unable to validate the following destination configurations",
        "S3 could not try the queues out, which happens right after they were made. Deploy again.",
    ),
    (
        r"overlapping (suffixes|prefixes)|Configurations overlap|ambiguously defined",
        "The bucket already notifies somebody else of photos/ or catalog/photos/; S3 allows one "
        "a prefix. Take that notification away, or send it on by way of an SNS topic.",
    ),
    (
        r"does not have permission to access the specified image|"
        r"Source image .* does not exist|image manifest.*not supported|not valid\. Provide a valid "
        r"source image",
        "Lambda could not take the image. Deploy again with --anew, which builds and pushes it "
        "anew.",
    ),
    (
        r"UnreservedConcurrentExecution|ConcurrentExecutions|concurren",
        "The account's Lambda concurrency does not suffice: lower --parameter "
        "ThumbnailerConcurrency=N, or ask for more in Service Quotas.",
    ),
    (
        r"MemorySize.*(less than or equal|must have value)",
        "This account's functions may not have that much memory: lower --parameter "
        "ThumbnailerMemory=N (new accounts have 3008 at most).",
    ),
    (
        r"LimitExceeded|limit exceeded|quota|maximum number of",
        "A quota of the account is used up: see Service Quotas in the console, or take away what "
        "is not needed any more.",
    ),
    (
        r"Throttl|Rate exceeded|TooManyRequests|Too Many Requests",
        "AWS was asked too much at a time. Deploy again in a minute.",
    ),
    (
        r"already exists",
        "Something of that name is there and not this stack's: delete it, or deploy under "
        "another name with --stack.",
    ),
    (
        r"not found|does not exist|NoSuch",
        "Something it needs is gone, perhaps deleted by hand. Deploy again; if it stays, delete "
        "the stack with `safelight destroy`, which keeps the photos, and deploy anew.",
    ),
    (
        r"ServiceUnavailable|InternalFailure|Internal error|HandlerInternalFailure|timed? ?out|"
        r"NotStabilized|did not stabilize",
        "AWS had a fault of its own, or took too long. Deploy again.",
    ),
    (
        r"expired",
        "The credentials ran out meanwhile. Fetch new ones and deploy again.",
    ),
)


@dataclass(frozen=True)
class Event:
    """One step of one resource, or of the stack.

    ``name`` is the resource's logical name, ``kind`` its type, ``status`` such as
    ``CREATE_FAILED``, ``reason`` CloudFormation's own words or nothing.
    """

    id: str
    name: str
    kind: str
    status: str
    reason: str
    time: str = ""

    @classmethod
    def of(cls, answer: Any) -> Event:
        """From an entry of ``StackEvents``."""
        moment = answer.get("Timestamp")
        return cls(
            id=str(answer.get("EventId", "")),
            name=str(answer.get("LogicalResourceId", "")),
            kind=str(answer.get("ResourceType", "")),
            status=str(answer.get("ResourceStatus", "")),
            reason=str(answer.get("ResourceStatusReason") or ""),
            time=moment.strftime("%H:%M:%S") if hasattr(moment, "strftime") else "",
        )

    @property
    def is_failure(self) -> bool:
        """Whether this step did not succeed."""
        return self.status.endswith("_FAILED")

    @property
    def is_of_stack(self) -> bool:
        """Whether it is about the whole stack."""
        return self.kind == STACK

    def in_words(self) -> str:
        """A line for a person: what happened to which resource, and why it failed."""
        verb, _, phase = self.status.rpartition("_")
        if phase == "PROGRESS":
            verb = verb.removesuffix("_IN")
        if verb.endswith("_CLEANUP") or "CLEANUP" in self.status:
            doing = "tidying up"
        elif verb in _DOING:
            doing = _DOING[verb][phase != "PROGRESS"]
        else:
            doing = self.status.replace("_", " ").lower()
        if self.is_failure:
            doing = f"FAILED {_DOING.get(verb, (doing,))[0]}"
        what = "the stack" if self.is_of_stack else kind_in_words(self.kind)
        named = "" if self.is_of_stack else f" {printable(self.name)}"
        why = f": {printable(self.reason)}" if self.is_failure and self.reason else ""
        return f"{doing} {what}{named}{why}"


@dataclass(frozen=True)
class Reason:
    """Why an operation failed: the first failure, which the others follow from.

    ``what`` is the resource, in words; ``why`` is CloudFormation's own; ``advice`` what helps,
    or nothing if there is nothing better to say than what it says itself.
    """

    what: str
    why: str
    advice: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" + (f"\n{self.advice}" if self.advice else "")


def reason(events: Sequence[Event]) -> Reason | None:
    """Why the operation that these events are of, the oldest first, failed; ``None`` if none of
    them says so."""
    failures = [event for event in events if event.is_failure and event.reason]
    own = [event for event in failures if not _FOLLOWS.search(event.reason)]
    told = own or failures
    resources = [event for event in told if not event.is_of_stack]
    first = next(iter(resources or told), None)
    if first is None:
        # A stack can give up before any resource does: its own event says why.
        first = next(
            (
                event
                for event in events
                if event.is_of_stack
                and "ROLLBACK" in event.status
                and event.reason
                and not _FOLLOWS.search(event.reason)
            ),
            None,
        )
    if first is None:
        return None
    what = "the stack" if first.is_of_stack else f"{first.name} ({kind_in_words(first.kind)})"
    why = printable(first.reason)
    return Reason(printable(what), why, advice(why))


def advice(why: str) -> str:
    """What helps against this reason of CloudFormation's; nothing if it is none of the known."""
    for pattern, helps in _ADVICE:
        if re.search(pattern, why, re.IGNORECASE):
            return helps
    return ""


class Following:
    """The events of a stack, from now on, each once, the oldest first."""

    def __init__(self, cloudformation: CloudFormationClient, stack: str) -> None:
        self._cfn = cloudformation
        self._stack = stack
        self._seen: str | None = None

    def from_now(self) -> None:
        """Pass over what has happened so far."""
        for _ in self.new():
            pass

    def from_this_operation(self) -> None:
        """Begin with the operation that is under way: pass over what was before it."""
        events = self._after(None)
        for index in range(len(events) - 1, -1, -1):
            event = events[index]
            if event.is_of_stack and event.reason.lower() == "user initiated":
                self._seen = events[index - 1].id if index else None
                return
        self._seen = events[-1].id if events else None

    def new(self) -> Iterable[Event]:
        """Those that were not given yet."""
        found = self._after(self._seen)
        if found:
            self._seen = found[-1].id
        return found

    def _after(self, seen: str | None) -> list[Event]:
        """Those after the one with that identifier.  CloudFormation gives the newest first."""
        found: list[Event] = []
        for page in self._cfn.get_paginator("describe_stack_events").paginate(
            StackName=self._stack
        ):
            for answer in page["StackEvents"]:
                if answer["EventId"] == seen:
                    return found[::-1]
                found.append(Event.of(answer))
        return found[::-1]
