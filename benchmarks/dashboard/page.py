"""docs/benchmarks-dashboard.md, from benchmarks/results/dashboard.json and nothing else."""

from __future__ import annotations

from typing import Any

NAMES = ("SQLite", "PostgreSQL")
INTRODUCTION = """# Benchmarks: the dashboard

How long [the dashboard's](dashboard.md) pages take beside ten million stored predictions (13 inputs each, 30 days, two
versions, online and batch) with 30 daily windows of 85 figures for both versions and three bundles: from the request to
the last byte, each page made anew (one that was made less than two seconds ago is shown again at once). Of 30 days,
what lies more than two days back is kept for a minute: the *first* such page has read it. A [board](boards.md) is what
a page reads, without the drawing, here always everything. Goal: {goal:g} ms.
"""

READING = """
- *First* is the first page or board of its kind; the very first one loads SQLAlchemy and the templates, and reads the
  bundles. *Worst* is of those after it, 15 pages or 20 boards.
- *Counting* goes through a database of before there were counts by hour, once, in steps beside which predictions are
  stored; the longest step is how long a writer may have to wait for it.

## What counting costs those who store

`Store.add` of 100,000 predictions of 13 inputs, CPU time of the storing process, medians of three:

| into | before | with counts |
|---|--:|--:|
| SQLite, one transaction | 2.66 s | 2.91 s |
| PostgreSQL, one transaction | 1.01 s | 0.91 s |
| PostgreSQL, 5,000 rows each | 1.10 s | 1.07 s |

What the PostgreSQL server itself spends is not in it and was not measured: the machine was too unquiet for wall times.
In SQLite, returning each new row would have cost 0.6 to 1.0 s more, where finding them by their numbers costs 0.2 s.

## Repeating

```
make bench-dashboard                        # ten million in each database: 12 GB of free disk, some twenty minutes each
make bench-dashboard OPTIONS="--rows 200000"  # a minute; writes nothing
```

Ends with status 0 only when the median of every page and board is within the goal. All figures stand in
`benchmarks/results/dashboard.json`.
"""


def text(results: dict[str, Any]) -> str:
    """The page."""
    measured = f"\nMeasured on {results['date'][:10]}, Python {results['python']}."
    loops = ", ".join(f"{one['loop_ms']:g} ms with {name}" for name, one in results["databases"].items())
    measured += f" Adding up a million numbers in plain Python (`sum(range(1_000_000))`) took {loops}."
    measured += missed(results)
    missing = [name for name in NAMES if name not in results["databases"]]
    measured += "".join(f" {name} has not been measured at this size yet." for name in missing)
    return INTRODUCTION.format(goal=results["goal_ms"]) + "\n" + table(results) + "\n" + measured + "\n" + READING


def missed(results: dict[str, Any]) -> str:
    """A sentence that names what is above the goal."""
    late = [
        f"{what} with {name} ({one['median_ms']:g} ms, {one['median_ms'] / database['loop_ms']:.1f} such loops)"
        for name, database in results["databases"].items()
        for kind, words in (("pages", "the page {}"), ("boards", "the board of {}"))
        for what, one in ((words.format(key), found) for key, found in database[kind].items())
        if one["median_ms"] > results["goal_ms"]
    ]
    return f" Above the goal: {'; '.join(late)}." if late else " All are within the goal."


def table(results: dict[str, Any]) -> str:
    """A line for each database and page, board, and for counting."""
    lines = ["| database | page | kB | first ms | median ms | worst ms |", "|---|---|--:|--:|--:|--:|"]
    for name, one in results["databases"].items():
        for what, page in one["pages"].items():
            times = " | ".join(f"{page[f'{kind}_ms']:g}" for kind in ("first", "median", "worst"))
            lines.append(f"| {name} | {what} | {page['bytes'] / 1_000:.0f} | {times} |")
    lines += ["", "| database | board of | hours | predictions | figures | first ms | median ms | worst ms |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|--:|")
    for name, one in results["databases"].items():
        for span, board in one["boards"].items():
            counts = " | ".join(f"{board[count]:,}" for count in ("hours", "predictions", "figures"))
            times = " | ".join(f"{board[f'{kind}_ms']:g}" for kind in ("first", "median", "worst"))
            lines.append(f"| {name} | {span} | {counts} | {times} |")
    lines += ["", "| database | predictions | counted in, s | longest step, s |", "|---|--:|--:|--:|"]
    for name, one in results["databases"].items():
        lines.append(f"| {name} | {one['rows']:,} | {one['counted_seconds']:g} | {one['longest_step_seconds']:g} |")
    return "\n".join(lines)
