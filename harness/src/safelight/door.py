"""The gallery's door: what a visitor gets at an address, on AWS and in a rehearsal.

An emulator has no name servers: it tells the distributions apart by the ``Host`` of a request.
So where ``AWS_ENDPOINT_URL`` names one, a request goes there, and says whom it is for.
"""

from __future__ import annotations

import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """What came: ``status`` (0 if nothing did), ``headers`` by lower-case name, ``body``;
    ``trouble`` in words if nothing came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    trouble: str = ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def knock(url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    """Get ``url`` once.  Does not raise: that nothing answers is an answer here."""
    parts = urlsplit(url)
    emulator = os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
    target = url
    sent = dict(headers or {})
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if emulator:
        query = f"?{parts.query}" if parts.query else ""
        target = f"{emulator}{parts.path or '/'}{query}"
        # CloudFront is told of TLS, which the emulator has none of, as a load balancer would.
        sent |= {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme}
        handlers.append(urllib.request.ProxyHandler({}))
    else:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    request = urllib.request.Request(target, headers=sent)  # noqa: S310 - our own stack's output
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_SECONDS) as answer:
            return Answer(answer.status, _lower(answer.headers), bytes(answer.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _lower(error.headers), bytes(error.read()))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Answer(0, {}, b"", str(reason))


def await_open(url: str, seconds: float) -> Answer:
    """Get ``url`` until it is there, or ``seconds`` have passed; the last answer.

    A new distribution's name takes a moment until name servers know it.
    """
    until = time.monotonic() + seconds
    pause = 0.1
    while True:
        answer = knock(url)
        if answer.status == 200 or time.monotonic() >= until:
            return answer
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)


def _lower(headers: object) -> dict[str, str]:
    pairs = headers.items() if hasattr(headers, "items") else []
    return {str(name).lower(): str(value) for name, value in pairs}
