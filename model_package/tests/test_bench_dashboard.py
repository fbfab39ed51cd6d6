"""benchmarks/dashboard in short: what it fills is what boards show, in both databases, and the page tells it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("needs the checkout: its benchmarks/", allow_module_level=True)
sys.path += [str(ROOT), str(ROOT / "app"), str(ROOT / "benchmarks")]  # at the end: `airflow/` is no package

from benchmarks.dashboard import browsing, command, filling, page, timing  # noqa: E402 - found only now

pytestmark = pytest.mark.unmeasured  # benchmarks are no part of what ships


@pytest.mark.services
def test_what_was_filled_is_counted_and_shown_and_stands_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BLOCK", 2_000)
    monkeypatch.setattr(timing, "TIMES", 3)
    monkeypatch.setattr(browsing, "SECONDS_KEPT", 0.0)  # pages may be of a moment ago: their times are not looked at
    results = command.measured(6_000, ["SQLite", "PostgreSQL"], lambda _: None, times=1)
    assert list(results["databases"]) == ["SQLite", "PostgreSQL"]
    for one in results["databases"].values():
        assert one["rows"] == 6_000
        assert one["boards"]["30 d"]["predictions"] == 6_000
        assert one["boards"]["24 h"]["predictions"] == 200
        assert one["boards"]["7 d"]["recent"] == 50
        assert one["boards"]["30 d"]["trouble"] == []
        assert all(page["bytes"] > 1_000 for page in one["pages"].values())
        assert one["pages"]["30 d"]["bytes"] > 100_000
    text = page.text(results)
    assert text.count("| SQLite |") == 10
    hours = results["databases"]["PostgreSQL"]["boards"]["30 d"]["hours"]
    assert 3 * (4 * 28 + 48) <= hours <= 3 * (4 * 28 + 54)
    assert f"| PostgreSQL | 30 d | {hours:,} | 6,000 |" in text


def test_a_board_in_trouble_or_no_board_does_not_hold() -> None:
    board = {"median_ms": 10.0, "trouble": []}

    def holds(board: dict[str, Any], page_ms: float = 10.0) -> bool:
        one = {"boards": {"24 h": board}, "pages": {"24 h": {"median_ms": page_ms}}}
        return command.holds({"databases": {"SQLite": one}})

    assert holds(board)
    assert not holds(board, page_ms=101.0)
    assert not holds(board | {"median_ms": 101.0})
    assert not holds(board | {"trouble": ["It is gone."]})
    assert not command.holds({"databases": {}})
