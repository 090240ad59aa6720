"""What is gone from the bucket is gone from the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from gallery import catalog, keys
from gallery.batch import Done, Failed, Outcome, Retry, Task
from gallery.clock import Clock
from gallery.events import Hint, parse
from gallery.memory import MemoryStore
from gallery.queue import Message
from gallery.record import PhotoRecord, RenditionSet
from safelight.simulation.craft import PlainCraft
from thumbnailer import cache
from thumbnailer.cache import CacheBusy, CacheError, CacheRefused, CloudFront, Messenger
from thumbnailer.reconcile import World, retire
from thumbnailer.service import Service, tasks
from thumbnailer.sweep import sweep_folder

NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
DIGEST = "0123456789abcdef"


@dataclass
class Hands(Clock):
    """A clock whose hands a test moves."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def turn(self, **by: float) -> None:
        self.time += timedelta(**by)


@dataclass
class Post:
    """A queue that keeps what is sent, with its delay and its moment."""

    clock: Hands
    sent: list[tuple[str, int, datetime]] = field(default_factory=list)

    def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
        self.sent += [(body, delay, self.clock.now()) for body in bodies]

    def delete(self, message: Message) -> None:
        raise AssertionError(message)

    def delay(self, message: Message, seconds: int) -> None:
        raise AssertionError((message, seconds))


@dataclass
class Edge:
    """A cache; or one that cannot be told."""

    told: list[tuple[str, str]] = field(default_factory=list)
    trouble: CacheError | None = None

    def forget(self, folder: str, reference: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.told.append((folder, reference))


def _hint(body: str) -> Hint:
    (hint,) = parse(body).hints
    return hint


def _task(*bodies: str, receives: int = 1) -> Task:
    hints = tuple(_hint(body) for body in bodies)
    (name,) = {hint.key for hint in hints}
    return Task(name, hints, receives, None)


# -- The hint --------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [0.0, 0.001, 30.0, 59.999])
def test_it_is_read_after_its_minute(second: float) -> None:
    """Then all that was deleted in that minute has been."""
    clock = Hands(NOON + timedelta(seconds=second))
    post = Post(clock)
    Messenger(post, "bucket", clock).removed("lisbon")
    ((body, delay, sent),) = post.sent
    assert _hint(body).key == "thumbs/lisbon/"
    assert sent + timedelta(seconds=delay) >= NOON + cache.WINDOW + timedelta(seconds=5)
    # SQS delays by at most 900 seconds.
    assert delay <= 66


def test_one_hint_for_an_album_and_a_minute() -> None:
    clock = Hands()
    post = Post(clock)
    messenger = Messenger(post, "bucket", clock)
    for _ in range(3):
        for slug in ("a", "b", ""):
            messenger.removed(slug)
        clock.turn(seconds=10)
    assert [_hint(body).key for body, _, _ in post.sent] == ["thumbs/a/", "thumbs/b/", "thumbs/"]
    clock.turn(seconds=60)
    messenger.removed("a")
    assert [_hint(body).key for body, _, _ in post.sent[3:]] == ["thumbs/a/"]


def test_a_hint_that_was_not_sent_is_sent_again() -> None:
    """It is only taken as sent once it is."""
    clock = Hands()
    post = Post(clock)

    class Broken(Post):
        def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
            raise ConnectionError(list(bodies), delay)

    messenger = Messenger(Broken(clock), "bucket", clock)
    with pytest.raises(ConnectionError):
        messenger.removed("a")
    messenger._queue = post
    messenger.removed("a")
    assert len(post.sent) == 1


def test_the_hint_is_a_task_of_its_own() -> None:
    clock = Hands()
    post = Post(clock)
    Messenger(post, "bucket", clock).removed("a")
    hint = _hint(post.sent[0][0])
    assert tasks(hint) == ("thumbs/a/",)
    event = Hint("bucket", "thumbs/a/", "created", NOON, "s3:ObjectCreated:Put", "s3")
    assert isinstance(tasks(event), Done)


# -- The telling -----------------------------------------------------------------------------


def test_all_workers_ask_for_one_invalidation_a_minute() -> None:
    """Whoever comes second, or again, asks for the same by the same name."""
    clock = Hands()
    bodies = []
    for _ in range(2):
        post = Post(clock)
        Messenger(post, "bucket", clock).removed("a")
        bodies.append(post.sent[0][0])
        clock.turn(seconds=20)
    edge = Edge()
    for task in (_task(bodies[0]), _task(bodies[1]), _task(*bodies), _task(*reversed(bodies))):
        assert cache.tell(edge, task) == Done("the cache was told")
    assert len(set(edge.told)) == 1
    clock.turn(seconds=60)
    later = Post(clock)
    Messenger(later, "bucket", clock).removed("a")
    cache.tell(edge, _task(later.sent[0][0]))
    assert len(set(edge.told)) == 2
    # A batch with both is about the later: that one is asked for after both minutes.
    cache.tell(edge, _task(bodies[0], later.sent[0][0]))
    assert edge.told[-1] == edge.told[-2]


def _body(clock: Hands | None = None) -> str:
    clock = clock or Hands()
    post = Post(clock)
    Messenger(post, "bucket", clock).removed("a")
    return post.sent[0][0]


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (CacheBusy("15 under way"), Retry),
        (CacheError("a broken line"), Retry),
        (CacheRefused("not yours"), Failed),
    ],
)
def test_a_cache_that_cannot_be_told(trouble: CacheError, kind: type[Outcome]) -> None:
    """What passes is tried again; ten times take the better part of an hour."""
    outcomes = [cache.tell(Edge(trouble=trouble), _task(_body(), receives=n)) for n in range(1, 10)]
    assert {type(outcome) for outcome in outcomes} == {kind}
    assert all(str(trouble) in getattr(outcome, "why", "") for outcome in outcomes)
    if kind is Retry:
        assert sum(getattr(outcome, "after", 0) for outcome in outcomes) > 2400


@pytest.mark.parametrize(
    ("album", "expected"),
    [
        ("thumbs/", "/thumbs/*"),
        ("thumbs/2024/Porto_2.b-c/", "/thumbs/2024/Porto_2.b-c/*"),
        ("thumbs/a b/", "/thumbs/a*"),
        ("thumbs/café/", "/thumbs/caf*"),
        ("thumbs/x~y/", "/thumbs/x*"),
        ("thumbs/50%/", "/thumbs/50*"),
        ("thumbs/*/", "/thumbs/*"),
    ],
)
def test_a_path_covers_its_folder_however_it_is_written(album: str, expected: str) -> None:
    assert cache.path(album) == expected
    url = "/" + keys.url_path(f"{album}1.jpg.{DIGEST}-600.jpg")
    assert url.startswith(expected.removesuffix("*"))


def _cloudfront() -> tuple[CloudFront, Any]:
    client = boto3.client(
        "cloudfront", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    return CloudFront(client, "E1"), Stubber(client)


def test_cloudfront_is_asked_as_it_wants_to_be() -> None:
    edge, stub = _cloudfront()
    asked = {
        "DistributionId": "E1",
        "InvalidationBatch": {
            "Paths": {"Quantity": 1, "Items": ["/thumbs/a/*"]},
            "CallerReference": "r1",
        },
    }
    stub.add_response("create_invalidation", {}, asked)
    with stub:
        edge.forget("thumbs/a/", "r1")
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("TooManyInvalidationsInProgress", CacheBusy),
        ("AccessDenied", CacheRefused),
        ("NoSuchDistribution", CacheRefused),
        ("ServiceUnavailable", CacheError),
    ],
)
def test_cloudfronts_errors_are_told_apart(code: str, kind: type[CacheError]) -> None:
    edge, stub = _cloudfront()
    stub.add_client_error("create_invalidation", code)
    with stub, pytest.raises(CacheError) as met:
        edge.forget("thumbs/a/", "r1")
    assert type(met.value) is kind


# -- When ------------------------------------------------------------------------------------


def _world(clock: Hands, told: list[str]) -> tuple[World, MemoryStore]:
    store = MemoryStore(clock)
    return World(store, PlainCraft("1"), clock, removed=told.append), store


def _commit(world: World, record: PhotoRecord) -> str:
    key = keys.record(record.key)
    before = catalog.load(world.store, key)
    return catalog.commit(world.store, key, record, before.etag)


def _put_rendition(world: World, key: str) -> None:
    world.store.put(keys.rendition(key, DIGEST, 600), b"jpeg", content_type="image/jpeg")


def test_it_is_told_once_they_are_gone() -> None:
    """Before, it could fetch them once more."""
    clock = Hands()
    there: list[bool] = []
    key = "photos/a/1.jpg"
    store = MemoryStore(clock)

    def removed(slug: str) -> None:
        assert slug == "a"
        there.append(store.head(keys.rendition(key, DIGEST, 600)) is not None)

    world = World(store, PlainCraft("1"), clock, removed=removed)
    record = PhotoRecord(
        key=key,
        status="deleted",
        superseded=(RenditionSet(digest=DIGEST, since=NOON),),
        updated=NOON,
    )
    etag = _commit(world, record)
    _put_rendition(world, key)
    retire(world, keys.record(key), record, etag, [DIGEST])
    assert there == [False]


def test_the_sweep_tells_again_before_it_strikes_them_off() -> None:
    """Whoever removed them may have died before it told of it."""
    clock = Hands()
    told: list[str] = []
    world, _ = _world(clock, told)
    record = PhotoRecord(
        key="photos/a/1.jpg",
        status="deleted",
        retired=(RenditionSet(digest=DIGEST, since=NOON),),
        updated=NOON,
    )
    _commit(world, record)
    sweep_folder(world, "photos/a/", lambda found: None, lambda found: None)
    assert told == []
    clock.turn(minutes=20)
    sweep_folder(world, "photos/a/", lambda found: None, lambda found: None)
    assert told == ["a"]
    sweep_folder(world, "photos/a/", lambda found: None, lambda found: None)
    assert told == ["a"]


def test_what_nobody_ever_recorded_is_told_of_too() -> None:
    """Its address may have been guessed or kept."""
    clock = Hands()
    told: list[str] = []
    world, _ = _world(clock, told)
    _put_rendition(world, "photos/a/1.jpg")
    clock.turn(days=2)
    sweep_folder(world, "photos/a/", lambda found: None, lambda found: None)
    assert told == ["a"]


def _service(edge: Edge | None) -> tuple[Service, Post, Hands]:
    clock = Hands()
    post = Post(clock)
    world, _ = _world(clock, [])
    service = Service(
        world,
        "bucket",
        post,
        post,
        lambda report: None,
        0.0,
        cache=edge,
    )
    return service, post, clock


def test_the_service_tells_its_cache() -> None:
    edge = Edge()
    service, post, _ = _service(edge)
    service.world.removed("a")
    assert service.work(_task(post.sent[0][0])) == Done("the cache was told")
    assert [folder for folder, _ in edge.told] == ["thumbs/a/"]


def test_without_a_cache_there_is_nothing_to_tell() -> None:
    """A hint of a time when there was one is done with."""
    service, post, _ = _service(None)
    service.world.removed("a")
    assert post.sent == []
    assert isinstance(service.work(_task(_body())), Done)
