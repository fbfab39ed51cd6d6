"""Which of three cultivars is this wine made from?"""

from __future__ import annotations

import csv
from pathlib import Path

from model.contract import Contract, Integer, Key, Number, Source, Target

_NUMBERS = {
    # minimum, maximum, example and unit of each
    "alcohol": (8, 20, 13.2, "% vol"),
    "malic_acid": (0, 10, 1.78, "g/l"),
    "ash": (0, 5, 2.14, "g/l"),
    "alcalinity_of_ash": (0, 50, 11.2, "meq/l"),
    "total_phenols": (0, 10, 2.65, "g/l"),
    "flavanoids": (0, 10, 2.76, "g/l"),
    "nonflavanoid_phenols": (0, 3, 0.26, "g/l"),
    "proanthocyanins": (0, 10, 1.28, "g/l"),
    "color_intensity": (0, 30, 4.38, ""),
    "hue": (0, 3, 1.05, ""),
    "od280_od315": (0, 10, 3.4, ""),
}

contract = Contract(
    name="wine",
    description="Which of three cultivars is this wine made from?",
    key=Key("bottle", example="w1"),
    target=Target("cultivar", labels=("barolo", "grignolino", "barbera")),
    # As a European spreadsheet saves it: semicolons, decimal commas, a byte-order mark, Windows line ends.
    sources=(
        Source(
            "wine.csv", separator=";", decimal=",", encoding="utf-8-sig", newline="crlf", rename={"Bottle": "bottle"}
        ),
    ),
    columns=(
        *(
            Number(name, low, high, example=example, unit=unit, nullable=name == "malic_acid")
            for name, (low, high, example, unit) in _NUMBERS.items()
        ),
        Integer("magnesium", 50, 300, example=100, unit="mg/l"),
        Integer("proline", 100, 3000, example=1050, unit="mg/l"),
    ),
)


def write_example(directory: Path, *, seed: int = 0) -> list[Path]:
    """The wine recognition data that scikit-learn ships (Aeberhard and Forina 1992, CC BY 4.0), in random order."""
    import numpy as np  # noqa: PLC0415 - the contract costs pydantic only
    from sklearn.datasets import load_wine

    wine = load_wine()
    names = [name.replace("od280/od315_of_diluted_wines", "od280_od315") for name in wine.feature_names]
    order = np.random.default_rng(seed).permutation(len(wine.data))
    rows = [
        {"Bottle": f"w{row + 1}", **dict(zip(names, wine.data[row], strict=True)), "cultivar": wine.target[row]}
        for row in order
    ]
    labelled, waiting = rows[20:], rows[:20]
    columns = ["Bottle", *contract.column_names]
    return [
        _write(directory / "raw" / "wine.csv", [*columns, "cultivar"], labelled),
        _write(directory / "batch" / "wine.csv", columns, waiting),
    ]


def _write(path: Path, names: list[str], rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(names)
        writer.writerows([_text(name, row[name]) for name in names] for row in rows)
    return path


def _text(name: str, value: object) -> str:
    if name == "cultivar":
        return str(contract.target.labels[int(str(value))].value)
    return f"{value:g}".replace(".", ",") if isinstance(value, float) else str(value)
