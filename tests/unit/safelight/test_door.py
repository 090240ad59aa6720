"""The gallery's door: asked at its address, or at the emulator that stands in for AWS."""

from __future__ import annotations

import email.message
import io
import urllib.error
import urllib.request
from typing import Any

import pytest

from safelight import door


class Opener:
    """Answers what a test wrote down, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[urllib.request.Request] = []
        self.answers: list[Any] = []

    def open(self, request: urllib.request.Request, timeout: float) -> Any:
        assert timeout > 0
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Page(io.BytesIO):
    """A page that is there."""

    status = 200
    headers = email.message.Message()


def _missing() -> urllib.error.HTTPError:
    return urllib.error.HTTPError("x", 404, "no", email.message.Message(), io.BytesIO(b"none"))


@pytest.fixture
def opener(monkeypatch: pytest.MonkeyPatch) -> Opener:
    found = Opener()
    monkeypatch.setattr(urllib.request, "build_opener", lambda *_: found)
    monkeypatch.setattr("safelight.door.time.sleep", lambda _: None)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return found


def test_on_aws_the_address_itself_is_asked(opener: Opener) -> None:
    opener.answers = [Page(b"home")]
    found = door.knock("https://d1.cloudfront.net/")
    assert (found.status, found.body) == (200, b"home")
    (request,) = opener.asked
    assert request.full_url == "https://d1.cloudfront.net/"
    assert not request.has_header("Host")


def test_in_a_rehearsal_the_emulator_is_asked_and_told_for_whom(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    opener.answers = [Page(b"page")]
    door.knock("https://d1.cloudfront.net/albums/a.html?x=1")
    (request,) = opener.asked
    assert request.full_url == "http://127.0.0.1:4566/albums/a.html?x=1"
    assert request.get_header("Host") == "d1.cloudfront.net"
    assert request.get_header("X-forwarded-proto") == "https"


def test_nothing_is_an_answer_too(opener: Opener) -> None:
    opener.answers = [urllib.error.URLError("no such name"), _missing()]
    assert door.knock("https://d1.cloudfront.net/") == door.Answer(0, {}, b"", "no such name")
    found = door.knock("https://d1.cloudfront.net/")
    assert (found.status, found.body) == (404, b"none")


def test_a_new_address_is_asked_until_it_answers(opener: Opener) -> None:
    opener.answers = [urllib.error.URLError("no such name"), _missing(), Page(b"home")]
    assert door.await_open("https://d1.cloudfront.net/", 60).status == 200


def test_an_address_that_never_answers_is_given_up_on(opener: Opener) -> None:
    opener.answers = [_missing()]
    assert door.await_open("https://d1.cloudfront.net/", 0).status == 404
