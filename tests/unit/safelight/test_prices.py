"""The table of prices."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib import resources

import pytest

from safelight import prices

TABLE = tomllib.loads(resources.files("safelight").joinpath("prices.toml").read_text("utf-8"))


def test_every_price_is_one() -> None:
    """A positive number of dollars, and none so large that it is of a thousand or a million."""
    found = {
        (service, unit): prices.price(service, unit)
        for service, units in TABLE.items()
        if isinstance(units, dict) and service != "free"
        for unit in units
    }
    assert len(found) > 5
    assert found.pop(("cloudwatch", "dashboard_month")) == 3
    assert all(0 < value < 1 for value in found.values()), found


def test_the_table_says_of_when_and_where_it_is() -> None:
    """A figure without a date is worth little."""
    assert isinstance(prices.compared(), date)
    assert prices.region() == "us-east-1"


def test_a_price_that_is_not_there_is_an_error() -> None:
    """And not free."""
    with pytest.raises(KeyError):
        prices.price("sqs", "fifo_request")
