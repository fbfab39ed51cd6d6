"""benchmarks/dashboard in short: what it fills is what boards show, in both databases, and the page tells it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("needs the checkout: its benchmarks/", allow_module_level=True)
sys.path.append(str(ROOT))  # at the end: `app/` and `airflow/` are no packages

from benchmarks.dashboard import command, filling, page, timing  # noqa: E402 - found only now

pytestmark = pytest.mark.unmeasured  # benchmarks are no part of what ships


@pytest.mark.services
def test_what_was_filled_is_counted_and_shown_and_stands_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BLOCK", 2_000)
    monkeypatch.setattr(timing, "TIMES", 3)
    results = command.measured(6_000, ["SQLite", "PostgreSQL"], lambda _: None)
    assert list(results["databases"]) == ["SQLite", "PostgreSQL"]
    for one in results["databases"].values():
        assert one["rows"] == 6_000
        assert one["boards"]["30 d"]["predictions"] == 6_000
        assert one["boards"]["24 h"]["predictions"] == 200
        assert one["boards"]["7 d"]["recent"] == 50
        assert one["boards"]["30 d"]["trouble"] == []
    text = page.text(results)
    assert text.count("| SQLite |") == 4
    assert "| PostgreSQL | 30 d | 2,160 | 6,000 |" in text


def test_a_board_in_trouble_or_no_board_does_not_hold() -> None:
    board = {"median_ms": 10.0, "trouble": []}
    assert command.holds({"databases": {"SQLite": {"boards": {"24 h": board}}}})
    assert not command.holds({"databases": {"SQLite": {"boards": {"24 h": board | {"median_ms": 101.0}}}}})
    assert not command.holds({"databases": {"SQLite": {"boards": {"24 h": board | {"trouble": ["It is gone."]}}}}})
    assert not command.holds({"databases": {}})
