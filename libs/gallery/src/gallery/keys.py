"""Object keys: which prefix holds what, and every name that is derived from another.

All of them are pure functions, so that two workers who never met agree on every name.
Keys are ``str``; limits are in bytes of UTF-8, as S3 counts them (at most 1,024).
"""

from __future__ import annotations

import enum
import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote

PHOTOS = "photos/"
THUMBS = "thumbs/"
CATALOG = "catalog/"
RECORDS = "catalog/photos/"
ALBUMS = "catalog/albums/"
SITE = "catalog/site.json"
SETTINGS = "photos/safelight.yaml"

MAX_KEY = 1024
"""The longest key S3 takes, in bytes of UTF-8."""

# A path below a prefix is kept as it is up to these many bytes; beyond, it is cut and
# given a digest.  They leave room for the longest prefix and suffix of ours
# ("catalog/photos/" … ".json", "thumbs/" … ".<digest>-<width>.jpg"), and a cut path is
# always longer than a kept one, so that the two can never be equal.
_KEEP_FOLDER = 860
_KEEP_FILE = 930
_DIGEST = 32


class Kind(enum.Enum):
    """What an object under ``photos/`` is to Safelight."""

    PHOTO = "photo"
    TEXT = "text"
    SETTINGS = "settings"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Original:
    """A classified key under ``photos/``.

    ``album`` is the folder path without the prefix (``""`` for the top), ``name`` the file's
    name.  ``reason`` says, for ``SKIPPED``, why nothing is made of it.
    """

    key: str
    kind: Kind
    album: str
    name: str
    reason: str = ""


_SIDECARS = (".xmp", ".aae", ".thm", ".pp3", ".dop", ".lrcat", ".ini", ".db", ".part", ".tmp")
_SYSTEM_FOLDERS = frozenset({"@eadir", "__macosx", "$recycle.bin", "system volume information"})
_ALBUM_TEXTS = frozenset({"index.md", "description.md", "description.txt"})


def classify(key: str) -> Original:
    """What the object ``key`` is, by its name alone.

    A file is taken for a photo unless its name says otherwise: what it really is, its
    content tells.  Raises ``ValueError`` for a key that is not under ``photos/``.
    """
    if not key.startswith(PHOTOS):
        raise ValueError(f"{key!r:.200} is not under {PHOTOS}")
    path = key[len(PHOTOS) :]
    album, _, name = path.rpartition("/")

    def skipped(reason: str) -> Original:
        return Original(key, Kind.SKIPPED, album, name, reason)

    if not name:
        return skipped("a folder marker")
    parts = path.split("/")
    if "" in parts:
        return skipped("a folder without a name in its path (two slashes in a row)")
    # "." and ".." begin with a dot too: no derived URL can climb out of its folder.
    if any(part.startswith(".") for part in parts):
        return skipped("a hidden file or folder (its name begins with a dot)")
    if any(part.lower() in _SYSTEM_FOLDERS for part in parts[:-1]):
        return skipped("a folder of the operating system")
    if key == SETTINGS:
        return Original(key, Kind.SETTINGS, album, name)
    lower = name.lower()
    if lower in _ALBUM_TEXTS:
        return Original(key, Kind.TEXT, album, name)
    if lower.endswith(".md"):
        if "." in name[:-3].strip("."):
            return Original(key, Kind.TEXT, album, name)
        return skipped("a text that belongs to no photo (a caption is named photo.jpg.md)")
    if lower.endswith(_SIDECARS):
        return skipped("a sidecar or system file")
    return Original(key, Kind.PHOTO, album, name)


def _fit(path: str, keep: int) -> str:
    """``path``, or where it is longer than ``keep`` bytes its beginning and a digest of it."""
    raw = path.encode("utf-8", "surrogatepass")
    if len(raw) <= keep:
        return path
    # Up to three bytes more may go with a character that is cut: the result is at least
    # ten bytes longer than ``keep``, which no kept path is.
    end = keep - 20
    while raw[end] & 0xC0 == 0x80:
        end -= 1
    head = raw[:end].decode("utf-8", "surrogatepass")
    return f"{head}~{hashlib.sha256(raw).hexdigest()[:_DIGEST]}"


def slug(album: str) -> str:
    """The name of an album in derived keys: its path, shortened if it is over-long."""
    return _fit(album, _KEEP_FOLDER)


def _place(key: str) -> str:
    """The path below a derived prefix for an original: its album's slug, then its name."""
    path = key[len(PHOTOS) :]
    album, slash, name = path.rpartition("/")
    folder = slug(album)
    room = _KEEP_FILE - len(folder.encode("utf-8", "surrogatepass"))
    return f"{folder}{slash}{_fit(name, room)}"


def digest(etag: str, fingerprint: str, salt: int = 0) -> str:
    """The 16 hex digits in a rendition's name: of the original's ETag, of what the
    renderer's settings and version are (``fingerprint``), and of ``salt``, which is 0
    unless the digest is one that is being retired (see ``thumbnailer.reconcile``)."""
    text = "\n".join((etag, fingerprint, *([str(salt)] if salt else [])))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rendition(key: str, digest_: str, width: int) -> str:
    """The key of the rendition of ``key`` that is ``width`` pixels wide."""
    return f"{THUMBS}{_place(key)}.{digest_}-{width}.jpg"


COPIES = ("jpg", "png", "webp", "gif")
"""The name endings of stripped copies, one for each format that can be stripped."""


def stripped(key: str, digest_: str, ending: str) -> str:
    """The key of the stripped copy of ``key``, whose name ends in one of :data:`COPIES`."""
    return f"{THUMBS}{_place(key)}.{digest_}-stripped.{ending}"


def rendition_prefix(key: str, digest_: str = "") -> str:
    """The prefix that all renditions of ``key`` share (with ``digest_``: of that set), the
    stripped copy among them.

    Another photo's may begin with it too (``a.jpg`` and ``a.jpg.b.png``): compare
    :func:`parse_rendition`.
    """
    return f"{THUMBS}{_place(key)}." + (f"{digest_}-" if digest_ else "")


_RENDITION = re.compile(
    r"(?P<place>.+)\.(?P<digest>[0-9a-f]{16})-"
    rf"(?:(?P<width>[0-9]+)\.jpg|stripped\.(?:{'|'.join(COPIES)}))",
    re.DOTALL,
)


@dataclass(frozen=True)
class RenditionName:
    """A rendition's key taken apart; ``record`` is the key of its photo's record.

    ``width`` is ``None`` for the stripped copy of the original.
    """

    record: str
    digest: str
    width: int | None


def parse_rendition(key: str) -> RenditionName | None:
    """A key under ``thumbs/`` taken apart, ``None`` if it is not the name of a rendition."""
    if not key.startswith(THUMBS):
        return None
    match = _RENDITION.fullmatch(key, len(THUMBS))
    if match is None:
        return None
    place = match["place"]
    width = int(match["width"]) if match["width"] else None
    return RenditionName(f"{RECORDS}{place}.json", match["digest"], width)


def record(key: str) -> str:
    """The key of the record of the original ``key``."""
    return f"{RECORDS}{_place(key)}.json"


def album_of_record(key: str) -> str:
    """The slug of the album that the record ``key`` lies in."""
    if not key.startswith(RECORDS):
        raise ValueError(f"{key!r:.200} is not under {RECORDS}")
    return key[len(RECORDS) :].rpartition("/")[0]


def records_of_album(slug_: str) -> str:
    """The prefix (a folder) of the records of an album's own photos."""
    return f"{RECORDS}{slug_}/" if slug_ else RECORDS


def album_record(slug_: str) -> str:
    """The key of an album's record; the top album's is the site's."""
    return f"{ALBUMS}{slug_}.json" if slug_ else SITE


def slug_of_album_record(key: str) -> str:
    """The slug of the album whose record is ``key``."""
    if not (key.startswith(ALBUMS) and key.endswith(".json")):
        raise ValueError(f"{key!r:.200} is not the key of an album record")
    return key[len(ALBUMS) : -len(".json")]


def parent(slug_: str) -> str | None:
    """The slug of the album above, ``""`` for the top, ``None`` above that."""
    return slug_.rpartition("/")[0] if slug_ else None


def _page_path(slug_: str) -> str:
    # "~" begins the names of an album's further pages, so an album's own is doubled.
    doubled = "/".join(f"~{part}" if part.startswith("~") else part for part in slug_.split("/"))
    return _fit(doubled, _KEEP_FILE)


def album_page(slug_: str, number: int = 1) -> str:
    """The key of an album's page ``number``; the top album's first is ``index.html``."""
    if number == 1:
        return f"albums/{_page_path(slug_)}.html" if slug_ else "index.html"
    return f"{album_folder(slug_)}~{number}.html"


def album_folder(slug_: str) -> str:
    """The prefix of an album's further pages and its feed (their names begin with ``~``)."""
    return f"albums/{_page_path(slug_)}/" if slug_ else "albums/"


def album_feed(slug_: str) -> str:
    """The key of an album's Atom feed; the top album's is the site's, ``feed.xml``."""
    return f"{album_folder(slug_)}~feed.xml" if slug_ else "feed.xml"


def photo_folder(slug_: str) -> str:
    """The prefix of the pages of an album's photos."""
    return f"photo/{slug_}/" if slug_ else "photo/"


def photo_page(key: str) -> str:
    """The key of the page of the photo ``key``."""
    return f"photo/{_place(key)}.html"


def url_path(key: str) -> str:
    """``key`` as the path of a URL: every byte that is not plain is percent-encoded."""
    return quote(key, safe="/-._~", errors="surrogatepass")


def href(page: str, target: str) -> str:
    """The relative URL from the page at key ``page`` to the object at key ``target``.

    Safe as it stands in an HTML attribute: only unreserved characters, ``/`` and ``%``.
    """
    here = page.split("/")[:-1]
    there = target.split("/")
    common = 0
    while common < len(here) and common < len(there) - 1 and here[common] == there[common]:
        common += 1
    return "../" * (len(here) - common) + url_path("/".join(there[common:]))
