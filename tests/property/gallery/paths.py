"""Paths that do their worst: what people's folders hold, and what an adversary would name them.

A path here is what follows ``photos/`` in a key.
"""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

from gallery import keys

HEX = "0123456789abcdef"

_awkward = st.sampled_from(
    [
        "a", "a.jpg", "a.JPG", "a.heic", "index", "index.md", "photo.jpg.md", "~", "~~", "~2",
        "~2.html", "~feed.xml", "a~", "con", "...", "a.", " ", "  a", "+", "%2F", "%2e%2e", "%",
        "a.json", "a.jpg.json", "site.json", "a.html", "index.html", "feed.xml", "404.html",
        "assets", "albums", "photo", "C:", "\\", "a\\b", "a?b#c&d;e", "\"'<>`", "two\nlines",
        "\u0001", "\u007f", "\u0085", "\u202e", "\ufeff", "\ufffd", "\U0001f469\u200d\U0001f680",
        unicodedata.normalize("NFC", "été"), unicodedata.normalize("NFD", "été"), "İ", "ß", "ﬁ",
        "a.0123456789abcdef-600.jpg", "a.jpg.0123456789abcdef-600.jpg",
    ]
)  # fmt: skip
_hidden = st.sampled_from(["", ".", "..", ".hidden", "@eaDir", "__MACOSX"])
_digest_like = st.text(HEX, min_size=32, max_size=32).map(lambda digits: "~" + digits)
_half = st.sampled_from(["\ud800", "\udfff", "a\ud83d"])
# Lengths around those at which names are cut, of letters of one to four bytes.
_long = st.builds(
    lambda letter, count, tail: letter * count + tail,
    st.sampled_from(["a", "é", "日", "\U0001f30a", "e\u0301", "~", "a/"]),
    st.integers(150, 1010),
    st.sampled_from(["", "a", ".jpg", "é", "~", "~" + "0" * 32]),
)
# A folder and a name that together are as long as can be, wherever the cut between them is.
_full = st.builds(
    lambda folder, letter: letter * folder + "/" + "b" * (1016 - folder * len(letter.encode())),
    st.integers(1, 250),
    st.sampled_from(["aaaa", "\U0001f30a", "éé", "~a/b"]),
)
_any = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12)


def _fits(path: str) -> bool:
    return 0 < len(path.encode("utf-8", "surrogatepass")) <= keys.MAX_KEY - len(keys.PHOTOS)


def _joined(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(part, min_size=1, max_size=5).map("/".join).filter(_fits)


sound = st.one_of(_full, _joined(st.one_of(_awkward, _digest_like, _long, _any))).filter(
    lambda path: all(part and not part.startswith(".") for part in path.split("/"))
)
"""Paths whose folders and files are taken, as far as their dots and slashes go."""

halves = _joined(st.one_of(_awkward, _long, _half, _digest_like)).filter(
    lambda path: all(part and not part.startswith(".") for part in path.split("/"))
)
"""The same with halves of surrogate pairs, which no object has but a ``str`` can hold."""

wild = _joined(st.one_of(_awkward, _hidden, _digest_like, _long, _any))
"""Any path, with empty, hidden and climbing parts."""
