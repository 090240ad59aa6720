"""What the workers' containers have to say, as `safelight logs` shows the functions' logs."""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from safelight import engine as engines
from safelight.problem import Problem

Line = tuple[datetime, str, str]
"""A line's moment, the service that wrote it, and the line."""


def lines(
    project: str, services: Sequence[str], since: datetime, *, follow: bool
) -> Iterator[Line]:
    """The lines of the services' containers; in the order of their moments, or with
    ``follow`` in the order in which they come, without end.  Raises :class:`Problem`."""
    engine = engines.connect()
    streams: list[Iterator[Line]] = []
    for service in services:
        try:
            container = engine.containers.get(f"{project}-{service}")
        except NotFound:
            raise Problem(
                f"The {service}'s worker has no container. `make up` starts it again."
            ) from None
        streams.append(_lines(container, service, since, follow=follow))
    yield from _as_they_come(streams) if follow else heapq.merge(*streams)


def _lines(container: Container, service: str, since: datetime, *, follow: bool) -> Iterator[Line]:
    # The engine takes whole seconds.
    stream = container.logs(
        stream=True, follow=follow, timestamps=True, since=int(since.timestamp())
    )
    rest = b""
    for chunk in stream:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _line(line, service)
    if rest:
        yield _line(rest, service)


def _line(line: bytes, service: str) -> Line:
    moment, _, text = line.decode("utf-8", "replace").rstrip("\r").partition(" ")
    # To the nanosecond, of which Python knows nothing.
    whole, _, fraction = moment.rstrip("Z").partition(".")
    try:
        found = datetime.fromisoformat(f"{whole}.{fraction[:6].ljust(6, '0')}")
    except ValueError:
        return datetime.now(UTC), service, line.decode("utf-8", "replace")
    return found.replace(tzinfo=UTC), service, text


def _as_they_come(streams: Sequence[Iterator[Line]]) -> Iterator[Line]:
    come: queue.SimpleQueue[Line | None] = queue.SimpleQueue()

    def read(stream: Iterator[Line]) -> None:
        try:
            for line in stream:
                come.put(line)
        except DockerException as error:
            come.put((datetime.now(UTC), "docker", str(error)))
        finally:
            come.put(None)

    for stream in streams:
        threading.Thread(target=read, args=(stream,), daemon=True).start()
    ended = 0
    while ended < len(streams):
        line = come.get()
        if line is None:
            ended += 1
        else:
            yield line
