"""YAML in the hands of strangers: small, without aliases, and every value a string.

``title: No`` stays *No* and ``title: 2024-05`` stays *2024-05*: what the photographer wrote
is what is shown.
"""

from __future__ import annotations

from typing import Any

import yaml

LIMIT = 16_384
"""The longest YAML that is read, in characters."""

_DEPTH = 12


class UnreadableYaml(ValueError):
    """The text is not a mapping this reader takes; the message says why, to a person."""


class _Strings(yaml.BaseLoader):
    """A loader of strings, lists and mappings that follows no alias.

    A few hundred bytes of aliases can stand for gigabytes ("a billion laughs").
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise UnreadableYaml("aliases (*name) are not allowed here")
        self.depth += 1
        if self.depth > _DEPTH:
            raise UnreadableYaml(f"it is nested deeper than {_DEPTH} levels")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def mapping(text: str) -> dict[str, Any]:
    """The mapping that ``text`` is; empty text is an empty one.

    Values are strings, lists of values or mappings.  Raises :class:`UnreadableYaml`.
    """
    if len(text) > LIMIT:
        raise UnreadableYaml(f"it is longer than {LIMIT} characters")
    try:
        # Not a call of yaml.load's full loader: BaseLoader makes nothing but str, list, dict.
        found = yaml.load(text, Loader=_Strings)  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it holds characters YAML does not allow"
        raise UnreadableYaml(f"{problem}{where}") from error
    except (ValueError, OverflowError) as error:  # "\UFFFFFFFF" is no character
        if isinstance(error, UnreadableYaml):
            raise
        raise UnreadableYaml("it holds an escape that is no character") from error
    if found in (None, ""):
        return {}
    if not isinstance(found, dict):
        raise UnreadableYaml("it is not a list of `name: value` lines")
    return {key: value for key, value in found.items() if isinstance(key, str)}
