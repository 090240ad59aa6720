"""The settings file: every line optional, none of them trusted."""

from __future__ import annotations

import pytest

from sitegen import language
from sitegen.settings import MenuItem, SiteSettings, parse, site_address, web_address
from tests.unit.sitegen.specimen import built, document, html, photo, site


def test_without_a_file_everything_has_a_default() -> None:
    found, problems = parse(None)
    assert found == SiteSettings()
    assert problems == ()
    assert found.named() == "Photographs"


def test_all_settings() -> None:
    found, problems = parse(
        "title: Véra\nsubtitle: Water\nauthor: V. Lind\nlanguage: de\nurl: https://a.example/x\n"
        "id: one\nfooter: |\n  Two\n  lines\nmenu:\n  About: https://a.example/about\n"
        "  Write: mailto:v@a.example\n  Lisbon: albums/Lisbon 1.html\n"
    )
    assert problems == ()
    assert found == SiteSettings(
        title="Véra",
        subtitle="Water",
        author="V. Lind",
        footer="Two\nlines",
        language="de",
        url="https://a.example/x/",
        id="one",
        menu=(
            MenuItem("About", "https://a.example/about", external=True),
            MenuItem("Write", "mailto:v@a.example", external=True),
            MenuItem("Lisbon", "albums/Lisbon 1.html", external=False),
        ),
    )


def test_a_wrong_setting_keeps_its_default_and_is_told() -> None:
    found, problems = parse(
        "title: [a]\nlanguage: xx\nurl: javascript:alert(1)\ncolour: red\nmenu:\n"
        "  X: javascript:alert(1)\n"
        "  Y: ../../etc\n  Z: //elsewhere.example\n"
    )
    assert found == SiteSettings()
    assert len(problems) == 7
    for name in ("title", "language", "url", "colour", "javascript", "../../etc", "//elsewhere"):
        assert any(name in problem for problem in problems)


def test_settings_that_are_no_yaml() -> None:
    found, problems = parse("{{{")
    assert found == SiteSettings()
    assert len(problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//elsewhere.example",
        "https://",
        "https://a b",
        "https://a/\x00",
        'https://a/"onclick=',
        "https://[::1",
        "mailto:nobody",
        "ht\ntps://a",
        "",
    ],
)
def test_what_is_no_address_of_the_web(text: str) -> None:
    assert web_address(text) is None


def test_the_address_of_a_site() -> None:
    assert site_address(" https://a.example ") == "https://a.example/"
    for text in ("mailto:a@b.c", "https://a/?q", "https://a/#f", "https://u:p@a/", "a.example"):
        assert site_address(text) is None


def test_every_language_has_the_same_words_with_the_same_places() -> None:
    english = language.load("en")
    assert len(language.CODES) >= 3
    for code in language.CODES:
        other = language.load(code)
        assert other.words.keys() == english.words.keys()
        assert len(other.months) == 12
        for name, said in english.words.items():
            if name not in ("day", "days", "months", "month"):  # each writes dates its own way
                assert _places(other.words[name]) == _places(said), (code, name)


def _places(said: str) -> set[str]:
    from string import Formatter

    return {name for _, name, _, _ in Formatter().parse(said) if name is not None}


def test_the_theme() -> None:
    assert parse("title: x")[0].theme == "auto"
    assert parse("theme: Dark")[0].theme == "dark"
    found, problems = parse("theme: sepia")
    assert found.theme == "auto"
    assert problems == ("theme: 'sepia' is not one of auto, light, dark",)


def test_the_page_about_the_site() -> None:
    settings, problems = parse(
        "about: |\n  # Vera Lind\n\n  Mostly *water*. ![me](me.jpg) <script>x</script>\n"
        "  [x](javascript:x)\n"
    )
    assert problems == ()
    whole = site(photo("photos/me.jpg"), settings=settings, site_url="https://s.example/")
    page = html(whole, "about.html")
    assert page.one("h1").text == "Vera Lind"
    assert page.one("em").text == "water"
    assert page.all("script", src="") == []
    assert "javascript:" not in " ".join(page.links())
    assert page.one("img").attributes["src"].startswith("thumbs/me.jpg.")
    assert page.one("title").text.startswith("Vera Lind")
    assert "about.html" in html(whole, "index.html").links()
    assert b"https://s.example/about.html" in document(whole, "sitemap-pages.xml").body
    album = built("a", photo("photos/a/x.jpg"), settings=settings)
    for key, link in (
        ("albums/a.html", "../about.html"),
        ("photo/a/x.jpg.html", "../../about.html"),
    ):
        (entry,) = [each for each in html(album, key).all("a") if each.text == "About"]
        assert entry.attributes["href"] == link


def test_without_a_text_there_is_no_page_about_the_site() -> None:
    whole = site(photo("photos/x.jpg"))
    assert "about.html" not in {each.key for each in whole.documents}
    assert "about.html" not in html(whole, "index.html").links()


def test_a_menu_that_has_the_page_about_the_site_names_it_once() -> None:
    settings, _ = parse("about: Words.\nmenu:\n  Me: about.html\n")
    page = html(site(photo("photos/x.jpg"), settings=settings), "index.html")
    assert page.links().count("about.html") == 1
