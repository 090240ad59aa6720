"""The photographer's texts: what of them becomes markup, and where their links lead."""

from __future__ import annotations

import pytest

from gallery import keys
from sitegen import text
from sitegen.text import Picture, Place, Words
from tests.unit.sitegen.specimen import Html, words

PICTURE = Picture("../thumbs/x.jpg", "../photos/2024/Lisbon/tram.jpg", 1200, 800)


def place() -> Place:
    page = keys.album_page("2024/Lisbon")
    return Place(page, "2024/Lisbon", lambda name: PICTURE if name == "tram.jpg" else None)


def rendered(body: str) -> Html:
    return Html(text.render(Words(body=body), place()).html)


def test_markdown() -> None:
    page = rendered("Two *words*.\n\n## Below\n\n- one\n\n| a |\n|---|\n| b |\n")
    assert [each.tag for each in page.elements[:4]] == ["p", "em", "h3", "ul"]
    assert page.one("td").text == "b"


def test_html_is_shown_as_it_was_typed() -> None:
    page = rendered("<script>alert(1)</script> <b onclick=x>y</b>\n\n<img src=x onerror=alert(1)>")
    assert {each.tag for each in page.elements} == {"p"}
    assert page.elements[0].text == "<script>alert(1)</script> <b onclick=x>y</b>"


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("https://a.example/b", "https://a.example/b"),
        ("mailto:v@a.example", "mailto:v@a.example"),
        ("tram.jpg", PICTURE.original),
        ("./tram.jpg#x", PICTURE.original),
        ("../Porto/", "Porto.html"),
        ("../../Oslo", "../Oslo.html"),
        ("../..", "../../index.html"),
    ],
)
def test_a_link_that_leads_somewhere(link: str, leads_to: str) -> None:
    assert rendered(f"[x]({link})").one("a").attributes == {"href": leads_to}


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#x73;cript:alert(1)",
        "&#106;avascript:alert(1)",
        "%6aavascript:alert(1)",
        "data:text/html;base64,eA==",
        "vbscript:x",
        "file:///etc/passwd",
        "//elsewhere.example/x",
        "\\\\elsewhere.example",
        "/absolute",
        "../../../up",
        "missing.jpg",
        "#top",
        "",
    ],
)
def test_a_link_that_leads_nowhere_is_only_its_words(link: str) -> None:
    page = rendered(f"[words]({link})")
    assert page.all("a") == []
    assert "words" in page.one("p").text


def test_a_picture_is_a_photo_of_the_album() -> None:
    found = rendered("![the tram](tram.jpg)").one("img")
    assert found.attributes["src"] == PICTURE.src
    assert found.attributes["alt"] == "the tram"
    assert (found.attributes["width"], found.attributes["height"]) == ("1200", "800")


@pytest.mark.parametrize(
    "source", ["https://elsewhere.example/x.png", "other.jpg", "../x/tram.jpg"]
)
def test_any_other_picture_is_only_its_words(source: str) -> None:
    page = rendered(f"![the tram]({source})")
    assert page.all("img") == []
    assert page.one("p").text == "the tram"


def test_the_first_heading_is_the_title() -> None:
    found = text.render(Words(body="# The *old* quay\n\nwords"), place())
    assert found.heading == "The old quay"
    assert found.plain == "words"
    assert Html(found.html).all("h2") == []


def test_a_heading_beside_a_title_stays() -> None:
    found = text.render(Words(title="Quay", body="# Another\n\nwords"), place())
    assert found.heading is None
    assert Html(found.html).one("h2").text == "Another"


def test_plain_text_is_no_markup() -> None:
    found = text.render(Words(body="*a* <b>\nc\n\nd", markdown=False), place())
    assert found.html == "<p>*a* &lt;b&gt;<br>\nc</p>\n<p>d</p>"


def test_a_caption_is_one_paragraph_without_pictures() -> None:
    found = text.caption(
        Words(body="# The **last**\n\n![ferry](tram.jpg) [x](https://a.example)"), place()
    )
    page = Html(found.html)
    assert [each.tag for each in page.elements] == ["strong", "a"]
    assert found.plain == "The last ferry x"


def test_index_goes_before_description() -> None:
    texts = {
        name: words(f"photos/a/{name}", body)
        for name, body in [
            ("description.txt", "third"),
            ("DESCRIPTION.md", "second"),
            ("Index.md", "first"),
            ("a.jpg.md", "caption"),
        ]
    }
    assert text.of_album(texts).body == "first"
    del texts["Index.md"]
    assert text.of_album(texts).body == "second"
    del texts["DESCRIPTION.md"]
    assert text.of_album(texts).body == "third"
    del texts["description.txt"]
    assert text.of_album(texts) == text.NOTHING


def test_front_matter() -> None:
    found = text.read(
        words(
            "photos/a/index.md",
            "---\ntitle: No\ndate: 2024\ncover: b.jpg\norder: name\nhidden: yes\n---\nx",
        )
    )
    assert (found.title, found.cover, found.order, found.hidden, found.body) == (
        "No",
        "b.jpg",
        "name",
        True,
        "x",
    )
    assert found.problems == ()


def test_what_is_wrong_in_front_matter_is_told() -> None:
    found = text.read(
        words("photos/a/index.md", "---\ndate: soon\norder: random\ntitle: [x]\n---\n")
    )
    assert (found.title, found.days, found.order) == (None, None, None)
    assert len(found.problems) == 2


def test_a_long_text_is_cut() -> None:
    assert len(text.read(words("photos/a/index.md", "x" * 10**6)).body) == text.ALBUM_LIMIT
