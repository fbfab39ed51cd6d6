"""How long a board takes, and what it costs to count."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.dashboard import browsing, filling
from model.boards import read_board
from model.contracts.reggaeton import contract
from model.findings import Findings
from model.registry import Registry
from model.store import Store
from model.testing.bundles import quick_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.board import Board

SPANS: Final = {"24 h": timedelta(hours=24), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}
TIMES: Final = 21
TIMES_A_PAGE: Final = 15


def measured(url: str, rows: int, report: Callable[[str], None], times: int = TIMES_A_PAGE) -> dict[str, Any]:
    """Fill, count, read: seconds, and milliseconds of boards by span and of pages. times: that each page is asked."""
    with Store(url, contract) as store:
        report(f"filling {rows:,} predictions")
        filled = _seconds(lambda: filling.predictions(store, rows))
    with Store(url, contract) as store:
        report("counting them")
        begun = time.perf_counter()
        steps = list(_timed(store))
        counted = time.perf_counter() - begun
        report(f"the longest of {len(steps)} steps was number {steps.index(max(steps)) + 1}: {max(steps):.1f} s")
        filling.said(store)
        report("reading boards")
        with tempfile.TemporaryDirectory() as folder:
            boards = _boards(store, Path(folder))
            report("asking for pages")
            pages = browsing.measured(url, store, Path(folder), contract.name, times)
        return {
            "rows": store.count(),
            "filled_seconds": round(filled, 1),
            "counted_seconds": round(counted, 1),
            "longest_step_seconds": round(max(steps), 2),
            "loop_ms": loop_ms(),
            "boards": boards,
            "pages": pages,
        }


def loop_ms() -> float:
    """How quick the processor is right now: milliseconds of adding up a million numbers, the median of nine."""
    return round(1_000 * statistics.median(_seconds(lambda: sum(range(1_000_000))) for _ in range(9)), 1)


def _timed(store: Store) -> list[float]:
    found, before = [], time.perf_counter()
    for _ in store.count_earlier():
        found.append(time.perf_counter() - before)
        before = time.perf_counter()
    return found


def _seconds(what: Callable[[], object]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


def _boards(store: Store, folder: Path) -> dict[str, dict[str, Any]]:
    for seed in range(3):
        quick_bundle(contract, folder, seed=seed)
    registry, findings = Registry(folder, contract.name), Findings(store, contract)

    def board(span: timedelta) -> Board:
        return read_board(contract, store, findings, registry, filling.NOW - span, filling.NOW)

    found = {}
    for name, span in SPANS.items():
        times = [1_000 * _seconds(lambda span=span: board(span)) for _ in range(TIMES)]  # type: ignore[misc]  # bound
        shown = board(span)
        found[name] = {
            "first_ms": round(times[0], 1),
            "median_ms": round(statistics.median(times[1:]), 1),
            "worst_ms": round(max(times[1:]), 1),
            "hours": len(shown.traffic),
            "predictions": sum(hour.rows for hour in shown.traffic),
            "figures": len(shown.figures),
            "recent": len(shown.recent),
            "trouble": list(shown.trouble),
        }
    return found
