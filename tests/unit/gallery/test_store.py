"""What S3 answers on its bad days, and what the store makes of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.response import StreamingBody
from botocore.stub import Stubber
from urllib3.exceptions import IncompleteRead, ProtocolError

from gallery.memory import Call, MemoryStore
from gallery.store import (
    AccessDenied,
    Conflict,
    PreconditionFailed,
    S3Store,
    StoreError,
    Unavailable,
    put_if,
)

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
ETAG = "9b2cf535f27731c974343645a3985328"


@pytest.fixture(scope="module")
def client() -> Any:
    """An S3 client that never tries twice and never reaches anybody."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    return session.client("s3", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stub:
        yield stub


@pytest.fixture
def store(client: Any) -> S3Store:
    return S3Store(client, "b")


Verb = Callable[[S3Store], object]
VERBS: dict[str, tuple[str, Verb]] = {
    "head": ("head_object", lambda store: store.head("k")),
    "get": ("get_object", lambda store: store.get("k")),
    "peek": ("get_object", lambda store: store.peek("k", 9)),
    "many": ("get_object", lambda store: list(store.get_many(["k"]))),
    "download": ("get_object", lambda store: store.download("k", io.BytesIO(), if_match=ETAG)),
    "put": ("put_object", lambda store: store.put("k", b"", content_type="x")),
    "delete": ("delete_object", lambda store: store.delete("k")),
    "list": ("list_objects_v2", lambda store: list(store.list("k"))),
}
every_verb = pytest.mark.parametrize("verb", sorted(VERBS))


@every_verb
@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDenied", 403, AccessDenied),
        ("403", 403, AccessDenied),
        ("InvalidAccessKeyId", 403, AccessDenied),
        ("SignatureDoesNotMatch", 403, AccessDenied),
        ("ExpiredToken", 400, AccessDenied),
        ("SomethingForbidden", 403, AccessDenied),
        ("NoSuchBucket", 404, AccessDenied),
        ("ConditionalRequestConflict", 409, Conflict),
        ("OperationAborted", 409, Conflict),
        ("409", 409, Conflict),
        ("PreconditionFailed", 412, PreconditionFailed),
        ("412", 412, PreconditionFailed),
        ("SlowDown", 503, Unavailable),
        ("ServiceUnavailable", 503, Unavailable),
        ("InternalError", 500, Unavailable),
        ("RequestTimeout", 400, Unavailable),
        ("NobodyKnows", 418, Unavailable),
    ],
)
def test_an_answer_is_one_of_our_errors(
    stub: Stubber, store: S3Store, verb: str, code: str, status: int, error: type[StoreError]
) -> None:
    operation, call = VERBS[verb]
    stub.add_client_error(operation, code, "words of S3", status)
    with pytest.raises(StoreError) as raised:
        call(store)
    assert type(raised.value) is error
    assert raised.value.key == "k"
    assert "s3://b/'k'" in str(raised.value)
    stub.assert_no_pending_responses()


@every_verb
@pytest.mark.parametrize("code", ["NoSuchKey", "404", "NotFound"])
def test_an_object_that_is_not_there(stub: Stubber, store: S3Store, verb: str, code: str) -> None:
    operation, call = VERBS[verb]
    stub.add_client_error(operation, code, "words of S3", 404)
    if verb in ("put", "download"):
        with pytest.raises(PreconditionFailed, match="gone"):
            call(store)
    elif verb == "list":
        # There is no key to be missing: an empty listing would be a lie about all of them.
        with pytest.raises(Unavailable):
            call(store)
    else:
        assert call(store) == ([("k", None)] if verb == "many" else None)


@every_verb
@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="http://s3"),
        ReadTimeoutError(endpoint_url="http://s3"),
        ConnectionClosedError(endpoint_url="http://s3"),
        EndpointConnectionError(endpoint_url="http://s3"),
        NoCredentialsError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_broken_connection_may_pass(
    client: Any, store: S3Store, verb: str, error: Exception
) -> None:
    def broken(**_: object) -> None:
        raise error

    client.meta.events.register("before-send.s3", broken)
    try:
        with pytest.raises(Unavailable):
            VERBS[verb][1](store)
    finally:
        client.meta.events.unregister("before-send.s3", broken)


class HalfBody:
    """A body that breaks off after its first bytes."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, size: int | None = None) -> bytes:
        raise self.error

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield b"half"
        raise self.error

    def close(self) -> None: ...


@pytest.mark.parametrize("verb", ["get", "peek", "download", "many"])
@pytest.mark.parametrize(
    "error",
    [
        IncompleteRead(4, 6),
        ProtocolError("Connection broken"),
        ConnectionResetError("reset by peer"),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_body_that_breaks_off_may_pass(
    stub: Stubber, store: S3Store, verb: str, error: Exception
) -> None:
    answer = {"Body": HalfBody(error), "ETag": f'"{ETAG}"', "ContentLength": 10}
    stub.add_response("get_object", {**answer, "LastModified": NOON})
    with pytest.raises(Unavailable):
        VERBS[verb][1](store)


def test_a_listing_that_breaks_off_in_the_middle_is_no_short_listing(
    stub: Stubber, store: S3Store
) -> None:
    entry = {"Key": "ka", "ETag": f'"{ETAG}"', "Size": 1, "LastModified": NOON}
    stub.add_response(
        "list_objects_v2",
        {"Contents": [entry], "IsTruncated": True, "NextContinuationToken": "on"},
    )
    stub.add_client_error("list_objects_v2", "SlowDown", "words of S3", 503)
    listing = store.list("k")
    assert next(listing).key == "ka"
    with pytest.raises(Unavailable):
        next(listing)


def test_conditions_are_sent_as_s3_wants_them(stub: Stubber, store: S3Store) -> None:
    plain = {"Bucket": "b", "Key": "k", "Body": b"1", "ContentType": "x"}
    for more in ({"IfMatch": f'"{ETAG}"'}, {"IfNoneMatch": "*"}, {"CacheControl": "no-cache"}, {}):
        stub.add_response("put_object", {"ETag": f'"{ETAG}"'}, {**plain, **more})
    store.put("k", b"1", content_type="x", if_match=ETAG)
    store.put("k", b"1", content_type="x", if_none_match=True)
    store.put("k", b"1", content_type="x", cache_control="no-cache")
    assert store.put("k", b"1", content_type="x").etag == ETAG
    stub.assert_no_pending_responses()


def test_another_version_s_bytes_are_not_slipped_in(stub: Stubber, store: S3Store) -> None:
    # As by an emulator that ignores If-Match on reads.
    body = StreamingBody(io.BytesIO(b"other"), 5)
    stub.add_response("get_object", {"Body": body, "ETag": '"another"', "ContentLength": 5,
                                     "LastModified": NOON})  # fmt: skip
    file = io.BytesIO()
    with pytest.raises(PreconditionFailed):
        store.download("k", file, if_match=ETAG)
    assert file.getvalue() == b""


def test_access_denied_says_what_to_grant(stub: Stubber, store: S3Store) -> None:
    stub.add_client_error("get_object", "AccessDenied", "words of S3", 403)
    with pytest.raises(AccessDenied, match="s3:ListBucket"):
        store.get("k")


@pytest.mark.parametrize(("conflicts", "through"), [(0, True), (1, True), (3, True), (4, False)])
def test_a_commit_tries_again_after_a_conflict(conflicts: int, through: bool) -> None:
    met = 0

    def hook(call: Call) -> None:
        nonlocal met
        if call.op == "put" and call.phase == "before" and met < conflicts:
            met += 1
            raise Conflict(call.key, "409")

    store = MemoryStore(hook=hook)
    if through:
        put_if(store, "k", b"1", None, content_type="x")
    else:
        with pytest.raises(Conflict):
            put_if(store, "k", b"1", None, content_type="x")
    assert ("k" in store.objects) is through
    assert met == conflicts


def test_a_commit_that_was_beaten_is_not_tried_again() -> None:
    calls: list[Call] = []
    store = MemoryStore(hook=calls.append)
    store.put("k", b"theirs", content_type="x")
    with pytest.raises(PreconditionFailed):
        put_if(store, "k", b"mine", None, content_type="x")
    with pytest.raises(PreconditionFailed):
        put_if(store, "k", b"mine", "stale", content_type="x")
    assert store.objects["k"].body == b"theirs"
    assert len([call for call in calls if call.phase == "before"]) == 3
