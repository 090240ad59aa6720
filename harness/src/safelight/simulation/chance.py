"""Chance: a seeded driver that makes up trouble as it goes.

It looks at where things are and chooses a step that makes sense there: steps drawn blindly would
mostly do nothing.  What it chooses are the steps of a scenario, so that whatever it finds can be
saved, shrunk and played again.  The same seed makes the same choices.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from safelight import scenario as form
from safelight.scenario import Scenario, Step
from safelight.simulation.laws import LawBroken
from safelight.simulation.paths import Paths
from safelight.simulation.timeline import Inapplicable, Missed, Simulation
from safelight.simulation.worker import Order, Worker, possible
from sitegen.reconcile import Press

KEYS = (
    "photos/a/1.jpg",
    "photos/a/2 é+%.jpg",
    "photos/a/3.jpg",
    "photos/a/b/4.jpg",
    "photos/5.jpg",
)
TEXTS = ("photos/a/index.md", "photos/safelight.yaml")
CONTENTS = ("v1",) * 8 + ("v2",) * 6 + ("v3", "REJECT", "CRASH")
WORDS = ("title: One", "title: Two", "originals: stripped", "originals: private")
SHORT = ("1s", "10s", "1m", "5m", "8m", "14m")
LONG = ("16m", "31m", "2h", "25h", "8d")
POINTS = {
    "thumbnailer": (
        "head photos/",
        "get photos/",
        "put thumbs/",
        "put catalog/photos/",
        "list thumbs/",
        "delete ",
        "ack ",
    ),
    "sitegen": (
        "get catalog/",
        "list catalog/",
        "put ",
        "put catalog/",
        "delete ",
        "send ",
        "ack ",
    ),
    "sweep": ("send ",),
}
"""Calls before which it is worth while to stop: what matters lies between two of them."""
EPISODE = 60
"""Steps after which the trouble stops, and a new world begins."""

_MOST_WORKERS = 4


Kind = Literal["storm", "race", "age"]
"""What an episode is mostly about: everything that can go wrong; few photos and many workers
on them; or time that passes between few changes."""

WEIGHTS: dict[Kind, dict[str, int]] = {
    "storm": {
        "change": 8, "start": 14, "run": 40, "finish": 6, "crash": 4, "fail": 6, "advance": 4,
        "expire": 5, "deliver": 5, "duplicate": 3, "lose": 1, "sweep": 2, "redrive": 1, "send": 1,
        "renderer": 1, "hammer": 1, "old_age": 1,
    },
    "race": {
        "change": 14, "start": 22, "run": 50, "finish": 10, "crash": 3, "fail": 3, "expire": 8,
        "deliver": 6, "duplicate": 2,
    },
    "age": {
        "change": 8, "start": 16, "run": 30, "finish": 16, "crash": 4, "advance": 10, "expire": 4,
        "sweep": 8, "settle": 4, "old_age": 3,
    },
}  # fmt: skip
"""How likely each choice is, in each kind of episode."""


@dataclass
class Driver:
    """Makes up one episode of a kind, about the originals ``keys``."""

    random: random.Random
    kind: Kind = "storm"
    keys: tuple[str, ...] = KEYS
    _workers: int = 0
    _poison: int = 0
    _planned: list[Step] = field(default_factory=list)

    def next(self, simulation: Simulation) -> Step:
        """The next step."""
        if self._planned:
            return self._planned.pop(0)
        weights = WEIGHTS[self.kind]
        while True:
            choice = self.random.choices(list(weights), list(weights.values()))[0]
            step: Step | None = getattr(self, f"_{choice}")(simulation)
            if step is not None:
                return step

    def _change(self, simulation: Simulation) -> Step | None:
        key = self.random.choice(self.keys)
        if key in simulation.bucket.objects and self.random.random() < 0.4:
            return form.Delete(key=key)
        if key not in simulation.bucket.objects and self.random.random() < 0.15:
            self._planned = [form.Put(key=key)]
            if self.random.random() < 0.5:
                self._planned.insert(0, form.Advance(by="10s"))
            if self.random.random() < 0.5 and len(simulation.standing()) < _MOST_WORKERS:
                # Somebody who looks at once, and finds nothing.
                self._workers += 1
                name = f"t{self._workers}"
                start = form.Start(worker=name, service="thumbnailer", take=(key,))
                self._planned = [start, form.Run(worker=name), *self._planned]
            return form.Announce(key=key)
        text = key.endswith((".md", ".yaml"))
        if not text and self.random.random() < 0.01:
            return form.Put(key=key, content="KILL")
        return form.Put(key=key, content=self.random.choice(WORDS if text else CONTENTS))

    def _start(self, simulation: Simulation) -> Step | None:
        if len(simulation.standing()) >= _MOST_WORKERS:
            return None
        queue = self.random.choice(("thumbnail", "publish"))
        there = simulation.queues[queue].visible()
        if not there:
            return None
        self._workers += 1
        name = f"{queue[0]}{self._workers}"
        service: form.Service = "thumbnailer" if queue == "thumbnail" else "sitegen"
        chosen = self.random.sample(there, self.random.randint(1, min(3, len(there))))
        take = tuple(letter.about for letter in chosen)
        return form.Start(worker=name, service=service, take=take)

    def _worker(self, simulation: Simulation) -> Worker | None:
        standing = simulation.standing()
        return self.random.choice(standing) if standing else None

    def _run(self, simulation: Simulation) -> Step | None:
        worker = self._worker(simulation)
        if worker is None:
            return None
        if self.random.random() < 0.5:
            return form.Run(worker=worker.name, calls=self.random.randint(1, 7))
        points = POINTS[worker.service]
        here = str(worker.at)
        chosen = self.random.choice(points)
        if here.startswith(chosen):
            return form.Run(worker=worker.name, calls=1)
        return form.Run(worker=worker.name, to=chosen)

    def _finish(self, simulation: Simulation) -> Step | None:
        worker = self._worker(simulation)
        return form.Run(worker=worker.name) if worker is not None else None

    def _crash(self, simulation: Simulation) -> Step | None:
        worker = self._worker(simulation)
        return form.Crash(worker=worker.name) if worker is not None else None

    def _fail(self, simulation: Simulation) -> Step | None:
        worker = self._worker(simulation)
        if worker is None or worker.at is None:
            return None
        error: form.Fault = self.random.choice(
            ("unavailable", "timeout", "reset", "throttled", "conflict", "lost-race", "denied")
        )
        order = Order(error, self.random.random() < 0.5)
        if not possible(worker.at, order):
            return None
        return form.Fail(worker=worker.name, error=order.error, after=order.after)

    def _advance(self, simulation: Simulation) -> Step | None:
        # A long time ends every function that is at work, and with it what makes races.
        short = simulation.standing() and self.random.random() < 0.85
        return form.Advance(by=self.random.choice(SHORT if short else LONG))

    def _expire(self, simulation: Simulation) -> Step | None:
        now = simulation.clock.now()
        hidden = sorted(
            {
                letter.about
                for queue in simulation.queues.values()
                for letter in queue.letters
                if letter.visible_at > now
            }
        )
        return form.Expire(key=self.random.choice(hidden)) if hidden else None

    def _deliver(self, simulation: Simulation) -> Step | None:
        held = simulation.outbox.held
        if not held:
            return None
        return form.Deliver(
            key=self.random.choice(held).key,
            newest=self.random.random() < 0.5,
            times=2 if self.random.random() < 0.2 else 1,
        )

    def _duplicate(self, simulation: Simulation) -> Step | None:
        history = simulation.outbox.history
        if not history:
            return None
        key = self.random.choice(history).key
        count = sum(each.key == key for each in history)
        return form.Duplicate(key=key, back=self.random.randrange(count))

    def _lose(self, simulation: Simulation) -> Step | None:
        held = simulation.outbox.held
        return form.Lose(key=self.random.choice(held).key) if held else None

    def _sweep(self, simulation: Simulation) -> Step | None:
        if self.random.random() < 0.5 or len(simulation.standing()) >= _MOST_WORKERS:
            return form.Sweep()
        self._workers += 1
        return form.Start(worker=f"s{self._workers}", service="sweep")

    def _settle(self, simulation: Simulation) -> Step | None:
        return form.Settle()

    def _redrive(self, simulation: Simulation) -> Step | None:
        for name in ("thumbnail", "publish"):
            if simulation.queues[name].dead:
                return form.Redrive(queue="thumbnail" if name == "thumbnail" else "publish")
        return None

    def _send(self, simulation: Simulation) -> Step | None:
        self._poison += 1
        if self._poison > 2:
            return None
        return form.Send(
            queue=self.random.choice(("thumbnail", "publish")),
            name=f"poison-{self._poison}",
            body=self.random.choice(("not JSON", '{"Records": 7}', '{"hello": "world"}')),
        )

    def _hammer(self, simulation: Simulation) -> Step | None:
        """One message meets with trouble again and again, until it is dead-lettered."""
        there = simulation.queues["thumbnail"].visible()
        if not there or self.random.random() < 0.7:
            return None
        key = self.random.choice(there).about
        for _ in range(simulation.conditions.receives):
            self._workers += 1
            name = f"t{self._workers}"
            self._planned += [
                form.Start(worker=name, service="thumbnailer", take=(key,)),
                form.Crash(worker=name),
                form.Expire(key=key),
            ]
        self._workers += 1
        # One receive too many: that is when SQS gives a message up.
        self._planned += [
            form.Start(worker=f"t{self._workers}", service="thumbnailer", take=(key,)),
            form.Redrive(queue="thumbnail"),
        ]
        return self._planned.pop(0)

    def _old_age(self, simulation: Simulation) -> Step | None:
        """A photo is deleted, its tombstone grows old, and a sweep begins to remove it."""
        gone = [key for key in self.keys if key in simulation.bucket.objects]
        if not gone or self.random.random() < 0.5:
            return None
        key = self.random.choice(gone)
        self._workers += 1
        folder = key.rpartition("/")[0] + "/"
        sweeper = f"t{self._workers}"
        self._planned = [
            form.Settle(),
            form.Advance(by="8d"),
            form.Sweep(),
            form.Settle(),
            form.Advance(by="8d"),
            form.Sweep(),
            form.Start(worker=sweeper, service="thumbnailer", take=(folder,)),
            form.Run(worker=sweeper, to="delete catalog/photos/"),
            form.Put(key=key, content="v1"),
        ]
        return form.Delete(key=key)

    def _renderer(self, simulation: Simulation) -> Step | None:
        return form.Renderer(version=self.random.choice("12"))


@dataclass(frozen=True)
class Episode:
    """One episode as it was played: the scenario, what broke (if anything did), the counts."""

    scenario: Scenario
    broken: LawBroken | None
    paths: Paths
    steps: int
    calls: int


def conditions(chance: random.Random, name: str, kind: Kind) -> Scenario:
    """An episode's conditions, drawn by lot."""
    return Scenario(
        scenario=1,
        name=name,
        notifications=chance.choice(("prompt", "held", "held")),
        dialect=chance.choice(("aws", "aws", "localstack")),
        listing=chance.choice((1000, 1000, 2)),
        steps=(),
        finish="settle" if kind == "race" else "tidy",
    )


def episode(
    seed: str,
    steps: int = EPISODE,
    *,
    kind: Kind | None = None,
    press: Press | None = None,
    log: Callable[[str], None] | None = None,
) -> Episode:
    """Make up and play one episode."""
    chance = random.Random(seed)  # noqa: S311 - the same trouble again is the point
    kind = kind or chance.choices(("storm", "race", "age"), (1, 4, 1))[0]
    given = conditions(chance, f"seed {seed}", kind)
    if kind == "race":
        pool, most = [*KEYS], 2
    else:
        pool, most = [*KEYS, *(TEXTS if chance.random() < 0.3 else ())], 3
    driver = Driver(chance, kind, tuple(chance.sample(pool, chance.randint(1, most))))
    simulation = Simulation(given, press=press, log=log)
    played: list[Step] = []
    broken: LawBroken | None = None
    try:
        for _ in range(steps):
            step = driver.next(simulation)
            played.append(step)
            try:
                simulation.perform(step)
            except Missed as missed:
                played[-1] = missed.instead
            except Inapplicable:
                played.pop()
        simulation.finish()
    except LawBroken as error:
        broken = error
    return Episode(
        form.steps_of(given, played), broken, simulation.paths, simulation.steps, simulation.calls
    )


def episodes(
    seed: int, steps: int, *, press: Press | None = None, log: Callable[[str], None] | None = None
) -> Iterator[Episode]:
    """Episodes of together so many steps, until one breaks a law."""
    left, number = steps, 0
    while left > 0:
        number += 1
        if log is not None:
            log(f"── episode {number} of seed {seed}")
        played = episode(f"{seed}/{number}", min(left, EPISODE), press=press, log=log)
        yield played
        if played.broken is not None:
            return
        left -= max(1, played.steps)
