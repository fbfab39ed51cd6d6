"""`python benchmarks/shadow`: what a challenger beside the champion costs the service's clients; writes it down."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promises import machine

from benchmarks.shadow import figures
from benchmarks.shadow.arms import Plan, measured

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "shadow.json"
PAGE = ROOT / "docs" / "shadow.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and do as they say; status 0 when no request failed and the goal is met."""
    parser = argparse.ArgumentParser(prog="python benchmarks/shadow", description=__doc__)
    parser.add_argument("--pairs", type=int, default=60, help="with and without, one after the other (default: 60)")
    parser.add_argument("--seconds", type=float, default=4.0, help="that each arm is measured (default: 4)")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second (default: 300)")
    parser.add_argument("--dry", action="store_true", help="print and write nothing")
    said = parser.parse_args(arguments)
    results = run(Plan(said.pairs, said.seconds, said.rate))
    print(figures.table(results))
    if not said.dry:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(figures.renewed(PAGE.read_text(), results))
    return 0 if results["met"] else 1


def run(plan: Plan) -> dict[str, Any]:
    """Measure, and say on what."""
    began, described = datetime.now(UTC), machine.described()
    pairs, answered = measured(plan, _report)
    return {
        "date": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds()),
        "machine": described,
        "plan": {"pairs": plan.pairs, "seconds": plan.seconds, "rate": plan.rate},
        **figures.summary(pairs),
        "answered_by_challenger": answered,
        "pairs": pairs,
    }


def _report(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)
