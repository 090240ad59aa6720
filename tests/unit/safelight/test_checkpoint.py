"""What is remembered of a long job."""

from __future__ import annotations

from pathlib import Path

import pytest

from safelight.checkpoint import Checkpoint, Progress
from safelight.home import Home

JOB = {"bucket": "b", "prefix": "photos/"}
HALF = Progress(position="photos/é.jpg", hinted=5, seen=7, total=12)


def test_a_job_is_known_again(tmp_path: Path) -> None:
    """By what it is about; another is another's."""
    home = Home(tmp_path)
    assert Checkpoint(home, JOB).load() is None
    Checkpoint(home, JOB).save(HALF)
    assert Checkpoint(home, JOB).load() == HALF
    assert Checkpoint(home, {**JOB, "bucket": "c"}).load() is None
    Checkpoint(home, JOB).forget()
    assert Checkpoint(home, JOB).load() is None
    Checkpoint(home, JOB).forget()


def test_it_is_written_once_a_second(tmp_path: Path) -> None:
    """Or when it must be."""
    now = [0.0]
    checkpoint = Checkpoint(Home(tmp_path), JOB, lambda: now[0])
    checkpoint.save(Progress(hinted=1))
    checkpoint.save(Progress(hinted=2))
    assert checkpoint.load() == Progress(hinted=1)
    now[0] = 1.0
    checkpoint.save(Progress(hinted=3))
    assert checkpoint.load() == Progress(hinted=3)
    checkpoint.save(Progress(hinted=4), now=True)
    assert checkpoint.load() == Progress(hinted=4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        '{"job": {"bucket": "b", "prefix": "photos/"}}',
        '{"job": {"bucket": "b", "prefix": "photos/"}, "progress": {"position": 3}}',
        '{"job": {"bucket": "b", "prefix": "photos/"}, "progress": {"hinted": -1}}',
        '{"job": {"bucket": "b", "prefix": "photos/"}, "progress": {"unknown": 1}}',
    ],
)
def test_a_file_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    """Beginning anew loses nothing."""
    checkpoint = Checkpoint(Home(tmp_path), JOB)
    checkpoint.save(HALF)
    checkpoint.path.write_text(text)
    assert checkpoint.load() is None
