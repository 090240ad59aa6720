"""The template, held to what the design and AWS's documentation ask of it."""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gallery.originals import FROM_LOOSE_TO_STRICT
from safelight.home import checkout
from thumbnailer.settings import Settings

TEMPLATE = checkout() / "infra" / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as ``{"Tag": value}``."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tag)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template, parsed."""
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return found


def _default(template: dict[str, Any], name: str) -> Any:
    return template["Parameters"][name]["Default"]


def _statements(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    (policy,) = template["Resources"][role]["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_cfn_lint_finds_nothing() -> None:
    """Not even a warning."""
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", TEMPLATE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_hidden_messages_outlast_their_function(template: dict[str, Any]) -> None:
    """Six times the function's timeout and the batching window (Lambda developer guide, "Using
    Lambda with Amazon SQS")."""
    assert _default(template, "ThumbnailVisibility") >= 6 * _default(template, "ThumbnailerTimeout")
    assert _default(template, "PublishVisibility") >= 6 * _default(
        template, "SitegenTimeout"
    ) + _default(template, "SitegenBatchingWindow")


def test_a_dead_letter_outlives_the_queue_it_comes_from(template: dict[str, Any]) -> None:
    """It keeps the time at which it was first sent."""
    resources = template["Resources"]
    for queue, dead in (("ThumbnailQueue", "ThumbnailDlq"), ("PublishQueue", "PublishDlq")):
        source = resources[queue]["Properties"]
        assert source["RedrivePolicy"]["maxReceiveCount"] == 10
        assert (
            resources[dead]["Properties"]["MessageRetentionPeriod"]
            > source["MessageRetentionPeriod"]
        )


def test_a_whole_batch_of_the_slowest_photos_fits(template: dict[str, Any]) -> None:
    """At least one photo, with time left for S3, and /tmp holds the largest original."""
    assert _default(template, "MaxSeconds") + 10 < _default(template, "ThumbnailerTimeout")
    assert 2 * Settings().max_bytes <= _default(template, "ThumbnailerStorage") * 1024**2
    assert 2 * Settings().max_memory <= _default(template, "ThumbnailerMemory") * 1024**2


def test_the_defaults_are_the_thumbnailers_own(template: dict[str, Any]) -> None:
    """What `thumbnailer render` makes on a laptop, the function makes on AWS."""
    variables = template["Resources"]["Thumbnailer"]["Properties"]["Environment"]["Variables"]
    environment = {
        name: str(_default(template, value["Ref"]))
        for name, value in variables.items()
        if name in ("SAFELIGHT_EDGES", "SAFELIGHT_QUALITY", "SAFELIGHT_KEEP_LOCATION")
        or name.startswith("SAFELIGHT_MAX_")
    }
    assert len(environment) == 7
    assert Settings.from_env(environment) == Settings()


@pytest.mark.parametrize("role", ["ThumbnailerRole", "SitegenRole"])
def test_no_function_may_write_originals(template: dict[str, Any], role: str) -> None:
    """Rule 7: nothing that writes or deletes reaches photos/, nor any bucket but ours."""
    for statement in _statements(template, role):
        actions = _as_list(statement["Action"])
        assert not any("*" in action for action in actions), statement["Sid"]
        for resource in _as_list(statement["Resource"]):
            arn = resource.get("Sub", "")
            if not any(action.startswith("s3:") for action in actions):
                continue
            assert arn.startswith("arn:${AWS::Partition}:s3:::${BucketName}"), statement["Sid"]
            path = arn.removeprefix("arn:${AWS::Partition}:s3:::${BucketName}").lstrip("/")
            if {"s3:PutObject", "s3:DeleteObject"} & set(actions):
                assert path
                assert not fnmatch.fnmatch("photos/a.jpg", path), statement["Sid"]
                assert not fnmatch.fnmatch("photos/a/b.jpg", path), statement["Sid"]


def test_nothing_a_function_writes_wakes_it(template: dict[str, Any]) -> None:
    """The prefixes of the notifications against those of the roles."""
    bucket = template["Resources"]["Bucket"]["Properties"]
    for role, queue in (("ThumbnailerRole", "ThumbnailQueue"), ("SitegenRole", "PublishQueue")):
        wakes = {
            event["Filter"]["S3Key"]["Rules"][0]["Value"]
            for event in bucket["NotificationConfiguration"]["QueueConfigurations"]
            if event["Queue"] == {"GetAtt": f"{queue}.Arn"}
        }
        assert wakes
        written = [
            resource["Sub"].partition("${BucketName}/")[2]
            for statement in _statements(template, role)
            if "s3:PutObject" in _as_list(statement["Action"])
            for resource in _as_list(statement["Resource"])
        ]
        assert written
        assert not [path for path in written for prefix in wakes if path.startswith(prefix)]


def test_both_services_are_told_what_visitors_may_take(template: dict[str, Any]) -> None:
    """The pages must not link what the thumbnailer does not make."""
    for name in ("Thumbnailer", "Sitegen"):
        variables = template["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["SAFELIGHT_ORIGINALS"] == {"Ref": "Originals"}
    assert tuple(template["Parameters"]["Originals"]["AllowedValues"]) == FROM_LOOSE_TO_STRICT


def test_the_door_shuts_on_originals_that_are_not_public(template: dict[str, Any]) -> None:
    """Nothing but a condition on the parameter lets anybody read photos/."""
    assert template["Conditions"]["HasPublicOriginals"] == {
        "Equals": [{"Ref": "Originals"}, "public"]
    }
    (statement,) = template["Resources"]["DoorPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    about = [each for each in statement["Resource"] if "photos/" in json.dumps(each)]
    assert about == [
        {"If": ["HasPublicOriginals", {"Sub": "${Bucket.Arn}/photos/*"}, {"Ref": "AWS::NoValue"}]}
    ]


def test_the_bucket_outlives_the_stack(template: dict[str, Any]) -> None:
    """Neither a deleted stack nor a replacement takes the photos along."""
    bucket = template["Resources"]["Bucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_mappings_report_failures_one_by_one(template: dict[str, Any]) -> None:
    """And bound concurrency where it consumes no receives."""
    for name in ("ThumbnailerMapping", "SitegenMapping"):
        mapping = template["Resources"][name]["Properties"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "MaximumConcurrency" in mapping["ScalingConfig"]
    for name in ("Thumbnailer", "Sitegen"):
        assert "ReservedConcurrentExecutions" not in json.dumps(template["Resources"][name])


def test_every_parameter_is_described_and_shown(template: dict[str, Any]) -> None:
    """In the console's form, under a heading."""
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(template["Parameters"])
    assert all(parameter["Description"] for parameter in template["Parameters"].values())


def test_the_template_has_no_yaml_aliases() -> None:
    """CloudFormation refuses them, and the emulators do not."""
    events = yaml.parse(TEMPLATE.read_text(encoding="utf-8"), yaml.SafeLoader)
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]
