"""What `safelight deploy` would come to, from its options and what is there."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from safelight import adoption, deploy, destroy, plan
from safelight.__main__ import main
from safelight.plan import Plan
from safelight.preflight import Wish
from safelight.problem import Problem
from safelight.rollout import Rollout, State
from safelight.template import Template
from tests.unit.safelight.formations import Formations
from tests.unit.safelight.stubs import StubbedAccount


def _options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    deploy.arguments(parser)
    return parser.parse_args(words)


def _parameters(*words: str, made: dict[str, str] | None = None) -> dict[str, str]:
    options = _options(*words)
    asked = plan._asked(options.parameter, Template.read())
    wish = plan._wish(options, asked, StubbedAccount(), made or {})
    return plan._parameters(options, asked, wish)


def test_a_first_deployment_needs_no_options() -> None:
    assert _parameters() == {
        "Target": "aws",
        "BucketName": "safelight-123456789012-eu-central-1",
        "ExistingBucket": "false",
        "Architecture": "arm64",
    }


def test_options_are_parameters() -> None:
    found = _parameters(
        *("--domain", "photos.example.org", "--private-originals", "--email", "me@example.org"),
        *("--architecture", "x86_64", "--parameter", "ThumbnailerMemory=2048"),
        *("--bucket", "my-photos"),
    )
    assert found == {
        "Target": "aws",
        "BucketName": "my-photos",
        "ExistingBucket": "true",
        "Architecture": "x86_64",
        "DomainName": "photos.example.org",
        "Originals": "private",
        "AlarmEmail": "me@example.org",
        "ThumbnailerMemory": "2048",
    }


def test_a_later_deployment_keeps_the_bucket_and_the_architecture() -> None:
    made = {"BucketName": "old", "ExistingBucket": "true", "Architecture": "x86_64"}
    found = _parameters(made=made)
    assert {name: found[name] for name in made} == made
    assert "DomainName" not in found


def test_the_bucket_of_a_stack_that_made_it_stays_the_stacks() -> None:
    made = {"BucketName": "own", "ExistingBucket": "false"}
    assert _parameters("--bucket", "own", made=made)["ExistingBucket"] == "false"


def test_a_domain_can_be_taken_away() -> None:
    found = _parameters("--domain", "")
    assert (found["DomainName"], found["CertificateArn"], found["HostedZoneId"]) == ("", "", "")


def test_a_parameter_goes_back_to_its_default() -> None:
    found = _parameters("--parameter", "ThumbnailerMemory=", "--parameter", "HostedZoneId=")
    assert (found["ThumbnailerMemory"], found["HostedZoneId"]) == ("1769", "")


def test_a_parameter_without_a_value_is_refused() -> None:
    with pytest.raises(Problem, match="NAME=VALUE"):
        _parameters("--parameter", "ThumbnailerMemory")


@pytest.mark.parametrize("stack", ["safelight", "S" * 52])
def test_a_new_buckets_name_is_one_that_s3_takes(stack: str) -> None:
    name = plan.default_bucket(stack, StubbedAccount(region="ap-southeast-2"))
    assert len(name) <= 63
    assert name.endswith("-123456789012-ap-southeast-2")
    assert name == name.lower()


def test_without_credentials_it_still_says_what_it_would_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what to do about that, with status 1."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setattr(plan, "docker_trouble", lambda: "the docker command is not installed")
    assert main(["deploy", "--print", "--domain", "Photos"]) == 1
    told = capsys.readouterr().out
    assert "Nothing is done." in told
    assert "make two image repositories in ECR" in told
    assert "Architecture = arm64" in told
    assert "the CloudFront distribution (AWS::CloudFront::Distribution): Distribution" in told
    assert "DoorPolicy" not in told
    troubles = told.partition("In the way:")[2]
    for word in ("Which region?", "--domain is 'Photos'", "the docker command is not installed"):
        assert word in troubles


def test_nothing_is_done_while_something_is_in_the_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something was done")

    monkeypatch.setattr(deploy, "_ship", refuse)
    monkeypatch.setattr(plan, "docker_trouble", lambda: "none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert main(["deploy", "--yes", "--email", "x"]) == 1
    told = capsys.readouterr().err
    assert "Before anything can be deployed:" in told
    assert "--email is 'x'" in told


# -- A bucket with other duties ------------------------------------------------------------------


def _plan(account: StubbedAccount) -> Plan:
    wish = Wish("gallery", "gallery-bucket")
    place = plan.Place(account, None, None, None, None)  # type: ignore[arg-type]
    return Plan(wish, Template.read(), {"BucketName": "gallery-bucket"}, place, [])


def test_a_bucket_that_a_stack_of_ours_left_is_made_ready_for_the_next() -> None:
    account = StubbedAccount()
    s3 = account.stub("s3")
    policy = {"Statement": [{"Sid": "OnlyOverTls"}, {"Sid": "CloudFrontReadsTheSite"}]}
    s3.add_response("get_bucket_policy", {"Policy": json.dumps(policy)})
    queue = "arn:aws:sqs:eu-central-1:123456789012:gallery-thumbnail"
    s3.add_response(
        "get_bucket_notification_configuration",
        {"QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}]},
    )
    s3.add_response("delete_bucket_policy", {})
    deploy._clear_way(account, _plan(account))
    s3.assert_no_pending_responses()


@pytest.mark.parametrize("what", ["policy", "notification"])
def test_a_bucket_with_other_duties_is_not_taken_over(what: str) -> None:
    account = StubbedAccount()
    s3 = account.stub("s3")
    foreign = [{"Sid": "SomebodyElses"}] if what == "policy" else []
    policy = {"Statement": [{"Sid": "OnlyOverTls"}, *foreign]}
    s3.add_response("get_bucket_policy", {"Policy": json.dumps(policy)})
    topics = [{"TopicArn": "arn:aws:sns:x:1:theirs", "Events": ["s3:ObjectCreated:*"]}]
    s3.add_response(
        "get_bucket_notification_configuration",
        {"TopicConfigurations": topics if what == "notification" else []},
    )
    with pytest.raises(Problem, match=r"--bucket gallery-bucket"):
        deploy._clear_way(account, _plan(account))


def test_what_an_adopted_bucket_is_to_have_can_be_worked_out() -> None:
    """From the template itself, by its own names."""
    made = _plan(StubbedAccount())
    given = made.given({"ExistingBucket": "true"})
    queues = {each["QueueArn"] for each in adoption.notifications(made.template, given)}
    arn = "arn:aws:sqs:eu-central-1:123456789012:gallery"
    assert queues == {f"{arn}-thumbnail", f"{arn}-publish"}
    assert all(
        resource.startswith("arn:aws:s3:::gallery-bucket/")
        for statement in adoption.statements(made.template, given)
        for resource in statement["Resource"]
    )


# -- Taking away ---------------------------------------------------------------------------------


def test_our_notifications_go_from_the_bucket_that_stays_and_others_do_not() -> None:
    account = StubbedAccount()
    s3 = account.stub("s3")
    theirs = {"Id": "t", "QueueArn": "arn:aws:sqs:x:1:theirs", "Events": ["s3:ObjectCreated:*"]}
    ours = {"Id": "o", "QueueArn": "arn:aws:sqs:x:1:gallery-publish", "Events": ["s3:TestEvent"]}
    s3.add_response(
        "get_bucket_notification_configuration", {"QueueConfigurations": [theirs, ours]}
    )
    s3.add_response(
        "put_bucket_notification_configuration",
        {},
        {
            "Bucket": "b",
            "NotificationConfiguration": {"QueueConfigurations": [theirs]},
            "ExpectedBucketOwner": account.id,
        },
    )
    destroy._silence(account.client("s3"), account, "b", "gallery")
    s3.assert_no_pending_responses()


def test_versions_and_markers_are_deleted_in_batches() -> None:
    account = StubbedAccount()
    s3 = account.stub("s3")
    s3.add_response(
        "list_object_versions",
        {
            "Versions": [{"Key": "photos/a.jpg", "VersionId": "1"}],
            "DeleteMarkers": [{"Key": "photos/a.jpg", "VersionId": "2"}],
        },
    )
    found = list(destroy._versions(account.client("s3"), {"Bucket": "b"}))
    assert found == [
        [
            {"Key": "photos/a.jpg", "VersionId": "1"},
            {"Key": "photos/a.jpg", "VersionId": "2"},
        ]
    ]


def test_what_cannot_be_deleted_is_named() -> None:
    account = StubbedAccount()
    s3 = account.stub("s3")
    s3.add_response("list_object_versions", {"Versions": [{"Key": "x", "VersionId": "1"}]})
    errors = [{"Key": "x", "Code": "AccessDenied", "Message": "Access Denied"}]
    s3.add_response("delete_objects", {"Errors": errors})
    with pytest.raises(Problem, match=r"1 objects of b could not be deleted, such as x"):
        destroy._delete_bucket(account, "b")


def _destroying(given: str) -> argparse.Namespace:
    return argparse.Namespace(stack="gallery", delete_photos=given)


def test_photos_are_deleted_only_by_the_buckets_name() -> None:
    account = StubbedAccount()
    state = State("CREATE_COMPLETE", {"BucketName": "b", "ExistingBucket": "false"})
    destroy._check_deletion(account, _destroying("b"), state, "b")
    with pytest.raises(Problem, match="has the bucket 'b', not 'c'"):
        destroy._check_deletion(account, _destroying("c"), state, "b")
    assert destroy._typed("b", "b")
    assert not destroy._typed("c", "b")
    with pytest.raises(Problem, match="has to be typed"):
        destroy._typed("", "b")


def test_a_bucket_that_was_adopted_is_not_deleted() -> None:
    state = State("CREATE_COMPLETE", {"BucketName": "b", "ExistingBucket": "true"})
    with pytest.raises(Problem, match="not Safelight's to delete"):
        destroy._check_deletion(StubbedAccount(), _destroying("b"), state, "b")


def test_without_a_stack_only_a_gallerys_bucket_is_deleted() -> None:
    account = StubbedAccount()
    account.stub("s3").add_client_error("head_object", "404", "", 404)
    with pytest.raises(Problem, match=r"no bucket of Safelight's"):
        destroy._check_deletion(account, _destroying("b"), None, "b")


@pytest.mark.parametrize(
    ("other", "lonely"),
    [
        ({"ThumbnailerImageUri": "host/safelight/thumbnailer@sha256:1"}, False),
        ({"ThumbnailerImageUri": "host/another/thumbnailer@sha256:1"}, True),
        ({}, True),
    ],
)
def test_image_repositories_stay_while_another_stack_runs_what_is_in_them(
    other: dict[str, str], lonely: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfn = Formations("CREATE_COMPLETE")
    cfn.outputs = {
        "ThumbnailerRepositoryUri": "ecr/safelight/thumbnailer",
        "SitegenRepositoryUri": "ecr/safelight/sitegen",
    }
    stacks = [
        {"StackName": "gallery", "Parameters": _as_list(cfn_images("safelight"))},
        {"StackName": "other", "Parameters": _as_list(other)},
    ]
    monkeypatch.setattr(destroy, "_stacks", lambda _: stacks)
    registry = Rollout(cfn, "safelight-registry")  # type: ignore[arg-type]
    assert destroy._is_lonely(StubbedAccount(), registry, "gallery") is lonely


def cfn_images(prefix: str) -> dict[str, str]:
    """The images of a stack that runs what is under that prefix."""
    return {name: f"host/{prefix}/{service}@x" for service, name in plan.IMAGES.items()}


def _as_list(parameters: dict[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
