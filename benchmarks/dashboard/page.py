"""docs/benchmarks-dashboard.md, from benchmarks/results/dashboard.json and nothing else."""

from __future__ import annotations

from typing import Any

INTRODUCTION = """# Benchmarks: boards

How long [a board](boards.md) takes beside ten million stored predictions (13 inputs each, 30 days, two versions, online
and batch) with 30 daily windows of 85 figures for both versions and three bundles. Goal: {goal:g} ms.
"""

READING = """
- *First* is the first board of a span; of the first span it also reads the bundles. *Worst* is of the twenty after it.
- *Counting* goes through a database of before there were counts by hour, once, in steps beside which predictions are
  stored; the longest step is how long a writer may have to wait for it.

## What counting costs those who store

`Store.add` of 100,000 predictions of 13 inputs: medians of three, the same machine within minutes.

| into | CPU before | with counts | wall before | with counts |
|---|--:|--:|--:|--:|
@COST@

The CPU time is that of the storing process; PostgreSQL's own is in the wall time. In SQLite, returning each new row
would have cost 1.0 s more where finding them by their numbers costs 0.2 s.

## Repeating

```
make bench-dashboard                        # ten million in each database: 5 GB of disk at a time, half an hour
make bench-dashboard OPTIONS="--rows 200000"  # a minute; writes nothing
```

Ends with status 0 only when the median of every span is within the goal. All figures stand in
`benchmarks/results/dashboard.json`.
"""


def text(results: dict[str, Any]) -> str:
    """The page."""
    measured = f"\nMeasured on {results['date'][:10]}, Python {results['python']}."
    return INTRODUCTION.format(goal=results["goal_ms"]) + "\n" + table(results) + "\n" + measured + "\n" + READING


def table(results: dict[str, Any]) -> str:
    """A line for each database and span, and for counting."""
    lines = ["| database | span | hours | predictions | figures | first ms | median ms | worst ms |"]
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
