"""A CloudFormation change set, in words.

What CloudFormation answers (``DescribeChangeSet``) names logical resources and the properties
that differ.  :func:`words` says what it comes to: what is added, what changes and because of
what, and above all what goes away, with what that would mean for somebody's photos.

Everything here is pure, and takes whatever shape it is given: an answer that a later version of
CloudFormation words otherwise must not stand in the way of seeing the rest of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from safelight.screen import printable

ADDS, CHANGES, REPLACES, MAY_REPLACE, DELETES, TAKES_UP, UNCLEAR = (
    "adds",
    "changes",
    "replaces",
    "may replace",
    "deletes",
    "takes up",
    "unclear",
)
"""What can be done to a resource."""

_ORDER = (DELETES, REPLACES, MAY_REPLACE, UNCLEAR, CHANGES, TAKES_UP, ADDS)
_DANGEROUS = frozenset({DELETES, REPLACES, MAY_REPLACE, UNCLEAR})

# What people call them; of another type the words of its own name have to do.
_NAMES = {
    "AWS::S3::Bucket": "the bucket",
    "AWS::S3::BucketPolicy": "the bucket's policy",
    "AWS::SQS::Queue": "a queue",
    "AWS::SQS::QueuePolicy": "the queues' policy",
    "AWS::Lambda::Function": "a function",
    "AWS::Lambda::EventSourceMapping": "the way from a queue to its function",
    "AWS::Lambda::Permission": "a permission to call a function",
    "AWS::IAM::Role": "a role",
    "AWS::Logs::LogGroup": "a log",
    "AWS::CloudFront::Distribution": "the CloudFront distribution",
    "AWS::CloudFront::OriginAccessControl": "CloudFront's access to the bucket",
    "AWS::CloudFront::CachePolicy": "a cache policy",
    "AWS::CloudFront::ResponseHeadersPolicy": "a set of security headers",
    "AWS::CloudFront::Function": "a function at the edge",
    "AWS::CloudWatch::Alarm": "an alarm",
    "AWS::CloudWatch::Dashboard": "the dashboard",
    "AWS::SNS::Topic": "the alarms' topic",
    "AWS::SNS::TopicPolicy": "the alarms' topic's policy",
    "AWS::Scheduler::Schedule": "the timer of the daily sweep",
    "AWS::Route53::RecordSet": "a DNS record",
    "AWS::ECR::Repository": "an image repository",
}

# What it means that one of these goes, whether another comes in its place or not.
_LOSSES = {
    "AWS::S3::Bucket": "its photos would not be in the gallery any more",
    "AWS::S3::BucketPolicy": "until it is there again, CloudFront cannot read the bucket",
    "AWS::SQS::Queue": "messages that wait in it are lost; the sweep finds what they were about",
    "AWS::CloudFront::Distribution": "the gallery gets another address, and links to the old one "
    "break",
    "AWS::Logs::LogGroup": "what is in it so far is lost",
    "AWS::SNS::Topic": "whoever gets the alarms has to confirm the subscription again",
    "AWS::Lambda::Function": "work waits in the queue meanwhile, and nothing is lost",
    "AWS::Lambda::EventSourceMapping": "work waits in the queue meanwhile, and nothing is lost",
    "AWS::IAM::Role": "calls may be refused for a moment, and are tried again",
    "AWS::Route53::RecordSet": "the gallery's name does not lead to it any more",
    "AWS::ECR::Repository": "the images in it are deleted",
    "AWS::Scheduler::Schedule": "there is no daily sweep until it is there again",
    "AWS::CloudWatch::Alarm": "nobody is told of that trouble until it is there again",
}

# Nothing that holds somebody's photos is ever given up for a new, empty one.
_NEVER_REPLACED = frozenset({"AWS::S3::Bucket"})

_KEPT = frozenset({"Retain", "ReplaceAndRetain"})
_LONGEST = 60


@dataclass(frozen=True)
class Sentence:
    """One thing that a change set does.

    ``does`` is one of this module's constants, ``what`` the resource (or resources) in words,
    ``names`` their logical names, ``detail`` what about it changes, ``meaning`` what that leads
    to.  ``refused``: it must not be done at all.
    """

    does: str
    what: str
    names: tuple[str, ...]
    detail: str = ""
    meaning: str = ""
    refused: bool = False

    @property
    def is_dangerous(self) -> bool:
        """Whether something goes away, or may."""
        return self.does in _DANGEROUS

    def __str__(self) -> str:
        named = f" ({', '.join(self.names)})" if self.names else ""
        detail = f": {self.detail}" if self.detail else ""
        meaning = f"; {self.meaning}" if self.meaning else ""
        refused = ": refused" if self.refused else ""
        return f"{self.does} {self.what}{named}{detail}{meaning}{refused}"


def words(changes: Iterable[Any]) -> list[Sentence]:
    """What these ``Changes`` of a change set come to, the worst first.

    Never raises, whatever is in them.
    """
    found: list[Sentence] = []
    added: dict[str, list[str]] = {}
    for change in changes:
        resource = _mapping(_mapping(change).get("ResourceChange"))
        if not resource:
            kind = _text(_mapping(change).get("Type")) or "something"
            found.append(Sentence(UNCLEAR, f"{kind}, which Safelight does not know", ()))
            continue
        if _action(resource) == ADDS:
            added.setdefault(_text(resource.get("ResourceType")), []).append(_name(resource))
        else:
            found.append(_sentence(resource))
    for kind, names in added.items():
        what = _what(kind) if len(names) == 1 else f"{len(names)} × {_bare(_what(kind))}"
        found.append(Sentence(ADDS, what, tuple(sorted(names))))
    return sorted(found, key=lambda one: (_ORDER.index(one.does), one.what, one.names))


def summary(sentences: Iterable[Sentence]) -> str:
    """How many resources of each kind, in a line."""
    counts: dict[str, int] = {}
    for one in sentences:
        counts[one.does] = counts.get(one.does, 0) + max(1, len(one.names))
    told = {
        ADDS: "added",
        CHANGES: "changed",
        REPLACES: "replaced",
        MAY_REPLACE: "perhaps replaced",
        DELETES: "deleted",
        TAKES_UP: "taken up as they are",
        UNCLEAR: "unclear",
    }
    return ", ".join(f"{counts[does]} {told[does]}" for does in reversed(_ORDER) if does in counts)


def kind_in_words(resource_type: str) -> str:
    """What people call a resource of this type, such as ``a queue`` for ``AWS::SQS::Queue``."""
    return _what(resource_type)


def _sentence(resource: Mapping[str, Any]) -> Sentence:
    does = _action(resource)
    kind = _text(resource.get("ResourceType"))
    policy = _text(resource.get("PolicyAction"))
    kept = policy in _KEPT
    meaning, refused = "", False
    if does in (DELETES, REPLACES, MAY_REPLACE):
        meaning = _LOSSES.get(kind, "")
        if does == MAY_REPLACE and meaning:
            meaning = f"if so, {meaning}"
        if kind in _NEVER_REPLACED:
            refused = does == REPLACES or (does == DELETES and policy == "Delete")
        if kept and does == DELETES:
            meaning = "it leaves the stack and stays as it is, with all that it holds"
        elif kept and does != MAY_REPLACE:
            meaning = f"{meaning}; the old one stays, outside the stack".removeprefix("; ")
    if does == UNCLEAR:
        meaning = f"CloudFormation calls it {_text(resource.get('Action')) or 'nothing'}"
    return Sentence(does, _what(kind), (_name(resource),), _detail(resource), meaning, refused)


def _action(resource: Mapping[str, Any]) -> str:
    action = _text(resource.get("Action"))
    if action == "Modify":
        # "Conditional" is what it says where the answer depends on a value that is not known
        # yet (CloudFormation API reference, ResourceChange).
        replacement = _text(resource.get("Replacement"))
        return {"True": REPLACES, "Conditional": MAY_REPLACE}.get(replacement, CHANGES)
    return {"Add": ADDS, "Remove": DELETES, "Import": TAKES_UP}.get(action, UNCLEAR)


def _detail(resource: Mapping[str, Any]) -> str:
    """What about it changes: properties by name, with their values where those are short."""
    told: dict[str, str] = {}
    for entry in _list(resource.get("Details")):
        target = _mapping(_mapping(entry).get("Target"))
        attribute = _text(target.get("Attribute"))
        name = _text(target.get("Name")) or attribute
        if not name:
            continue
        if attribute == "Tags":
            name = "its tags"
        before, after = target.get("BeforeValue"), target.get("AfterValue")
        short = all(isinstance(value, str) and len(value) <= _LONGEST for value in (before, after))
        if short and before != after:
            told[name] = f"{name} {_text(before)} → {_text(after)}"
        else:
            told.setdefault(name, name)
    if not told:
        told = {scope: scope for scope in map(_text, _list(resource.get("Scope"))) if scope}
    if "Code" in told and _text(resource.get("ResourceType")) == "AWS::Lambda::Function":
        told["Code"] = "its code, the new image"
    return ", ".join(told.values())


def _name(resource: Mapping[str, Any]) -> str:
    return _text(resource.get("LogicalResourceId")) or "?"


def _what(kind: str) -> str:
    if kind in _NAMES:
        return _NAMES[kind]
    parts = [part for part in kind.split("::") if part and part != "AWS"]
    if not parts:
        return "a resource"
    return f"{'an' if parts[0][0] in 'AEIOU' else 'a'} {' '.join(parts)}"


def _bare(what: str) -> str:
    return what.removeprefix("the ").removeprefix("an ").removeprefix("a ")


def _text(value: Any) -> str:
    """``value`` as text that may be shown; nothing if it is none."""
    return printable(value) if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
