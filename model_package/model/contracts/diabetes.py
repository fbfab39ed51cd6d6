"""How far will the disease have gone a year from now? A regression."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from model.contract import Category, Contract, Integer, Key, Number, Source, Target

contract = Contract(
    name="diabetes",
    description="How far will the disease have gone a year from now?",
    key=Key("patient", example="p1"),
    target=Target("progression", minimum=0, maximum=500, description="a quantitative measure one year after baseline"),
    sources=(Source("diabetes.tsv", separator="\t"),),
    columns=(
        Integer("age", 0, 120, example=59, unit="years"),
        Category(
            "sex", ("a", "b"), example="b", description="as coded in the source, which does not say which is which"
        ),
        Number("bmi", 10, 80, example=32.1, unit="kg/m2"),
        Number("blood_pressure", 30, 250, example=101, unit="mmHg", description="mean arterial pressure"),
        *(
            Number(f"s{place}", 0, 1000, example=example)
            for place, example in enumerate((157, 93.2, 38, 4, 4.8598, 87), 1)
        ),
    ),
)


def estimator() -> Any:  # noqa: ANN401 - scikit-learn has no type for "an estimator"
    """Ridge on standardised columns: with 353 rows a linear model is hard to beat."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline([("scale", StandardScaler()), ("ridge", Ridge(alpha=10.0))])


def write_example(directory: Path, *, seed: int = 0) -> list[Path]:
    """The diabetes data that scikit-learn ships (Efron, Hastie, Johnstone and Tibshirani 2004), in random order."""
    import numpy as np  # noqa: PLC0415 - the contract costs pydantic only
    from sklearn.datasets import load_diabetes

    diabetes = load_diabetes(scaled=False)
    order = np.random.default_rng(seed).permutation(len(diabetes.data))
    rows = [[f"p{row + 1}", *_texts(diabetes.data[row]), f"{diabetes.target[row]:g}"] for row in order]
    columns = ["patient", *contract.column_names]
    return [
        _write(directory / "raw" / "diabetes.tsv", [*columns, "progression"], rows[40:]),
        _write(directory / "batch" / "diabetes.csv", columns, [row[:-1] for row in rows[:40]]),
    ]


def _texts(values: Any) -> list[str]:  # noqa: ANN401 - a numpy row
    return [f"{values[0]:.0f}", "a" if values[1] == 1 else "b", *(f"{value:g}" for value in values[2:])]


def _write(path: Path, names: list[str], rows: list[list[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    return path
