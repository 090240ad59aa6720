"""The environment variables that tell a service which stack it is part of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class MissingVariable(RuntimeError):
    """A variable the service cannot do without is not set."""


@dataclass(frozen=True)
class Wiring:
    """The stack a service is part of; the template sets these variables.

    ``bucket``: ``SAFELIGHT_BUCKET``; ``thumbnail_queue`` and ``publish_queue``: the queues'
    URLs, ``SAFELIGHT_THUMBNAIL_QUEUE_URL`` and ``SAFELIGHT_PUBLISH_QUEUE_URL``.
    """

    bucket: str
    thumbnail_queue: str
    publish_queue: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Wiring:
        """Read them; raises :class:`MissingVariable` naming those that are not set."""
        names = (
            "SAFELIGHT_BUCKET",
            "SAFELIGHT_THUMBNAIL_QUEUE_URL",
            "SAFELIGHT_PUBLISH_QUEUE_URL",
        )
        missing = [name for name in names if not environment.get(name)]
        if missing:
            raise MissingVariable(
                f"not set: {', '.join(missing)}. The stack's template sets them for its functions; "
                'for a worker on this machine: eval "$(safelight env)"'
            )
        return cls(*(environment[name] for name in names))


def seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    """A variable that is a number of seconds, 0 or more; raises ``ValueError`` saying so."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 10 * 365 * 86_400:
        raise ValueError(f"{name} is {text!r:.40}; it must be a number of seconds, 0 or more")
    return value
