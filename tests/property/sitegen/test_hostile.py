"""Whatever a name, a text, a setting or the metadata says, it stays words.

Strings that have broken other galleries are put everywhere at once; then every document is
parsed, and must consist of the elements and attributes that the templates have, and of links
that lead to what is there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery import keys
from gallery.record import Exif, PhotoRecord, Taken
from sitegen.pages import Built
from sitegen.settings import parse
from tests.unit.sitegen import specimen
from tests.unit.sitegen.specimen import Html, key_of, photo, words

PAYLOADS = [
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "' onmouseover='window.pwned=1",
    "</title></textarea></noscript><svg onload=window.pwned=1>",
    "javascript:window.pwned=1",
    "{{ 7*7 }}{% raw %}{# #}",
    "]]><x/><![CDATA[",
    "<!-- --!> <!--",
    "&lt;b&gt; &amp;amp; &#x3c;",
    "\u202egpj.\u2066exe\u2029\u2028",
    "\x00\x01\x0b\x1b[31m\x7f\x85\ufffe\uffff",
    "--- \n---\ntitle: x",
    "[x](javascript:alert(1)) ![y](//elsewhere.invalid/z.png) <https://a.invalid>",
    "[x]: javascript:alert(1)\n[x]",
    "a\r\nb\tc",
    "//elsewhere.invalid/%2e%2e/",
    "\\\"'`$(id)",
    "𝕏 👩‍👩‍👧 é 写真 עברית",
    "x" * 10_000,
    "",
    " ",
]

text_ = st.one_of(
    st.sampled_from(PAYLOADS),
    st.text(max_size=60),
    st.lists(st.sampled_from(PAYLOADS[:-3]), max_size=4).map("".join),
)

# A name that a file can have in a bucket: no slash of its own, no surrogate, not hidden.
name_ = text_.map(lambda text: text.replace("/", "∕").lstrip(".")[:80]).filter(
    lambda name: bool(name) and not re.search("[\ud800-\udfff]", name)
)

# Every element the templates and Markdown make, with every attribute it may have.
ALLOWED: dict[str, set[str]] = {
    "html": {"lang", "data-root", "data-bucket", "data-light"},
    "head": set(),
    "meta": {"charset", "http-equiv", "name", "property", "content"},
    "title": set(),
    "link": {"rel", "type", "href", "title"},
    "script": {"src", "defer"},
    "noscript": set(),
    "body": set(),
    "header": {"class"},
    "dialog": {"class", "aria-label", "aria-labelledby", "closedby"},
    "form": set(),
    "fieldset": {"class"},
    "legend": {"class"},
    "main": {"id"},
    "footer": {"class"},
    "nav": {"class", "aria-label"},
    "section": {"class", "aria-label", "aria-labelledby"},
    "article": {"class"},
    "figure": {"class"},
    "figcaption": set(),
    "div": {"class", "dir", "tabindex", "role", "aria-label", "aria-live"},
    "p": {"class", "dir"},
    "span": {"class"},
    "h1": {"dir"},
    "h2": {"id", "class", "tabindex"},
    "h3": set(),
    "ul": {"class", "aria-label", "data-remove"},
    "ol": {"start"},
    "li": {"id", "class"},
    "a": {"href", "rel", "class", "download", "aria-label", "aria-hidden", "tabindex"},
    "img": {
        "src",
        "srcset",
        "sizes",
        "width",
        "height",
        "alt",
        "loading",
        "decoding",
        "fetchpriority",
    },
    "svg": {"class", "viewbox", "preserveaspectratio", "aria-hidden"},
    "path": {"class", "fill", "d"},
    "bdi": set(),
    "time": {"datetime"},
    "label": {"class"},
    "input": {"type", "name", "value", "data-bytes", "data-file", "aria-label"},
    "dl": {"class"},
    "dt": set(),
    "dd": set(),
    "output": {"data-one", "data-other"},
    "button": {
        "type",
        "class",
        "aria-label",
        "aria-pressed",
        "data-act",
        "data-done",
        "data-part",
        "data-copy",
        "data-href",
    },
    "textarea": {"class", "readonly", "spellcheck", "autocomplete", "dir", "aria-label"},
}
MARKDOWN: dict[str, set[str]] = {
    **{
        name: set()
        for name in ["h4", "h5", "h6", "em", "strong", "s", "pre", "blockquote", "hr", "br"]
    },
    **{name: set() for name in ["table", "thead", "tbody", "tr", "th", "td"]},
    "code": {"class"},
}

_NOT_LEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@st.composite
def photos(draw: st.DrawFn, album: str) -> PhotoRecord:
    """A ready photo with hostile words in every field a person could fill."""
    record = photo(
        f"photos/{album}/{draw(name_)}.jpg",
        width=draw(st.integers(1, 60_000)),
        height=draw(st.integers(1, 60_000)),
        title=draw(st.none() | text_),
        description=draw(st.none() | text_),
        exif=Exif(line=draw(text_), camera=draw(text_), more={draw(text_): draw(text_)}),
        placeholder=tuple(
            draw(st.lists(st.sampled_from(["#00ff7f", "#FFFFFF"]) | text_, max_size=6))
        ),
    )
    local = st.sampled_from(["2024-05-01T10:00:00", "0000-00-00T00:00:00", "2024-13-01T00:00:00"])
    source: Any = st.sampled_from(["exif", "filename", "modified"])
    taken = st.builds(
        Taken,
        local=local | text_,
        offset=st.none() | st.sampled_from(["+02:00", "Z"]) | text_,
        source=source,
    )
    return msgspec.structs.replace(record, taken=draw(st.none() | taken))


@dataclass(frozen=True, repr=False)  # a repr of all the pages helps nobody
class Made:
    """What was built of an album, of the album around it and of the site, and all their photos."""

    child: Built
    parent: Built
    whole: Built
    photos: list[PhotoRecord]


@st.composite
def sites(draw: st.DrawFn) -> Made:
    """An album within an album within a site, and the photos of all three."""
    chosen, _ = parse(
        draw(
            text_
            | st.builds(
                lambda values: json.dumps(values),  # JSON is YAML
                st.fixed_dictionaries(
                    {},
                    optional={
                        "title": text_,
                        "subtitle": text_,
                        "author": text_,
                        "footer": text_,
                        "id": text_,
                        "url": st.just("https://s.invalid/g/") | text_,
                        "language": st.sampled_from(["en", "de", "ja"]) | text_,
                        "menu": st.dictionaries(text_, text_, max_size=3),
                    },
                ),
            )
        )
    )
    outer = draw(name_)
    inner = f"{outer}/{draw(name_)}"
    front = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("title", "date", "cover", "order", "hidden"), text_)
    )
    text = draw(
        st.builds(lambda values, body: f"---\n{json.dumps(values)}\n---\n{body}", front, text_)
        | text_
    )
    own = draw(st.lists(photos(inner), min_size=1, max_size=4, unique_by=lambda each: each.key))
    captions = [words(f"{each.key}.md", draw(text_)) for each in own[:2]]
    slug, above = keys.slug(inner), keys.slug(outer)
    child = specimen.built(
        slug, *own, *captions, words(f"photos/{inner}/index.md", text), settings=chosen
    )
    assert child.card is not None
    parent = specimen.built(above, children=[child.card], settings=chosen)
    assert parent.card is not None
    loose = photo(f"photos/{draw(name_)}.jpg", title=draw(text_))
    whole = specimen.site(loose, cards=[child.card, parent.card], settings=chosen)
    return Made(child, parent, whole, [*own, loose])


@settings(max_examples=80, deadline=None)
@given(made=sites())
def test_hostile_words_stay_words(made: Made) -> None:
    child, parent, whole, photos_ = made.child, made.parent, made.whole, made.photos
    known = specimen.known_keys(child, parent, whole, records={each.key: each for each in photos_})
    for each in (*child.everything(), *parent.everything(), *whole.everything()):
        text = each.body.decode("utf-8")
        assert not _NOT_LEGAL.search(text), each.key
        if each.content_type.startswith("text/html"):
            page = Html(text)
            check_elements(page)
            scripts = page.all("script")
            assert len(scripts) == 1 + (each.key != "404.html")
            assert all(script.text == "" for script in scripts)
            check_links(page, each.key, known)
        elif each.key.endswith(".xml"):
            check_xml(each.body, each.key)
        elif each.key == "index.json":
            assert json.loads(text)["version"] == 1
    shown = [page for page in child.documents if page.content_type.startswith("text/html")]
    assert sum(len(Html(page.body).all("figure")) for page in shown) == len(photos_) - 1


def check_elements(page: Html) -> None:
    """The page is made of what the templates and Markdown make, and of nothing else."""
    for element in page.elements:
        assert element.tag in ALLOWED or element.tag in MARKDOWN, element
        allowed = ALLOWED.get(element.tag, set()) | MARKDOWN.get(element.tag, set())
        assert element.attributes.keys() <= allowed, element


def check_links(page: Html, key: str, known: set[str]) -> None:
    """Every link leads to what is there, or is one that a person gave to lead off the site."""
    for link in page.links():
        if link.startswith("#"):
            continue
        if re.match(r"[a-z]+:", link, re.IGNORECASE):
            # Only links of texts, the menu and the settings' own address go anywhere else.
            assert re.match(r"(https?://|mailto:)", link, re.IGNORECASE), link
        elif key != "404.html":
            target = key_of(key, link)
            in_text = [
                each for each in page.all("a", href=link) if not each.attributes.keys() - {"href"}
            ]
            assert target in known or (in_text and target is not None), (key, link)
    for image in page.all("img"):
        assert key_of(key, image.attributes["src"]) in known


ATOM = "{http://www.w3.org/2005/Atom}"
_IN_FEED = {f"{ATOM}{name}" for name in ("feed", "id", "title", "subtitle", "updated", "author")}
_IN_FEED |= {f"{ATOM}{name}" for name in ("generator", "name", "link", "entry", "content")}
_SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
_IN_SITEMAP = {f"{_SITEMAP}{name}" for name in ("urlset", "url", "loc", "sitemapindex", "sitemap")}


def check_xml(body: bytes, key: str) -> None:
    """The feed or sitemap is well-formed and has no element that was not meant."""
    root = specimen.xml(body)
    meant = _IN_SITEMAP if "sitemap" in key.rpartition("/")[2] else _IN_FEED
    assert {each.tag for each in root.iter()} <= meant
    for each in root.iter(f"{ATOM}content"):
        content = Html(each.text or "")
        assert {element.tag for element in content.elements} <= {"p", "a", "img"}
        for element in content.elements:
            assert element.attributes.keys() <= {"href", "src", "alt"}


@settings(max_examples=60, deadline=None)
@given(text=text_ | st.text(max_size=2000))
def test_any_settings_file_can_be_read(text: str) -> None:
    found, problems = parse(text)
    assert found.named()
    assert all(isinstance(problem, str) for problem in problems)


@settings(max_examples=60, deadline=None)
@given(made=st.data())
def test_the_order_of_the_records_does_not_matter(made: st.DataObject) -> None:
    records = made.draw(
        st.lists(photos("a"), min_size=1, max_size=5, unique_by=lambda each: each.key)
    )
    shuffled = made.draw(st.permutations(records))
    assert specimen.built("a", *records) == specimen.built("a", *shuffled)


def test_texts_that_are_slow_to_read_elsewhere() -> None:
    # Each of these makes some Markdown reader take time in proportion to its square.
    for piece in (
        "[",
        "![",
        "*a_ ",
        "`",
        "<",
        "> ",
        "- ",
        "[a](",
        "\\",
        "&",
        "|",
        "~~",
        "_a__",
        "](",
    ):
        body = piece * 20_000
        made = specimen.built("a", photo("photos/a/x.jpg"), words("photos/a/index.md", body))
        check_elements(Html(specimen.document(made, "albums/a.html").body))
