"""What visitors may take of a photo: the owner's choice, the same for both services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeGuard

from gallery import plainyaml
from gallery.record import TextRecord

Originals = Literal["public", "stripped", "private"]
"""``public``: the originals as they are; ``stripped``: copies of them without location, maker's
notes and previews, pixels untouched; ``private``: the largest rendition."""

FROM_LOOSE_TO_STRICT: Final[tuple[Originals, ...]] = ("public", "stripped", "private")

_NAME: Final = "originals"
_MENTIONED: Final = re.compile(_NAME, re.IGNORECASE)


def is_choice(text: str) -> TypeGuard[Originals]:
    """Whether ``text`` is one of the three."""
    return text in FROM_LOOSE_TO_STRICT


def stricter(one: Originals, other: Originals) -> Originals:
    """The one that gives away less: neither the template nor the settings file can undo what
    the other asks for."""
    return max(one, other, key=FROM_LOOSE_TO_STRICT.index)


def from_environment(environment: Mapping[str, str]) -> Originals:
    """What the template's parameter ``Originals`` asks for: ``SAFELIGHT_ORIGINALS``, or
    ``public`` where it is not set.  Raises ``ValueError`` for anything else."""
    text = environment.get("SAFELIGHT_ORIGINALS", "").strip() or "public"
    if not is_choice(text):
        raise ValueError(
            f"SAFELIGHT_ORIGINALS is {text!r:.40}; it must be {', '.join(FROM_LOOSE_TO_STRICT)}"
        )
    return text


def chosen(settings: Mapping[str, object]) -> Originals:
    """What the lines of a settings file ask for; ``public`` where none is about it.

    What is asked for and not understood is ``private``: whoever mistypes "private" must not
    find the originals published.
    """
    for name, value in settings.items():
        if name.strip().casefold() == _NAME:
            text = value.strip().casefold() if isinstance(value, str) else ""
            return text if is_choice(text) else "private"
    return "public"


def chosen_in(text: str) -> Originals:
    """What a settings file's text asks for: see :func:`chosen`.

    Of a text that is no YAML it is known only whether it speaks of originals at all.
    """
    try:
        return chosen(plainyaml.mapping(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")))
    except plainyaml.UnreadableYaml:
        return "private" if _MENTIONED.search(text) else "public"


def chosen_by(record: TextRecord | None) -> Originals:
    """What the record of the settings file asks for: ``public`` where there is no such file,
    ``private`` where it is one that cannot be read."""
    if record is None or record.status == "deleted":
        return "public"
    return chosen_in(record.text) if record.status == "ready" else "private"
