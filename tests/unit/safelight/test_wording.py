"""A change set in words: what goes away is seen, and photos are never given up."""

from __future__ import annotations

from safelight.wording import ADDS, CHANGES, DELETES, MAY_REPLACE, REPLACES, summary, words
from tests.unit.safelight.change_sets import add, modify, remove, target


def test_what_is_new_is_gathered_by_kind() -> None:
    found = words(
        [
            add("Sitegen", "AWS::Lambda::Function"),
            add("Bucket", "AWS::S3::Bucket"),
            add("Thumbnailer", "AWS::Lambda::Function"),
        ]
    )
    assert [str(one) for one in found] == [
        "adds 2 × function (Sitegen, Thumbnailer)",
        "adds the bucket (Bucket)",
    ]
    assert summary(found) == "3 added"
    assert not any(one.is_dangerous or one.refused for one in found)


def test_a_new_image_is_named_as_what_it_is() -> None:
    (found,) = words([modify("Sitegen", "AWS::Lambda::Function", target("Code"))])
    assert str(found) == "changes a function (Sitegen): its code, the new image"
    assert not found.is_dangerous


def test_values_are_shown_where_they_are_short() -> None:
    (found,) = words(
        [
            modify(
                "Sitegen",
                "AWS::Lambda::Function",
                target("MemorySize", before="1024", after="2048"),
                target("Environment", before="x" * 500, after="y" * 500),
                {"Attribute": "Tags", "RequiresRecreation": "Never"},
            )
        ]
    )
    assert found.detail == "MemorySize 1024 → 2048, Environment, its tags"


def test_the_worst_comes_first() -> None:
    found = words(
        [
            add("New", "AWS::SQS::Queue"),
            modify("Sitegen", "AWS::Lambda::Function", target("Timeout")),
            modify("Odd", "AWS::Scheduler::Schedule", target("Target"), replacement="Conditional"),
            modify("Old", "AWS::SQS::Queue", target("QueueName", "Always"), replacement="True"),
            remove("Gone", "AWS::Logs::LogGroup"),
        ]
    )
    assert [one.does for one in found] == [DELETES, REPLACES, MAY_REPLACE, CHANGES, ADDS]
    assert [one.is_dangerous for one in found] == [True, True, True, False, False]
    assert summary(found) == "1 added, 1 changed, 1 perhaps replaced, 1 replaced, 1 deleted"


def test_what_goes_away_says_what_that_means() -> None:
    (queue,) = words([remove("Gone", "AWS::SQS::Queue")])
    assert (
        queue.meaning == "messages that wait in it are lost; the sweep finds what they were about"
    )
    (distribution,) = words(
        [
            modify(
                "Distribution",
                "AWS::CloudFront::Distribution",
                target("DistributionConfig", "Conditionally"),
                replacement="Conditional",
            )
        ]
    )
    assert distribution.meaning.startswith("if so, the gallery gets another address")


def test_the_bucket_is_never_replaced() -> None:
    """Kept or not: the gallery would be an empty one."""
    for policy in (None, "ReplaceAndDelete", "ReplaceAndRetain"):
        (found,) = words(
            [
                modify(
                    "Bucket",
                    "AWS::S3::Bucket",
                    target("BucketName", "Always"),
                    replacement="True",
                    policy=policy,
                )
            ]
        )
        assert found.refused, policy
        assert str(found).endswith(": refused")


def test_the_bucket_may_leave_the_stack_only_where_it_stays() -> None:
    (kept,) = words([remove("Bucket", "AWS::S3::Bucket", "Retain")])
    assert not kept.refused
    assert kept.meaning == "it leaves the stack and stays as it is, with all that it holds"
    (deleted,) = words([remove("Bucket", "AWS::S3::Bucket", "Delete")])
    assert deleted.refused


def test_the_bucket_may_change() -> None:
    (found,) = words([modify("Bucket", "AWS::S3::Bucket", target("NotificationConfiguration"))])
    assert not found.refused
    assert not found.is_dangerous


def test_what_is_not_known_is_said_to_be_so_and_looks_dangerous() -> None:
    found = words([{"Type": "Hook"}, {"ResourceChange": {"Action": "Dynamic"}}, "?"])
    assert len(found) == 3
    assert all(one.is_dangerous for one in found)
    assert any("CloudFormation calls it Dynamic" in str(one) for one in found)


def test_a_type_without_a_name_of_ours_is_named_by_its_own_words() -> None:
    (found,) = words([add("X", "AWS::AppSync::GraphQLApi")])
    assert found.what == "an AppSync GraphQLApi"


def test_a_name_cannot_write_on_the_screen() -> None:
    (found,) = words([add("A\x1b[31mred\n", "AWS::S3::Bucket")])
    assert "\x1b" not in str(found)
    assert "\n" not in str(found)
