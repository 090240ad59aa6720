"""What visitors may take of a photo: the owner's choice, the same for both services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeGuard

Originals = Literal["public", "stripped", "private"]
"""``public``: the originals as they are; ``stripped``: copies of them without location, maker's
notes and previews, pixels untouched; ``private``: the largest rendition."""

FROM_LOOSE_TO_STRICT: Final[tuple[Originals, ...]] = ("public", "stripped", "private")


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
