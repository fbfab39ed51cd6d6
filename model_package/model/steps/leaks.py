"""Columns that give the answer away: each is asked alone how well it orders the rows by their label.

The measure is the area under the ROC curve by mid-ranks (Mann and Whitney 1947; ties count half), folded so that the
direction does not matter: 0.5 says nothing, 1.0 everything. For a regression it is |Spearman's rho|.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from model.contract import Category, Contract
from model.steps.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from model.raw import RawTable
    from model.steps.typed import Rows

LEAK_FROM = 0.99
# Below so many rows of a class, a perfect order is luck.
FEWEST_ROWS = 10
# A category's values are ordered by how often the label goes with them; with few rows a value, that would be memory.
ROWS_PER_VALUE = 20


def leaks(contract: Contract, frame: pd.DataFrame) -> list[Finding]:
    """The columns, their missing flags and the key, where one alone predicts the target."""
    target = _target(contract, frame)
    return [
        _finding(contract, name, kind, strength)
        for name, kind, codes in _questions(contract, frame)
        if (strength := _strength(target, codes)) >= LEAK_FROM
    ]


def _finding(contract: Contract, name: str, kind: str, strength: float) -> Finding:
    is_feature = name in contract.feature_names
    measure = "ROC AUC" if contract.target.labels else "|Spearman|"
    use = "it is a feature: is it known before the answer is?" if is_feature else "it is not fed to the model"
    message = f"the {kind} alone predicts the target ({measure} {strength:.3f}); {use}"
    return Finding("leak", message, f"column {name}", "warning" if is_feature else "note", value=strength)


def _questions(contract: Contract, frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series[Any]]]:
    """(column, what is asked of it, values in which null means "not asked")."""
    yield contract.key.name, "key's order", _ordered_key(frame[contract.key.name])
    for column in contract.columns:
        values = frame[column.name]
        is_category = isinstance(column, Category) and len(column.values) * ROWS_PER_VALUE <= len(frame)
        yield column.name, "value", values.astype("category") if is_category else values
        missing = values.isna()
        if missing.any() and not missing.all():
            yield column.name, "missing value", missing.astype("float64")


def _ordered_key(key: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers when all keys are, else the text."""
    numbers = pd.to_numeric(key, errors="coerce")
    return key if numbers.isna().any() else numbers


def _target(contract: Contract, frame: pd.DataFrame) -> NDArray[np.float64]:
    """One column per label that is asked about (0 or 1), or the ranks of a regression's values: [rows, k]."""
    values = frame[contract.target.name]
    if not contract.target.labels:
        return mid_ranks(values.to_numpy(np.float64))[:, None]
    classes = contract.target.classes
    asked = classes[-1:] if len(classes) == 2 else classes  # noqa: PLR2004 - of two labels, one says all
    return np.column_stack([(values == label).to_numpy(np.float64) for label in asked])


def _strength(target: NDArray[np.float64], values: pd.Series[Any]) -> float:
    """How well the values order the target, 0 to 1, at its best among the labels."""
    present = values.notna().to_numpy()
    target = target[present]
    if not len(target):
        return 0.0
    codes = _codes(values[present])
    is_category = isinstance(values.dtype, pd.CategoricalDtype)
    return max((_one(answer, _by_rate(answer, codes) if is_category else codes) for answer in target.T), default=0.0)


def _codes(values: pd.Series[Any]) -> NDArray[np.float64]:
    if isinstance(values.dtype, pd.CategoricalDtype) or not pd.api.types.is_string_dtype(values.dtype):
        plain = values.cat.codes if isinstance(values.dtype, pd.CategoricalDtype) else values
        return np.asarray(plain.astype("int64") if plain.dtype.kind == "M" else plain, np.float64)
    return np.asarray(pd.factorize(values, sort=True)[0], np.float64)


def _by_rate(answer: NDArray[np.float64], codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each category as the answer's mean within it: the order in which it predicts best."""
    whole = codes.astype(np.intp)
    rates = np.bincount(whole, answer) / np.maximum(np.bincount(whole), 1)
    return np.asarray(rates[whole], np.float64)


def _one(answer: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    ranks = mid_ranks(values)
    if not np.isin(answer, (0.0, 1.0)).all():
        return _correlation(answer, ranks)
    positives = float(answer.sum())
    negatives = len(answer) - positives
    if min(positives, negatives) < FEWEST_ROWS:
        return 0.0
    area = (float(ranks @ answer) - positives * (positives + 1) / 2) / (positives * negatives)
    return max(area, 1 - area)


def _correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    if len(left) < 2 * FEWEST_ROWS or left.std() == 0 or right.std() == 0:
        return 0.0
    return abs(float(np.corrcoef(left, right)[0, 1]))


def mid_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs. Shape [n] -> [n]."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse], np.float64)


def one_source_columns(tables: Sequence[RawTable], rows: Rows, labels: pd.Series[Any]) -> list[Finding]:
    """Columns, used or not, that stand only in the files of one label: their mere presence is the answer."""
    in_file = [set(labels[rows.files == index].dropna()) for index in range(len(tables))]
    everywhere = set.union(set(), *in_file)
    findings = []
    for name in dict.fromkeys(name for table in tables for name in table.header):
        having = [index for index, table in enumerate(tables) if name in table.header]
        seen = set.union(*(in_file[index] for index in having))
        if len(having) < len(tables) and len(seen) == 1 and len(everywhere) > 1:
            where = f"{', '.join(tables[index].file for index in having)} column {name}"
            message = f"stands only in files with the label {next(iter(seen))}: its presence gives the answer away"
            findings.append(Finding("one-source column", message, where))
    return findings
