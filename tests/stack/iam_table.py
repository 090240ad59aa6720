"""The table of `docs/iam.md`: each thing that a role may do, and the duty that needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from safelight.home import checkout

_ROW = re.compile(
    r"^\| (?P<role>\w+) \| `(?P<statement>\w+)` \| `(?P<action>[\w:]+)` \| (?P<on>[^|]+?) "
    r"\| (?P<duty>[^|]+?) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Row:
    """One line of it; ``duty`` is the name of one in :data:`tests.stack.duties.DUTIES`."""

    role: str
    statement: str
    action: str
    on: str
    duty: str

    def __str__(self) -> str:
        return f"{self.role}-{self.statement}-{self.action.partition(':')[2]}-{self.on.strip('`')}"


def rows() -> list[Row]:
    """All of them."""
    text = (checkout() / "docs" / "iam.md").read_text(encoding="utf-8")
    return [
        Row(**{**found.groupdict(), "duty": found["duty"].replace(" ", "_").replace("'", "")})
        for found in _ROW.finditer(text)
    ]
