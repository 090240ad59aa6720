"""The event library in pytest's hands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, TypeVar, overload

from safelight.fixtures import TOPICS, Fixture, all_fixtures

Test = TypeVar("Test", bound=Callable[..., Any])
OUTCOMES = ("done", "ignored", "failed", "refused")


def chosen(
    *,
    topic: str | Iterable[str] = (),
    outcome: str | Iterable[str] = (),
    name: str | Iterable[str] = (),
    origin: str | Iterable[str] = (),
) -> list[Fixture]:
    """The fixtures of these topics, that hold a message with one of these outcomes, whose names
    match one of these patterns (``key-*``) and that come from there (``recorded``, ``edited``,
    ``written``).  What is not said does not matter.  Raises ``ValueError`` for a word that is
    none of those, and if nothing is left.
    """
    topics, outcomes = _words(topic, TOPICS, "topic"), _words(outcome, OUTCOMES, "outcome")
    origins = _words(origin, ("recorded", "edited", "written"), "origin")
    patterns = [name] if isinstance(name, str) else list(name)
    found = [
        fixture
        for fixture in all_fixtures()
        if (not topics or fixture.meta.topic in topics)
        and (not outcomes or outcomes & _outcomes(fixture))
        and (not patterns or any(fnmatchcase(fixture.name, pattern) for pattern in patterns))
        and (not origins or type(fixture.meta.origin).__name__.lower() in origins)
    ]
    if not found:
        raise ValueError("no event of the library is like that; docs/events.md lists them")
    return found


def _words(given: str | Iterable[str], known: Iterable[str], what: str) -> set[str]:
    words = {given} if isinstance(given, str) else set(given)
    unknown = words - set(known)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is no {what}; there are {', '.join(known)}")
    return words


def _outcomes(fixture: Fixture) -> set[str]:
    if fixture.meta.expect.refused:
        return {"refused"}
    return {message.outcome for message in fixture.meta.expect.messages}


@overload
def safelight_events(test: Test, /) -> Test: ...


@overload
def safelight_events(
    *,
    topic: str | Iterable[str] = (),
    outcome: str | Iterable[str] = (),
    name: str | Iterable[str] = (),
    origin: str | Iterable[str] = (),
    argument: str = "safelight_event",
) -> Callable[[Test], Test]: ...


def safelight_events(
    test: Any = None,
    /,
    *,
    topic: str | Iterable[str] = (),
    outcome: str | Iterable[str] = (),
    name: str | Iterable[str] = (),
    origin: str | Iterable[str] = (),
    argument: str = "safelight_event",
) -> Any:
    """Run a test once for each event of the library, or for those that :func:`chosen` chooses.

    The test is given a :class:`safelight.fixtures.Fixture` as ``argument``: ``.event`` is what a
    handler receives, ``.meta.expect`` what must become of it.
    """
    import pytest  # pytest is not needed to import the rest

    if test is not None:
        return safelight_events()(test)
    found = chosen(topic=topic, outcome=outcome, name=name, origin=origin)
    return pytest.mark.parametrize(argument, [pytest.param(each, id=each.name) for each in found])
