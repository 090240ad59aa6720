"""The simulation as a Hypothesis state machine: Hypothesis chooses the steps, and shrinks them.

Its rules draw the steps of a scenario, so that what Hypothesis finds can be saved and played.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from safelight import scenario as form
from safelight.scenario import Scenario, Step, steps_of, write
from safelight.simulation import Inapplicable, LawBroken, Missed, Simulation
from safelight.simulation.worker import Order, possible

KEYS = ("photos/a/1.jpg", "photos/a/2 +.jpg", "photos/b.jpg")
CONTENTS = ("v1", "v2", "REJECT")
SPANS = ("10s", "1m", "16m", "25h", "8d")
FAULTS: tuple[form.Fault, ...] = ("timeout", "throttled", "conflict", "lost-race", "denied")


class Pipeline(RuleBasedStateMachine):
    """The pipeline and all that may happen to it; the laws are asked at the end of a run."""

    saved: Path | None = None
    """Where the scenario of the last run that broke a law goes: the shortest, in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.given = Scenario(scenario=1, name="found by Hypothesis", steps=(), finish="settle")
        self.simulation = Simulation(self.given)
        self.steps: list[Step] = []
        self.started = 0
        self.broken = False

    @initialize(
        notifications=st.sampled_from(("prompt", "held")),
        finish=st.sampled_from(("settle", "tidy")),
    )
    def begin(self, notifications: form.Notifications, finish: form.Finish) -> None:
        self.given = msgspec.structs.replace(self.given, notifications=notifications, finish=finish)
        self.simulation = Simulation(self.given)

    def perform(self, step: Step) -> None:
        try:
            self.simulation.perform(step)
        except Missed as missed:
            self.steps.append(missed.instead)
        except Inapplicable:
            pass
        except LawBroken:
            self.steps.append(step)
            self.save()
            raise
        else:
            self.steps.append(step)

    def save(self) -> None:
        self.broken = True
        if self.saved is not None:
            self.saved.write_text(write(steps_of(self.given, self.steps)), encoding="utf-8")

    @rule(key=st.sampled_from(KEYS), content=st.sampled_from(CONTENTS))
    def put(self, key: str, content: str) -> None:
        self.perform(form.Put(key=key, content=content))

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: str) -> None:
        self.perform(form.Delete(key=key))

    @precondition(lambda self: self.simulation.outbox.held)
    @rule(data=st.data(), newest=st.booleans(), times=st.integers(1, 2))
    def deliver(self, data: st.DataObject, newest: bool, times: int) -> None:
        held = sorted({each.key for each in self.simulation.outbox.held})
        key = data.draw(st.sampled_from(held))
        self.perform(form.Deliver(key=key, newest=newest, times=times))

    @precondition(lambda self: self.simulation.outbox.history)
    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        known = sorted({each.key for each in self.simulation.outbox.history})
        self.perform(form.Duplicate(key=data.draw(st.sampled_from(known))))

    @rule(data=st.data(), service=st.sampled_from(("thumbnailer", "sitegen")))
    def start(self, data: st.DataObject, service: form.Service) -> None:
        queue = self.simulation.queues["thumbnail" if service == "thumbnailer" else "publish"]
        there = sorted({letter.about for letter in queue.visible()})
        if not there or len(self.simulation.standing()) > 2:
            return
        take = data.draw(st.lists(st.sampled_from(there), min_size=1, max_size=3, unique=True))
        self.started += 1
        self.perform(
            form.Start(worker=f"{service[0]}{self.started}", service=service, take=tuple(take))
        )

    def worker(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([each.name for each in self.simulation.standing()]))

    @precondition(lambda self: self.simulation.standing())
    @rule(data=st.data(), calls=st.one_of(st.none(), st.integers(1, 8)))
    def go_on(self, data: st.DataObject, calls: int | None) -> None:
        self.perform(form.Run(worker=self.worker(data), calls=calls))

    @precondition(lambda self: self.simulation.standing())
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        self.perform(form.Crash(worker=self.worker(data)))

    @precondition(lambda self: self.simulation.standing())
    @rule(data=st.data(), error=st.sampled_from(FAULTS), after=st.booleans())
    def fail(self, data: st.DataObject, error: form.Fault, after: bool) -> None:
        name = self.worker(data)
        call = self.simulation.workers[name].at
        if call is not None and possible(call, Order(error, after)):
            self.perform(form.Fail(worker=name, error=error, after=after))

    @rule(by=st.sampled_from(SPANS))
    def advance(self, by: str) -> None:
        self.perform(form.Advance(by=by))

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        now = self.simulation.clock.now()
        hidden = sorted(
            {
                letter.about
                for queue in self.simulation.queues.values()
                for letter in queue.letters
                if letter.visible_at > now
            }
        )
        if hidden:
            self.perform(form.Expire(key=data.draw(st.sampled_from(hidden))))

    @rule()
    def sweep(self) -> None:
        self.perform(form.Sweep())

    def teardown(self) -> None:
        if self.broken:
            return
        try:
            self.simulation.finish(self.given.finish)
        except LawBroken:
            self.save()
            raise
