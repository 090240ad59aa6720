"""The simulation: the whole pipeline in one thread, moved step by step.

Real reconcilers, services, batches and events; a bucket, queues and time that are virtual.  A
:class:`Simulation` performs the steps of a scenario one by one, watches the safety laws at every
change, and at the end lets the trouble stop and asks whether everything has converged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from gallery import batch, keys
from gallery.batch import Done, Failed, Report, Retry
from gallery.memory import Call as StoreCall
from gallery.memory import MemoryObject
from gallery.originals import FROM_LOOSE_TO_STRICT
from gallery.queue import Message, QueueError
from gallery.record import PhotoRecord, Record, decode
from gallery.store import StoreError
from safelight import scenario as form
from safelight.scenario import Scenario, Step, span
from safelight.simulation import convergence
from safelight.simulation.bucket import BUCKET, SimulatedBucket
from safelight.simulation.clock import TICK, VirtualClock
from safelight.simulation.craft import FunctionDied, PlainCraft, PlainPress
from safelight.simulation.laws import LawBroken, Safety, is_page
from safelight.simulation.notifications import ENCODINGS, Outbox
from safelight.simulation.paths import Paths
from safelight.simulation.sqs import Letter, VirtualQueue
from safelight.simulation.worker import Call, Line, Order, Worker, possible
from sitegen.reconcile import Press
from sitegen.reconcile import Terms as SiteTerms
from sitegen.service import Service as Sitegen
from thumbnailer import reconcile as thumbnails
from thumbnailer.service import Service as Thumbnailer

TERMS = thumbnails.Terms()
SITE_TERMS = SiteTerms()
EARLY = TERMS.early
"""How late an object may be after its notification."""
TIMEOUT = TERMS.lease
"""How long a function may run: as long as a lease, the most that Lambda allows."""
VISIBILITY = 6 * TIMEOUT.total_seconds()
RESERVE = 40.0
_PATIENCE = 4000
"""Batches until the queues must have run empty."""


class Inapplicable(ValueError):
    """A step cannot be performed as things are: there is no such worker or message."""


class Missed(Inapplicable):
    """A worker never came to the call that a step named: it has run to its end.

    ``instead`` is the step that does the same and says so.
    """

    def __init__(self, worker: str, call: str) -> None:
        super().__init__(f"{worker} ended without coming to “{call}”")
        self.instead = form.Run(worker=worker)


class Simulation:
    """The pipeline under one scenario's conditions.

    ``press`` makes the pages (by default the plain one); ``log`` is given the trace, a line at a
    time.
    """

    def __init__(
        self,
        conditions: Scenario,
        *,
        press: Press | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.conditions = conditions
        self.clock = VirtualClock()
        self.tick = TICK
        self.bucket = SimulatedBucket(self.clock, conditions.listing)
        self.bucket.hook = self._around
        self.bucket.watcher = self._changed
        self.bucket.lost = self._lost_race
        self.bucket.torn = self._torn
        self.outbox = Outbox(BUCKET, ENCODINGS[conditions.dialect])
        self.queues = {
            name: VirtualQueue(name, self.clock, VISIBILITY, conditions.receives)
            for name in ("thumbnail", "publish")
        }
        self.workers: dict[str, Worker] = {}
        self.paths = Paths()
        self.safety = Safety(self.clock, self.bucket.objects)
        self.press = press or PlainPress()
        self.renderer = "1"
        # In an exhaustive search each worker has a clock of its own (see VirtualClock).
        self.own_clock: Callable[[str], timedelta] | None = None
        self.steps = 0
        self.calls = 0
        self._log = log
        self._running: Worker | None = None
        self._before: MemoryObject | None = None
        self._notify: form.Notifications | None = None
        self._lossy = conditions.notifications == "lost"
        self._killers: set[str] = set()
        self._announced: dict[str, datetime] = {}
        self._automatic = 0

    # What happens.

    def perform(self, step: Step) -> None:
        """Perform one step.

        Raises :class:`Inapplicable` where it makes no sense as things are, and
        :class:`LawBroken` when a safety law breaks.
        """
        self.steps += 1
        self._say(f"· {_told(step)}")
        match step:
            case form.Put():
                self._put(step)
            case form.Announce():
                self._announce(step)
            case form.Delete():
                self._delete(step)
            case form.Deliver():
                self._deliver(step)
            case form.Lose():
                self._lose(step)
            case form.Duplicate():
                self._duplicate(step)
            case form.Send():
                self.queues[step.queue].send(step.body, about=step.name)
            case form.Start():
                self._begin(step)
            case form.Run():
                self._run(self._standing(step.worker), step.calls, step.to)
            case form.Crash():
                self._crash(step)
            case form.Fail():
                self._fail(step)
            case form.Advance():
                self.advance(span(step.by))
            case form.Expire():
                if not sum(queue.expire(step.key) for queue in self.queues.values()):
                    raise Inapplicable(f"no hidden message is about {step.key}")
            case form.Redrive():
                if not self.queues[step.queue].redrive():
                    raise Inapplicable(f"{step.queue} has no dead letters")
            case form.Sweep():
                self.sweep()
            case form.Renderer():
                self.renderer = step.version
                # Nothing tells of it: records change as the sweep comes by.
                self._lossy = True
            case form.Settle():
                self.settle()
        self.safety.check()

    def _put(self, step: form.Put) -> None:
        self._notify = step.notify
        body = step.content.encode()
        if b"KILL" in body:
            self._killers.add(step.key)
        try:
            self.bucket.put(step.key, body, content_type="application/octet-stream")
        except StoreError as error:
            raise Inapplicable(str(error)) from error
        finally:
            self._notify = None
        self.clock.advance(self.tick)

    def _announce(self, step: form.Announce) -> None:
        now = self.clock.now()
        ahead = MemoryObject(b"", "0" * 32, now, "application/octet-stream", None)
        made = self.outbox.changed(step.key, ahead, now)
        if made is None:
            raise Inapplicable(f"nobody is told of {step.key}")
        self._announced[step.key] = now
        self.queues[made.queue].send(made.body)

    def _delete(self, step: form.Delete) -> None:
        self._notify = step.notify
        self.bucket.delete(step.key)
        self._notify = None
        self.clock.advance(self.tick)

    def _deliver(self, step: form.Deliver) -> None:
        found = self.outbox.take(step.key, newest=step.newest)
        if found is None:
            raise Inapplicable(f"S3 holds no notification about {step.key}")
        for number in range(step.times):
            self.queues[found.queue].send(found.body, duplicate=number > 0)

    def _lose(self, step: form.Lose) -> None:
        count = 0
        while self.outbox.take(step.key) is not None:
            count += 1
        if not count:
            raise Inapplicable(f"S3 holds no notification about {step.key}")
        self._lossy = True
        self.paths.took("lost-notification")

    def _duplicate(self, step: form.Duplicate) -> None:
        found = [each for each in self.outbox.history if each.key == step.key]
        if step.back >= len(found):
            raise Inapplicable(f"S3 never sent so many notifications about {step.key}")
        again = found[-1 - step.back]
        self.queues[again.queue].send(again.body, duplicate=True)

    def _begin(self, step: form.Start) -> None:
        if step.worker in self.workers and self.workers[step.worker].state == "standing":
            raise Inapplicable(f"{step.worker} is still at work")
        if step.service == "sweep":
            self.start(step.worker, "sweep", [])
            return
        queue = self.queues["thumbnail" if step.service == "thumbnailer" else "publish"]
        letters = queue.receive_letters(step.count, step.take)
        if not letters:
            raise Inapplicable(f"there is nothing for {step.worker} to receive")
        self.start(step.worker, step.service, letters)

    def start(
        self,
        name: str,
        service: form.Service,
        letters: Sequence[tuple[Letter, Message]],
    ) -> Worker:
        """Begin a worker with these messages, and let it run to its first call."""
        now = self.clock.now()
        worker = Worker(name, service, now, now + TIMEOUT)
        worker.letters = {letter.id: letter for letter, _ in letters}
        worker.open = set(worker.letters)
        worker.messages = [message for _, message in letters]
        self.workers[name] = worker
        self._say(
            f"  {name}: a {service} begins"
            + (" with " if letters else "")
            + ", ".join(
                f"{letter.about}" + (f" (receive {letter.receives})" if letter.receives > 1 else "")
                for letter, _ in letters
            )
        )
        if self.own_clock is not None:
            worker.skew, worker.pace = self.own_clock(name), TICK
        self.clock.skew = worker.skew
        self._running = worker
        worker.begin(self._work(worker))
        self.clock.skew = timedelta(0)
        self._running = None
        self._after(worker)
        return worker

    def _work(self, worker: Worker) -> Callable[[], None]:
        def stale() -> None:
            self.paths.took("stale-receipt")

        thumbnail = Line(self.queues["thumbnail"], worker, self._ticked, stale)
        publish = Line(self.queues["publish"], worker, self._ticked, stale)

        def ahead() -> float:
            return (worker.deadline - self.clock.now()).total_seconds()

        def observe(report: Report) -> None:
            self._observe(worker, report)

        if worker.service == "sitegen":
            sitegen = Sitegen(
                self.bucket,
                self.clock,
                BUCKET,
                publish,
                thumbnail,
                observe,
                terms=SITE_TERMS,
                press=self.press,
            )

            def site() -> None:
                worker.reports = sitegen.run(worker.messages, ahead)
                worker.response = batch.failures(worker.reports)

            return site
        thumbnailer = Thumbnailer(
            thumbnails.World(self.bucket, PlainCraft(self.renderer), self.clock, TERMS),
            BUCKET,
            thumbnail,
            publish,
            observe,
            RESERVE,
        )

        def thumbs() -> None:
            worker.reports = thumbnailer.run(worker.messages, ahead)
            worker.response = batch.failures(worker.reports)

        def sweep() -> None:
            thumbnailer.begin_sweep()

        return sweep if worker.service == "sweep" else thumbs

    def step(self, worker: Worker, order: Order | None = None) -> None:
        """Let a worker make the call it stands before."""
        if worker.at is None:
            raise Inapplicable(f"{worker.name} is not at work")
        self.calls += 1
        if self._log is not None:
            self._say(f"  {worker.name}: {self._call_told(worker.at, order)}")
        if order is not None:
            self._count_fault(worker.at, order)
        self._running = worker
        self.clock.skew = worker.skew + worker.calls * worker.pace
        worker.step(order)
        self.clock.skew = timedelta(0)
        self._running = None
        self._after(worker)

    def _after(self, worker: Worker) -> None:
        self.safety.check()
        if worker.state == "ended":
            self._ended(worker)
        elif worker.state == "died":
            self._died(worker)

    def _ended(self, worker: Worker) -> None:
        """What Lambda does with a function's answer: it deletes what did not fail."""
        self._excuse(worker)
        if worker.response is not None:
            queue = self.queues["thumbnail" if worker.service == "thumbnailer" else "publish"]
            failed = {item["itemIdentifier"] for item in worker.response["batchItemFailures"]}
            if failed <= {message.id for message in worker.messages}:
                for message in worker.messages:
                    if message.id not in failed:
                        queue.delete(message)
        self._say(f"  {worker.name}: ends")

    def _died(self, worker: Worker) -> None:
        self._excuse(worker)
        if isinstance(worker.error, FunctionDied):
            self.paths.took("function-died")
            self._say(f"  {worker.name}: the photo kills the function")
        elif worker.error is not None:
            if worker.service == "sweep" and isinstance(worker.error, StoreError | QueueError):
                # Lambda calls a scheduled function again, or the next day does.
                return
            raise LawBroken(
                "foreseen", f"{worker.name} died of {type(worker.error).__name__}: {worker.error}"
            ) from worker.error

    @staticmethod
    def _excuse(worker: Worker) -> None:
        if worker.trouble:
            for name in worker.open:
                worker.letters[name].excuses += 1

    def _observe(self, worker: Worker, report: Report) -> None:
        """Called from within a worker, as each of its messages ends."""
        outcome, letter = report.outcome, worker.letters[report.message.id]
        if self._log is not None:
            self._say(f"  {worker.name}: {letter.about}: {_outcome(outcome)}")
        match outcome:
            case Failed(why=why):
                if "a bug in Safelight" in why:
                    self.safety.broken = self.safety.broken or LawBroken("foreseen", why)
                elif letter.poison:
                    self.paths.took("poison")
            case Done(what=what):
                if letter.redriven:
                    self.paths.took("redriven")
                if letter.duplicate and what == "unchanged":
                    self.paths.took("duplicate-after-commit")
            case Retry(why=why):
                for words, path in _RETRIES.items():
                    if words in why:
                        self.paths.took(path)

    # Around each call.

    def _around(self, call: StoreCall) -> None:
        worker = self._running
        if call.phase == "before":
            if worker is not None:
                worker.stand(Call(call.op, call.key))
            if call.op in ("put", "delete"):
                self._before = self.bucket.objects.get(call.key)
        elif worker is not None:
            self._ticked()
            if self.own_clock is not None:
                worker.note(self._answer(call))
            worker.answered()
            if call.op == "get" and call.key.startswith(keys.PHOTOS):
                found, seen = self.bucket.objects.get(call.key), worker.looked.get(call.key)
                if seen is not None and (found.etag if found else "") != seen:
                    self.paths.took("overwritten")
            elif call.op == "head" and call.key.startswith(keys.PHOTOS):
                found = self.bucket.objects.get(call.key)
                worker.looked[call.key] = found.etag if found else ""
                if any(
                    other is not worker and call.key in other.looked for other in self.standing()
                ):
                    self.paths.took("overlap")

    def _answer(self, call: StoreCall) -> tuple[object, ...]:
        """What a call told the worker."""
        if call.op != "list":
            found = self.bucket.objects.get(call.key)
            return call.op, call.key, found.etag if found is not None else None
        return (
            call.op,
            call.key,
            tuple(
                (key, found.etag)
                for key, found in sorted(self.bucket.objects.items())
                if key.startswith(call.key)
            ),
        )

    def _ticked(self) -> None:
        self.clock.advance(self.tick)

    def _changed(self, verb: str, key: str, found: MemoryObject | None) -> None:
        before, worker = self._before, self._running
        record = self.safety.changed(key, before, found, by=worker.name if worker else None)
        if worker is not None:
            self._count_change(key, before, found, record)
        announced = self._announced.pop(key, None)
        if announced is not None and found is not None:
            # Its notification has come already; an object that is later than that is lost.
            self._lossy |= self.clock.now() - announced >= EARLY
            return
        if verb == "delete" and before is None:
            # S3 tells of a delete marker; without versions, of nothing.
            return
        made = self.outbox.changed(key, found, self.clock.now())
        if made is None:
            return
        how = self._notify or self.conditions.notifications
        if how == "held":
            self.outbox.held.append(made)
        elif how == "lost":
            self._lossy = True
            self.paths.took("lost-notification")
        else:
            self.queues[made.queue].send(made.body)

    def _torn(self) -> None:
        self.paths.took("torn-listing")

    def _lost_race(self, key: str) -> None:
        worker = self._running
        if worker is None or worker.told:
            return
        worker.note(("412", key))
        self._say(f"  {worker.name}: 412")
        if key.startswith(keys.RECORDS):
            self.paths.took("lost-record")
        elif is_page(key):
            self.paths.took("lost-page")
        elif key.startswith(keys.CATALOG):
            self.paths.took("lost-album")

    # The rare paths.

    def _count_change(
        self,
        key: str,
        before: MemoryObject | None,
        found: MemoryObject | None,
        record: Record | None,
    ) -> None:
        if found is None:
            if before is None:
                return
            if key.startswith(keys.THUMBS):
                self.paths.took("collected")
            elif key.startswith(keys.RECORDS):
                self.paths.took("tombstone-removed")
            elif key.startswith(keys.ALBUMS):
                self.paths.took("album-removed")
            elif is_page(key):
                self.paths.took("page-removed")
        elif isinstance(record, PhotoRecord):
            if record.retired:
                self.paths.took("retired")
            source = record.source
            if record.status == "ready" and source is not None:
                craft = PlainCraft(self.renderer)
                plain = {
                    keys.digest(source.etag, craft.fingerprint(originals=originals))
                    for originals in FROM_LOOSE_TO_STRICT
                }
                if record.retired and record.digest not in plain:
                    self.paths.took("barred")

    def _count_fault(self, call: Call, order: Order) -> None:
        if order.error == "conflict":
            self.paths.took("conflict")
        elif order.error == "lost-race":
            self.paths.took("repeated-put")
        elif order.error == "denied":
            self.paths.took("denied")
        if order.after:
            self.paths.took("lost-answer")

    def _count_death(self, worker: Worker) -> None:
        last, at = worker.last, worker.at
        if last is None or at is None:
            return
        if last.op == "put" and last.key.startswith(keys.THUMBS):
            if at.op == "put" and at.key.startswith(keys.RECORDS):
                self.paths.took("crash-between")
        elif last.op == "put" and is_page(last.key):
            if at.op == "put" and at.key.startswith(keys.CATALOG):
                self.paths.took("crash-publishing")
        elif last.op == "put" and last.key.startswith(keys.RECORDS):
            if at.op == "list" and at.key.startswith(keys.THUMBS):
                self.paths.took("crash-retired")
            elif at == Call("delete", last.key):
                self.paths.took("crash-marked")

    # Workers, from outside.

    def standing(self) -> list[Worker]:
        """The workers that are at work, in the order in which they began."""
        return [worker for worker in self.workers.values() if worker.state == "standing"]

    def _standing(self, name: str) -> Worker:
        worker = self.workers.get(name)
        if worker is None or worker.state != "standing":
            raise Inapplicable(f"no worker {name} is at work")
        return worker

    def _run(self, worker: Worker, calls: int | None, to: str | None) -> None:
        done = 0
        while worker.state == "standing":
            if to is not None and str(worker.at).startswith(to):
                return
            if calls is not None and done == calls:
                return
            self.step(worker)
            done += 1
        if to is not None:
            raise Missed(worker.name, to)

    def _crash(self, step: form.Crash) -> None:
        worker = self._standing(step.worker)
        if step.before is not None or step.after is not None:
            self._run(worker, None, step.before or step.after)
        if step.after is not None:
            self.step(worker)
        if worker.state != "standing":
            raise Missed(worker.name, f"the call after {step.after}")
        self.kill(worker)

    def kill(self, worker: Worker) -> None:
        """A worker dies where it stands."""
        self._say(f"  {worker.name}: dies before {worker.at}")
        self._count_death(worker)
        worker.trouble = True
        worker.die()
        self._after(worker)

    def _fail(self, step: form.Fail) -> None:
        worker = self._standing(step.worker)
        if step.at is not None:
            self._run(worker, None, step.at)
        order = Order(step.error, step.after)
        if worker.at is None or not possible(worker.at, order):
            raise Inapplicable(f"{worker.at} cannot fail so")
        self.step(worker, order)

    def advance(self, by: timedelta) -> None:
        """Let time pass; functions whose time is over are ended."""
        self.clock.advance(by)
        for worker in self.standing():
            if worker.deadline <= self.clock.now():
                self.paths.took("timed-out")
                self.kill(worker)

    def sweep(self) -> None:
        """The function that the schedule wakes begins a sweep."""
        self._finish_worker(self.start(self._name(), "sweep", []))

    def _name(self) -> str:
        self._automatic += 1
        return f"auto-{self._automatic}"

    def _finish_worker(self, worker: Worker) -> None:
        while worker.state == "standing":
            self.step(worker)

    # The end of the trouble.

    def settle(self) -> None:
        """Let the trouble stop: deliver what is held, let workers end, run the queues empty.

        Raises :class:`LawBroken` if the queues do not run empty, or dead letters are not
        exactly those that can never be delivered.
        """
        self._quiet()
        self._dead_letters()
        for queue in self.queues.values():
            queue.redrive([letter for letter in queue.dead if not letter.poison])
        self._quiet()
        self._dead_letters()
        for queue in self.queues.values():
            for letter in queue.dead:
                if not (letter.poison or letter.about in self.unmade()):
                    raise LawBroken("letters", f"{letter.about} is dead-lettered again")

    def _quiet(self) -> None:
        for worker in self.standing():
            self._finish_worker(worker)
        for _ in range(_PATIENCE):
            for held in self.outbox.held:
                self.queues[held.queue].send(held.body)
            self.outbox.held.clear()
            busy = False
            for name, service, count in (
                ("thumbnail", "thumbnailer", 10),
                ("publish", "sitegen", 100),
            ):
                letters = self.queues[name].receive_letters(count)
                if letters:
                    busy = True
                    self._finish_worker(self.start(self._name(), _service(service), letters))
            if busy:
                continue
            moments = [
                moment
                for queue in self.queues.values()
                if (moment := queue.next_visible()) is not None
            ]
            if not moments:
                return
            self.advance(max(min(moments) - self.clock.now(), timedelta(0)))
        waiting = [letter.about for queue in self.queues.values() for letter in queue.letters]
        raise LawBroken("settles", f"the queues never run empty: {', '.join(waiting[:5])}")

    def unmade(self) -> set[str]:
        """The originals of which nothing can be made: they kill whoever tries."""
        return {
            key
            for key in self._killers
            if (found := self.bucket.objects.get(key)) is not None and b"KILL" in found.body
        }

    def _dead_letters(self) -> None:
        for queue in self.queues.values():
            for letter in queue.dead:
                if letter.poison or letter.about in self._killers:
                    continue
                if letter.excuses < max(1, queue.max_receives - _PLANNED):
                    raise LawBroken(
                        "letters",
                        f"{letter.about} is dead-lettered after {letter.receives} receives, "
                        f"of which {letter.excuses} met with trouble",
                    )
            for letter in queue.letters:
                raise LawBroken("settles", f"{letter.about} is still on {queue.name}")

    def check(self) -> None:
        """Raise :class:`LawBroken` unless everything has converged."""
        craft = PlainCraft(self.renderer)
        convergence.converged(self.bucket.objects, craft, self.press, self.unmade())

    def finish(self, how: form.Finish | None = None) -> None:
        """End the scenario as it says, and check the laws and what it expects."""
        how = how or self.conditions.finish
        if how == "nothing":
            self.safety.check()
        else:
            self._say("· the trouble is over")
            self.settle()
            if self._lossy:
                self._sweep_until_converged()
            else:
                self.check()
        if how in ("replay", "tidy"):
            self._replay()
        if how in ("sweep", "tidy"):
            self._sweep_until_converged()
        self._expected()
        if how == "tidy":
            self._tidy()

    def _replay(self) -> None:
        self._say("· every notification comes again")
        made = _made(self.bucket.objects)
        # The first time an old tombstone may go meanwhile; then there is nothing left to do.
        for key in self._again(len(self.outbox.history)):
            if key in made:
                raise LawBroken("replay", f"a replay of all notifications changed {key}")
        for count in (len(self.outbox.history), len(self.outbox.history) // 2):
            self.replay(count)

    def replay(self, count: int) -> None:
        """Replay the first ``count`` notifications, of a world that has come to rest after all
        were replayed before: no byte may change.  Raises :class:`LawBroken`."""
        for key in self._again(count):
            raise LawBroken("replay", f"a replay of the first {count} notifications changed {key}")

    def _again(self, count: int) -> list[str]:
        """Deliver the first ``count`` notifications once more; the keys that changed."""
        before = convergence.snapshot(self.bucket.objects)
        for each in self.outbox.history[:count]:
            self.queues[each.queue].send(each.body, duplicate=True)
        self.settle()
        after = convergence.snapshot(self.bucket.objects)
        self.check()
        return sorted(
            key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
        )

    def _sweep_until_converged(self) -> None:
        self._say("· sweeps until everything has converged")
        for number in range(_SWEEPS):
            self.sweep()
            self.settle()
            try:
                self.check()
            except LawBroken:
                if number == _SWEEPS - 1:
                    raise
                self.advance(timedelta(days=1))
            else:
                return

    def _tidy(self) -> None:
        self._say("· time passes, and sweeps come by")
        for number in range(_TIDYING):
            self.advance(TERMS.tombstone + timedelta(hours=1))
            self.sweep()
            self.settle()
            self.check()
            try:
                convergence.tidy(self.bucket.objects, self.unmade())
            except LawBroken:
                if number == _TIDYING - 1:
                    raise
            else:
                return

    def _expected(self) -> None:
        expect = self.conditions.expect
        for key, status in expect.photos.items():
            found = self.bucket.objects.get(keys.record(key))
            actual = "absent" if found is None else decode(found.body, key).status
            if actual != status:
                raise LawBroken("expected", f"{key} is {actual}, and ought to be {status}")
        for page, photos in expect.shown.items():
            shown = convergence.shown(self.bucket.objects, page)
            if shown != set(photos):
                raise LawBroken("expected", f"{page} shows {sorted(shown)}, not {sorted(photos)}")
        dead = sorted(letter.about for queue in self.queues.values() for letter in queue.dead)
        if expect.dead is not None and dead != sorted(expect.dead):
            raise LawBroken("expected", f"dead-lettered are {dead}, not {sorted(expect.dead)}")
        for path, count in expect.reached.items():
            if self.paths[path] < count:
                raise LawBroken(
                    "expected", f"“{path}” was reached {self.paths[path]} times, not {count}"
                )

    # The trace.

    def _say(self, text: str) -> None:
        if self._log is not None:
            self._log(f"{self.steps:4} {_clock(self.clock.since_beginning())} {text}")

    def _call_told(self, call: Call, order: Order | None) -> str:
        told = str(call)
        if call.op in ("head", "get"):
            there = self.bucket.objects.get(call.key)
            told += f" → {there.etag[:6] if there is not None else 'absent'}"
        if order is not None:
            told += f" ✗ {order.error}" + (", after it took effect" if order.after else "")
        return told


_RETRIES = {
    "created, but not there yet": "early",
    "not begun": "out-of-time",
    "others keep changing": "outrun",
    "is being removed": "pending-removal",
    "the decoder died": "decoder-died",
}

_PLANNED = 8
"""Receives that a message may take when all is well: an early hint's, at most."""
_SWEEPS = 4
_TIDYING = 7


def _made(objects: Mapping[str, MemoryObject]) -> set[str]:
    """The records and renditions of photos that are there."""
    return {
        key
        for key in objects
        if key.startswith(keys.THUMBS)
        or (key.startswith(keys.RECORDS) and decode(objects[key].body, key).key in objects)
    }


def _service(name: str) -> form.Service:
    return "sitegen" if name == "sitegen" else "thumbnailer"


def _told(step: Step) -> str:
    fields = msgspec.to_builtins(step)
    verb = fields.pop("do")
    return " ".join([verb, *(f"{name}={value}" for name, value in fields.items())])


def _outcome(outcome: batch.Outcome) -> str:
    match outcome:
        case Done(what=what):
            return f"done ({what})"
        case Retry(after=after, why=why):
            return f"again after {after} s ({why})"
        case Failed(after=after, why=why):
            return f"failed, again after {after} s ({why.splitlines()[0][:160]})"


def _clock(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    days, rest = divmod(whole, 86_400)
    return f"{days}d{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{thousandths:03}"


def play(
    scenario: Scenario,
    *,
    press: Press | None = None,
    log: Callable[[str], None] | None = None,
    lenient: bool = False,
) -> Simulation:
    """Play a scenario to its end; the simulation as it is then.

    Raises :class:`LawBroken`, and :class:`Inapplicable` for a step that makes no sense, unless
    ``lenient``: then such a step is left out (as the shrinker wants it).
    """
    simulation = Simulation(scenario, press=press, log=log)
    for step in scenario.steps:
        if lenient:
            with suppress(Inapplicable):
                simulation.perform(step)
        else:
            simulation.perform(step)
    simulation.finish()
    return simulation
