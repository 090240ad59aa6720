"""Exhaustive search: every order of events in a small scope.

Chance finds what is likely.  This finds what is possible: within a scope (a few originals,
versions, duplicates and crashes) it tries every order in which workers can be interleaved, with
at most so many *preemptions* (a worker that could go on is stopped for another).  Almost every
error of concurrency needs no more than two of them (Musuvathi and Qadeer, "Iterative context
bounding", PLDI 2007), and the number of orders with two is within reach.

Greenlets cannot be copied, so a state is reached by playing its steps again; a state that was
met before is not gone into a second time.  A worker's state is a function of what the store and
the queues told it, so the digest of that stands for it.  For two orders to meet in one state,
what a worker writes must not depend on when others ran: each has a clock of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from gallery.memory import MemoryObject
from safelight import scenario as form
from safelight.scenario import Scenario, Step, steps_of
from safelight.simulation.clock import TICK
from safelight.simulation.laws import LawBroken
from safelight.simulation.paths import Paths
from safelight.simulation.sqs import Letter
from safelight.simulation.timeline import Simulation
from safelight.simulation.worker import Worker


@dataclass(frozen=True)
class Scope:
    """What may happen.

    ``before`` has happened; ``people`` do these things, in this order, at any moment.  At most
    ``workers`` are at work at a time.  ``preemptions``, ``crashes`` and ``duplicates`` are how
    many of each there may be.  ``kinds`` of workers are interleaved; others run only when the
    trouble is over.
    """

    name: str
    people: tuple[Step, ...]
    before: tuple[Step, ...] = ()
    workers: int = 2
    preemptions: int = 2
    crashes: int = 0
    duplicates: int = 0
    kinds: tuple[form.Service, ...] = ("thumbnailer", "sitegen")
    finish: form.Finish = "settle"


@dataclass
class Outcome:
    """What a search found: how many distinct states and ends there are, and what broke."""

    scope: Scope
    states: int = 0
    ends: int = 0
    plays: int = 0
    calls: int = 0
    complete: bool = True
    broken: LawBroken | None = None
    scenario: Scenario | None = None
    paths: Paths = field(default_factory=Paths)


@dataclass(frozen=True)
class _Left:
    """What may still happen, and who was last at work."""

    people: int
    preemptions: int
    crashes: int
    duplicates: int
    current: str | None


_Path = tuple[tuple[Step, _Left], ...]


class _Player:
    """Plays one path, step by step."""

    def __init__(self, scope: Scope, given: Scenario, names: dict[object, int]) -> None:
        self._scope = scope
        self._names = names
        self.simulation = Simulation(given)
        for step in scope.before:
            self.simulation.perform(step)
        self.simulation.tick = timedelta(0)
        self.simulation.own_clock = self._own_clock

    def _own_clock(self, worker: str) -> timedelta:
        number = int(worker[1:])
        # Behind the simulation's, or what it sends would lie in the future.
        return timedelta(seconds=-10, microseconds=7 * number)

    def steps(self, left: _Left) -> Iterator[tuple[Step, _Left]]:
        """What may happen next; the first is that the worker goes on, or all that is left."""
        simulation, scope = self.simulation, self._scope
        standing = simulation.standing()
        current = next((worker for worker in standing if worker.name == left.current), None)
        cost = 0
        if current is not None:
            yield form.Run(worker=current.name, calls=1), left
            cost = 1
            if left.crashes:
                yield form.Crash(worker=current.name), _less(left, crashes=1, current=None)
        if left.preemptions < cost:
            return
        for worker in standing:
            if worker is not current:
                yield (
                    form.Run(worker=worker.name, calls=1),
                    _less(left, preemptions=cost, current=worker.name),
                )
        if len(standing) < scope.workers:
            for start in self._starts():
                yield start, _less(left, preemptions=cost, current=start.worker)
        if left.people < len(scope.people):
            yield (
                scope.people[left.people],
                _less(left, preemptions=cost, people=-1, current=left.current),
            )
        if left.duplicates:
            for about in self._in_flight(standing):
                yield (
                    form.Expire(key=about),
                    _less(left, preemptions=cost, duplicates=1, current=left.current),
                )

    def _starts(self) -> Iterator[form.Start]:
        queues = self.simulation.queues
        if "thumbnailer" in self._scope.kinds:
            told: set[str] = set()
            for letter in queues["thumbnail"].visible():
                if letter.about not in told:
                    told.add(letter.about)
                    yield self._start("t", "thumbnailer", (letter,))
        if "sitegen" in self._scope.kinds:
            there = tuple(queues["publish"].visible())
            if there:
                yield self._start("s", "sitegen", there)

    def _start(self, prefix: str, service: form.Service, letters: tuple[Letter, ...]) -> form.Start:
        # Named by what it takes, not by when: orders that differ in that only meet again.
        what = (service, *sorted((_kind(letter), letter.receives) for letter in letters))
        again = 0
        while True:
            number = self._names.setdefault((what, again), len(self._names) + 1)
            if f"{prefix}{number}" not in self.simulation.workers:
                break
            again += 1
        take = tuple(letter.about for letter in letters)
        return form.Start(worker=f"{prefix}{number}", service=service, take=take)

    @staticmethod
    def _in_flight(standing: list[Worker]) -> list[str]:
        return sorted({worker.letters[name].about for worker in standing for name in worker.open})

    def state(self, left: _Left) -> int:
        """A digest of where everything is."""
        simulation = self.simulation
        now = simulation.clock.now()
        return hash(
            (
                left.people,
                left.current,
                _objects(simulation.bucket.objects),
                tuple(
                    sorted(
                        (_kind(letter), letter.receives, letter.visible_at <= now)
                        for queue in simulation.queues.values()
                        for letter in queue.letters
                    )
                ),
                tuple(
                    sorted(
                        (worker.name, str(worker.at), worker.seen)
                        for worker in simulation.standing()
                    )
                ),
            )
        )


def _kind(letter: Letter) -> tuple[str, bool]:
    """What a message tells: its key, and whether it says that it is gone."""
    return letter.about, '"ObjectRemoved' in letter.body


def _objects(objects: dict[str, MemoryObject]) -> int:
    return hash(frozenset((key, found.etag) for key, found in objects.items()))


def _less(
    left: _Left,
    *,
    people: int = 0,
    preemptions: int = 0,
    crashes: int = 0,
    duplicates: int = 0,
    current: str | None,
) -> _Left:
    return _Left(
        left.people - people,
        left.preemptions - preemptions,
        left.crashes - crashes,
        left.duplicates - duplicates,
        current,
    )


def search(scope: Scope, most: int = 1_000_000) -> Outcome:
    """Try every order in ``scope``, until a law breaks or ``most`` calls have been made."""
    given = Scenario(scenario=1, name=scope.name, steps=(), finish=scope.finish)
    outcome = Outcome(scope)
    names: dict[object, int] = {}
    met: dict[int, list[tuple[int, int, int]]] = {}
    begin = _Left(0, scope.preemptions, scope.crashes, scope.duplicates, None)
    waiting: list[_Path] = [()]
    while waiting:
        if outcome.calls >= most:
            outcome.complete = False
            return outcome
        path = list(waiting.pop())
        player = _Player(scope, given, names)
        outcome.plays += 1
        try:
            for step, _ in path:
                player.simulation.perform(step)
            left = path[-1][1] if path else begin
            while True:
                if path and _met(met, player.state(left), left):
                    break
                outcome.states += 1
                choices = list(player.steps(left))
                if not choices:
                    outcome.ends += 1
                    player.simulation.tick = TICK
                    player.simulation.own_clock = None
                    player.simulation.finish()
                    break
                waiting += [(*path, choice) for choice in reversed(choices[1:])]
                path.append(choices[0])
                left = choices[0][1]
                player.simulation.perform(choices[0][0])
        except LawBroken as error:
            outcome.broken = error
            outcome.scenario = steps_of(given, (*scope.before, *(step for step, _ in path)))
            return outcome
        finally:
            outcome.calls += player.simulation.calls
            outcome.paths.update(player.simulation.paths)
    return outcome


def _met(met: dict[int, list[tuple[int, int, int]]], state: int, left: _Left) -> bool:
    """Whether the state was met before with at least as much left to happen."""
    mine = (left.preemptions, left.crashes, left.duplicates)
    others = met.setdefault(state, [])
    if any(all(a >= b for a, b in zip(other, mine, strict=True)) for other in others):
        return True
    others[:] = [
        other for other in others if not all(a <= b for a, b in zip(other, mine, strict=True))
    ]
    others.append(mine)
    return False


def deeper(scope: Scope, preemptions: int) -> Scope:
    """The scope with another number of preemptions."""
    return replace(scope, preemptions=preemptions)


_A, _B = "photos/1.jpg", "photos/2.jpg"
_V1, _V2 = form.Put(key=_A, content="v1"), form.Put(key=_A, content="v2")
_GONE = form.Delete(key=_A)
_THERE = (_V1, form.Settle(), form.Advance(by="2m"))

SCOPES: dict[str, Scope] = {
    "two-versions": Scope(
        "a photo is put and overwritten",
        (_V1, _V2),
        kinds=("thumbnailer",),
        duplicates=1,
        crashes=1,
    ),
    "came-and-went": Scope(
        "a photo is put, deleted and put again",
        (_V1, _GONE, _V1),
        kinds=("thumbnailer",),
        preemptions=1,
        duplicates=1,
        crashes=1,
    ),
    "two-photos": Scope(
        "two photos of two versions, a duplicate and a crash",
        (_V1, form.Put(key=_B), _V2, form.Put(key=_B, content="v2")),
        preemptions=1,
        duplicates=1,
        crashes=1,
    ),
    "gone": Scope("a shown photo is deleted and comes back", (_GONE, _V1), before=_THERE),
    "beside": Scope(
        "a photo comes and goes beside another",
        (form.Put(key=_B), form.Delete(key=_B)),
        before=_THERE,
    ),
}
"""Small scopes by name; the quick ones are searched by the tests, all by the command."""
