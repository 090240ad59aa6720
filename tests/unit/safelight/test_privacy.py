"""What `status` says of who may take what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gallery import keys
from gallery.originals import Originals
from gallery.record import TextRecord
from safelight.privacy import Privacy
from safelight.queues import Depth
from safelight.stack import QUEUES
from safelight.status import as_json
from safelight.survey import Rejected, Survey
from safelight.waiting import State
from tests.unit.safelight.test_stack import DEPLOYMENT

EMPTY = {name: Depth(url="", visible=0, in_flight=0, delayed=0) for name in QUEUES}


def survey(text: str | None = None, located: int = 3) -> Survey:
    """A survey of a bucket with this settings file."""
    record = TextRecord(
        kind="settings",
        key=keys.SETTINGS,
        status="ready",
        text=text or "",
        updated=datetime(2026, 3, 14, tzinfo=UTC),
    )
    return Survey(
        total=9,
        ready=9,
        pending=0,
        rejected=(),
        texts=0,
        skipped=(),
        has_location=located,
        unfinished=(),
        unstripped=(Rejected("photos/a.heic", "A HEIC."),),
        settings=record if text is not None else None,
    )


def privacy(template: Originals, text: str | None) -> Privacy:
    return Privacy.of(replace(DEPLOYMENT, originals=template), survey(text))


def test_public_originals_with_a_location_are_warned_of() -> None:
    """With what helps; not where there are none, and not where nobody gets them."""
    (warning,) = privacy("public", None).warnings()
    assert warning.startswith("3 public originals carry a location.")
    assert "make up PARAMETERS=Originals=stripped" in warning
    assert "originals: stripped" in warning
    assert not list(Privacy.of(DEPLOYMENT, survey(located=0)).warnings())
    for choice in ("stripped", "private"):
        found = privacy(choice, None)
        assert not list(found.warnings())
        assert found.public_with_location == 0


@pytest.mark.parametrize("asked", ["stripped", "private"])
def test_a_file_that_asks_for_more_than_the_door_gives_is_warned_of(asked: Originals) -> None:
    """The settings take the links away; the door stays open."""
    found = privacy("public", f"originals: {asked}")
    assert (found.effective, found.door_is_open) == (asked, True)
    (warning,) = found.warnings()
    assert "can still fetch it" in warning
    assert f"make up PARAMETERS=Originals={asked}" in warning
    aws = replace(found, is_on_aws=True)
    assert f"safelight deploy --originals {asked}" in "".join(aws.warnings())
    assert not list(privacy(asked, f"originals: {asked}").warnings())
    assert not privacy(asked, "originals: public").door_is_open


def test_a_mistyped_settings_file_is_told() -> None:
    found = privacy("private", "originals: privte\ncolour: red")
    assert found.effective == "private"
    told = list(found.warnings())
    assert len(told) == 2
    assert all(line.startswith("photos/safelight.yaml: ") for line in told)


def test_other_tools_read_it_too() -> None:
    found = as_json(replace(DEPLOYMENT, originals="public"), State(survey(), EMPTY, ()))
    assert found["photos"]["public_with_location"] == 3
    assert found["photos"]["unstripped"] == 1
    assert found["unstripped"] == [{"key": "photos/a.heic", "reason": "A HEIC."}]
    assert found["originals"]["effective"] == "public"
    assert found["originals"]["door"] == "open"
    assert len(found["originals"]["warnings"]) == 1
