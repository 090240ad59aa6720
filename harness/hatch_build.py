"""Puts the event library and the scenarios into the package.

They lie at the top of the checkout, where people look for them.  In an editable installation they
are found there; a wheel takes them along, and so does a source distribution.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = {"events": "event_library", "scenarios": "scenario_library"}


class Libraries(BuildHookInterface):  # type: ignore[type-arg]
    """The build hook."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each build; ``version`` is ``editable`` or ``standard``."""
        if version == "editable":
            return
        for folder, name in FOLDERS.items():
            source = self._source(folder)
            target = f"fixtures/{folder}" if self.target_name == "sdist" else f"safelight/{name}"
            build_data["force_include"][str(source)] = target

    def _source(self, folder: str) -> Path:
        """In the checkout beside this folder; in a source distribution within it."""
        root = Path(self.root)
        for found in (root / "fixtures" / folder, root.parent / "fixtures" / folder):
            if found.is_dir():
                return found
        raise FileNotFoundError(
            f"fixtures/{folder} is neither in {root} nor beside it: build from a whole checkout"
        )
