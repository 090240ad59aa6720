"""The site's settings: ``photos/safelight.yaml``, every line of it optional.

.. code-block:: yaml

    title: Vera's photographs
    subtitle: Mostly film, mostly water
    author: Vera Lind
    footer: All rights kept. Ask, and you may have one.
    language: en            # en, de or ja
    url: https://photos.example.org/
    originals: stripped     # public, stripped or private
    theme: dark             # auto, light or dark
    about: |
      I am Vera, and this is **what I saw**.
    menu:
      About: https://example.org/about
      Lisbon: albums/Lisbon.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from gallery import plainyaml
from gallery.originals import Originals, chosen, chosen_in, is_choice
from sitegen import language
from sitegen.words import line, prose

Theme = Literal["auto", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("auto", "light", "dark")

ABOUT = "about.html"
"""The key of the page about the site."""

_MENU_ITEMS = 12


@dataclass(frozen=True)
class MenuItem:
    """A line of the menu; ``target`` is a web or mail address, or the key of an object."""

    label: str
    target: str
    external: bool


@dataclass(frozen=True)
class SiteSettings:
    """What the settings file says, or would say by default."""

    title: str = ""
    """Empty: the language's own word for photographs."""
    subtitle: str = ""
    author: str = ""
    footer: str = ""
    language: str = "en"
    url: str | None = None
    """Where the site is published (ends in ``/``); feeds and the sitemap can then be absolute."""
    originals: Originals = "public"
    """What visitors may take; the template may ask for a stricter choice."""
    theme: Theme = "auto"
    """The light in which visitors see the site first: their system's, or always this one."""
    about: str = ""
    """Markdown: the page about the site or its photographer; without it there is none."""
    menu: tuple[MenuItem, ...] = ()
    id: str = ""
    """Anything: makes the feeds' ids this site's own.  Two sites may share names of photos."""

    def named(self) -> str:
        """The site's title."""
        return self.title or language.load(self.language)["site_title"]


def web_address(text: str) -> str | None:
    """``text`` if it is an ``http(s)`` or ``mailto`` URL fit for a link, else ``None``."""
    text = text.strip()
    if len(text) > 2000 or any(c in text for c in "\"'<>\\`") or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return None
    if " " in text:
        return None
    if parts.scheme in ("http", "https") and host:
        return text
    return text if parts.scheme == "mailto" and "@" in parts.path else None


def site_address(text: str) -> str | None:
    """``text`` as the URL of a site's root, ending in ``/``; ``None`` if it cannot be one."""
    address = web_address(text)
    if address is None or not address.lower().startswith("http"):
        return None
    parts = urlsplit(address)
    if parts.query or parts.fragment or parts.username is not None:
        return None
    return address if address.endswith("/") else address + "/"


def _own_key(text: str) -> bool:
    parts = text.split("/")
    return (
        len(text) <= 1024 and ":" not in parts[0] and not any(p in ("", ".", "..") for p in parts)
    )


def _menu(value: object) -> tuple[tuple[MenuItem, ...], list[str]]:
    if not isinstance(value, dict):
        return (), ["menu: it is not a list of `Label: address` lines"]
    items: list[MenuItem] = []
    problems: list[str] = []
    for label, target in value.items():
        if not isinstance(label, str) or not isinstance(target, str) or not line(label):
            problems.append("menu: an entry is not a `Label: address` line")
        elif address := web_address(target):
            items.append(MenuItem(line(label, 60), address, external=True))
        elif _own_key(target.strip()):
            items.append(MenuItem(line(label, 60), target.strip(), external=False))
        else:
            problems.append(
                f"menu: {line(target, 80)!r} is neither a web or mail address nor the key of a page"
            )
    if len(items) > _MENU_ITEMS:
        problems.append(f"menu: only the first {_MENU_ITEMS} entries are shown")
    return tuple(items[:_MENU_ITEMS]), problems


_LINES = frozenset(
    {"title", "subtitle", "author", "footer", "language", "url", "id", "theme", "about"}
)


def parse(text: str | None) -> tuple[SiteSettings, tuple[str, ...]]:
    """The settings that ``text`` holds, and what in it is wrong, for a person to read.

    A setting that is wrong keeps its default; it never stops a site from being built.
    """
    if text is None:
        return SiteSettings(), ()
    try:
        found = plainyaml.mapping(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))
    except plainyaml.UnreadableYaml as error:
        return SiteSettings(originals=chosen_in(text)), (f"safelight.yaml: {error}",)
    problems: list[str] = []
    lines: dict[str, str] = {}
    menu: tuple[MenuItem, ...] = ()
    url: str | None = None
    theme: Theme = "auto"
    for name, value in found.items():
        if name == "menu":
            menu, wrong = _menu(value)
            problems += wrong
        elif name.strip().casefold() == "originals":
            if not (isinstance(value, str) and is_choice(value.strip().casefold())):
                problems.append(
                    "originals: it is none of public, stripped and private; taken as private"
                )
        elif name not in _LINES:
            problems.append(f"{line(name, 60)}: there is no such setting")
        elif not isinstance(value, str):
            problems.append(f"{name}: it is not one line of text")
        elif name == "url":
            url = site_address(value) if value.strip() else None
            if url is None and value.strip():
                problems.append("url: it is not a web address such as https://photos.example.org/")
        elif name == "language":
            if value.strip() in language.CODES:
                lines[name] = value.strip()
            else:
                known = ", ".join(language.CODES)
                problems.append(f"language: {line(value, 20)!r} is not one of {known}")
        elif name == "theme":
            found_theme = next((each for each in THEMES if each == value.strip().lower()), None)
            if found_theme is None:
                known = ", ".join(THEMES)
                problems.append(f"theme: {line(value, 20)!r} is not one of {known}")
            else:
                theme = found_theme
        elif name == "footer":
            lines[name] = prose(value, 1000).strip()
        elif name == "about":
            lines[name] = prose(value, plainyaml.LIMIT).strip()
        else:
            lines[name] = line(value, 200)
    read = SiteSettings(**lines, url=url, menu=menu, theme=theme, originals=chosen(found))
    return read, tuple(problems)
