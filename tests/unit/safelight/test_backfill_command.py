"""What `backfill` says before it begins, and when it does not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gallery.store import ObjectInfo, Page, S3Store
from safelight import backfill, deployed
from safelight.__main__ import main
from safelight.estimate import Pipeline
from safelight.hinting import Hinter
from safelight.stack import Deployment
from tests.unit.safelight.test_stack import DEPLOYMENT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PIPELINE = Pipeline(at_once=20, retention=345_600)


class Bucket(S3Store):
    """A bucket of so many originals, a folder marker, and no records."""

    count = 3

    def __init__(self) -> None:
        self.bucket = "b"

    def pages(self, prefix: str, *, after: str = "", shallow: bool = False) -> Iterator[Page]:
        if not prefix.startswith("photos/"):
            return
        names = ["photos/a/", *(f"photos/a/{number:07}.jpg" for number in range(self.count))]
        found = [name for name in names if name.startswith(prefix) and name > after]
        yield Page(tuple(ObjectInfo(name, "e", 1, NOW) for name in found), (), more=False)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The keys that are hinted at; of a stack on AWS, with nobody at the keyboard."""
    found: list[str] = []
    monkeypatch.setenv("SAFELIGHT_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    on_aws = replace(DEPLOYMENT, stack="g", endpoint_url=None)
    monkeypatch.setattr(deployed, "find", lambda name, region: on_aws)
    monkeypatch.setattr(Deployment, "store", lambda self: Bucket())
    monkeypatch.setattr(Deployment, "s3", lambda self: None)
    monkeypatch.setattr(Deployment, "sqs", lambda self: None)
    monkeypatch.setattr(backfill, "pipeline_of", lambda deployment: PIPELINE)
    monkeypatch.setattr(Hinter, "send", lambda self, keys: found.extend(keys))
    return found


def run(*arguments: str) -> int:
    """The command."""
    return main(["backfill", "--stack", "g", *arguments])


def test_a_dry_run_sends_nothing(sent: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And leaves nothing to go on from."""
    assert run("--dry-run") == 0
    assert "3 originals to hint at" in capsys.readouterr().out
    assert run("--dry-run") == 0
    assert "Going on" not in capsys.readouterr().err
    assert sent == []


def test_only_what_begins_so(sent: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With photos/ before it or not."""
    assert run("--prefix", "a/0000001", "--yes") == 0
    assert run("--prefix", "photos/a/0000002", "--yes") == 0
    assert sent == ["photos/a/0000001.jpg", "photos/a/0000002.jpg"]
    assert run("--prefix", "z", "--yes") == 0
    assert "No originals to hint at" in capsys.readouterr().out


def test_nothing_is_sent_without_consent(
    sent: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The cost comes before the question."""
    assert run() == 1
    said = capsys.readouterr()
    assert "Cost: less than a cent" in said.out
    assert "say --yes" in said.err
    assert sent == []


def test_what_it_costs_is_told_in_parts(
    sent: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the region and the date of the prices."""
    monkeypatch.setattr(Bucket, "count", 50_000)
    assert run("--dry-run") == 0
    told = capsys.readouterr().out
    assert "50000 originals" in told
    assert "Cost: about $" in told
    assert "Lambda $" in told
    assert "us-east-1" in told


def test_hints_that_would_be_forgotten_are_not_sent(
    sent: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Consent or not; the rate that is proposed is taken."""
    monkeypatch.setattr(Bucket, "count", 20_000)
    slow = replace(PIPELINE, at_once=2, retention=3600.0)
    monkeypatch.setattr(backfill, "pipeline_of", lambda deployment: slow)
    assert run("--yes") == 1
    told = capsys.readouterr().err
    assert "the queue forgets a message after 60 min" in told
    assert "Say --rate 2.8" in told
    assert sent == []
    assert run("--rate", "2.8", "--dry-run") == 0


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "fast", "10001"])
def test_a_rate_that_is_none_is_refused(sent: list[str], rate: str) -> None:
    """As a mistyped command."""
    with pytest.raises(SystemExit) as ended:
        run("--rate", rate)
    assert ended.value.code == 2


def test_restart_begins_anew(
    sent: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it, it goes on; another job has a progress of its own."""

    def broken(self: Any, keys: Any) -> None:
        raise KeyboardInterrupt

    working = Hinter.send
    monkeypatch.setattr(Hinter, "send", broken)
    assert run("--yes") == 130
    monkeypatch.setattr(Hinter, "send", working)
    capsys.readouterr()
    assert run("--dry-run", "--prefix", "a/0000001") == 0
    assert "Going on" not in capsys.readouterr().err
    assert run("--dry-run") == 0
    assert "Going on where it was: 0 of 3" in capsys.readouterr().err
    assert run("--dry-run", "--restart") == 0
    assert "Going on" not in capsys.readouterr().err


def test_an_inventory_of_another_bucket_is_refused(
    sent: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its keys mean nothing here."""
    from tests.property.safelight.test_inventory import write

    manifest = write(tmp_path, [[("photos/a.jpg", "true", "false")]])
    assert run("--inventory", manifest, "--yes") == 1
    assert "an inventory of the bucket b, and this stack's is safelight" in capsys.readouterr().err
