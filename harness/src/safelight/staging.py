"""Staging: a scenario on a running stack, in real time.

People's steps are done to the bucket, and S3's and SQS's as far as they can be: notifications
come early, late, twice, out of order or never.  A real stack's functions start by themselves and
run to their end; nobody can stop one before a call, kill it there or make its call fail.  Such
steps are left out and said to be, each with its reason; what must hold at the end must hold all
the same.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import FrameType
from typing import Any

import msgspec

from gallery import keys
from gallery.clock import SystemClock
from gallery.keys import Kind
from gallery.memory import MemoryObject
from gallery.record import PhotoRecord, UnreadableRecord, decode
from gallery.store import ObjectInfo
from safelight import scenario as form
from safelight.attachment import held
from safelight.delivery import said_of
from safelight.home import Home
from safelight.pasted import rebucket
from safelight.queues import dead_letters, depths, forget, redrive
from safelight.scenario import Scenario, Step, span
from safelight.scene import specimen
from safelight.simulation import convergence, notifications
from safelight.simulation.bucket import BUCKET as SIMULATED
from safelight.simulation.laws import LawBroken, is_page, links
from safelight.stack import FUNCTIONS, Deployment
from safelight.sweep import sweep
from safelight.verdict import Change, changes, hints_of
from safelight.waiting import DEAD, WORKING, look

PATIENCE = 120.0
"""Seconds until everything must have come to rest."""

LONGEST = 10.0
"""Seconds that a scenario's clock may really take for one step, unless one says otherwise."""

_QUIET = 1.5
# How long a function may take to say what it made of a message, on a machine that is busy.
_SLOW = 60.0
_ALONE = "a real stack's functions start by themselves, and run to their end"


class InTheWay(ValueError):
    """What the scenario would put is there already, and is somebody's."""


@dataclass(frozen=True)
class Aside:
    """A step that a real stack cannot do: left out, or done in another way."""

    number: int
    step: str
    why: str
    instead: str = ""


@dataclass
class Staged:
    """What came of it."""

    steps: int = 0
    asides: list[Aside] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    broken: LawBroken | None = None
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True)
class _Notice:
    key: str
    body: str


def stage(
    deployment: Deployment,
    scenario: Scenario,
    home: Home,
    say: Callable[[str], None],
    *,
    longest: float = LONGEST,
    patience: float = PATIENCE,
    keep: bool = False,
) -> Staged:
    """Play a scenario on a local stack, and look whether it ends as it must.

    The originals it puts are deleted at the end, unless ``keep``.  Raises :class:`InTheWay` if
    they would overwrite any.
    """
    with _interruptible():
        return _Stage(deployment, scenario, home, say, longest, patience).play(keep=keep)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have SIGTERM end us as Ctrl-C does: the notifications are to be put back."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Stage:
    def __init__(
        self,
        deployment: Deployment,
        scenario: Scenario,
        home: Home,
        say: Callable[[str], None],
        longest: float,
        patience: float,
    ) -> None:
        self._deployment = deployment
        self._scenario = scenario
        self._home = home
        self._say = say
        self._longest = longest
        self._patience = patience
        self._s3 = deployment.s3()
        self._sqs = deployment.sqs()
        self._store = deployment.store()
        self._encode = notifications.ENCODINGS[scenario.dialect]
        self._run_id = f"{time.time_ns():x}"
        self._by_hand = _needs_a_hand(scenario)
        self._held: list[_Notice] = []
        self._history: list[_Notice] = []
        self._announced: dict[str, int] = {}
        self._there: dict[str, str] = {}
        self._sent: dict[str, str] = {}
        self._left_out: set[str] = set()
        self._ids: set[str] = set()
        # A function's clock and ours need not agree.
        self._began = datetime.now(UTC) - timedelta(seconds=30)
        self._lossy = scenario.notifications == "lost"
        self._done = Staged()

    # Playing.

    def play(self, *, keep: bool) -> Staged:
        before = self._listing()
        ours = _originals(self._scenario)
        in_the_way = sorted(ours & before.keys())
        if in_the_way:
            raise InTheWay(
                f"{in_the_way[0]} is there already, and the scenario would overwrite or delete it. "
                "Play it on a stack of its own: SAFELIGHT_HOME=/tmp/other SAFELIGHT_PORT=4600 "
                "make up, and the same before this."
            )
        self._letters_before = self._letters()
        with ExitStack() as stack:
            if self._by_hand:
                self._say("The bucket's notifications about originals are held for it.")
                stack.enter_context(held(self._deployment, self._home))
            try:
                self._act()
            except LawBroken as error:
                self._done.broken = error
            self._done.changes = changes(before, self._listing())
            if not keep:
                self._clean()
        return self._done

    def _act(self) -> None:
        for number, step in enumerate(self._scenario.steps, 1):
            self._done.steps += 1
            self._number, self._step = number, _told(step)
            self._say(f"{number:4} {self._step}")
            self._perform(step)
        self._number, self._step = 0, "the end"
        self._finish()

    def _perform(self, step: Step) -> None:
        match step:
            case form.Put():
                self._put(step)
            case form.Announce():
                self._announced[step.key] = self._announced.get(step.key, 0) + 1
                self._post(self._notice(step.key, _AHEAD), deliver=True)
            case form.Delete():
                self._delete(step)
            case form.Deliver():
                self._deliver(step)
            case form.Lose():
                self._lose(step)
            case form.Duplicate():
                self._duplicate(step)
            case form.Send():
                body = rebucket(step.body, SIMULATED, self._deployment.bucket)
                self._sent[body] = step.name
                self._send(step.queue, body)
            case form.Start():
                if step.service == "sweep":
                    self._sweep()
            case form.Run():
                self._run(step)
            case form.Crash():
                self._aside("nobody can kill a function before or after one of its calls")
            case form.Fail():
                self._aside("nobody can make one call of a function fail")
            case form.Advance():
                self._advance(step)
            case form.Expire():
                self._expire(step)
            case form.Redrive():
                for _ in redrive(self._deployment, f"{step.queue}_dlq"):
                    pass
            case form.Sweep():
                self._sweep()
            case form.Renderer():
                self._aside("the functions' settings are the stack's; `make up` changes them")
            case form.Settle():
                self._settle()

    def _aside(self, why: str, instead: str = "") -> None:
        self._done.asides.append(Aside(self._number, self._step, why, instead))
        self._say(f"     {'instead: ' + instead if instead else 'left out'}: {why}")

    # People's steps.

    def _put(self, step: form.Put) -> None:
        content = step.content
        if "KILL" in content:
            self._left_out.add(step.key)
            self._aside("no file is known that kills the whole function")
            return
        if "CRASH" in content:
            content += " REJECT"
            self._aside("no file is known that kills the decoder", "a file that cannot be decoded")
        if keys.classify(step.key).kind is Kind.PHOTO:
            # Not the bytes of an earlier run: a version that comes and goes too often has to
            # wait until its names are free again (`thumbnailer.reconcile`, the lease).
            content += f" of {self._run_id}"
        body = specimen(step.key, content)
        answer = self._s3.put_object(Bucket=self._deployment.bucket, Key=step.key, Body=body)
        etag = answer["ETag"].strip('"')
        self._there[step.key] = etag
        found = MemoryObject(body, etag, datetime.now(UTC), "", None)
        self._changed(step.key, found, step.notify)

    def _delete(self, step: form.Delete) -> None:
        self._s3.delete_object(Bucket=self._deployment.bucket, Key=step.key)
        if self._there.pop(step.key, None) is not None:
            self._changed(step.key, None, step.notify)

    def _changed(
        self, key: str, found: MemoryObject | None, notify: form.Notifications | None
    ) -> None:
        """Do with the notification of a change what S3 is to do with it."""
        notice = self._notice(key, found)
        if not key.startswith(keys.PHOTOS):
            return
        if self._announced.get(key) and found is not None:
            self._announced[key] -= 1
            return
        how = notify or self._scenario.notifications
        if how == "lost":
            self._lossy = True
        elif how == "held":
            self._held.append(notice)
        self._post(notice, deliver=how == "prompt")

    def _notice(self, key: str, found: MemoryObject | None) -> _Notice:
        number = len(self._history) + 1
        now = datetime.now(UTC)
        bucket = self._deployment.bucket
        return _Notice(key, notifications.body(bucket, key, found, now, number, self._encode))

    def _post(self, notice: _Notice, *, deliver: bool) -> None:
        self._history.append(notice)
        # Where the bucket's own notifications are on, S3 delivers by itself.
        if deliver and self._by_hand:
            self._send("thumbnail", notice.body)

    def _send(self, queue: str, body: str) -> None:
        answer = self._sqs.send_message(QueueUrl=self._deployment.queues[queue], MessageBody=body)
        self._ids.add(answer["MessageId"])

    # S3's and SQS's steps.

    def _deliver(self, step: form.Deliver) -> None:
        mine = [notice for notice in self._held if notice.key == step.key]
        if not mine:
            self._no_notice(step.key)
            return
        notice = mine[-1 if step.newest else 0]
        self._held.remove(notice)
        for _ in range(step.times):
            self._send("thumbnail", notice.body)

    def _lose(self, step: form.Lose) -> None:
        mine = [notice for notice in self._held if notice.key == step.key]
        if not mine:
            self._no_notice(step.key)
            return
        self._lossy = True
        self._held = [notice for notice in self._held if notice.key != step.key]

    def _no_notice(self, key: str) -> None:
        if key.startswith(keys.CATALOG):
            self._aside("notifications about records are S3's own here, and come at once")
        else:
            self._aside(f"no notification about {key} is held here")

    def _duplicate(self, step: form.Duplicate) -> None:
        mine = [notice for notice in self._history if notice.key == step.key]
        if step.key.startswith(keys.CATALOG):
            there = self._store.get(step.key)
            if there is None:
                self._aside(f"{step.key} is not there: nothing is known that S3 told of it")
                return
            found = MemoryObject(there.body, there.info.etag, there.info.last_modified, "", None)
            self._send("publish", self._notice(step.key, found).body)
        elif step.back >= len(mine):
            self._aside(f"S3 never sent so many notifications about {step.key}")
        else:
            self._send("thumbnail", mine[-1 - step.back].body)

    def _run(self, step: form.Run) -> None:
        if step.calls is not None or step.to is not None:
            self._aside(_ALONE)
        else:
            self._taken()

    def _advance(self, step: form.Advance) -> None:
        length = span(step.by).total_seconds()
        if length > self._longest:
            self._aside("nobody wants to wait so long", f"waited {self._longest:g} s (--longest)")
        time.sleep(min(length, self._longest))

    def _expire(self, step: form.Expire) -> None:
        mine = [notice for notice in self._history if notice.key == step.key]
        if not mine:
            self._aside("only who received a message can make it visible again")
            return
        self._aside(
            "only who received a message can make it visible again", "it was sent once more"
        )
        self._send("thumbnail", mine[-1].body)

    def _sweep(self) -> None:
        functions = self._deployment.functions
        if functions:
            self._deployment.functions_client().invoke(
                FunctionName=functions["thumbnailer"],
                Payload=json.dumps({"safelight": "sweep"}).encode(),
            )["Payload"].read()
        else:
            with redirect_stdout(StringIO()):
                sweep(self._deployment)

    # The end.

    def _rest(self) -> None:
        """Wait until the queues are empty, and have been for a moment."""
        until = time.monotonic() + self._patience
        since: float | None = None
        while True:
            found = depths(self._deployment)
            waiting = {name: found[name].total for name in WORKING}
            now = time.monotonic()
            if any(waiting.values()):
                since = None
            elif since is None:
                since = now
            elif now - since >= _QUIET:
                return
            if now >= until:
                raise LawBroken(
                    "settles",
                    f"after {self._patience:g} s the queues still hold messages: {waiting}",
                )
            time.sleep(0.3)

    def _taken(self) -> None:
        """Wait until functions have looked at all that they can have now: of what was sent
        here, until they said so; of what S3 sent by itself, until it is off the queue."""
        until = time.monotonic() + min(_SLOW, self._patience)
        since = time.monotonic()
        while time.monotonic() < until:
            found = depths(self._deployment)
            if not any(found[name].total for name in WORKING):
                return
            heard = said_of(self._deployment, list(FUNCTIONS), self._ids, self._began)
            if any(found[name].visible for name in WORKING) or heard.keys() < self._ids:
                since = time.monotonic()
            elif time.monotonic() - since >= _QUIET:
                return
            time.sleep(0.2)

    def _settle(self) -> None:
        """Let the trouble stop, and everything come to rest."""
        for notice in self._held:
            self._send("thumbnail", notice.body)
        self._held.clear()
        self._rest()

    def _finish(self) -> None:
        how = self._scenario.finish
        if how == "nothing":
            return
        self._say("the trouble is over")
        self._settle()
        if self._lossy:
            self._sweep_over()
        self._converged()
        if how in ("replay", "tidy"):
            self._replay()
        if how in ("sweep", "tidy"):
            self._sweep_over()
            self._converged()
        if how == "tidy":
            self._done.unchecked.append(
                "garbage: what is nobody's is removed after days, for which nobody waits"
            )
        self._expected()

    def _sweep_over(self) -> None:
        self._say("a sweep")
        self._sweep()
        self._rest()

    def _replay(self) -> None:
        self._say("every notification comes again")
        # Twice: the first time an old tombstone may go meanwhile.
        for last in (False, True):
            before = self._made()
            for notice in self._history:
                self._send("thumbnail", notice.body)
            self._rest()
            after = self._made()
            for change in changes(before, after):
                if last:
                    raise LawBroken("replay", f"a replay of all notifications changed {change.key}")

    def _converged(self) -> None:
        listing = self._listing()
        for key, etag in self._there.items():
            if key not in listing or listing[key].etag != etag:
                raise LawBroken("originals", f"{key} is not as it was put")
        state = self._unfinished()
        if state is not None:
            law = "records" if state.startswith(keys.PHOTOS) else "pages"
            raise LawBroken(law, state)
        for key in _originals(self._scenario) - self._left_out:
            self._photo(key, listing)
        self._pages(listing)
        for body in self._new_letters():
            if hints_of(body):
                about = ", ".join(key for _, key in hints_of(body))
                raise LawBroken("letters", f"a good message about {about} is dead-lettered")

    def _unfinished(self) -> str | None:
        """What is not as it ought to be; looked at again for a while, since pages follow."""
        until = time.monotonic() + min(self._patience, 30.0)
        while True:
            first = look(self._deployment).first()
            if first is None:
                return None
            if time.monotonic() >= until:
                return f"{first.name}: {first.why}"
            time.sleep(0.5)

    def _photo(self, key: str, listing: Mapping[str, ObjectInfo]) -> None:
        if keys.classify(key).kind is not Kind.PHOTO:
            return
        found = self._store.get(keys.record(key))
        if found is None:
            if key in self._there:
                raise LawBroken("records", f"{key} has no record")
            return
        try:
            record = decode(found.body, keys.record(key))
        except UnreadableRecord as error:
            raise LawBroken("named", f"{key} has no record: {error}") from error
        if not isinstance(record, PhotoRecord):
            return
        if record.status == "ready":
            for rendition in record.renditions:
                if rendition.key not in listing:
                    raise LawBroken("named", f"{rendition.key} is recorded, and is not there")
        if key not in self._there:
            if record.status != "deleted":
                raise LawBroken("records", f"{key} is gone, but its record says {record.status}")
            left = [name for name in listing if name.startswith(keys.rendition_prefix(record.key))]
            if left:
                raise LawBroken("renditions", f"{key} is gone, but {left[0]} was kept")

    def _pages(self, listing: Mapping[str, ObjectInfo]) -> None:
        for page, body in self._documents(listing).items():
            for name in sorted(links(body)):
                if name not in listing:
                    raise LawBroken("linked", f"{page} links {name}, which is not there")

    def _documents(self, listing: Mapping[str, ObjectInfo]) -> dict[str, bytes]:
        wanted = [key for key in listing if is_page(key) and not key.startswith("assets/")]
        return {key: found.body for key, found in self._store.get_many(wanted) if found is not None}

    def _expected(self) -> None:
        expect = self._scenario.expect
        for key, status in expect.photos.items():
            if key in self._left_out:
                self._done.unchecked.append(f"{key} is {status}: it was never put")
                continue
            found = self._store.get(keys.record(key))
            actual = "absent" if found is None else decode(found.body, keys.record(key)).status
            # A tombstone of an earlier scenario's is as good as nothing.
            if actual != status and {actual, status} != {"absent", "deleted"}:
                raise LawBroken("expected", f"{key} is {actual}, and ought to be {status}")
        documents = self._documents(self._listing())
        for page, photos in expect.shown.items():
            wanted = set(photos) - self._left_out
            body = documents.get(page, b"")
            shown = convergence.shown({page: _as_object(body)}, page)
            ours = shown & _originals(self._scenario)
            if ours != wanted:
                raise LawBroken("expected", f"{page} shows {sorted(ours)}, not {sorted(wanted)}")
        if expect.dead is not None:
            dead = sorted(self._sent.get(body, body[:80]) for body in self._new_letters())
            wanted_dead = sorted(set(expect.dead) - self._left_out)
            if dead != wanted_dead:
                raise LawBroken("expected", f"dead-lettered are {dead}, not {wanted_dead}")
        if expect.reached:
            self._done.unchecked.append(
                f"rare paths ({', '.join(expect.reached)}): only the simulation sees them"
            )

    def _letters(self) -> list[tuple[str, str]]:
        return [
            (letter.id, letter.body)
            for name in DEAD
            for letter in dead_letters(self._deployment, name, most=1000)
        ]

    def _new_letters(self) -> list[str]:
        before = {name for name, _ in self._letters_before}
        return [body for name, body in self._letters() if name not in before]

    def _clean(self) -> None:
        """Delete what the scenario put, and wait until the gallery has followed."""
        for name in DEAD:
            forget(self._deployment, name, {*self._sent, *(each.body for each in self._history)})
        if not self._there:
            return
        self._say("the scenario's originals are deleted")
        for key in list(self._there):
            self._delete(form.Delete(key=key, notify="prompt"))
        if self._done.broken is None:
            try:
                self._rest()
            except LawBroken as error:
                self._done.broken = error

    def _listing(self) -> dict[str, ObjectInfo]:
        return {info.key: info for info in self._store.list("")}

    def _made(self) -> dict[str, ObjectInfo]:
        return {
            key: info for key, info in self._listing().items() if not key.startswith(keys.PHOTOS)
        }


_AHEAD = MemoryObject(b"", "0" * 32, datetime(1970, 1, 1, tzinfo=UTC), "", None)


def _as_object(body: bytes) -> MemoryObject:
    return MemoryObject(body, "", SystemClock().now(), "", None)


def _originals(scenario: Scenario) -> set[str]:
    """The keys that a scenario puts or deletes."""
    return {step.key for step in scenario.steps if isinstance(step, form.Put | form.Delete)}


def _needs_a_hand(scenario: Scenario) -> bool:
    """Whether S3's own notifications will not do."""
    return (
        scenario.notifications != "prompt"
        or scenario.dialect != "aws"
        or any(
            isinstance(step, form.Announce | form.Deliver | form.Lose)
            or (isinstance(step, form.Put | form.Delete) and step.notify not in (None, "prompt"))
            for step in scenario.steps
        )
    )


def _told(step: Step) -> str:
    fields: dict[str, Any] = msgspec.to_builtins(step)
    verb = fields.pop("do")
    return " ".join([verb, *(f"{name}={value}" for name, value in fields.items())])
