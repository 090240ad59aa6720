"""What is printed: nobody who names a file writes on our screen."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from safelight import logs, screen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("été 写真 🎞.jpg", "été 写真 🎞.jpg"),
        ("\x1b[31mred\x07.jpg", "\\x1b[31mred\\x07.jpg"),
        ("two\nlines.jpg", "two\\nlines.jpg"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\udcff.jpg", "\\udcff.jpg"),
    ],
)
def test_what_a_terminal_would_obey_is_made_visible(text: str, expected: str) -> None:
    """Control characters, direction overrides, bytes that are no characters."""
    assert screen.printable(text) == expected


def test_without_a_terminal_progress_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Not one for each of a thousand photos."""
    with screen.transfer(1000, 1000) as meter:
        for _ in range(1000):
            meter.advance(1, 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "1000 of 1000"
    assert len(lines) <= 21


def test_a_log_line_for_a_person() -> None:
    """The level, the message, and what it is about."""
    line = json.dumps(
        {"level": "INFO", "message": "done: ready", "tasks": [{"name": "photos/a\n.jpg"}]}
    )
    assert logs.shown(line, only_errors=False) == "INFO    done: ready  photos/a\\n.jpg"
    assert logs.shown(line, only_errors=True) is None


def test_a_failure_is_shown_with_its_traceback() -> None:
    """On lines of its own."""
    line = json.dumps({"level": "ERROR", "message": "failed", "exception": "Trace\n  here"})
    assert logs.shown(line, only_errors=True) == "ERROR   failed\nTrace\n  here"


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 1 Version: $LATEST",
        "END RequestId: 1",
        "REPORT RequestId: 1\tDuration: 1 ms",
        json.dumps({"_aws": {"Timestamp": 1}, "Done": 1}),
    ],
)
def test_what_only_machines_read_is_left_out(line: str) -> None:
    """Lambda's own lines, and metrics."""
    assert logs.shown(line, only_errors=False) is None


def test_what_no_logger_wrote_is_shown_as_it_is() -> None:
    """A crash speaks for itself, errors only or not."""
    assert logs.shown("Segmentation fault\x1b", only_errors=True) == "Segmentation fault\\x1b"


def test_a_tally_of_a_quick_thing_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a flicker; of a long one it tells the number."""
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=60)
    monkeypatch.setattr(screen, "errors", terminal)
    with screen.tally("keys listed") as seen:
        seen(10)
    assert written.getvalue() == ""
    with screen.tally("keys listed") as seen:
        seen(123_456)
    assert "123456 keys listed" in written.getvalue()


def test_a_tally_where_there_is_no_terminal_is_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A log has no use for it."""
    with screen.tally("keys listed") as seen:
        seen(123_456)
    said = capsys.readouterr()
    assert said.out + said.err == ""
