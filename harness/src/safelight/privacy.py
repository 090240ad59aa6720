"""What visitors may take, as `safelight status` tells it: who asked for what, and who can still
get more than that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gallery.originals import FROM_LOOSE_TO_STRICT, Originals, chosen_by, stricter
from safelight.stack import Deployment
from safelight.survey import Survey
from sitegen.settings import parse

_TOLD = {
    "public": "public: visitors are offered them as they are",
    "stripped": "stripped: visitors are offered copies without location and other private data",
    "private": "private: visitors are offered the largest rendition",
}


@dataclass(frozen=True)
class Privacy:
    """The two choices, the template's and the settings file's, and what follows from them.

    ``located`` counts the originals that tell where they were taken, ``problems`` is what is
    wrong with the settings file.
    """

    template: Originals
    settings: Originals
    located: int
    problems: tuple[str, ...]
    is_on_aws: bool

    @classmethod
    def of(cls, deployment: Deployment, survey: Survey) -> Privacy:
        """Of a stack and its bucket."""
        record = survey.settings
        text = record.text if record is not None and record.status == "ready" else None
        return cls(
            template=deployment.originals,
            settings=chosen_by(record),
            located=survey.has_location,
            problems=parse(text)[1],
            is_on_aws=deployment.is_on_aws,
        )

    @property
    def effective(self) -> Originals:
        """The stricter of the two."""
        return stricter(self.template, self.settings)

    @property
    def door_is_open(self) -> bool:
        """Whether the policies let somebody who knows an original's address have it."""
        return self.template == "public"

    @property
    def public_with_location(self) -> int:
        """How many originals that tell their place anybody may take, as the pages offer it."""
        return self.located if self.effective == "public" else 0

    def told(self) -> str:
        """The choice, in a line."""
        return _TOLD[self.effective]

    def about_location(self) -> str:
        """What is known of locations, in a line."""
        told = f"{self.located} originals tell where they were taken"
        if self.effective == "public":
            return f"{told}, and anybody may take them"
        return f"{told}; what visitors are offered does not, unless KeepLocation says so"

    def warnings(self) -> Iterator[str]:
        """What a person should see to, and how."""
        for problem in self.problems:
            yield f"photos/safelight.yaml: {problem}."
        if self.public_with_location:
            yield (
                f"{self.located} public originals carry a location. Offer copies without it: "
                f"{self._setting('stripped')}, or the line `originals: stripped` in "
                "photos/safelight.yaml."
            )
        strict = FROM_LOOSE_TO_STRICT.index
        if self.template == "public" and strict(self.settings) > strict("public"):
            yield (
                f"photos/safelight.yaml asks for {self.settings} originals. No page links them, "
                "but whoever knows an original's address can still fetch it: a file in the bucket "
                f"cannot shut its door. This does: {self._setting(self.settings)}."
            )

    def _setting(self, choice: Originals) -> str:
        if self.is_on_aws:
            return f"`safelight deploy --originals {choice}`"
        return f"`make up PARAMETERS=Originals={choice}`"
