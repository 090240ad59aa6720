"""What AWS asks for what Safelight uses, from ``prices.toml``, which names its sources."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from importlib import resources
from typing import Any


@cache
def _table() -> dict[str, Any]:
    text = resources.files("safelight").joinpath("prices.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def price(service: str, unit: str) -> float:
    """The price of one ``unit`` of ``service``, in US dollars, such as ``price("sqs",
    "request")``.  Raises ``KeyError`` for one that the table does not have."""
    return float(_table()[service][unit])


def allowance(what: str) -> float:
    """How much of it AWS gives each account every month for nothing, such as
    ``allowance("sqs_requests")``."""
    return float(_table()["free"][what])


def compared() -> date:
    """When the prices were last compared with those that AWS publishes."""
    found: date = _table()["compared"]
    return found


def region() -> str:
    """The region whose prices they are."""
    return str(_table()["region"])
