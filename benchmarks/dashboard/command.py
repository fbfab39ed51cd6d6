"""`python benchmarks/dashboard`: fill, count, ask for boards and pages, write it down; status 0: all are in time."""

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


def measured(
    rows: int, names: Sequence[str], report: Callable[[str], None], times: int = timing.TIMES_A_PAGE
) -> dict[str, Any]:
    """Each database's figures; one that is not there is said and left out. times: that each page is asked for."""
    found: dict[str, Any] = {}
    for name in names:
        if shutil.disk_usage(tempfile.gettempdir()).free < rows * BYTES_A_ROW + LEFT_FREE:
            raise SystemExit(f"{rows:,} rows need {rows * BYTES_A_ROW >> 30} GB and as much as others need: say --rows")
        with DATABASES[name]() as url:
            if url is None:
                report(f"{name} is NOT measured: it is not installed (Debian: postgresql)")
                continue
            report(name)
            found[name] = timing.measured(url, rows, report, times)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": date, "python": platform.python_version(), "goal_ms": GOAL_MS, "databases": found}


def holds(results: dict[str, Any]) -> bool:
    """Whether the median board and page of every kind is in time, and nothing was amiss."""
    databases = results["databases"].values()
    asked = [one for database in databases for kind in ("boards", "pages") for one in database[kind].values()]
    return bool(asked) and all(one["median_ms"] <= GOAL_MS and not one.get("trouble") for one in asked)
