"""The registry, asked and pushed to; and which image a service is to have."""

from __future__ import annotations

import base64
import email.message
import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight import images, registry, shipment
from safelight.home import checkout
from safelight.images import Image
from safelight.problem import Problem
from safelight.registry import Registry

MANIFEST = json.dumps(
    {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []}
).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
LOCAL = Registry("localhost:5000")


class Shelf:
    """A registry's HTTP API over a dictionary, and what it was asked."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.requests: list[urllib.request.Request] = []
        self.failures: list[Exception] = []

    def open(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        self.requests.append(request)
        assert timeout > 0
        if self.failures:
            raise self.failures.pop(0)
        path = request.full_url.partition("/v2/")[2]
        if path not in self.held:
            raise _refusal(404)
        return io.BytesIO(self.held[path])


def _refusal(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("x", status, "no", email.message.Message(), io.BytesIO(b"no"))


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    found = Shelf()
    monkeypatch.setattr(registry, "_DIRECTLY", found)
    monkeypatch.setattr(Registry, "_opener", lambda _: found)
    return found


def test_the_token_of_ecr_is_a_user_and_a_password() -> None:
    class Ecr:
        def get_authorization_token(self) -> Any:
            token = base64.b64encode(b"AWS:pass:word").decode()
            return {"authorizationData": [{"authorizationToken": token}]}

    found = Registry.of_ecr(Ecr(), "1.dkr.ecr.eu-central-1.amazonaws.com")
    assert (found.user, found.password) == ("AWS", "pass:word")
    assert "pass:word" not in repr(found)


def test_a_digest_is_that_of_what_comes(shelf: Shelf) -> None:
    shelf.held["safelight/sitegen/manifests/abc"] = MANIFEST
    assert LOCAL.digest("safelight/sitegen", "abc") == DIGEST
    assert LOCAL.digest("safelight/sitegen", "abd") is None
    assert shelf.requests[0].full_url == "http://localhost:5000/v2/safelight/sitegen/manifests/abc"


def test_ecr_is_asked_over_tls_and_told_who_asks(shelf: Shelf) -> None:
    shelf.held["r/manifests/t"] = MANIFEST
    assert Registry("1.dkr.ecr.x.amazonaws.com", "AWS", "secret").digest("r", "t") == DIGEST
    (request,) = shelf.requests
    assert request.full_url.startswith("https://")
    login = f"Basic {base64.b64encode(b'AWS:secret').decode()}"
    assert request.unredirected_hdrs["Authorization"] == login
    assert "Authorization" not in request.headers


def test_an_index_of_images_is_refused(shelf: Shelf) -> None:
    """Lambda refuses it (docker/buildx#1533), minutes later and in other words."""
    index = {"mediaType": "application/vnd.oci.image.index.v1+json"}
    shelf.held["r/manifests/t"] = json.dumps(index).encode()
    with pytest.raises(Problem, match="index of images"):
        LOCAL.digest("r", "t")


def test_a_passing_fault_is_tried_again(shelf: Shelf) -> None:
    shelf.held["r/manifests/t"] = MANIFEST
    shelf.failures = [_refusal(500), TimeoutError("slow")]
    assert LOCAL.digest("r", "t") == DIGEST


def test_a_refusal_says_which_permissions_are_needed(shelf: Shelf) -> None:
    shelf.failures = [_refusal(403)]
    with pytest.raises(Problem, match="ecr:BatchGetImage"):
        LOCAL.digest("r", "t")
    assert len(shelf.requests) == 1


def test_all_pages_of_tags_are_read(shelf: Shelf) -> None:
    many = [f"t{index:04}" for index in range(1000)]
    shelf.held["r/tags/list?n=1000"] = json.dumps({"tags": many}).encode()
    shelf.held["r/tags/list?n=1000&last=t0999"] = json.dumps({"tags": ["u"]}).encode()
    assert LOCAL.tags("r") == [*many, "u"]
    shelf.held["empty/tags/list?n=1000"] = json.dumps({"tags": None}).encode()
    assert LOCAL.tags("empty") == []


# -- Pushing -------------------------------------------------------------------------------------


class Engine:
    """As much of an engine as a push needs; ``arrives`` is what the registry has afterwards."""

    def __init__(self, shelf: Shelf, *, arrives: bool, says: str = "") -> None:
        self.images = self
        self.api = self
        self.attrs: dict[str, list[str]] = {"RepoTags": [], "RepoDigests": []}
        self.logins: list[Any] = []
        self._shelf, self._arrives, self._says = shelf, arrives, says

    def get(self, _: str) -> Engine:
        return self

    def tag(self, name: str, tag: str) -> None:
        self.attrs["RepoTags"].append(f"{name}:{tag}")

    def remove(self, name: str) -> None:
        self.attrs["RepoTags"].remove(name)

    def push(self, name: str, tag: str, **options: Any) -> Iterator[dict[str, Any]]:
        self.logins.append(options["auth_config"])
        if self._arrives:
            path = name.partition("/")[2]
            self._shelf.held[f"{path}/manifests/{tag}"] = MANIFEST
        yield {"status": "Pushing"}
        if self._says:
            yield {"error": self._says}


IMAGE = Image("sitegen", "safelight/sitegen:x", "sha256:1234567890abcdef")


def test_a_push_hands_the_login_to_the_engine_and_leaves_nothing_behind(shelf: Shelf) -> None:
    engine = Engine(shelf, arrives=True)
    ecr = Registry("1.dkr.ecr.x.amazonaws.com", "AWS", "secret")
    assert ecr.push(engine, IMAGE, "safelight/sitegen", "abc", print) == DIGEST  # type: ignore[arg-type]
    assert engine.logins == [{"username": "AWS", "password": "secret"}]
    assert engine.attrs["RepoTags"] == []


def test_a_push_that_another_one_has_overtaken_is_as_good(shelf: Shelf) -> None:
    """Tags are immutable, and say what an image is made of (aws/containers-roadmap#2380)."""
    engine = Engine(shelf, arrives=True, says="tag invalid: … the repository is immutable.")
    assert LOCAL.push(engine, IMAGE, "r", "abc", print) == DIGEST  # type: ignore[arg-type]


def test_a_push_that_did_not_arrive_is_a_problem_with_the_registrys_words(shelf: Shelf) -> None:
    engine = Engine(shelf, arrives=False, says="denied: the token has expired")
    with pytest.raises(Problem, match="the token has expired\nDeploy again"):
        LOCAL.push(engine, IMAGE, "r", "abc", print)  # type: ignore[arg-type]
    assert engine.attrs["RepoTags"] == []


# -- Which image ---------------------------------------------------------------------------------


PATHS = {"thumbnailer": "safelight/thumbnailer", "sitegen": "safelight/sitegen"}


def _tag(service: str, architecture: str = "arm64") -> str:
    return images.source_tag(service, shipment.PLATFORMS[architecture])


def test_what_is_there_under_its_tag_need_not_be_built(shelf: Shelf) -> None:
    shelf.held[f"safelight/sitegen/manifests/{_tag('sitegen')}"] = MANIFEST
    thumbnailer, sitegen = shipment.wanted(LOCAL, PATHS, "arm64", {})
    assert (thumbnailer.digest, sitegen.digest) == (None, DIGEST)
    assert sitegen.reference(LOCAL) == f"localhost:5000/safelight/sitegen@{DIGEST}"


def test_without_a_registry_everything_has_to_be_built() -> None:
    assert [item.digest for item in shipment.wanted(None, {}, "x86_64", {})] == [None, None]


def test_a_newer_base_is_not_exchanged_for_the_older_one(shelf: Shelf) -> None:
    """After `deploy --anew`, `deploy` alone changes nothing."""
    tag = _tag("sitegen")
    newer = MANIFEST + b" "
    digest = f"sha256:{hashlib.sha256(newer).hexdigest()}"
    shelf.held[f"safelight/sitegen/manifests/{tag}"] = MANIFEST
    shelf.held[f"safelight/sitegen/manifests/{tag}-aaa"] = newer
    shelf.held["safelight/sitegen/tags/list?n=1000"] = json.dumps(
        {"tags": [tag, f"{tag}-aaa", "other"]}
    ).encode()
    deployed = {"sitegen": f"x/safelight/sitegen@{digest}"}
    _, kept = shipment.wanted(LOCAL, PATHS, "arm64", deployed)
    assert (kept.tag, kept.digest) == (f"{tag}-aaa", digest)
    # What is deployed was made of other sources: these take its place.
    _, new = shipment.wanted(LOCAL, PATHS, "arm64", {"sitegen": "x/safelight/sitegen@sha256:0"})
    assert (new.tag, new.digest) == (tag, DIGEST)


def test_a_tag_tells_sources_base_and_architecture_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = _tag("sitegen")
    assert before == _tag("sitegen")
    assert len({before, _tag("sitegen", "x86_64"), _tag("thumbnailer")}) == 3
    monkeypatch.setenv("BASE_IMAGE", "another/base:1")
    assert _tag("sitegen") != before
    monkeypatch.undo()
    new = tmp_path / "new.py"
    new.write_text("x = 1\n", encoding="utf-8")
    inputs = list(images._inputs(checkout(), "sitegen"))
    monkeypatch.setattr(images, "checkout", lambda: Path("/"))
    monkeypatch.setattr(images, "_inputs", lambda *_: [*inputs, new])
    changed = _tag("sitegen")
    new.write_text("x = 2\n", encoding="utf-8")
    assert _tag("sitegen") != changed
