"""docs/benchmarks-monitoring.md and its picture, from benchmarks/results/monitoring.json and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.monitoring.picture import draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PICTURE = "benchmarks-monitoring.png"

INTRODUCTION = """
What [monitoring](monitoring.md) promises, measured on streams of the shipped problem that drift on purpose, or not at
all (`model.contracts.reggaeton.stream`). {models} models are trained as `train` does, each on a table of its own of
2,214 tracks with some 70 positives; what is random in a training table is random in the thresholds that come from it.
"""

READING = """
- *False alarms* are of the whole window: one alarm of any column, any rate or the scores counts. Windows and models are
  drawn anew, so that a reference which happens to be odd is part of the figure.
- *0.3 sigma* moves one column's values by 0.3 of their standard deviation and touches nothing else; "the concept kept"
  draws tracks so that the column moves and P(label | inputs) does not.
- *Concept drift* leaves every input as it was. Before the truth comes nothing can show it, and nothing should.
- *Estimates* know the relation of score and truth from out-of-fold scores of the training table alone. 56 positives do
  not tell average precision to .03 by whatever method (the model card's own interval is some ±.09): at that size the
  estimate is told and not judged. With 20,000 rows the mean distance is judged; what is left of it is that the served
  model learned from a quarter more rows than the models of the folds. Judged at every size is whether the 95 % interval
  holds what came true.
- *CPU time* is the quickest of three, one thread.

## Repeating

```
make bench-monitoring                                # everything, some 8 minutes of a quiet core
.venv/bin/python benchmarks/monitoring --short       # a minute; writes nothing
```

Ends with status 0 only when every goal is met. All figures stand in `benchmarks/results/monitoring.json`.
"""


def write(results: dict[str, Any], path: Path) -> None:
    """The page, and the picture beside it."""
    path.with_name(PICTURE).write_bytes(draw(results))
    path.write_text("\n".join(_lines(results)).rstrip() + "\n")


def _lines(results: dict[str, Any]) -> Iterator[str]:
    yield "# Benchmarks: monitoring"
    yield INTRODUCTION.format(models=results["scale"]["models"])
    yield f"![Noise taken out, estimates beside the truth, a changed concept]({PICTURE})\n"
    yield "| what | goal | measured |"
    yield "|---|---|---|"
    for row in results["rows"]:
        yield f"| {' | '.join(row['shown'])} |"
    yield f"\nMeasured on {results['date'][:10]}, Python {results['python']}, NumPy {results['numpy']}."
    yield READING
