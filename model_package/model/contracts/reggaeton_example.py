"""The example data of the reggaeton problem: tracks that never existed, drawn from the statistics of ones that did.

`reggaeton_statistics.json` holds the figures: per class the quantiles of each column and Spearman's rank correlations.
A Gaussian copula joins them: correlated normal draws give each track its rank in each column, and the column's quantile
function turns the rank into a value. The files have the oddities of the raw ones, since a pipeline has to live with
them: a nameless first column, ids that tell the label, a column in one file only, empty rows and repeated tracks.

Equal seeds give equal bytes, with equal versions of NumPy (its generator's streams may change between versions).
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    _Cells: TypeAlias = tuple[str, ...]
    _Floats: TypeAlias = NDArray[np.float64]

_STATISTICS: Final = Path(__file__).with_name("reggaeton_statistics.json")
_FIRST_BATCH_ID: Final = 100_001
_BATCH_ROWS: Final = 200
_BATCH_REGGAETON: Final = 10

# What the figures cannot say: how a column is measured.
INTEGERS: Final = frozenset({"popularity", "duration"})
THOUSANDTHS: Final = frozenset({"loudness", "tempo"})  # every other number has three significant digits
_LOGARITHMIC: Final = frozenset({"speechiness", "acousticness", "instrumentalness", "liveness", "duration"})
_LEAST: Final = 1e-6  # what is smaller is written as 0
_ZERO: Final = 5e-8  # stands for 0 on the logarithmic scale; so small that as many values fall below _LEAST as are 0


class Class(TypedDict):
    """The figures of one class. `spearman` has rows and columns in the order of the features."""

    rows: int
    quantiles: dict[str, list[float]]
    spearman: list[list[float]]
    key_shares: list[float]
    mode_share_of_1: float


class Other(Class):
    """The figures of the tracks that are not reggaeton; only their file has a time signature."""

    time_signature_shares: dict[str, float]


class Classes(TypedDict):
    """The figures of both classes."""

    reggaeton: Class
    other: Other


class Oddities(TypedDict):
    """How many rows are empty, tracks stand there twice or three times, repeats have another popularity."""

    empty_rows: int
    repeated_tracks: int
    repeated_twice: int
    repeats_with_other_popularity: int


class Statistics(TypedDict):
    """What `reggaeton_statistics.json` holds, beside what it is about."""

    quantile_levels: list[float]
    features: list[str]
    oddities: Oddities
    classes: Classes


def write_example(directory: Path, *, seed: int = 0) -> list[Path]:
    """Write synthetic tracks: labeled ones into `directory/raw`, 200 new ones into `directory/batch`; return the files.

    seed: not negative. Equal seeds give equal bytes with equal versions of NumPy.
    """
    import numpy as np  # noqa: PLC0415 - the contract, which names this function, costs pydantic only

    statistics = read_statistics()
    features = statistics["features"]
    # One stream for each file: a change in how one is drawn leaves the others as they were.
    of_reggaeton, of_other, of_batch = (np.random.default_rng((seed, stream)) for stream in range(3))
    figures = statistics["classes"]["reggaeton"]
    reggaeton = _tracks(statistics, figures, figures["rows"], of_reggaeton)
    other = _other_rows(statistics, of_other)
    return [
        _write(directory / "raw" / "data_reggaeton.csv", features, reggaeton, 1),
        _write(directory / "raw" / "data_todotipo.csv", [*features, "time_signature"], other, len(reggaeton) + 1),
        _write(directory / "batch" / "tracks.csv", features, _batch_rows(statistics, of_batch), _FIRST_BATCH_ID),
    ]


def read_statistics() -> Statistics:
    """The figures that all tracks are drawn from."""
    statistics: Statistics = json.loads(_STATISTICS.read_text(encoding="utf-8"))
    return statistics


# ----------------------------------------------------------------------------------------------- files


def _other_rows(statistics: Statistics, generator: np.random.Generator) -> list[_Cells]:
    """The tracks that are not reggaeton, with their time signature, repeats and empty rows, in any order."""
    figures, oddities = statistics["classes"]["other"], statistics["oddities"]
    repeats = oddities["repeated_tracks"] + oddities["repeated_twice"]
    tracks = _tracks(statistics, figures, figures["rows"] - repeats, generator)
    shares = figures["time_signature_shares"]
    signatures = generator.choice(list(shares), len(tracks), p=_normalised(list(shares.values())))
    rows = [(*track, str(signature)) for track, signature in zip(tracks, signatures, strict=True)]
    rows += _repeats(rows, oddities, generator) + _empty(len(rows[0]), oddities["empty_rows"])
    return [rows[place] for place in generator.permutation(len(rows))]


def _batch_rows(statistics: Statistics, generator: np.random.Generator) -> list[_Cells]:
    """New tracks, a few of them reggaeton, in any order."""
    classes = statistics["classes"]
    rows = _tracks(statistics, classes["reggaeton"], _BATCH_REGGAETON, generator)
    rows += _tracks(statistics, classes["other"], _BATCH_ROWS - _BATCH_REGGAETON, generator)
    return [rows[place] for place in generator.permutation(len(rows))]


def _repeats(rows: Sequence[_Cells], oddities: Oddities, generator: np.random.Generator) -> list[_Cells]:
    """Second and third copies of some rows; a few were counted again and got another row's popularity."""
    chosen = generator.choice(len(rows), oddities["repeated_tracks"], replace=False)
    copies = [rows[place] for place in (*chosen, *chosen[: oddities["repeated_twice"]])]
    for place in range(1, 1 + oddities["repeats_with_other_popularity"]):
        others = sorted({row[0] for row in rows} - {copies[-place][0]})
        copies[-place] = (str(generator.choice(others)), *copies[-place][1:])
    return copies


def _empty(columns: int, rows: int) -> list[_Cells]:
    """Rows of which nothing is known; all but one still have a popularity, 0."""
    missing = ("NA",) * (columns - 1)
    return [("NA", *missing), *[("0", *missing)] * (rows - 1)]


def _write(path: Path, names: Sequence[str], rows: Iterable[_Cells], first_id: int) -> Path:
    """Write `rows` as R's `write.csv` does: names and row numbers quoted, numbers not."""
    header = ",".join(f'"{name}"' for name in ("", *names, "id_new"))
    lines = [f'"{number}",{",".join(cells)},{number - 1 + first_id}' for number, cells in enumerate(rows, start=1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8", newline="\n")
    return path


# ---------------------------------------------------------------------------------------------- tracks


def _tracks(statistics: Statistics, figures: Class, rows: int, generator: np.random.Generator) -> list[_Cells]:
    """`rows` tracks of one class, as the cells of the file."""
    ranks = _ranks(figures["spearman"], rows, generator)
    columns = []
    for name, column in zip(statistics["features"], ranks.T, strict=True):
        values = values_at(name, column, figures, statistics["quantile_levels"])
        columns.append([_cell(name, value) for value in values.tolist()])
    return list(zip(*columns, strict=True))


def _ranks(spearman: Sequence[Sequence[float]], rows: int, generator: np.random.Generator) -> _Floats:
    """Ranks in (0, 1), shape (rows, columns), with these rank correlations.

    A normal copula with correlation 2 sin(pi rho / 6) has Spearman's rho (Pearson 1907). Each column is stratified, one
    rank in each of `rows` equal intervals, so that even 70 tracks keep to the quantiles whatever the seed.
    """
    root = copula_root(spearman)
    scores = generator.standard_normal((rows, len(root))) @ root
    places = scores.argsort(axis=0).argsort(axis=0)
    ranks: _Floats = (places + generator.random(places.shape)) / rows
    return ranks


def copula_root(spearman: Sequence[Sequence[float]]) -> _Floats:
    """What turns independent normal draws into ones with these rank correlations: [columns, columns]."""
    import numpy as np  # noqa: PLC0415 - as above

    values, vectors = np.linalg.eigh(2 * np.sin(np.pi * np.asarray(spearman) / 6))
    # The symmetric root of the nearest positive matrix: unlike the vectors it has no sign that a LAPACK may choose.
    root: _Floats = (vectors * np.sqrt(np.clip(values, 1e-9, None))) @ vectors.T
    return root


def values_at(name: str, ranks: _Floats, figures: Class, levels: Sequence[float]) -> _Floats:
    """The values of column `name` at these ranks."""
    import numpy as np  # noqa: PLC0415 - as above

    if name == "key":
        bounds = np.cumsum(_normalised(figures["key_shares"]))[:-1]
        return np.asarray(np.searchsorted(bounds, ranks, side="right"), dtype=np.float64)
    if name == "mode":
        return (ranks >= 1 - figures["mode_share_of_1"]).astype(float)
    quantiles = np.asarray(figures["quantiles"][name], dtype=np.float64)
    if name in _LOGARITHMIC:
        quantiles = np.log(np.maximum(quantiles, _ZERO))
    values: _Floats = np.interp(ranks, levels, quantiles)
    if name in _LOGARITHMIC:
        # Straight lines between the logarithms: between quantiles far apart most values lie near the lower one.
        values = np.exp(values)
        values[values < _LEAST] = 0
    return values


def _normalised(shares: Sequence[float]) -> _Floats:
    import numpy as np  # noqa: PLC0415 - as above

    normalised: _Floats = np.asarray(shares) / np.sum(shares)
    return normalised


def _cell(name: str, value: float) -> str:
    """`value` as precise as column `name` is, written as R does."""
    if name in INTEGERS or name in {"key", "mode"}:
        return str(round(value))
    return _as_r_writes(round(value, 3) if name in THOUSANDTHS else float(f"{value:.3g}"))


def _as_r_writes(value: float) -> str:
    """The shortest digits that give `value`: fixed, or scientific where that is shorter (4.8e-05, but 0.00048)."""
    number = Decimal(repr(value)).normalize()
    mantissa, exponent = f"{number:e}".split("e")
    scientific, fixed = f"{mantissa}e{int(exponent):+03d}", f"{number:f}"
    return scientific if len(scientific) < len(fixed) else fixed
