"""`python benchmarks/promises`: measure, print a table, write it down; status 0 only when every goal is met."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from promises import documents, machine
from promises.promise import Measured, NotMeasured, Promise, Report
from promises.table import PROMISES


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and do as they say; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python benchmarks/promises", description=__doc__)
    parser.add_argument("--only", metavar="NAME,...", default="", help="measure these alone, and write nothing")
    parser.add_argument("--short", action="store_true", help="a smaller number of everything, and write nothing")
    parser.add_argument("--list", action="store_true", help="name the promises")
    said = parser.parse_args(arguments)
    if said.list:
        print("\n".join(f"{promise.name:18} {promise.sentence}: {promise.goal}" for promise in PROMISES))
        return 0
    chosen = _chosen(parser, said.only, short=said.short)
    document = measured_all(chosen, short=said.short)
    print(documents.as_text(document))
    if not said.only and not said.short:
        documents.write(document)
    return 0 if all(row["holds"] for row in document["promises"]) else 1


def _chosen(parser: argparse.ArgumentParser, only: str, *, short: bool) -> list[Promise]:
    names = [name for name in only.split(",") if name]
    unknown = sorted(set(names) - {promise.name for promise in PROMISES})
    if unknown:
        parser.error(f"no such promise: {', '.join(unknown)} (see --list)")
    return [promise for promise in PROMISES if (promise.name in names if names else promise.in_short or not short)]


def measured_all(promises: Sequence[Promise], *, short: bool) -> dict[str, Any]:
    """The document of a run: when, on what, and a row for each promise."""
    began, described = datetime.now(UTC), machine.described()
    rows = [row_of(promise, short=short) for promise in promises]
    return {
        "date": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds()),
        "short": short,
        "machine": described,
        "promises": rows,
        "holds": all(row["holds"] for row in rows),
    }


def row_of(promise: Promise, *, short: bool) -> dict[str, Any]:
    """Measure a promise. What cannot be measured, or breaks off, does not hold."""
    began = time.monotonic()
    report = reporter(promise.name)
    report("begins")
    outcome, problem = _measured(promise, report, short=short)
    row: dict[str, Any] = {"name": promise.name, "promise": promise.sentence, "goal": str(promise.goal)}
    row |= {"measured": None, "unit": promise.goal.unit, "holds": False, "seconds": round(time.monotonic() - began, 1)}
    if outcome is None:
        return row | {"problem": problem}
    row |= dataclasses.asdict(outcome) | {"holds": promise.goal.met_by(outcome)}
    row["measured"] = row.pop("value")
    report(f"{documents.measured(row)}, promised {promise.goal}: {'holds' if row['holds'] else 'DOES NOT HOLD'}")
    return row


def _measured(promise: Promise, report: Report, *, short: bool) -> tuple[Measured | None, str]:
    try:
        return promise.measure(short, report), ""
    except NotMeasured as error:
        problem = f"not measured: {error}"
    except Exception as error:  # noqa: BLE001 - a door: the other promises are measured all the same
        problem = f"{type(error).__name__}: {error}"
    report(problem)
    return None, problem[:2000]


def reporter(name: str) -> Report:
    """Progress lines on standard error, each with its time."""
    began = time.monotonic()

    def report(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {name}: {text}", file=sys.stderr, flush=True)

    return report
