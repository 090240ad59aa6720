"""The photographer's texts: an album's ``index.md``, a photo's ``photo.jpg.md``.

Markdown becomes HTML here and nowhere else.  HTML in it is shown as it was typed; a link goes
to the web, to a mail address, to a photo of the album or to another album; an image can
only be a photo of the album, for no page asks another host for anything.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from gallery import keys
from gallery.record import PhotoRecord, TextRecord
from sitegen import frontmatter
from sitegen.settings import web_address
from sitegen.words import Span, legal, line, prose, span

ALBUM_LIMIT = 40_000
"""The longest album text that is shown, in characters; a caption's is :data:`CAPTION_LIMIT`."""

CAPTION_LIMIT = 1_000

_ALBUM_TEXTS = ("index.md", "description.md", "description.txt")


@dataclass(frozen=True)
class Picture:
    """A photo in a text: the URLs of a rendition and of what is offered of it, and its size."""

    src: str
    original: str
    width: int
    height: int


@dataclass(frozen=True)
class Place:
    """Where a text stands, to resolve its links: the page, the album's path, its photos."""

    page: str
    album: str
    picture: Callable[[str], Picture | None]
    """A photo of the album by its file name."""


@dataclass(frozen=True)
class Words:
    """A text taken apart: what its front matter says, and its body."""

    title: str | None = None
    days: Span | None = None
    cover: str | None = None
    order: str | None = None
    hidden: bool = False
    body: str = ""
    markdown: bool = True
    problems: tuple[str, ...] = ()


NOTHING = Words()

ORDERS = ("date", "name", "newest")


def read(record: TextRecord, limit: int = ALBUM_LIMIT) -> Words:
    """A text's front matter and body; what is wrong in the front matter is left out."""
    front, body, problem = frontmatter.split(record.text)
    problems = [problem] if problem else []

    def one_line(name: str) -> str | None:
        value = front.get(name)
        return line(value) or None if isinstance(value, str) else None

    days = None
    if (written := one_line("date")) and (days := span(written)) is None:
        problems.append(
            f"date: {written!r} is not a day (2024-05-01) or two (2024-05-01/2024-05-08)"
        )
    order = one_line("order")
    if order and order not in ORDERS:
        problems.append(f"order: {order!r} is not one of {', '.join(ORDERS)}")
        order = None
    cover = front.get("cover")
    return Words(
        title=one_line("title"),
        days=days,
        cover=cover if isinstance(cover, str) else None,
        order=order,
        hidden=frontmatter.truth(front.get("hidden")),
        body=prose(body, limit),
        markdown=not record.key.lower().endswith(".txt"),
        problems=tuple(problems),
    )


def is_albums(name: str) -> bool:
    """Whether a file of this name is a text about its album."""
    return name.lower() in _ALBUM_TEXTS


def of_album(texts: Mapping[str, TextRecord]) -> Words:
    """The album's text: ``index.md`` before ``description.md`` before ``description.txt``."""
    ranked = sorted(
        (_ALBUM_TEXTS.index(name.lower()), name)
        for name in texts
        if is_albums(name) and texts[name].text.strip()
    )
    return read(texts[ranked[0][1]]) if ranked else NOTHING


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "maxNesting": 12}).enable(
        ["table", "strikethrough"]
    )


def plain(tokens: Sequence[Token]) -> str:
    """What is left of inline Markdown without its marks."""
    out: list[str] = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            out.append(" ")
        elif token.children:
            out.append(plain(token.children))
        elif token.type in ("text", "code_inline", "image"):
            out.append(token.content)
    return "".join(out)


def _link(href: str, place: Place) -> str | None:
    """Where a link of a text leads, ``None`` if nowhere a link may."""
    if address := web_address(href):
        return address
    path = unquote(href.partition("#")[0].partition("?")[0])
    # The colon: whatever scheme that is, it is not one of those above.
    if not path or path.startswith(("/", "\\")) or ":" in path.partition("/")[0]:
        return None
    target = posixpath.normpath(posixpath.join(place.album, path))
    if target.startswith("..") or "\0" in target:
        return None
    album, _, name = target.rpartition("/")
    if album == place.album and (picture := place.picture(name)):
        return picture.original
    if target == ".":
        return keys.href(place.page, keys.album_page(""))
    if path.endswith("/") or "." not in name:
        return keys.href(place.page, keys.album_page(keys.slug(target)))
    return None


def _settle(tokens: list[Token], place: Place | None) -> list[Token]:
    """Inline tokens with each link and image made safe, or made plain words."""
    out: list[Token] = []
    open_links: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            target = _link(str(token.attrGet("href") or ""), place) if place else None
            open_links.append(target is not None)
            if target is not None:
                token.attrs = {"href": target}
                out.append(token)
        elif token.type == "link_close":
            if open_links.pop():
                out.append(token)
        elif token.type == "image":
            words = plain(token.children or ())
            source = unquote(str(token.attrGet("src") or ""))
            picture = (
                place.picture(posixpath.normpath(source)) if place and "/" not in source else None
            )
            if picture is None:
                out.append(Token("text", "", 0, content=words))
                continue
            token.attrs = {
                "src": picture.src,
                "alt": "",
                "width": picture.width,
                "height": picture.height,
                "loading": "lazy",
            }
            out.append(token)
        else:
            out.append(token)
    return out


_NO_HTML = Markup("")


@dataclass(frozen=True)
class Prose:
    """A text ready to print: its first heading, its HTML, its beginning in plain words."""

    heading: str | None = None
    html: Markup = _NO_HTML
    plain: str = ""


def render(words: Words, place: Place) -> Prose:
    """An album's text as HTML.  A heading it begins with is taken out, to be the title."""
    if not words.markdown:
        paragraphs = [part.strip() for part in words.body.split("\n\n") if part.strip()]
        html = Markup("\n").join(
            Markup("<p>{}</p>").format(Markup("<br>\n").join(part.split("\n")))
            for part in paragraphs
        )
        return Prose(None, html, line(" ".join(paragraphs)))
    markdown = _markdown()
    tokens = markdown.parse(words.body)
    heading = None
    if len(tokens) > 2 and tokens[0].type == "heading_open":
        said = line(plain(tokens[1].children or ()))
        if said and (words.title is None or said == words.title):
            heading, tokens = said, tokens[3:]
    first = ""
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            # The page's h1 is the album's title: what the text says stands below it.
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
        if token.type == "inline":
            token.children = _settle(token.children or [], place)
            first = first or line(plain(token.children))
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Prose(heading, Markup(legal(html)), first)  # noqa: S704 - markdown-it escapes


def caption(words: Words, place: Place) -> Prose:
    """A photo's caption as inline HTML: one paragraph, links and emphasis, no images."""
    body = " ".join(words.body.split())
    if not words.markdown:
        return Prose(None, escape(body), line(body))
    markdown = _markdown()
    tokens = markdown.parseInline(body.lstrip("# "))
    for token in tokens:
        children = [
            Token("text", "", 0, content=plain(child.children or ()))
            if child.type == "image"
            else child
            for child in token.children or []
        ]
        token.children = _settle(children, place)
    html = markdown.renderer.render(tokens, markdown.options, {})
    said = line(plain([child for token in tokens for child in token.children or ()]))
    return Prose(None, Markup(legal(html)), said)  # noqa: S704 - markdown-it escapes


def caption_of(name: str, texts: Mapping[str, TextRecord]) -> TextRecord | None:
    """The text that is the caption of the photo called ``name``."""
    record = texts.get(f"{name}.md")
    return record if record is not None and record.text.strip() else None


def names_photo(record: PhotoRecord, name: str) -> bool:
    """Whether ``name``, as a text writes it, is the file name of the photo."""
    return record.key.rpartition("/")[2].casefold() == name.strip().casefold()
