"""A stack that runs, as its users meet it: the command line, plain boto3, a browser's GET."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import boto3

PATIENCE = 120
"""Seconds after which a test gives up waiting; nothing here takes a tenth of it."""


@dataclass
class Answer:
    """What a browser got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body, decoded."""
        return self.body.decode("utf-8")


@dataclass
class Page(HTMLParser):
    """A page's links and images, as they stand in its attributes."""

    base: str
    text: str
    links: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    words: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("a", "link") and values.get("href"):
            self.links.append(urljoin(self.base, str(values["href"])))
        if tag == "img":
            self.images.append(urljoin(self.base, str(values["src"])))
            for candidate in (values.get("srcset") or "").split(","):
                if candidate.strip():
                    self.images.append(urljoin(self.base, candidate.split()[0]))

    def handle_data(self, data: str) -> None:
        self.words += data


class Running:
    """One stack with a home and a port of its own."""

    def __init__(self, kind: str, home: Path, port: int) -> None:
        self.kind = kind
        self.home = home
        self.port = port

    def environment(self) -> dict[str, str]:
        """What the command line runs with: nothing of a stack that the caller may use."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "SAFELIGHT_"))
        }
        return {
            **kept,
            "SAFELIGHT_HOME": str(self.home),
            "SAFELIGHT_PORT": str(self.port),
            "STACK": self.kind,
            "PURGE": "",
        }

    def command(self, *arguments: str | Path) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "safelight", *map(str, arguments)]

    def run(
        self, *arguments: str | Path, status: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line; fails the test unless it ends with ``status``."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=600,
        )
        shown = f"safelight {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"
        assert status is None or done.returncode == status, f"{done.returncode}: {shown}"
        return done

    def status(self) -> dict[str, Any]:
        """``status --json``."""
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def settle(self) -> None:
        """Wait for the gallery."""
        self.run("wait", "--timeout", str(PATIENCE))

    def exported(self) -> dict[str, str]:
        """What ``eval "$(safelight env)"`` sets."""
        found = {}
        for line in self.run("env").stdout.splitlines():
            verb, assignment, *_ = shlex.split(line)
            if verb != "export":
                continue
            name, _, value = assignment.partition("=")
            found[name] = value
        return found

    def client(self, service: Any) -> Any:
        """A boto3 client as anybody would make it from these variables."""
        exported = self.exported()
        return boto3.client(
            service,
            endpoint_url=exported["AWS_ENDPOINT_URL"],
            region_name=exported["AWS_REGION"],
            aws_access_key_id=exported["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=exported["AWS_SECRET_ACCESS_KEY"],
        )

    def get(self, url: str) -> Answer:
        """What a browser gets."""
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
                return Answer(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _lower(error.headers), error.read())

    def page(self, url: str) -> Page:
        """A page; fails the test unless it is one."""
        answer = self.get(url)
        assert answer.status == 200, (url, answer)
        assert answer.headers["content-type"].startswith("text/html"), (url, answer.headers)
        return Page(base=url, text=answer.text)


@dataclass
class Gallery:
    """A running stack's bucket and site."""

    running: Running
    s3: Any
    bucket: str
    home_page: str

    def url(self, key: str) -> str:
        """The address of an object of the site, by its plain key."""
        from urllib.parse import quote

        return urljoin(self.home_page, quote(key))

    def put(self, key: str, body: bytes) -> None:
        """Upload with plain boto3, as anybody would."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, key: str) -> None:
        """Delete with plain boto3."""
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix: str) -> list[str]:
        """What lies under a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def record(self, key: str) -> dict[str, Any]:
        """A record, as any program would read it."""
        answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        found: dict[str, Any] = json.loads(answer["Body"].read())
        return found

    def originals_on(self, page: Page) -> set[str]:
        """The keys of the originals that a page links."""
        return {key for link in page.links if (key := self.key_of(link)).startswith("photos/")}

    def key_of(self, url: str) -> str:
        """The key of the object at an address of the site."""
        root = urlsplit(self.home_page).path.removesuffix("index.html")
        path = urlsplit(url).path
        return unquote(path.removeprefix(root)) if path.startswith(root) else ""


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@contextmanager
def started(kind: str, home: Path, port: int) -> Iterator[Running]:
    """A stack that is up, and is gone afterwards, whatever happens in between."""
    running = Running(kind, home, port)
    try:
        running.run("up")
        yield running
    finally:
        running.run("down", "--purge", status=None)


def gallery(running: Running) -> Gallery:
    """The gallery of a running stack."""
    status = running.status()
    return Gallery(running, running.client("s3"), status["bucket"], status["gallery_url"])


def hear_interrupts() -> None:
    """In a new process, before its program: let SIGINT do what it does at a keyboard."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
