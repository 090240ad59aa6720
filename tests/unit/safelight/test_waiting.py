"""When `wait` is done, and what it says when it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safelight import wait
from safelight.queues import Depth
from safelight.stack import QUEUES
from safelight.survey import Rejected, Survey, Unfinished
from safelight.waiting import State
from tests.unit.safelight.test_stack import DEPLOYMENT


def state(
    *,
    pending: int = 0,
    unfinished: tuple[Unfinished, ...] = (),
    dead: tuple[str, ...] = (),
    **queues: tuple[int, int, int],
) -> State:
    """A state with three photos."""
    survey = Survey(
        total=3,
        ready=2 - pending,
        pending=pending,
        rejected=(Rejected("photos/bad.jpg", "it is a text"),),
        texts=0,
        skipped=(),
        has_location=0,
        unfinished=unfinished,
    )
    depths = {name: Depth(name, *queues.get(name, (0, 0, 0))) for name in QUEUES}
    return State(survey, depths, dead)


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """The states that are seen one after the other, to be filled; the last one for ever."""
    found: list[State] = []

    def look(deployment: object) -> State:
        del deployment
        return found.pop(0) if len(found) > 1 else found[0]

    monkeypatch.setattr(wait, "look", look)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return found


LATE = Unfinished("photos/a.jpg", "no record yet")


def test_it_ends_when_all_is_done(states: list[State], capsys: pytest.CaptureFixture[str]) -> None:
    """Rejected photos are done, and told."""
    states += [
        state(pending=1, unfinished=(LATE,), thumbnail=(1, 0, 0)),
        state(unfinished=(Unfinished("index.html", "not published yet"),)),
        state(publish=(0, 1, 0)),
        state(),
    ]
    assert wait.until_settled(DEPLOYMENT, wait.PATIENCE) == 0
    assert "the gallery shows 2 of 3 photos, 1 rejected" in capsys.readouterr().err


@pytest.mark.parametrize("depth", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_message_anywhere_is_not_done(
    states: list[State], capsys: pytest.CaptureFixture[str], depth: tuple[int, int, int]
) -> None:
    """Waiting, in flight, or delayed."""
    states.append(state(publish=depth))
    assert wait.until_settled(DEPLOYMENT, 0) == 1
    told = capsys.readouterr().err
    assert "Not done within 0 s" in told
    assert "publish" in told


def test_what_is_missing_is_named(states: list[State], capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason."""
    states.append(state(pending=1, unfinished=(LATE,)))
    assert wait.until_settled(DEPLOYMENT, 0) == 1
    assert "photos/a.jpg: no record yet" in capsys.readouterr().err


def test_a_dead_letter_ends_the_wait_at_once(
    states: list[State], capsys: pytest.CaptureFixture[str]
) -> None:
    """However patient: it does not come back by itself.  Even where all else is done."""
    states.append(
        state(pending=1, unfinished=(LATE,), dead=("not understood: x",), thumbnail_dlq=(1, 0, 0))
    )
    assert wait.until_settled(DEPLOYMENT, wait.PATIENCE) == 1
    told = capsys.readouterr().err
    assert "not understood: x" in told
    assert "redrive" in told
    assert "photos/a.jpg" in told
    states[:] = [state(dead=("not understood: x",), thumbnail_dlq=(1, 0, 0))]
    assert wait.until_settled(DEPLOYMENT, wait.PATIENCE) == 1


def test_standing_still_for_long_ends_the_wait(
    states: list[State], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody waits for ever for something that is broken."""
    clock = iter(range(0, 1_000_000, 60))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    states.append(state(pending=1, unfinished=(LATE,), thumbnail=(0, 1, 0)))
    assert wait.until_settled(DEPLOYMENT, wait.PATIENCE) == 1
    assert "Nothing has moved" in capsys.readouterr().err


ON_AWS = replace(DEPLOYMENT, stack="g", endpoint_url=None)


def test_on_aws_empty_queues_are_asked_again(
    states: list[State], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What SQS tells is of a moment ago: a message that shows up after all is waited for."""
    empty = {name: Depth(name, 0, 0, 0) for name in QUEUES}
    busy = {**empty, "publish": Depth("publish", 0, 1, 0)}
    told = [empty, empty, busy, *[empty] * wait.ASKED_AGAIN]
    monkeypatch.setattr(wait, "depths", lambda deployment: told.pop(0))
    states.append(state())
    assert wait.until_settled(ON_AWS, wait.PATIENCE) == 0
    assert not told
    assert "Done" in capsys.readouterr().err


def test_on_aws_a_message_that_stays_is_not_done(
    states: list[State], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the bucket looks complete."""
    busy = {name: Depth(name, 0, 1, 0) for name in QUEUES}
    monkeypatch.setattr(wait, "depths", lambda deployment: busy)
    states.append(state())
    assert wait.until_settled(ON_AWS, 0) == 1
    told = capsys.readouterr().err
    assert "publish: 0 messages waiting, 1 being worked on" in told


def test_what_to_do_next_names_the_stack(
    states: list[State], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that it can be copied."""
    empty = {name: Depth(name, 0, 0, 0) for name in QUEUES}
    monkeypatch.setattr(wait, "depths", lambda deployment: empty)
    states.append(state(pending=1, unfinished=(LATE,), dead=("x",), thumbnail_dlq=(1, 0, 0)))
    assert wait.until_settled(ON_AWS, wait.PATIENCE) == 1
    assert "`safelight redrive --stack g --region us-east-1`" in capsys.readouterr().err
