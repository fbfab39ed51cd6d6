"""`python benchmarks/dashboard`: fill, count, read boards, write it down; status 0 only when every board is in time."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.dashboard import page, server, timing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "dashboard.json"
PAGE = ROOT / "docs" / "benchmarks-dashboard.md"
ROWS: Final = 10_000_000
GOAL_MS: Final = 100.0
BYTES_A_ROW: Final = 1_200  # with its indexes and the log of what was written
LEFT_FREE: Final = 5 << 30
DATABASES: Final = {"SQLite": server.sqlite, "PostgreSQL": server.postgresql}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and do as they say; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python benchmarks/dashboard", description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=ROWS, help="stored predictions; other than 10,000,000 write nothing"
    )
    parser.add_argument("--only", choices=sorted(DATABASES), help="this database alone; the other's figures are kept")
    said = parser.parse_args(arguments)
    names = [said.only] if said.only else list(DATABASES)
    results = measured(said.rows, names, _report)
    print(page.table(results))
    if said.rows == ROWS:
        kept = json.loads(RESULTS.read_text())["databases"] if RESULTS.exists() else {}
        results["databases"] = kept | results["databases"]
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(page.text(results))
    return 0 if holds(results) else 1


def _report(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def measured(rows: int, names: Sequence[str], report: Callable[[str], None]) -> dict[str, Any]:
    """Each database's figures; one that is not there is said and left out."""
    found: dict[str, Any] = {}
    for name in names:
        if shutil.disk_usage(tempfile.gettempdir()).free < rows * BYTES_A_ROW + LEFT_FREE:
            raise SystemExit(f"{rows:,} rows need {rows * BYTES_A_ROW >> 30} GB and as much as others need: say --rows")
        with DATABASES[name]() as url:
            if url is None:
                report(f"{name} is NOT measured: it is not installed (Debian: postgresql)")
                continue
            report(name)
            found[name] = timing.measured(url, rows, report)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": date, "python": platform.python_version(), "goal_ms": GOAL_MS, "databases": found}


def holds(results: dict[str, Any]) -> bool:
    """Whether the median board of every span is in time, and nothing was amiss."""
    boards = [board for one in results["databases"].values() for board in one["boards"].values()]
    return bool(boards) and all(board["median_ms"] <= GOAL_MS and not board["trouble"] for board in boards)
