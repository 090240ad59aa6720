"""`docs/cost.md`: what the script computes, from what the code does."""

from __future__ import annotations

import pytest

from bench import cost
from safelight.estimate import READS, WRITES


def test_the_page_is_what_the_script_computes() -> None:
    """After a change: `python -m bench.cost --write`, with `--measure` if the code has changed."""
    assert cost.PAGE.read_text(encoding="utf-8") == cost.page(cost.load())


def test_a_photos_requests_are_those_that_are_counted_elsewhere() -> None:
    """`safelight backfill` says what it will take by the same figures."""
    photo = cost.load()["photo"]
    assert (photo["reads"], photo["writes"]) == (READS["thumbnailer"], WRITES["thumbnailer"])


def test_sitegens_requests_are_those_it_makes() -> None:
    """Within a fifth. After a change: `python -m bench.cost --measure --write`."""
    counted, known = cost.measured_publishing(), cost.load()["publishing"]
    for name in ("reads", "writes", "lists"):
        assert counted[name] == pytest.approx(known[name], rel=0.2, abs=0.02), name


def test_what_everybody_gets_is_taken_off_once_and_never_more() -> None:
    line = cost.Line("x", amount=10, unit="", each=2.0, free=4)
    assert (line.dollars, line.at_least) == (20, 12)
    assert cost.Line("x", amount=3, unit="", each=2.0, free=4).at_least == 0


def test_a_bill_grows_with_what_it_is_for() -> None:
    bill = cost.Bill(cost.load())
    for make in (bill.photos, bill.month, bill.views):
        once, twice = (sum(line.dollars for line in make(n)) for n in (1000, 2000))
        assert once < twice <= 2 * once + 1e-9, make


def test_x86_costs_more_and_a_slow_machine_too() -> None:
    def photos(case: cost.Case) -> float:
        return sum(line.dollars for line in cost.Bill(cost.load(), case).photos())

    assert photos(cost.Case("x86_64")) > photos(cost.Case())
    assert photos(cost.Case(slower=3)) > photos(cost.Case(slower=1))
