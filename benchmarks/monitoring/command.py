"""`python benchmarks/monitoring`: measure, print a table, write it down; status 0 only when every goal is met."""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.monitoring import cost, estimated, false_alarms, found, page, timeline
from benchmarks.monitoring.scale import FULL, SHORT
from benchmarks.monitoring.seeds import TUNING
from benchmarks.monitoring.trained import judged_models, large_models, small_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.monitoring.goal import Row
    from benchmarks.monitoring.scale import Report, Scale

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "monitoring.json"
PAGE = ROOT / "docs" / "benchmarks-monitoring.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and do as they say; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python benchmarks/monitoring", description=__doc__)
    parser.add_argument("--short", action="store_true", help="less of everything, and write nothing")
    parser.add_argument("--tuning", action="store_true", help="on the tables to tune on, and write nothing")
    parser.add_argument("--page", action="store_true", help="write the page anew from the results there are")
    said = parser.parse_args(arguments)
    if said.page:
        page.write(json.loads(RESULTS.read_text()), PAGE)
        return 0
    scale = SHORT if said.short else FULL
    results = measured(dataclasses.replace(scale, seeds=TUNING) if said.tuning else scale, _report)
    print(table(results))
    if not (said.short or said.tuning):
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        page.write(results, PAGE)
    return 0 if results["holds"] else 1


def _report(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def measured(scale: Scale, report: Report) -> dict[str, Any]:
    """All rows, and what the page needs beside them."""
    begun, cpu = datetime.now(UTC), time.process_time()
    small, large, judged = small_models(scale, report), large_models(scale, report), judged_models(scale, report)
    rows = [
        *false_alarms.measured(small, scale, report),
        *found.inputs(small, scale, report),
        *found.concept(small, scale, report),
        *estimated.measured(small, large, judged, scale, report),
        *cost.measured(small[0], scale, report),
    ]
    return {
        "date": begun.isoformat(timespec="seconds"),
        "cpu_seconds": round(time.process_time() - cpu),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scale": dataclasses.asdict(scale),
        "holds": all(row.holds for row in rows),
        "rows": [_plain(row) for row in rows],
        "timeline": timeline.told(large[0]),
    }


def _plain(row: Row) -> dict[str, Any]:
    return {**dataclasses.asdict(row), "holds": row.holds, "shown": row.shown()}


def table(results: dict[str, Any]) -> str:
    """What, goal, measured."""
    lines = [("what", "goal", "measured"), *(row["shown"] for row in results["rows"])]
    widths = [max(len(line[place]) for line in lines) for place in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
