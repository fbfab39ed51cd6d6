"""Does every compiled form answer as its pipeline? `python benchmarks/exactness`: a million rows a family.

Each family of estimators is asked about rows as they are recorded, jittered rows, rows with gaps (where it takes them)
and adversarial ones, which lie on and next to every threshold. Labels must be equal on every row, probabilities within
1e-12, values within 1e-9 of their size. Ends with 0 only when all that holds.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier  # noqa: TID253 - what is measured
from sklearn.pipeline import Pipeline  # noqa: TID253 - what is measured
from threadpoolctl import threadpool_limits

from model.compiled import adversarial_rows, compile_pipeline
from model.compiled.proof import (
    LARGEST_PROBABILITY_DIFFERENCE,
    LARGEST_RELATIVE_DIFFERENCE,
    answers,
    worst_difference,
)
from model.scoring import Scorer
from model.testing.combinations import COMBINATIONS
from model.testing.last_steps import LAST_STEPS
from model.testing.pipelines import NAMES, Case, Floats, Steps, rows_like_training
from model.testing.preparations import PREPARATIONS

RESULTS = Path(__file__).resolve().parents[1] / "results" / "exactness.json"
ROWS, AT_ONCE, ALONE = 1_000_000, 50_000, 50
JITTER = 0.01
MEASURED_WITH = ("scikit-learn", "numpy", "scipy", "onnx", "onnxruntime")


@dataclass
class Row:
    """One line of the table: a family, and the worst that was seen of it."""

    estimator: str
    pipelines: int = 0
    rows: int = 0
    wrong_labels: int = 0
    worst_difference: float = 0.0
    allowed: float = LARGEST_PROBABILITY_DIFFERENCE

    @property
    def holds(self) -> bool:
        """No wrong label, no difference above what is allowed; a NaN is above."""
        return self.rows > 0 and self.wrong_labels == 0 and self.worst_difference <= self.allowed

    def add(self, expected: Floats, given: Floats, *, counted: int) -> None:
        """Compare what the pipeline says with what its compiled form says; `counted` of the rows are new ones."""
        self.rows += counted
        if expected.ndim > 1 and expected.shape == given.shape:
            self.wrong_labels += int(np.count_nonzero(expected.argmax(axis=1) != given.argmax(axis=1)))
        worst = worst_difference(expected, given) if expected.shape == given.shape else np.nan
        self.worst_difference = float(np.maximum(self.worst_difference, worst))


def families() -> dict[str, list[Case]]:
    """Every case of the tests, and two models of full size, by the name before the comma; values apart from classes."""
    shipped = ExtraTreesClassifier(n_estimators=300, max_features=3, criterion="entropy", random_state=0)
    boosting = GradientBoostingClassifier(n_estimators=300, random_state=0)
    cases = {
        "extra trees, 300 of them": Case(lambda: [shipped], "two"),
        "gradient boosting, 300 stages": Case(lambda: [boosting], "two", missing=False),
        **LAST_STEPS,
        **COMBINATIONS,
    }
    found: dict[str, list[Case]] = {}
    for name, case in cases.items():
        family = name.split(",")[0] + ("" if case.kind in {"two", "three"} else ", a value")
        found.setdefault(family, []).append(case)
    for name, steps in PREPARATIONS.items():
        found.setdefault(f"{name.split(',')[0]}, then trees", []).append(before_trees(steps))
    return found


def before_trees(steps: Steps) -> Case:
    """Transformers before trees, which show every other last bit."""
    return Case(lambda: [*steps(), GradientBoostingClassifier(n_estimators=15, max_depth=4, random_state=0)], "two")


def kinds(case: Case, pipeline: Pipeline, count: int, seed: int) -> Iterator[Floats]:
    """`count` rows in equal parts of each kind, not more than `AT_ONCE` at a time."""
    makers = 4 if case.missing else 3
    for kind in range(makers):
        left = count * (kind + 1) // makers - count * kind // makers
        while left > 0:
            some, seed = min(left, AT_ONCE), seed + 1
            left -= some
            recorded = rows_like_training(some, seed, missing=kind > 1 and case.missing)
            if kind == 1:
                noise = np.random.default_rng(seed).normal(scale=JITTER, size=recorded.shape)
                recorded[:, :3] *= 1 + noise[:, :3]
            yield adversarial_rows(pipeline, recorded, count=some, seed=seed) if kind == makers - 1 else recorded


def measure(family: str, cases: list[Case], count: int) -> Row:
    """Ask every pipeline of a family about its share of `count` rows, in batches, and about some one by one."""
    regression = cases[0].kind not in {"two", "three"}
    row = Row(family, allowed=LARGEST_RELATIVE_DIFFERENCE if regression else LARGEST_PROBABILITY_DIFFERENCE)
    for number, case in enumerate(cases):
        pipeline = case.fitted()
        scorer = Scorer(compile_pipeline(pipeline, NAMES))
        share = count * (number + 1) // len(cases) - count * number // len(cases)
        row.pipelines += 1
        for rows in kinds(case, pipeline, share, seed=1_000 * number):
            expected = answers(pipeline, rows, NAMES)
            row.add(expected, scorer.score(rows), counted=len(rows))
            alone = np.concatenate([scorer.score(rows[i : i + 1]) for i in range(min(ALONE, len(rows)))])
            row.add(expected[: len(alone)], alone, counted=0)
    return row


def measure_all(chosen: dict[str, list[Case]], count: int) -> Iterator[Row]:
    """One row a family, with a line of progress before each."""
    for number, (family, cases) in enumerate(chosen.items(), start=1):
        print(f"[{number}/{len(chosen)}] {family}: {len(cases)} pipelines, {count:,} rows", file=sys.stderr, flush=True)
        yield measure(family, cases, count)


def table(rows: list[Row]) -> str:
    """What was seen, for people."""
    lines = [f"{'estimator':<34} {'rows':>10} {'wrong labels':>13} {'worst difference':>17}  allowed"]
    for row in rows:
        verdict = "" if row.holds else "  DOES NOT HOLD"
        seen = f"{row.rows:>10,} {row.wrong_labels:>13} {row.worst_difference:>17.2e}  {row.allowed:.0e}"
        lines.append(f"{row.estimator:<34} {seen}{verdict}")
    return "\n".join(lines)


def report(rows: list[Row], count: int, seconds: float) -> dict[str, object]:
    """What was seen, for programs."""
    return {
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in MEASURED_WITH},
        "rows_per_family": count,
        "rows": sum(row.rows for row in rows),
        "cpu_seconds": round(seconds),
        "holds": all(row.holds for row in rows),
        "families": [{**asdict(row), "holds": row.holds} for row in rows],
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, write the results; 0 when every family holds."""
    parser = argparse.ArgumentParser(prog="benchmarks/exactness", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="rows a family (default 1,000,000)")
    parser.add_argument("--only", default="", help="only families that have this in their name")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write the figures as JSON")
    options = parser.parse_args(arguments)
    chosen = {name: cases for name, cases in families().items() if options.only in name}
    if not chosen:
        parser.error(f"no family has {options.only!r} in its name: {', '.join(families())}")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begun = time.process_time()
        rows = list(measure_all(chosen, options.rows))
        written = report(rows, options.rows, time.process_time() - begun)
    print(table(rows))
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(written, indent=1) + "\n")
    return 0 if written["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
