"""A file of what proved true -> statements, and everything that is wrong with the file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from model.contract import Contract, Timestamp
from model.derived.truth import LONGEST_AHEAD, LONGEST_ID, LONGEST_KEY
from model.errors import MOST_EXAMPLES, Failure, bounded
from model.steps.typed import strings, target_column, typed_column, without_missing
from model.truth import By, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from model.raw import RawTable

PREDICTION_ID: Final = "prediction_id"
MOMENT: Final = "truth_at"


@dataclass(frozen=True, slots=True, eq=False)
class TruthRows:
    """The statements of one file.

    frame: by, subject, value, at; one row for each statement. Not to be used when there are failures.
    without: rows that have no truth yet.
    """

    file: str
    frame: pd.DataFrame
    without: int
    arrived_at: datetime
    failures: tuple[Failure, ...]

    def __len__(self) -> int:
        """How many statements."""
        return len(self.frame)

    def statements(self) -> Iterator[Truth]:
        """One after another, in the file's order."""
        values: list[Any] = self.frame["value"].tolist()
        moments = self.frame["at"].dt.to_pydatetime() if len(self.frame) else ()
        subjects = zip(self.frame["by"].tolist(), self.frame["subject"].tolist(), strict=True)
        for (by, subject), value, at in zip(subjects, values, moments, strict=True):
            yield Truth(by, subject, value, at, self.arrived_at)


def truth_rows(contract: Contract, table: RawTable, arrived_at: datetime) -> TruthRows:
    """What `table` says. Raises nothing.

    arrived_at: when the file was written: from then on holds what names no moment of its own (`truth_at`).
    """
    if not table.header:
        return TruthRows(table.file, _frame(), 0, arrived_at, table.failures)
    target = typed_column(target_column(contract.target), table, contract)
    present = target.series.notna().to_numpy(np.bool_)
    by, subject = _subjects(contract, table)
    at, moment_failures = _moments(contract, table, arrived_at)
    every = pd.DataFrame({"by": by, "subject": subject, "value": target.series, "at": at, "line": table.lines})
    frame = every[present].reset_index(drop=True)
    said = [*table.failures, *target.failures, *moment_failures]
    failures = (*said, *_column_failures(contract, table), *_row_failures(contract, table, frame, arrived_at))
    return TruthRows(table.file, frame, int((~present & ~target.wrong).sum()), arrived_at, failures)


def _frame() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in ("by", "subject", "value", "at", "line")})


def _subjects(contract: Contract, table: RawTable) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Of what each row speaks: the prediction, where its id stands there, else the key."""
    subject = pd.Series(None, index=range(len(table)), dtype="str")
    by = pd.Series("key", index=range(len(table)), dtype="str")
    columns: list[tuple[By, str]] = [("key", contract.key.name), ("prediction_id", PREDICTION_ID)]
    for kind, name in columns:
        if name in table.header and (kind == "key" or name != contract.key.name):
            texts = strings(without_missing(table.column(name), table.source.missing))
            subject, by = texts.where(texts.notna(), subject), by.mask(texts.notna(), kind)
    return by, subject


def _moments(contract: Contract, table: RawTable, arrived_at: datetime) -> tuple[pd.Series[Any], tuple[Failure, ...]]:
    written = pd.Timestamp(arrived_at.astimezone(UTC))
    if MOMENT not in table.header:
        return pd.Series(written, index=range(len(table))), ()
    typed = typed_column(Timestamp(MOMENT), table, contract)
    return typed.series.dt.as_unit("us").fillna(written), typed.failures


# ------------------------------------------------------------------------------------------- what is wrong


def _column_failures(contract: Contract, table: RawTable) -> Iterator[Failure]:
    if not {PREDICTION_ID, contract.key.name} & set(table.header):
        message = f"a column {PREDICTION_ID!r} or {contract.key.name!r} must say of which prediction each row speaks"
        yield Failure("missing column", message, table.file, (1,))


def _row_failures(contract: Contract, table: RawTable, frame: pd.DataFrame, now: datetime) -> Iterator[Failure]:
    longest = np.where(frame["by"] == "key", LONGEST_KEY, LONGEST_ID)
    target, ahead = contract.target, pd.Timestamp(now.astimezone(UTC) + LONGEST_AHEAD)
    rules = [
        ("no subject", "has a truth, but neither a key nor a prediction_id: add one", frame["subject"].isna()),
        ("subject", "is longer than any key or prediction_id", frame["subject"].str.len().fillna(0) > longest),
        ("future", f"{MOMENT} lies behind the day after the file was written", frame["at"] > ahead),
    ]
    bounds = [("below", target.minimum, -1), ("above", target.maximum, 1)]
    for word, bound, sign in bounds:
        if bound is not None:
            outside = sign * frame["value"] > sign * bound
            rules.append(("range", f"{target.name} is {word} the target's bound {bound}", outside))
    for check, message, broken in rules:
        if broken.any():
            lines = frame["line"][broken]
            yield Failure(check, message, table.file, tuple(map(int, lines[:MOST_EXAMPLES])), len(lines))
    yield from _contradictions(table, frame)


def _contradictions(table: RawTable, frame: pd.DataFrame) -> Iterator[Failure]:
    """Within one file nothing says which of two values is the later one, unless each has its own moment."""
    of_one = frame.groupby(["by", "subject", "at"], sort=False)["value"]
    apart = frame[of_one.transform("nunique") > 1] if len(frame) else frame
    if len(apart):
        first = apart["subject"].iloc[0]
        lines = tuple(map(int, apart["line"][:MOST_EXAMPLES]))
        message = f"different truths of one subject, e.g. {bounded(first, 30)!r}: leave one, or say when in {MOMENT!r}"
        yield Failure("contradiction", message, table.file, lines, len(apart))
