"""Templates and assets from a folder: what they change, and what is said of those that fail."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from gallery import keys
from gallery.batch import Done, Failed, Task
from gallery.clock import SystemClock
from gallery.memory import MemoryStore
from gallery.record import encode
from sitegen import pages
from sitegen.__main__ import main
from sitegen.look import TEMPLATES, Look, UnfitLook
from sitegen.pages import SiteInput
from sitegen.photo import Figure, Picture
from sitegen.service import Service
from sitegen.settings import SiteSettings
from sitegen.sheet import Copy, Detail
from tests.unit.sitegen.specimen import Html, album, photo, tombstone
from tests.unit.sitegen.test_folder import put


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    found = tmp_path / "look"
    found.mkdir()
    return found


ONE = album("a", photo("photos/a/x.jpg"))


def page(look: Look, key: str = "albums/a.html") -> str:
    made = {each.key: each for each in pages.build_album(ONE, look).everything()}
    return made[key].body.decode()


def test_a_template_of_theirs_goes_before_ours(theirs: Path) -> None:
    (theirs / "album.html").write_text(
        '{% extends "base.html" %}{% block main %}<b>{{ title }}</b>'
    )
    with pytest.raises(UnfitLook, match=r"album\.html, line 1: "):
        Look(theirs).check()
    (theirs / "album.html").write_text(
        '{% extends "base.html" %}{% block main %}<b>{{ title }}</b>{% endblock %}'
    )
    look = Look(theirs)
    look.check()
    assert Html(page(look)).one("b").text == "a"
    assert Html(page(look, "photo/a/x.jpg.html")).all("figure")


def test_it_can_extend_ours_by_the_same_name(theirs: Path) -> None:
    (theirs / "base.html").write_text(
        '{% extends "safelight/base.html" %}{% block name %}Mine{% endblock %}'
    )
    assert Html(page(Look(theirs))).one("title").text == "Mine"


def test_what_a_template_prints_is_escaped_in_theirs_too(theirs: Path) -> None:
    (theirs / "album.html").write_text("<p>{{ title }}</p>{% include 'own.html' %}")
    (theirs / "own.html").write_text("<i>{{ figures[0].name }}\x00</i>")
    hostile = album("<b>", photo("photos/<b>/<u>.jpg"))
    made = pages.build_album(hostile, Look(theirs)).documents[0].body.decode()
    assert "&lt;b&gt;" in made
    assert "&lt;u&gt;" in made


def test_assets(theirs: Path) -> None:
    (theirs / "theme.css").write_text(":root { --paper: red; }")
    (theirs / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (theirs / "gone.html").write_text("{{ asset('logo.svg') }}")
    (theirs / "album.html").write_text("<img src=\"{{ asset('logo.svg') }}\">")
    look = Look(theirs)
    style = look.assets["gallery.css"].body
    assert b"--paper: red" in style
    assert b".photos" in style, "what is not theirs is ours"
    logo = look.assets["logo.svg"]
    assert logo.key.startswith("assets/logo.")
    assert f'src="../{logo.key}"' in page(look)
    root = album("", photo("photos/x.jpg"))
    made = pages.build_site(SiteInput(root, (), None), look)
    assert {logo.key, look.assets["gallery.css"].key} <= {each.key for each in made.documents}


def test_the_fingerprint_is_that_of_what_is_used(theirs: Path) -> None:
    own, empty = pages.fingerprint(), pages.Pages(Look(theirs)).fingerprint()
    (theirs / "theme.css").write_text("a{}")
    one = Look(theirs)
    before = pages.fingerprint(one)
    (theirs / "theme.css").write_text("b{}")
    other = pages.fingerprint(Look(theirs))
    assert len({own, before, other}) == 3
    assert len({own, empty}) == 2
    assert pages.fingerprint(one) == before
    assert b"a{}" in one.assets["gallery.css"].body


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("album.html", "one\n{{ nothing }}\n", r"album\.html, line 2: 'nothing' is undefined"),
        ("album.html", "one\n\n{% if %}\n", r"album\.html, line 3: "),
        ("album.html", "{{ 1 // 0 }}", r"album\.html, line 1: .*zero"),
        ("album.html", "{% extends 'no.html' %}", r"album\.html.*no template 'no\.html'"),
        ("album.html", "{{ asset('no.svg') }}", r"album\.html, line 1: .*no\.svg"),
        ("parts.html", "{% macro menu(i, t) %}\n{{ x }}{% endmacro %}", r"parts\.html, line 2"),
        ("album.html", "a\n\udcff", r"album\.html, line 2: is not UTF-8"),
        ("theme.ccs", "", r"theme\.ccs: is neither"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    theirs: Path, name: str, text: str, said: str
) -> None:
    (theirs / name).write_text(text, "utf-8", errors="surrogateescape")
    with pytest.raises(UnfitLook, match=said):
        page(Look(theirs))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnfitLook, match="no such folder"):
        Look(tmp_path / "none")


def test_the_command(
    tmp_path: Path,
    theirs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog, out = tmp_path / "catalog", tmp_path / "out"
    put(catalog, photo("photos/a/x.jpg"))
    build = ["build", "--catalog", str(catalog), "--out", str(out)]
    assert main(build) == 0
    former = (out / "albums/a.html").read_bytes()
    (theirs / "album.html").write_text("<p>Mine</p>{{ nothing }}")
    assert main([*build, "--templates", str(theirs)]) == 2
    assert "album.html, line 1: 'nothing' is undefined" in capsys.readouterr().err
    assert (out / "albums/a.html").read_bytes() == former
    (theirs / "album.html").write_text("<p>Mine</p>")
    monkeypatch.setenv("SAFELIGHT_TEMPLATES", str(theirs))
    assert main(build) == 0
    assert (out / "albums/a.html").read_text() == "<p>Mine</p>"
    monkeypatch.delenv("SAFELIGHT_TEMPLATES")
    assert main(build) == 0
    assert (out / "albums/a.html").read_bytes() == former


class NoQueue:
    """A queue that is not asked anything."""

    def send(self, bodies: object, *, delay: int = 0) -> None:
        assert not list(bodies)  # type: ignore[call-overload]

    def delete(self, message: object) -> None: ...

    def delay(self, message: object, seconds: int) -> None: ...


def test_the_service_fails_with_those_words_and_keeps_the_pages(theirs: Path) -> None:
    store = MemoryStore()
    record = photo("photos/a/x.jpg")
    store.put(keys.record(record.key), encode(record), content_type="application/json")

    def service(look: Look) -> Service:
        return Service(
            store,
            SystemClock(),
            "b",
            NoQueue(),
            NoQueue(),
            lambda report: None,
            press=pages.Pages(look),
        )

    task = Task("a", (), 1, None)
    assert isinstance(service(Look()).work(task), Done)
    former = store.objects["albums/a.html"]
    (theirs / "album.html").write_text("{{ nothing }}")
    failed = service(Look(theirs)).work(task)
    assert isinstance(failed, Failed)
    assert "album.html, line 1" in failed.why
    assert "bug" not in failed.why
    assert store.objects["albums/a.html"] == former


DOCS = (Path(__file__).parents[3] / "docs" / "site.md").read_text("utf-8")


def test_every_template_and_what_it_is_given_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, set[str]] = {}

    def render(self: Look, name: str, /, **context: object) -> str:
        given.setdefault(name, set()).update(context)
        return ""

    monkeypatch.setattr(Look, "render", render)
    records = [photo("photos/a/x.jpg"), tombstone("photos/a/y.jpg")]
    list(pages.build_album(album("a", *records)).everything())
    settings = SiteSettings(about="Words.", url="https://s.example/")
    root = album("", photo("photos/x.jpg"), settings=settings)
    list(pages.build_site(SiteInput(root, (), None)).everything())
    rows = set(re.findall(r"^\| `([a-z]+\.html)` \|", DOCS, re.MULTILINE))
    assert rows == {path.name for path in TEMPLATES.glob("*.html")}
    assert given.keys() == rows - {"base.html", "parts.html"}
    named = set(re.findall(r"`([a-z_]+)", DOCS))
    for name, context in given.items():
        assert context <= named, name


def test_what_a_figure_and_a_size_have_is_documented() -> None:
    named = set(re.findall(r"`([a-z_]+)`", DOCS))
    for kind in (Figure, Picture, Detail, Copy):
        assert {each.name for each in fields(kind)} <= named, kind
