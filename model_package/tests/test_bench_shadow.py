"""benchmarks/shadow: the figures follow from the pairs, and the page shows those that were measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("needs the checkout: its benchmarks/", allow_module_level=True)
sys.path.append(str(ROOT))  # at the end: `app/` and `airflow/` are no packages

from benchmarks.shadow import figures  # noqa: E402 - found only now


def pair(without: float, beside: float, failed: int = 0) -> dict[str, Any]:
    arms = {"without": (without, 0), "with": (beside, failed)}
    return {
        name: {"p50_ms": p99 / 10, "p99_ms": p99, "requests": 100, "failed": wrong}
        for name, (p99, wrong) in arms.items()
    }


def test_a_disturbance_of_both_arms_of_a_pair_leaves_the_ratio() -> None:
    found = figures.summary([pair(1, 1.02), pair(10, 10.2), pair(100, 102)])
    assert found["ratios"]["p99_ms"]["value"] == pytest.approx(1.02)
    assert found["ratios"]["p99_ms"]["low"] == pytest.approx(1.02)
    assert found["requests"] == {"without": 300, "with": 300}
    assert found["met"]


def test_the_goal_is_missed_by_a_slower_p99_and_by_a_failed_request() -> None:
    assert not figures.summary([pair(1, 1.06)])["met"]
    assert not figures.summary([pair(1, 1, failed=1)])["met"]


def test_the_page_shows_what_was_measured_last() -> None:
    page = (ROOT / "docs" / "shadow.md").read_text()
    results = json.loads((ROOT / "benchmarks" / "results" / "shadow.json").read_text())
    assert figures.renewed(page, results) == page
    assert figures.summary(results["pairs"]) == {name: results[name] for name in figures.summary(results["pairs"])}
