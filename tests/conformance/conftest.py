"""The things that must keep the contract: the store in memory, the virtual S3, and every emulator.

The three emulators are started here, LocalStack and LocalEmu as containers of their own.  Others
that are already running are judged beside them when ``SAFELIGHT_CONFORMANCE_ENDPOINTS`` holds
their addresses, separated by spaces.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import pytest

from gallery import aws
from gallery.clock import SystemClock
from gallery.memory import MemoryStore
from gallery.store import ObjectStore, S3Store
from safelight.conformance.emulator import Emulator as Asked
from safelight.conformance.running import NAMES, running
from safelight.scene import Overlay
from safelight.testing import VirtualS3
from tests import engine

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

MARKS = {
    name: pytest.mark.embedded if name == "ministack" else pytest.mark.docker for name in NAMES
}
EMULATORS: list[Any] = [
    *(pytest.param(name, marks=MARKS[name]) for name in NAMES),
    *os.environ.get("SAFELIGHT_CONFORMANCE_ENDPOINTS", "").split(),
]

DEVIATIONS = {
    ("ministack", "test_a_delete_of_what_is_deleted_already"): "calls the receipt invalid",
    ("ministack", "test_a_redriven_message_comes_to_its_queue_again"): "has no message move tasks",
    ("ministack", "test_a_key_that_is_too_long_is_refused"): "takes keys of any length",
}
"""What an emulator is known to do otherwise than AWS, by its name and the test.  The test is
expected to fail there, and says so when it no longer does.  docs/emulators.md lists them."""


@pytest.fixture(autouse=True)
def _deviations(request: pytest.FixtureRequest) -> None:
    callspec = getattr(request.node, "callspec", None)
    kinds = callspec.params if callspec is not None else {}
    name = str(kinds.get("emulator", kinds.get("store")))
    known = DEVIATIONS.get((name, request.node.originalname))
    if known is not None:
        request.applymarker(pytest.mark.xfail(reason=f"{name} {known}", strict=True))


@dataclass(frozen=True)
class Emulator:
    """A running emulator, spoken to by the very clients that the services use; ``asked`` is it
    as the conformance suite's questions know it."""

    s3: S3Client
    sqs: SQSClient
    asked: Asked


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Emulator]]:
    """An emulator by its name, started when it is first asked for; or by its address."""
    with ExitStack() as started:

        @cache
        def reach(name: str) -> Emulator:
            if name in NAMES:
                folder = tmp_path_factory.mktemp(name)
                asked = started.enter_context(running(name, folder, print))
            else:
                asked = Asked(name, "?", name)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("AWS_ENDPOINT_URL", asked.url)
                patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
                patch.setenv("AWS_ACCESS_KEY_ID", "test")
                patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
                patch.delenv("AWS_PROFILE", raising=False)
                return Emulator(aws.s3_client(), aws.sqs_client(), asked)

        def need(name: str) -> Emulator:
            if name in NAMES and name != "ministack":
                engine.need()
            return reach(name)

        yield need


@pytest.fixture(params=EMULATORS)
def emulator(request: pytest.FixtureRequest, emulators: Callable[[str], Emulator]) -> Emulator:
    """Each emulator."""
    return emulators(request.param)


@contextmanager
def bucket(emulator: Emulator) -> Iterator[S3Store]:
    """A bucket of the test's own."""
    name = f"conformance-{uuid.uuid4()}"
    emulator.s3.create_bucket(Bucket=name)
    store = S3Store(emulator.s3, name)
    try:
        yield store
    finally:
        found = [info.key for info in store.list("")]
        # DeleteObjects is XML, which cannot say every key, and takes a thousand.
        plain = [key for key in found if key.isprintable()]
        for key in set(found) - set(plain):
            store.delete(key)
        for start in range(0, len(plain), 1000):
            some = [{"Key": key} for key in plain[start : start + 1000]]
            emulator.s3.delete_objects(
                Bucket=name,
                Delete={"Objects": some},  # type: ignore[typeddict-item]
            )
        emulator.s3.delete_bucket(Bucket=name)


@pytest.fixture(params=["memory", "virtual", "overlay", *EMULATORS])
def store(
    request: pytest.FixtureRequest, emulators: Callable[[str], Emulator]
) -> Iterator[ObjectStore]:
    """An empty store of each kind there is."""
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "virtual":
        yield S3Store(cast("S3Client", VirtualS3(SystemClock())), "conformance")
        return
    if request.param == "overlay":
        # What a replay writes to, over a bucket that it only reads.
        yield Overlay(MemoryStore(), SystemClock())
        return
    with bucket(emulators(request.param)) as store:
        yield store
