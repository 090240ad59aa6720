"""What stands in a deployment's way: all of it at once, each with what helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from safelight import preflight
from safelight.preflight import Trouble, Wish
from safelight.rollout import State
from safelight.template import Template
from tests.unit.safelight.stubs import StubbedAccount

DECLARED = Template.read().parameters()
WISH = Wish(stack="gallery", bucket="gallery-123456789012-eu-central-1")
OUTPUTS = {"ThumbnailQueueUrl": "https://queue"}


def _account(*, free: int = 1000, bucket: int | None = 404, state: State | None = None) -> Any:
    """Everything as it should be, unless said otherwise; a bucket's HTTP status."""
    account = StubbedAccount()
    s3 = account.stub("s3")
    if bucket == 200:
        s3.add_response("head_bucket", {"BucketRegion": account.region})
    elif bucket is not None:
        s3.add_client_error("head_bucket", str(bucket), "", bucket)
    account.stub("lambda").add_response(
        "get_account_settings", {"AccountLimit": {"UnreservedConcurrentExecutions": free}}
    )
    if state is None:
        account.stub("sqs").add_response("list_queues", {})
        account.stub("logs").add_response("describe_log_groups", {})
    return account


def _look(account: Any, wish: Wish = WISH, state: State | None = None) -> preflight.Findings:
    return preflight.look(account, wish, state, DECLARED)


def _only(found: preflight.Findings) -> Trouble:
    (trouble,) = found.troubles
    return trouble


# -- The wish by itself --------------------------------------------------------------------------


def test_a_good_wish_has_nothing_against_it() -> None:
    wish = replace(
        WISH,
        domain="photos.example.org",
        email="me@example.org",
        parameters={"ThumbnailerMemory": "2048", "PriceClass": "PriceClass_All"},
    )
    assert list(preflight.names(wish, DECLARED)) == []


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"stack": "1st"}, "--stack"),
        ({"stack": "a" * 53}, "--stack"),
        ({"stack": "a_b"}, "--stack"),
        ({"bucket": "Nope"}, "bucket"),
        ({"bucket": "ab"}, "bucket"),
        ({"bucket": "my.photos"}, "dot"),
        ({"domain": "https://example.org/"}, "--domain"),
        ({"domain": "Example.org"}, "--domain"),
        ({"domain": "localhost"}, "--domain"),
        ({"email": "me"}, "--email"),
        ({"parameters": {"Nothing": "1"}}, "no parameter"),
        ({"parameters": {"Target": "aws"}}, "fills in"),
        ({"parameters": {"PriceClass": "all"}}, "PriceClass_100"),
        ({"parameters": {"ThumbnailerMemory": "lots"}}, "number"),
        ({"parameters": {"ThumbnailerMemory": "100"}}, "512 to 10240"),
        ({"parameters": {"MaxBytes": "big"}}, "MaxBytes"),
    ],
)
def test_each_thing_that_is_wrong_with_it_is_told(wrong: dict[str, Any], word: str) -> None:
    (trouble,) = preflight.names(replace(WISH, **wrong), DECLARED)
    assert word in str(trouble)
    assert trouble.fix


def test_all_of_it_is_told_at_once() -> None:
    wish = replace(WISH, stack="1", bucket="X", domain="x", email="x", parameters={"No": "1"})
    assert len(list(preflight.names(wish, DECLARED))) == 5


# -- The account ---------------------------------------------------------------------------------


def test_an_empty_account_is_ready() -> None:
    found = _look(_account())
    assert found.troubles == []
    assert not found.bucket_is_there


def test_the_root_user_is_warned_and_not_refused() -> None:
    account = _account()
    object.__setattr__(account, "arn", "arn:aws:iam::123456789012:root")
    found = _look(account)
    assert found.troubles == []
    assert "root user" in found.notes[0].what


def test_too_little_concurrency_comes_with_the_command_that_fits() -> None:
    """A new account has ten, and the template's default wants more."""
    trouble = _only(_look(_account(free=10)))
    assert "lets 10 functions run" in trouble.what
    assert "--parameter ThumbnailerConcurrency=7;" in trouble.fix
    assert "request-service-quota-increase" in trouble.fix
    wish = replace(WISH, parameters={"ThumbnailerConcurrency": "7"})
    assert _look(_account(free=10), wish).troubles == []
    wish = replace(WISH, parameters={"ThumbnailerConcurrency": "8"})
    assert len(_look(_account(free=10), wish).troubles) == 1


def test_far_too_little_concurrency_asks_for_no_impossible_parameter() -> None:
    trouble = _only(_look(_account(free=4)))
    assert "ThumbnailerConcurrency=" not in trouble.fix
    assert trouble.fix.startswith("It needs 5 at least")


def test_what_may_not_be_looked_at_is_a_note() -> None:
    account = StubbedAccount()
    account.stub("s3").add_client_error("head_bucket", "404", "", 404)
    account.stub("lambda").add_client_error("get_account_settings", "AccessDeniedException")
    account.stub("sqs").add_client_error("list_queues", "AccessDenied")
    account.stub("logs").add_response("describe_log_groups", {})
    found = _look(account)
    assert found.troubles == []
    assert [note.what for note in found.notes] == [
        "Lambda was not looked at: no permission for GetAccountSettings.",
        "SQS was not looked at: no permission for ListQueues.",
    ]


def test_a_service_that_is_not_to_be_had_is_in_the_way() -> None:
    account = StubbedAccount()
    account.stub("s3").add_client_error("head_bucket", "404", "", 404)
    account.stub("lambda").add_client_error("get_account_settings", "OptInRequired")
    account.stub("sqs").add_response("list_queues", {})
    account.stub("logs").add_response("describe_log_groups", {})
    assert "Lambda did not answer" in _only(_look(account)).what


def test_what_has_the_stacks_names_without_the_stack_is_named() -> None:
    account = StubbedAccount()
    account.stub("s3").add_client_error("head_bucket", "404", "", 404)
    account.stub("lambda").add_response("get_account_settings", {})
    urls = ["https://x/1/gallery-publish", "https://x/1/gallery-other"]
    account.stub("sqs").add_response("list_queues", {"QueueUrls": urls})
    groups = [{"logGroupName": "/aws/lambda/gallery-sitegen"}, {"logGroupName": "/x/gallery-y"}]
    account.stub("logs").add_response("describe_log_groups", {"logGroups": groups})
    queue, log = _look(account).troubles
    assert queue.what.endswith(": gallery-publish.")
    assert "delete-log-group --log-group-name /aws/lambda/gallery-sitegen" in log.fix


# -- The bucket ----------------------------------------------------------------------------------


def test_a_bucket_of_ours_is_there() -> None:
    found = _look(_account(bucket=200))
    assert found.troubles == []
    assert found.bucket_is_there


def test_a_bucket_of_somebody_else_is_in_the_way() -> None:
    found = _look(_account(bucket=403))
    assert "somebody else's" in _only(found).what
    assert not found.bucket_is_there


def test_a_bucket_to_adopt_that_is_not_there_is_in_the_way() -> None:
    wish = replace(WISH, bucket="my-photos", existing_bucket=True)
    assert "There is no bucket 'my-photos'" in _only(_look(_account(bucket=404), wish)).what


def test_a_bucket_in_another_region_is_in_the_way_and_says_where_it_is() -> None:
    account = _account(bucket=None)
    account.stub("s3").add_client_error(
        "head_bucket",
        "301",
        "",
        301,
        response_meta={"HTTPHeaders": {"x-amz-bucket-region": "us-west-2"}},
    )
    account.stub("s3").add_response("head_bucket", {"BucketRegion": "us-west-2"})
    trouble = _only(_look(account))
    assert "is in us-west-2" in trouble.what
    assert "--region us-west-2" in trouble.fix


# -- The stack -----------------------------------------------------------------------------------


def _made(**parameters: str) -> State:
    return State("UPDATE_COMPLETE", {"BucketName": WISH.bucket, **parameters}, OUTPUTS)


def test_a_stack_of_ours_is_no_trouble() -> None:
    state = _made(ThumbnailerConcurrency="5")
    found = _look(_account(bucket=200, free=10, state=state), state=state)
    assert found.troubles == []


def test_a_stack_that_is_somebody_elses_is_left_alone() -> None:
    state = State("CREATE_COMPLETE", {}, {"LoadBalancer": "x"})
    trouble = _only(_look(_account(state=state), state=state))
    assert "not Safelight's" in trouble.what
    assert "--stack NAME" in trouble.fix


def test_a_stack_keeps_its_bucket() -> None:
    state = _made()
    wish = replace(WISH, bucket="another-bucket")
    trouble = _only(_look(_account(bucket=404, state=state), wish, state))
    assert "cannot change to 'another-bucket'" in trouble.what


def test_a_stack_whose_bucket_is_gone_says_so() -> None:
    state = _made()
    trouble = _only(_look(_account(bucket=404, state=state), state=state))
    assert "is gone" in trouble.what


def test_what_a_half_made_stack_has_is_its_own() -> None:
    state = State("ROLLBACK_FAILED", {}, {})
    assert _look(_account(state=state), state=state).troubles == []


# -- The certificate -----------------------------------------------------------------------------


def _with_certificates(*certificates: dict[str, Any]) -> preflight.Findings:
    account = _account()
    acm = account.stub("acm")
    arns = [f"arn:aws:acm:us-east-1:1:certificate/{index}" for index in range(len(certificates))]
    acm.add_response(
        "list_certificates", {"CertificateSummaryList": [{"CertificateArn": arn} for arn in arns]}
    )
    for certificate in certificates:
        acm.add_response("describe_certificate", {"Certificate": certificate})
    return _look(account, replace(WISH, domain="photos.example.org"))


@pytest.mark.parametrize("name", ["photos.example.org", "*.example.org"])
def test_a_certificate_that_covers_the_domain_is_taken(name: str) -> None:
    other = {"DomainName": "example.com", "Status": "ISSUED"}
    right = {
        "DomainName": "x.org",
        "SubjectAlternativeNames": ["x.org", name],
        "Status": "ISSUED",
    }
    found = _with_certificates(other, right)
    assert found.troubles == []
    assert found.certificate == "arn:aws:acm:us-east-1:1:certificate/1"


@pytest.mark.parametrize("name", ["example.org", "*.photos.example.org", "*.org"])
def test_a_certificate_that_does_not_is_not(name: str) -> None:
    found = _with_certificates({"DomainName": name, "Status": "ISSUED"})
    assert "request-certificate --region us-east-1" in _only(found).fix
    assert found.certificate == ""


def test_a_certificate_that_waits_says_which_record_it_waits_for() -> None:
    record = {"Name": "_x.photos.example.org.", "Type": "CNAME", "Value": "_y.acm.aws."}
    found = _with_certificates(
        {
            "DomainName": "photos.example.org",
            "Status": "PENDING_VALIDATION",
            "DomainValidationOptions": [
                {"DomainName": "photos.example.org", "ResourceRecord": record}
            ],
        }
    )
    assert "_x.photos.example.org. CNAME _y.acm.aws." in _only(found).fix


def test_a_certificate_that_is_given_is_not_looked_for() -> None:
    wish = replace(WISH, domain="photos.example.org", parameters={"CertificateArn": "arn:x"})
    assert _look(_account(), wish).troubles == []
