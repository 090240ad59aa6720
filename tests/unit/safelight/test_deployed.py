"""A stack on AWS by its name: found, or what is the matter and what helps."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)
from botocore.stub import Stubber

from gallery.store import Unavailable
from safelight import deployed
from safelight.__main__ import main
from safelight.problem import Problem

OUTPUTS = {
    "BucketName": "my-photos",
    "GalleryUrl": "https://d111111abcdef8.cloudfront.net/index.html",
    "ThumbnailQueueUrl": "https://sqs.eu-central-1.amazonaws.com/1/g-thumbnail",
    "ThumbnailDlqUrl": "https://sqs.eu-central-1.amazonaws.com/1/g-thumbnail-dlq",
    "PublishQueueUrl": "https://sqs.eu-central-1.amazonaws.com/1/g-publish",
    "PublishDlqUrl": "https://sqs.eu-central-1.amazonaws.com/1/g-publish-dlq",
    "ThumbnailerFunction": "g-thumbnailer",
    "ThumbnailerLogGroup": "/aws/lambda/g-thumbnailer",
    "SitegenFunction": "g-sitegen",
    "SitegenLogGroup": "/aws/lambda/g-sitegen",
}


def described(
    status: str = "CREATE_COMPLETE",
    outputs: dict[str, str] = OUTPUTS,
    name: str = "g",
    **more: str,
) -> dict[str, Any]:
    """A stack as CloudFormation describes it."""
    return {
        "StackName": name,
        "CreationTime": "2026-01-01T00:00:00Z",
        "StackStatus": status,
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        **more,
    }


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """What CloudFormation answers, in order."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    client = boto3.Session("test", "test", region_name="eu-central-1").client("cloudformation")
    monkeypatch.setattr(deployed, "cloudformation", lambda endpoint, region: client)
    with Stubber(client) as stub:
        yield stub


def answers(cloud: Stubber, *stacks: dict[str, Any], **asked: str) -> None:
    """The next answer to `describe_stacks`."""
    cloud.add_response("describe_stacks", {"Stacks": list(stacks)}, asked)


def test_a_stack_is_found_by_its_name(cloud: Stubber) -> None:
    """With what its outputs say, and no endpoint: boto3 knows AWS's."""
    answers(cloud, described(), StackName="g")
    found = deployed.find("g", "eu-central-1")
    assert (found.stack, found.region, found.endpoint_url) == ("g", "eu-central-1", None)
    assert found.is_on_aws
    assert found.option == " --stack g --region eu-central-1"
    assert found.bucket == "my-photos"
    assert found.queues["publish_dlq"] == OUTPUTS["PublishDlqUrl"]
    assert found.functions == {"thumbnailer": "g-thumbnailer", "sitegen": "g-sitegen"}


def test_the_region_is_the_environments(cloud: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is said; without any, nobody is asked."""
    with pytest.raises(Problem, match="--region"):
        deployed.find("g")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    answers(cloud, described(), StackName="g")
    assert deployed.find("g").region == "us-west-2"
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    answers(cloud, described(), StackName="g")
    assert deployed.find("g").region == "ap-south-1"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("CREATE_IN_PROGRESS", "still being created"),
        ("ROLLBACK_IN_PROGRESS", "still being created"),
        ("ROLLBACK_COMPLETE", "could not be created.*no such role"),
        ("CREATE_FAILED", "could not be created"),
        ("REVIEW_IN_PROGRESS", "nobody agreed"),
        ("DELETE_IN_PROGRESS", "being deleted"),
        ("DELETE_FAILED", "half deleted"),
    ],
)
def test_a_stack_that_is_of_no_use_says_so(cloud: Stubber, status: str, told: str) -> None:
    """With CloudFormation's reason."""
    answers(cloud, described(status, {}, StackStatusReason="no such role"), StackName="g")
    with pytest.raises(Problem, match=told):
        deployed.find("g", "eu-central-1")


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_in_motion_can_be_looked_at(
    cloud: Stubber, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is when its logs are wanted; but it is said."""
    answers(cloud, described(status), StackName="g")
    assert deployed.find("g", "eu-central-1").bucket == "my-photos"
    assert status in capsys.readouterr().err


def test_what_lacks_an_output_is_no_stack_of_ours(cloud: Stubber) -> None:
    """The output is named."""
    answers(cloud, described(outputs={"BucketName": "x"}), StackName="g")
    with pytest.raises(Problem, match=r"not one of Safelight's.*GalleryUrl"):
        deployed.find("g", "eu-central-1")


def test_no_such_stack_names_those_there_are(cloud: Stubber) -> None:
    """Of Safelight's only; a deleted one is not there either."""
    answers(cloud, described("DELETE_COMPLETE"), StackName="g")
    answers(cloud, described(name="photos"), described(name="else", outputs={"A": "b"}))
    with pytest.raises(
        Problem, match=r"no stack 'g' in eu-central-1\. Safelight's there: photos\."
    ):
        deployed.find("g", "eu-central-1")


def test_no_stack_at_all_asks_after_the_region(
    cloud: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says whom it asked, where an emulator stands in."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    cloud.add_client_error(
        "describe_stacks", "ValidationError", "Stack with id g does not exist", 400
    )
    # Not everybody may list them all.
    cloud.add_client_error("describe_stacks", "AccessDenied", "no", 403)
    with pytest.raises(Problem, match=r"127\.0\.0\.1:1.*another region \(--region\)"):
        deployed.find("g", "eu-central-1")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("ExpiredToken", "aws sso login"),
        ("InvalidClientTokenId", "does not know these credentials"),
        ("SignatureDoesNotMatch", "does not know these credentials"),
        ("AccessDenied", r"may not do that \(DescribeStacks\)"),
        ("Throttling", "did not say where"),
    ],
)
def test_a_refusal_says_what_helps(cloud: Stubber, code: str, told: str) -> None:
    """Whatever the code."""
    cloud.add_client_error("describe_stacks", code, "no", 400)
    with pytest.raises(Problem, match=told):
        deployed.find("g", "eu-central-1")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NoCredentialsError(), "aws configure"),
        (ProfileNotFound(profile="x"), "list-profiles"),
        (UnauthorizedSSOTokenError(), "aws sso login"),
        (InvalidRegionError(region_name="a b"), "--region eu-central-1"),
        (EndpointConnectionError(endpoint_url="https://x"), "Is there a network"),
    ],
)
def test_what_keeps_us_from_asking_is_explained(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything was asked."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert told in str(deployed.explained(error))


def test_an_emulator_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be what is left of another day's ``eval "$(safelight env)"``."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    error = EndpointConnectionError(endpoint_url="http://127.0.0.1:1/")
    assert "unset it to ask AWS" in str(deployed.explained(error))


def test_other_errors_are_not_explained_away() -> None:
    """They are told as they are."""
    assert deployed.explained(ClientError({"Error": {"Code": "X"}}, "GetObject")) is None
    assert deployed.explained(ValueError()) is None


def test_a_region_goes_with_a_stack() -> None:
    """The local one is in none."""
    with pytest.raises(Problem, match="--region goes with --stack"):
        deployed.chosen(argparse.Namespace(stack=None, region="eu-central-1"))


def test_a_session_that_ends_midway_is_explained(
    cloud: Stubber, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the store has wrapped the error."""
    answers(cloud, described(), StackName="g")

    def look(*arguments: object) -> object:
        cause = ClientError({"Error": {"Code": "ExpiredToken"}}, "ListObjectsV2")
        raise Unavailable("photos/", "list: ExpiredToken") from cause

    monkeypatch.setattr("safelight.status.look", look)
    assert main(["status", "--stack", "g", "--region", "eu-central-1"]) == 1
    assert "expired" in capsys.readouterr().err


def test_nothing_is_remembered(
    cloud: Stubber, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack on AWS leaves no trace in the local one's home."""
    monkeypatch.setenv("SAFELIGHT_HOME", str(tmp_path))
    answers(cloud, described(), StackName="g")
    assert main(["env", "--stack", "g", "--region", "eu-central-1"]) == 0
    assert not list(tmp_path.iterdir())
