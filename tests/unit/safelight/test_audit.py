"""The audit: what pip-audit says, and what is made of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from safelight.audit import Accepted, Advisory, Run, accepted, ask, judge, locks
from safelight.home import checkout
from safelight.problem import Problem

LOCK = Path("requirements/sitegen.txt")
TODAY = date(2026, 6, 1)
FOUND = Advisory("jinja2", "3.1.5", ("PYSEC-2025-1", "CVE-2025-27516", "GHSA-cpwx"), ("3.1.6",))
KNOWN = Accepted("CVE-2025-27516", "Jinja2", "no template of strangers is run", date(2026, 7, 1))


def clean(name: str = "six") -> dict[str, Any]:
    """A package without advisories."""
    return {"name": name, "version": "1", "vulns": []}


def pip_audit(**answers: Any) -> Run:
    """A pip-audit that prints these answers, by service: dependencies, or a traceback."""

    def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        service = arguments[arguments.index("--vulnerability-service") + 1]
        answer = answers[service]
        if isinstance(answer, str):
            return subprocess.CompletedProcess([], 1, "", f"Traceback\n{answer}\n")
        return subprocess.CompletedProcess([], 0, json.dumps({"dependencies": answer}), "")

    return run


def test_what_is_clean_is_clean() -> None:
    """As the first service that knows says."""
    report = ask(pip_audit(pypi=[clean(), clean("jinja2")]), LOCK)
    assert (report.looked_at, report.found) == (2, ())


def test_an_advisory_is_found_under_all_its_names() -> None:
    """With what mends it."""
    vulns = [{"id": "PYSEC-2025-1", "aliases": ["CVE-2025-27516", "GHSA-cpwx"]}]
    vulns[0]["fix_versions"] = ["3.1.6"]
    entry = {"name": "Jinja2", "version": "3.1.5", "vulns": vulns}
    assert ask(pip_audit(pypi=[clean(), entry]), LOCK).found == (FOUND,)


def test_what_was_not_looked_at_is_not_clean() -> None:
    """pip-audit says so of whatever a mirror does not know: the next service is asked."""
    skipped = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}
    assert ask(pip_audit(pypi=[clean(), skipped], osv=[clean()]), LOCK).looked_at == 1
    with pytest.raises(Problem, match=r"(?s)no advisory service.*1 of 2 were not.*Errno -2"):
        ask(pip_audit(pypi=[clean(), skipped], osv="OSError: [Errno -2] unknown"), LOCK)


@pytest.mark.parametrize("answer", [[], "", "gaierror", None, 3])
def test_an_answer_that_is_none_is_a_failure(answer: Any) -> None:
    """Never a clean bill."""
    with pytest.raises(Problem, match="known of sitegen"):
        ask(pip_audit(pypi=answer, osv=answer), LOCK)


def test_an_advisory_must_be_seen_to_or_accepted() -> None:
    """By any of its names, for its package, and for so long."""
    (told,) = judge([FOUND], [], TODAY)
    assert told == "jinja2 3.1.5: PYSEC-2025-1, CVE-2025-27516, GHSA-cpwx; fixed in 3.1.6"
    assert judge([FOUND], [KNOWN], TODAY) == []
    (late,) = judge([FOUND], [KNOWN], date(2026, 7, 2))
    assert "was accepted until 2026-07-01: no template of strangers is run" in late
    other = Accepted("CVE-2025-27516", "markupsafe", "x", date(2026, 7, 1))
    assert len(judge([FOUND], [other], TODAY)) == 2


def test_what_is_accepted_in_vain_is_told() -> None:
    """The list must not outlive what it is about."""
    (told,) = judge([], [KNOWN], TODAY)
    assert "accepted and not there any more" in told


def test_an_advisory_without_a_cure_says_so() -> None:
    """And the same in several locks is told once."""
    bad = Advisory("six", "1", ("X",), ())
    assert judge([bad, bad], [], TODAY) == ["six 1: X; not fixed yet"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accepted = 3",
        "[[accepted]]\nadvisory = 'X'",
        "[[accepted]]\nadvisory='X'\npackage='p'\nwhy=' '\nuntil=2026-01-01",
        "[[accepted]]\nadvisory='X'\npackage='p'\nwhy='y'\nuntil='soon'",
    ],
)
def test_a_list_that_makes_no_sense_is_refused(text: str) -> None:
    """Nothing is accepted by accident."""
    with pytest.raises(Problem, match="requirements/audit"):
        accepted(text)


def test_the_list_as_it_is() -> None:
    """Can be read, and its locks are all there are."""
    accepted((checkout() / "requirements" / "audit.toml").read_text(encoding="utf-8"))
    assert {"dev.txt", "thumbnailer.txt", "sitegen.txt", "audit.txt"} <= {p.name for p in locks()}
