"""The images' repositories, held to the one promise: what is deployed is never deleted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from safelight.home import checkout
from safelight.template import Given, Template

FILE = checkout() / "infra" / "registry.yaml"
REPOSITORIES = {"ThumbnailerRepository": "thumbnailer", "SitegenRepository": "sitegen"}


def _repository(name: str, **parameters: str) -> dict[str, Any]:
    found: dict[str, Any] = Template.read(FILE).properties(name, Given(parameters))
    return found


def test_cfn_lint_finds_nothing() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("name", "service"), REPOSITORIES.items())
def test_a_deployed_image_is_never_taken(name: str, service: str) -> None:
    """It has a tag, which nothing takes from it; the lifecycle takes only what has none."""
    repository = _repository(name, Prefix="mine", UntaggedDays="3")
    assert repository["RepositoryName"] == f"mine/{service}"
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged"]
    assert rules[0]["selection"]["countNumber"] == 3
    resource = Template.read(FILE).document["Resources"][name]
    assert resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", REPOSITORIES)
def test_images_are_scanned_and_encrypted(name: str) -> None:
    repository = _repository(name)
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["EncryptionConfiguration"] == {"EncryptionType": "AES256"}


@pytest.mark.parametrize("name", REPOSITORIES)
def test_only_this_accounts_functions_pull(name: str) -> None:
    (statement,) = _repository(name)["RepositoryPolicyText"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Condition"] == {
        "StringLike": {"aws:SourceArn": "arn:aws:lambda:us-east-1:000000000000:function:*"}
    }


def test_every_parameter_is_documented() -> None:
    text = (checkout() / "docs" / "deploy.md").read_text(encoding="utf-8")
    for name, parameter in Template.read(FILE).parameters().items():
        assert f"| `{name}` | `{parameter['Default']}` |" in text
