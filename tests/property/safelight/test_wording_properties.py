"""Whatever shape a change set has, it can be told, and nothing in it is passed over."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from safelight.wording import Sentence, summary, words

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
_KINDS = st.sampled_from(
    ["AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Lambda::Function", "Custom::Thing", "", "::", "x"]
)
_TARGETS = st.fixed_dictionaries(
    {},
    optional={
        "Attribute": st.sampled_from(["Properties", "Tags", "Metadata"]) | _JSON,
        "Name": st.text(max_size=12) | _JSON,
        "RequiresRecreation": st.sampled_from(["Never", "Conditionally", "Always"]) | _JSON,
        "BeforeValue": st.text(max_size=80) | _JSON,
        "AfterValue": st.text(max_size=80) | _JSON,
    },
)
_RESOURCES = st.fixed_dictionaries(
    {},
    optional={
        "Action": st.sampled_from(["Add", "Modify", "Remove", "Import", "Dynamic", "New"]) | _JSON,
        "LogicalResourceId": st.text(max_size=12) | _JSON,
        "ResourceType": _KINDS | _JSON,
        "Replacement": st.sampled_from(["True", "False", "Conditional"]) | _JSON,
        "PolicyAction": st.sampled_from(["Delete", "Retain", "ReplaceAndRetain"]) | _JSON,
        "Scope": st.lists(st.sampled_from(["Properties", "Tags"])) | _JSON,
        "Details": st.lists(st.fixed_dictionaries({"Target": _TARGETS | _JSON}) | _JSON) | _JSON,
    },
)
_CHANGES = st.lists(
    st.fixed_dictionaries({"Type": st.just("Resource"), "ResourceChange": _RESOURCES}) | _JSON,
    max_size=6,
)


def _count(found: list[Sentence]) -> int:
    return sum(max(1, len(one.names)) for one in found)


@given(_CHANGES)
def test_every_change_is_told_whatever_its_shape(changes: list[Any]) -> None:
    found = words(changes)
    assert _count(found) == len(changes)
    for one in found:
        told = str(one)
        assert told.isprintable()
        assert one.does in told
    assert (summary(found) == "") == (not changes)


@given(_CHANGES)
def test_a_bucket_that_is_replaced_is_always_refused(changes: list[Any]) -> None:
    bucket = {
        "Action": "Modify",
        "ResourceType": "AWS::S3::Bucket",
        "LogicalResourceId": "Bucket",
        "Replacement": "True",
    }
    assert any(one.refused for one in words([*changes, {"ResourceChange": bucket}]))


@given(_CHANGES)
def test_what_is_dangerous_comes_before_what_is_not(changes: list[Any]) -> None:
    dangers = [one.is_dangerous for one in words(changes)]
    assert dangers == sorted(dangers, reverse=True)
