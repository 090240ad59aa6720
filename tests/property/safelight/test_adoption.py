"""A bucket that is there already: whatever it sends and allows, it goes on to."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, target
from hypothesis import strategies as st

from safelight import adoption
from safelight.problem import Problem
from safelight.template import Given, Template

TEMPLATE = Template.read()
STACK = "gallery"
GIVEN = Given(
    {"BucketName": "bucket"},
    stack=STACK,
    resources={"Bucket": "bucket", "Distribution": "E1"},
    attributes={
        "ThumbnailQueue.Arn": "arn:aws:sqs:us-east-1:000000000000:gallery-thumbnail",
        "PublishQueue.Arn": "arn:aws:sqs:us-east-1:000000000000:gallery-publish",
    },
)
OURS = adoption.notifications(TEMPLATE, GIVEN)
STATEMENTS = adoption.statements(TEMPLATE, GIVEN)

EVENTS = [
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRestore:Completed",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
]
# About half of these lie under, or above, ours.
PREFIXES = st.sampled_from(
    ["", "p", "photos/", "photos/raw/", "catalog/", "catalog/photos/x", "backup/", "logs", "photo/"]
)
NAMES = st.text("aZ09-_/:. \u00e9\u2603", min_size=1, max_size=12)
SUFFIXES = st.sampled_from(["", ".jpg", ".gz", "/"])


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A filter, with or without each of its halves; S3 answers with capitals."""
    found = []
    for name, values in (("Prefix", PREFIXES), ("Suffix", SUFFIXES)):
        value = draw(st.none() | values)
        if value is not None:
            found.append({"Name": draw(st.sampled_from([name, name.lower()])), "Value": value})
    with_none = draw(st.booleans())
    return {"Filter": {"Key": {"FilterRules": found}}} if found or with_none else {}


@st.composite
def foreign(draw: st.DrawFn, target_key: str) -> dict[str, Any]:
    """A notification of somebody else's; of another Safelight's, too."""
    name = draw(NAMES | st.just("Safelight") | st.just(adoption.label("another") + "1"))
    return {
        "Id": name,
        target_key: f"arn:aws:x:us-east-1:000000000000:{draw(st.integers(0, 9))}",
        "Events": draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3, unique=True)),
        **draw(rules()),
    }


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """What S3 answers, as boto3 hands it on."""
    found: dict[str, Any] = {}
    for kind, key in adoption.TARGETS.items():
        if draw(st.booleans()):
            found[kind] = draw(st.lists(foreign(key), min_size=1, max_size=3))
    if draw(st.booleans()):
        found["EventBridgeConfiguration"] = {}
    return found


def _all(configuration: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for kind in adoption.TARGETS for each in configuration.get(kind, [])]


def _filter(notification: dict[str, Any]) -> dict[str, str]:
    found = notification.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return {"prefix": "", "suffix": ""} | {rule["Name"].lower(): rule["Value"] for rule in found}


def _hears(notification: dict[str, Any], event: str, key: str) -> bool:
    """Whether S3 would send it this event about this key."""
    events = notification["Events"]
    about = any(e == event or (e.endswith("*") and event.startswith(e[:-1])) for e in events)
    ends = _filter(notification)
    return about and key.startswith(ends["prefix"]) and key.endswith(ends["suffix"])


SINGLE = ["s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete", "s3:ObjectRestore:Completed",
          "s3:LifecycleExpiration:Delete", "s3:Replication:OperationFailedReplication",
          "s3:ReducedRedundancyLostObject"]  # fmt: skip


def _both(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether there is an event about some key that both would hear of: found by making one."""
    a, b = _filter(one), _filter(other)
    key = max(a["prefix"], b["prefix"], key=len) + max(a["suffix"], b["suffix"], key=len)
    return any(_hears(one, event, key) and _hears(other, event, key) for event in SINGLE)


@given(configurations())
def test_what_others_asked_for_stays_byte_for_byte(there: dict[str, Any]) -> None:
    """Added and taken away again, the configuration is what it was, in the same order."""
    before = copy.deepcopy(there)
    try:
        after = adoption.merged(there, OURS, STACK)
    except Problem:
        assert there == before
        return
    assert json.dumps(there) == json.dumps(before)
    for kind in there:
        kept = [each for each in after[kind] if each not in OURS] if there[kind] else after[kind]
        assert json.dumps(kept) == json.dumps(there[kind])
    assert [each for each in after["QueueConfigurations"] if each in OURS] == OURS
    assert json.dumps(adoption.without(after, STACK)) == json.dumps(before)
    assert adoption.merged(after, OURS, STACK) == after


@given(configurations())
def test_refused_exactly_where_an_event_would_have_two_places_to_go(there: dict[str, Any]) -> None:
    clash = [each for each in _all(there) if any(_both(own, each) for own in OURS)]
    target(float(len(clash)))
    if not clash:
        adoption.merged(there, OURS, STACK)
        return
    with pytest.raises(Problem) as refused:
        adoption.merged(there, OURS, STACK)
    assert [each for each in clash if repr(each["Id"]) in str(refused.value)]


@given(configurations(), NAMES)
def test_stacks_do_not_take_each_other_for_themselves(there: dict[str, Any], other: str) -> None:
    """Another stack's notifications are somebody else's, whatever its name."""
    if other in (STACK, "another"):
        return
    assert adoption.without(there, other) == there
    assert adoption.label(other) != adoption.label(STACK)


def _statement(sid: str | None, **rest: Any) -> dict[str, Any]:
    return {
        **({} if sid is None else {"Sid": sid}),
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": "arn:aws:s3:::bucket/*",
        **rest,
    }


POLICIES = st.none() | st.builds(
    lambda sids, alone, version, name: json.dumps(
        {
            "Version": version,
            **({} if name is None else {"Id": name}),
            "Statement": _statement(sids[0])
            if alone and len(sids) == 1
            else [_statement(sid) for sid in sids],
        },
        indent=1,
    ),
    st.lists(st.none() | NAMES, min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(["2012-10-17", "2008-10-17"]),
    st.none() | NAMES,
)


@given(POLICIES)
def test_the_policy_keeps_all_that_it_had(there: str | None) -> None:
    after = adoption.merged_policy(there, STATEMENTS, STACK, "bucket")
    document = json.loads(after)
    assert document["Statement"][-len(STATEMENTS) :] == STATEMENTS
    had = json.loads(there) if there else {"Version": "2012-10-17", "Statement": []}
    listed = had["Statement"] if isinstance(had["Statement"], list) else [had["Statement"]]
    assert {**document, "Statement": document["Statement"][: -len(STATEMENTS)]} == {
        **had,
        "Statement": listed,
    }
    assert adoption.merged_policy(after, STATEMENTS, STACK, "bucket") == after
    left = adoption.policy_without(after, STACK)
    assert (json.loads(left) if left else None) == (
        {**had, "Statement": listed} if listed else None
    )
    assert adoption.policy_without(there, STACK) == there
