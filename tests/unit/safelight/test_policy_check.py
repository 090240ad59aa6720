"""What a policy checker says of the templates: nothing.

cfripper knows some thirty rules about IAM, queues, topics and buckets (wildcards, principals,
privilege escalation, encryption).  It cannot evaluate conditions, so it is given the template as it
comes out for each target.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from safelight.home import checkout
from safelight.template import Given, Template

ACCOUNT = "123456789012"
INFRA = checkout() / "infra"


class _Names(Mapping[str, str]):
    """ARNs for what ends in "Arn" or has one as its reference, names for the rest."""

    def __getitem__(self, name: str) -> str:
        resource, _, attribute = name.partition(".")
        if attribute == "Arn" and resource.endswith(("Queue", "Dlq")):
            return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{resource}"
        if attribute == "Arn":
            return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{resource}"
        if resource == "AlarmTopic":
            return f"arn:aws:sns:us-east-1:{ACCOUNT}:{resource}"
        return resource

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("not to be listed")

    def __len__(self) -> int:
        raise AssertionError("not to be counted")


def _resolved(template: Template, given: Given) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            name: {"Type": resource["Type"], "Properties": template.properties(name, given)}
            for name, resource in template.document["Resources"].items()
            if template.exists(name, given)
        },
    }


def _findings(document: dict[str, Any], folder: Path) -> list[str]:
    """What cfripper finds: rule and words."""
    file = folder / "template.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run(
        [
            Path(sys.executable).parent / "cfripper",
            file,
            "--format",
            "json",
            "--logging",
            "ERROR",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    # 2: it has found something.
    assert done.returncode in (0, 2), done.stderr
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    assert answer["exceptions"] == []
    found = [*answer["failures"], *answer.get("warnings", [])]
    return [f"{each['rule']}: {each['reason']}" for each in found]


AWS = {
    "Target": "aws",
    "BucketName": "gallery",
    "ThumbnailerImageUri": "registry/thumbnailer@sha256:1",
    "SitegenImageUri": "registry/sitegen@sha256:2",
    "AlarmEmail": "somebody@example.org",
    "Versioning": "true",
}


def _given(parameters: Mapping[str, str]) -> Given:
    return Given(parameters, account=ACCOUNT, resources=_Names(), attributes=_Names())


@pytest.mark.parametrize(
    "parameters",
    [AWS, {**AWS, "ExistingBucket": "true", "Originals": "private"}],
    ids=["on-aws", "with-a-bucket-of-somebodys"],
)
def test_nothing_is_found(parameters: dict[str, str], tmp_path: Path) -> None:
    found = _resolved(Template.read(), _given(parameters))
    assert len(found["Resources"]) > 30
    assert _findings(found, tmp_path) == []


def test_nothing_is_found_in_the_registry(tmp_path: Path) -> None:
    template = Template.read(INFRA / "registry.yaml")
    assert _findings(_resolved(template, _given({})), tmp_path) == []


def test_the_checker_does_check(tmp_path: Path) -> None:
    """Or silence would mean nothing: a queue that takes messages from anybody, and a role that
    may do anything."""
    document = _resolved(Template.read(), _given(AWS))
    (statement,) = document["Resources"]["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    del statement["Condition"]
    statement["Principal"] = "*"
    (policy,) = document["Resources"]["SitegenRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"][0] |= {"Action": "s3:*", "Resource": "*"}
    found = " ".join(_findings(document, tmp_path))
    assert "QueuePolicy" in found
    assert "SitegenRole" in found
