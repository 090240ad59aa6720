"""S3's notifications, as S3 writes them, and what becomes of them on the way.

The layout follows the S3 user guide, "Event message structure", version 2.1; a delete has
neither size nor ETag.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from gallery.events import encode_key
from gallery.memory import MemoryObject

PREFIXES = {"photos/": "thumbnail", "catalog/photos/": "publish"}
"""Which queue is told of which keys, as the template's notification filters say."""


@dataclass(frozen=True)
class Notification:
    """One event about one key, on its way to ``queue``."""

    queue: str
    key: str
    body: str
    at: datetime


def _form_encoded(key: str) -> str:
    return encode_key(key)


def _percent_encoded(key: str) -> str:
    # LocalStack 4.14 writes a space as %20 (measured; see docs/events.md).
    return quote(key, safe="/")


ENCODINGS: dict[str, Callable[[str], str]] = {
    "aws": _form_encoded,
    "localstack": _percent_encoded,
}


def body(
    bucket: str,
    key: str,
    found: MemoryObject | None,
    at: datetime,
    sequence: int,
    encode: Callable[[str], str] = _form_encoded,
    name: str | None = None,
) -> str:
    """The body of the message that S3 sends: ``found`` is ``None`` for a delete.  ``name`` is the
    event's, where it is neither ``ObjectCreated:Put`` nor ``ObjectRemoved:Delete``."""
    thing: dict[str, object] = {"key": encode(key)}
    if found is not None:
        thing |= {"size": len(found.body), "eTag": found.etag}
    thing["sequencer"] = f"{sequence:018X}"
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": name or ("ObjectCreated:Put" if found is not None else "ObjectRemoved:Delete"),
        "userIdentity": {"principalId": "EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": f"{sequence:016X}", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "safelight",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "EXAMPLE"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": thing,
        },
    }
    return json.dumps({"Records": [record]}, ensure_ascii=False)


@dataclass
class Outbox:
    """S3's side: it turns changes into notifications and holds those not yet delivered.

    ``history`` keeps all there ever were, for duplicates and replays.
    """

    bucket: str
    encode: Callable[[str], str] = _form_encoded
    held: list[Notification] = field(default_factory=list)
    history: list[Notification] = field(default_factory=list)

    def changed(self, key: str, found: MemoryObject | None, at: datetime) -> Notification | None:
        """The notification of a change, if anybody subscribed to such keys."""
        for prefix, queue in PREFIXES.items():
            if key.startswith(prefix):
                text = body(self.bucket, key, found, at, len(self.history) + 1, self.encode)
                made = Notification(queue, key, text, at)
                self.history.append(made)
                return made
        return None

    def take(self, key: str, *, newest: bool = False) -> Notification | None:
        """The oldest (or newest) notification about ``key`` that is held, taken out."""
        found = [each for each in self.held if each.key == key]
        if not found:
            return None
        chosen = found[-1 if newest else 0]
        self.held.remove(chosen)
        return chosen
