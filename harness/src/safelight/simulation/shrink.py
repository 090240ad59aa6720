"""Shrinking: the shortest scenario that still breaks the same law.

Steps are taken out, in ever smaller pieces (Zeller's delta debugging), then made simpler one
by one, until nothing more can go.  A step that makes no sense any more, because what it was
about has been taken out, counts as taken out too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from safelight import scenario as form
from safelight.scenario import Scenario, Step, steps_of
from safelight.simulation.laws import LawBroken
from safelight.simulation.timeline import Inapplicable, Missed, Simulation
from sitegen.reconcile import Press

Fails = Callable[[Scenario], bool]


def broken_law(scenario: Scenario, press: Press | None = None) -> LawBroken | None:
    """The law that a scenario breaks; steps that make no sense are left out."""
    return sensible(scenario, press)[1]


def sensible(scenario: Scenario, press: Press | None = None) -> tuple[Scenario, LawBroken | None]:
    """The scenario's steps up to the one that breaks a law, without the senseless ones, and
    the law."""
    simulation = Simulation(scenario, press=press)
    kept: list[Step] = []
    try:
        for step in scenario.steps:
            kept.append(step)
            try:
                simulation.perform(step)
            except Missed as missed:
                kept[-1] = missed.instead
            except Inapplicable:
                kept.pop()
        simulation.finish()
    except LawBroken as error:
        return steps_of(scenario, kept), error
    return steps_of(scenario, kept), None


def shrink(scenario: Scenario, law: str | None = None, press: Press | None = None) -> Scenario:
    """The shortest scenario found that breaks ``law`` (by default the one it breaks).

    Raises ``ValueError`` if it breaks none.
    """
    found = broken_law(scenario, press)
    if found is None:
        raise ValueError(f"“{scenario.name}” breaks no law: there is nothing to shrink")
    law = law or found.law

    def fails(candidate: Scenario) -> bool:
        broken = broken_law(candidate, press)
        return broken is not None and broken.law == law

    scenario = sensible(scenario, press)[0]
    while True:
        before = scenario
        scenario = _fewer(scenario, fails)
        scenario = _simpler(scenario, fails)
        if scenario == before:
            return sensible(scenario, press)[0]


def _fewer(scenario: Scenario, fails: Fails) -> Scenario:
    size = max(1, len(scenario.steps) // 2)
    while True:
        start, gone = 0, False
        while start < len(scenario.steps):
            kept = (*scenario.steps[:start], *scenario.steps[start + size :])
            candidate = steps_of(scenario, kept)
            if fails(candidate):
                scenario, gone = candidate, True
            else:
                start += size
        if size == 1 and not gone:
            return scenario
        size = size if gone and size == 1 else max(1, size // 2)


def _simpler(scenario: Scenario, fails: Fails) -> Scenario:
    for name, values in _PLAINER.items():
        for value in values:
            if value == getattr(scenario, name):
                break
            candidate = msgspec.structs.replace(scenario, **{name: value})
            if fails(candidate):
                scenario = candidate
                break
    for number in range(len(scenario.steps)):
        for step in _variants(scenario.steps[number]):
            candidate = _replaced(scenario, number, step)
            if fails(candidate):
                scenario = candidate
                break
    # A worker's few calls here and few there are often one run.
    number = 0
    while number + 1 < len(scenario.steps):
        joined = _joined(scenario.steps[number], scenario.steps[number + 1])
        if joined is not None:
            steps = (*scenario.steps[:number], joined, *scenario.steps[number + 2 :])
            if fails(steps_of(scenario, steps)):
                scenario = steps_of(scenario, steps)
                continue
        number += 1
    return scenario


_PLAINER: dict[str, tuple[object, ...]] = {
    "finish": ("nothing", "settle", "replay", "sweep", "tidy"),
    "listing": (1000,),
    "dialect": ("aws",),
    "notifications": ("prompt",),
}
"""Each condition's values, the plainest first."""


def _variants(step: Step) -> Iterator[Step]:
    match step:
        case form.Run(calls=calls):
            if calls is not None and step.to is None:
                yield form.Run(worker=step.worker)
                for fewer in sorted({1, calls // 2, calls - 1} - {0, calls}):
                    yield form.Run(worker=step.worker, calls=fewer)
        case form.Start(take=take) if len(take) > 1:
            for number in range(len(take)):
                yield msgspec.structs.replace(step, take=(*take[:number], *take[number + 1 :]))
        case form.Deliver(times=times, newest=newest):
            if times > 1:
                yield msgspec.structs.replace(step, times=1)
            if newest:
                yield msgspec.structs.replace(step, newest=False)
        case form.Duplicate(back=back) if back:
            yield form.Duplicate(key=step.key)
        case form.Put(content=content) if content not in ("v1", "v2"):
            yield msgspec.structs.replace(step, content="v1")
            yield msgspec.structs.replace(step, content="v2")
        case form.Fail(error=error) if error != "unavailable" and not step.after:
            yield form.Fail(worker=step.worker, error="unavailable", at=step.at)
        case form.Advance(by=by):
            for shorter in ("1s", "1m", "16m", "2h", "25h"):
                if form.span(shorter) < form.span(by):
                    yield form.Advance(by=shorter)
        case _:
            return


def _joined(first: Step, second: Step) -> Step | None:
    if not isinstance(first, form.Run) or not isinstance(second, form.Run):
        return None
    if first.worker != second.worker or first.to is not None or second.to is not None:
        return None
    if first.calls is None or second.calls is None:
        return form.Run(worker=first.worker)
    return form.Run(worker=first.worker, calls=first.calls + second.calls)


def _replaced(scenario: Scenario, number: int, step: Step) -> Scenario:
    steps: Sequence[Step] = scenario.steps
    return steps_of(scenario, (*steps[:number], step, *steps[number + 1 :]))
