"""The log: one line a message, with enough of what failed to make a fixture of it."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gallery.batch import Done, Failed, Report, Retry
from gallery.queue import Message
from gallery.redaction import redact_text
from gallery.telemetry import Telemetry
from safelight.fixtures import load

_NUMBERS = itertools.count()
SENT = datetime(2026, 3, 14, 9, 26, 53, 589000, UTC)


def logged(report: Report, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    # A logger of its own: one that was made before writes to another test's output.
    Telemetry(f"thumbnailer-{next(_NUMBERS)}").message(report)
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_what_failed_is_logged_as_it_came_but_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    body = load("aws-put").event["Records"][0]["body"].replace("AWS:EXAMPLE", "EXAMPLE")
    received = body.replace("192.0.2.1", "203.0.113.77")
    received = received.replace('"principalId":"EXAMPLE"', '"principalId":"AWS:AIDAREAL:me"')
    assert received.count("me") > body.count("me")

    line = logged(Report(Message("m-1", "r", received, 4, SENT), Failed("no")), capsys)

    assert line["body"] == body
    assert line["message_id"] == "m-1"
    assert line["receives"] == 4
    assert line["sent"] == "2026-03-14T09:26:53.589+00:00"
    assert "body_bytes" not in line


@pytest.mark.parametrize("name", ["64-kilobytes", "truncated", "key-1024-bytes", "record-text"])
def test_any_body_that_s3_could_send_is_logged_whole(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    body = load(name).event["Records"][0]["body"]

    line = logged(Report(Message("m-1", "r", body, 1, SENT), Failed("no")), capsys)

    assert line["body"] == redact_text(body)


def test_a_longer_one_is_cut_and_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    # Cut in the middle of an address, which must not be left in it.
    body = '{"pad":"' + "x" * (64 * 1024 - 40) + '","sourceIPAddress":"203.0.113.77"'

    line = logged(Report(Message("m-1", "r", body + "y" * 99_999, 1, None), Failed("no")), capsys)

    assert len(line["body"]) == 64 * 1024
    assert line["body_bytes"] > 99_999
    assert "203." not in line["body"]
    assert "sent" not in line


@pytest.mark.parametrize("outcome", [Done("made"), Retry(2, "early")])
def test_what_did_not_fail_is_not_kept(
    outcome: Done | Retry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "body" not in logged(Report(Message("m-1", "r", "{}", 1, SENT), outcome), capsys)
