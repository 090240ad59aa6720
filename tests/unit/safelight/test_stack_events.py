"""What CloudFormation tells: each step once, in words, and the first failure as the reason."""

from __future__ import annotations

import pytest

from safelight.stack_events import Following, advice, reason
from tests.unit.safelight.formations import Formations, event, events, of_stack

FUNCTION = "AWS::Lambda::Function"


def test_a_step_is_told_in_words() -> None:
    told = [
        one.in_words()
        for one in events(
            event("Sitegen", FUNCTION, "CREATE_IN_PROGRESS", "Resource creation Initiated"),
            event("Sitegen", FUNCTION, "CREATE_COMPLETE"),
            event("Sitegen", FUNCTION, "UPDATE_IN_PROGRESS"),
            event("Sitegen", FUNCTION, "DELETE_COMPLETE"),
            event("Sitegen", FUNCTION, "UPDATE_FAILED", "It is\x1b[2J too large"),
            of_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
            of_stack("UPDATE_ROLLBACK_COMPLETE"),
            event("Sitegen", FUNCTION, "SOMETHING_NEW"),
        )
    ]
    assert told == [
        "creating a function Sitegen",
        "created a function Sitegen",
        "changing a function Sitegen",
        "deleted a function Sitegen",
        "FAILED changing a function Sitegen: It is\\x1b[2J too large",
        "tidying up the stack",
        "undone the stack",
        "something new a function Sitegen",
    ]


def test_the_reason_is_the_first_failure_that_has_one_of_its_own() -> None:
    found = reason(
        events(
            of_stack("CREATE_IN_PROGRESS", "User Initiated"),
            event("Bucket", "AWS::S3::Bucket", "CREATE_FAILED", "Resource creation cancelled"),
            event("Sitegen", FUNCTION, "CREATE_FAILED", "User is not authorized to perform: x:Y"),
            event("Thumbnailer", FUNCTION, "CREATE_FAILED", "and this came later"),
            of_stack(
                "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Bucket]"
            ),
        )
    )
    assert found is not None
    assert (found.what, found.why) == (
        "Sitegen (a function)",
        "User is not authorized to perform: x:Y",
    )
    assert "permission" in found.advice


def test_a_stack_that_gave_up_before_any_resource_says_why_itself() -> None:
    found = reason(events(of_stack("UPDATE_ROLLBACK_IN_PROGRESS", "Export x is in use by y")))
    assert found is not None
    assert str(found) == "the stack: Export x is in use by y"


def test_cancelled_is_better_than_nothing_and_nothing_is_none() -> None:
    cancelled = event("Q", "AWS::SQS::Queue", "UPDATE_FAILED", "Resource update cancelled")
    found = reason(events(cancelled))
    assert found is not None
    assert found.why == "Resource update cancelled"
    assert reason(events(of_stack("UPDATE_COMPLETE"))) is None
    assert reason([]) is None


@pytest.mark.parametrize(
    ("why", "word"),
    [
        ("API: s3:PutBucketPolicy Access Denied", "docs/deploy.md"),
        ("One or more of the CNAMEs you provided are already associated", "--domain"),
        ("The specified SSL certificate doesn't exist, InvalidViewerCertificate", "certificate"),
        ("my-bucket already exists (BucketAlreadyExists)", "--bucket"),
        ("Unable to validate the following destination configurations", "Deploy again"),
        ("Configurations overlap. Configurations on the same bucket cannot share", "prefix"),
        ("Lambda does not have permission to access the specified image.", "--anew"),
        ("Specified ConcurrentExecutions decreases UnreservedConcurrentExecution", "Concurrency"),
        ("'MemorySize' value failed: Member must have value less than or equal to 3008", "Memory"),
        ("LimitExceededException: too many", "quota"),
        ("Rate exceeded (Throttling)", "minute"),
        ("/aws/lambda/x already exists in stack arn", "--stack"),
        ("No hosted zone with id 'Z1'", "route53"),
        ("HandlerInternalFailure", "Deploy again"),
        ("Queue NonExistentQueue does not exist", "deploy anew"),
        ("The security token included in the request is expired", "new ones"),
    ],
)
def test_what_is_known_has_advice(why: str, word: str) -> None:
    assert word in advice(why)


def test_what_is_not_known_has_none() -> None:
    assert advice("the moon is in the wrong quarter") == ""


def test_events_are_given_once_and_in_order() -> None:
    cfn = Formations("UPDATE_IN_PROGRESS")
    cfn.happened(event("Old", FUNCTION, "CREATE_COMPLETE"))
    following = Following(cfn, "stack")  # type: ignore[arg-type]
    following.from_now()
    names = [f"E{index}" for index in range(5)]
    cfn.happened(*(event(name, FUNCTION, "UPDATE_COMPLETE") for name in names))
    assert [one.name for one in following.new()] == names
    assert list(following.new()) == []
    cfn.happened(event("Last", FUNCTION, "UPDATE_COMPLETE"))
    assert [one.name for one in following.new()] == ["Last"]


def test_an_operation_that_is_under_way_is_told_from_its_beginning() -> None:
    cfn = Formations("UPDATE_IN_PROGRESS")
    cfn.happened(
        of_stack("CREATE_IN_PROGRESS", "User Initiated"),
        event("Old", FUNCTION, "CREATE_COMPLETE"),
        of_stack("CREATE_COMPLETE"),
        of_stack("UPDATE_IN_PROGRESS", "User Initiated"),
        event("New", FUNCTION, "UPDATE_COMPLETE"),
    )
    following = Following(cfn, "stack")  # type: ignore[arg-type]
    following.from_this_operation()
    assert [one.status for one in following.new()] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
