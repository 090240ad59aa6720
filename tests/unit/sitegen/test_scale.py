"""The benchmark of growth: that it measures what it says."""

from __future__ import annotations

from pathlib import Path

from bench import scale


def test_its_store_answers_as_the_other_does(tmp_path: Path) -> None:
    everything, unchanged, added = scale.publish(1000, tmp_path)
    assert everything.calls["put"] > 1000
    assert "put" not in unchanged.calls
    assert 5 < added.calls["put"] < 20
    assert added.total <= 40
    assert added.peak_mb >= 0
