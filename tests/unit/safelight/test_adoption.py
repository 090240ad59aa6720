"""A bucket that is there already, by example."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safelight import adoption
from safelight.problem import Problem
from safelight.template import Given, Template

STACK = "gallery"
GIVEN = Given(
    {"BucketName": "bucket"},
    stack=STACK,
    resources={"Bucket": "bucket", "Distribution": "E1"},
    attributes={"ThumbnailQueue.Arn": "arn:thumbnail", "PublishQueue.Arn": "arn:publish"},
)
TEMPLATE = Template.read()


def test_the_notifications_are_the_templates() -> None:
    """Each event of each queue; one notification for each prefix."""
    found = adoption.notifications(TEMPLATE, GIVEN)
    assert [(each["QueueArn"], each["Filter"]["Key"]["FilterRules"]) for each in found] == [
        ("arn:thumbnail", [{"Name": "prefix", "Value": "photos/"}]),
        ("arn:publish", [{"Name": "prefix", "Value": "catalog/photos/"}]),
    ]
    assert found[0]["Events"] == [
        "s3:ObjectCreated:*",
        "s3:ObjectRemoved:*",
        "s3:LifecycleExpiration:*",
        "s3:ObjectRestore:Completed",
    ]
    assert len({each["Id"] for each in found}) == 2


def test_the_statements_are_the_templates_allowing_ones() -> None:
    (found,) = adoption.statements(TEMPLATE, GIVEN)
    assert found["Sid"].startswith(adoption.label(STACK))
    assert found["Sid"].isalnum()
    assert found["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "arn:aws:s3:::bucket/photos/*" in found["Resource"]
    private = Given({**GIVEN.parameters, "Originals": "private"}, resources=GIVEN.resources)
    (found,) = adoption.statements(TEMPLATE, private)
    assert "arn:aws:s3:::bucket/photos/*" not in found["Resource"]


def _lambda(prefix: str, events: list[str], suffix: str = "") -> dict[str, Any]:
    rules = [{"Name": "Prefix", "Value": prefix}, {"Name": "Suffix", "Value": suffix}]
    return {
        "LambdaFunctionConfigurations": [
            {
                "Id": "resize",
                "LambdaFunctionArn": "arn:aws:lambda:us-east-1:1:function:resize",
                "Events": events,
                "Filter": {"Key": {"FilterRules": rules}},
            }
        ]
    }


def _merged(there: dict[str, Any]) -> dict[str, Any]:
    return adoption.merged(there, adoption.notifications(TEMPLATE, GIVEN), STACK)


def test_an_overlap_is_refused_in_words() -> None:
    with pytest.raises(Problem) as refused:
        _merged(_lambda("", ["s3:ObjectCreated:*"], ".jpg"))
    for part in ("'resize'", "function:resize", "every name and end with '.jpg'", "'photos/'"):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("prefix", "events"),
    [
        ("uploads/", ["s3:ObjectCreated:*"]),
        ("photo/", ["s3:ObjectCreated:*"]),
        ("photos/", ["s3:Replication:*"]),
    ],
)
def test_what_does_not_overlap_is_taken(prefix: str, events: list[str]) -> None:
    there = _lambda(prefix, events)
    after = _merged(there)
    assert after["LambdaFunctionConfigurations"] == there["LambdaFunctionConfigurations"]
    assert len(after["QueueConfigurations"]) == 2


def test_earlier_ones_of_ours_are_replaced() -> None:
    """As after a change of the template, or of the queues."""
    stale = [{"Id": f"{adoption.label(STACK)}9", "QueueArn": "arn:gone", "Events": ["s3:x"]}]
    after = _merged({"QueueConfigurations": stale, "ResponseMetadata": {"RequestId": "1"}})
    assert [each["QueueArn"] for each in after["QueueConfigurations"]] == [
        "arn:thumbnail",
        "arn:publish",
    ]
    assert "ResponseMetadata" not in after


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _everybody(**rest: Any) -> dict[str, Any]:
    return {
        "Sid": "Public",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*",
        **rest,
    }


@pytest.mark.parametrize(
    "statement",
    [
        _everybody(),
        _everybody(Principal={"AWS": "*"}),
        _everybody(Action=["s3:Get*"]),
        _everybody(Action="*", Resource="*"),
    ],
)
def test_a_policy_that_publishes_the_catalog_is_refused(statement: dict[str, Any]) -> None:
    """What photos say about themselves is nobody's business."""
    with pytest.raises(Problem, match="'Public'"):
        adoption.merged_policy(_policy(statement), [], STACK, "bucket")


@pytest.mark.parametrize(
    "statement",
    [
        _everybody(Effect="Deny"),
        _everybody(Resource="arn:aws:s3:::bucket/downloads/*"),
        _everybody(Principal={"AWS": "arn:aws:iam::1:root"}),
        _everybody(Action="s3:PutObject"),
        _everybody(Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
    ],
)
def test_other_statements_are_left_alone(statement: dict[str, Any]) -> None:
    text = adoption.merged_policy(_policy(statement), [], STACK, "bucket")
    assert json.loads(text)["Statement"] == [statement]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"Statement": "x"}', '{"Statement": 1}'])
def test_what_is_no_policy_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Problem, match="no policy"):
        adoption.merged_policy(text, [], STACK, "bucket")


def test_a_policy_that_would_be_too_long_is_refused() -> None:
    statement = _everybody(Effect="Deny", Resource=[f"arn:aws:s3:::bucket/{n}" for n in range(900)])
    with pytest.raises(Problem, match="bytes"):
        adoption.merged_policy(_policy(statement), [], STACK, "bucket")
