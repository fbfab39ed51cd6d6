"""The rows of each day: from a stream that drifts on purpose, or from a file with moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from model import raw
from model.contract import Contract, Timestamp
from model.contracts import reggaeton
from model.errors import ContractError, DataError, Failure
from model.steps.typed import typed_column, typed_rows

if TYPE_CHECKING:
    from model.simulation.scenario import Scenario

DAY = timedelta(days=1)
CREATED_AT = "created_at"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Typed, labelled rows in the order of their moments, both on the same RangeIndex."""

    frame: pd.DataFrame
    moments: pd.Series[Any]

    def __len__(self) -> int:
        """How many."""
        return len(self.frame)


class Traffic(Protocol):
    """What comes by, a day at a time."""

    start: datetime
    days: int
    history: pd.DataFrame

    def day(self, number: int) -> Rows:
        """The rows of a day, from 0."""


def traffic(contract: Contract, scenario: Scenario) -> Traffic:
    """The scenario's rows.

    Raises:
        ContractError: there is no file, and the contract is not that of the streams.
        DataError: the file breaks the contract, or has too few rows.
    """
    if scenario.file is not None:
        return _File(contract, scenario)
    if contract.columns != reggaeton.contract.columns:
        raise ContractError(f"streams are of the contract reggaeton: give a file of contract {contract.name!r}")
    return _Stream(scenario)


class _Stream:
    """Made a day at a time: no more than a day is in memory."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.start, self.days = scenario.start, scenario.days
        self.history = self._rows(scenario.history, "h", 0, "none", self.start - DAY).frame

    def day(self, number: int) -> Rows:
        scenario = self._scenario
        drift = scenario.drift if number + 1 >= scenario.since else "none"
        return self._rows(scenario.rows, f"d{number + 1}-", number + 1, drift, self.start + number * DAY)

    def _rows(self, count: int, prefix: str, number: int, drift: str, start: datetime) -> Rows:
        said = self._scenario
        own = {"strength": said.strength, "column": said.column, "start": start}
        # A seed of its own for each day, whatever the number of days.
        seed = int(np.random.SeedSequence((said.seed, number)).generate_state(1)[0])
        frame = reggaeton.stream(count, seed=seed, drift=drift, **own)
        frame["id_new"] = prefix + frame["id_new"]
        return Rows(frame.drop(columns=CREATED_AT), frame[CREATED_AT])


class _File:
    """Read once, as a table."""

    def __init__(self, contract: Contract, scenario: Scenario) -> None:
        rows = _read(contract, scenario)
        if len(rows) <= scenario.history:
            message = f"{len(rows)} rows, of which the first {scenario.history} are trained on: none is left to replay"
            raise DataError("there is nothing to replay", [Failure("too few rows", message, str(scenario.file))])
        self.history = rows.frame.iloc[: scenario.history]
        self._rows = Rows(
            rows.frame.iloc[scenario.history :].reset_index(drop=True),
            rows.moments.iloc[scenario.history :].reset_index(drop=True),
        )
        self.start = self._rows.moments.iloc[0].floor("D").to_pydatetime()
        self.days = min(scenario.days, (self._rows.moments.iloc[-1] - self.start) // DAY + 1)

    def day(self, number: int) -> Rows:
        ends = [pd.Timestamp(self.start + day * DAY) for day in (number, number + 1)]
        begin, end = (int(place) for place in self._rows.moments.searchsorted(pd.DatetimeIndex(ends)))
        part = slice(begin, end)
        return Rows(
            self._rows.frame.iloc[part].reset_index(drop=True), self._rows.moments.iloc[part].reset_index(drop=True)
        )


def _read(contract: Contract, scenario: Scenario) -> Rows:
    """All rows of the file, the earliest first."""
    path = scenario.file
    if path is None or not path.is_file():
        raise DataError("there is nothing to replay", [Failure("file", "no such file: name another", str(path))])
    table = raw.read(contract, raw.truth_source(contract), path)
    typed = typed_rows(contract, [table], labelled=True)
    moments = typed_column(Timestamp(scenario.time), table, contract)
    failures = [*table.failures, *typed.failures, *moments.failures]
    if moments.series.isna().any() and not moments.failures:
        failures.append(Failure("moment", "every row needs its moment", f"{path.name} column {scenario.time}"))
    if failures:
        raise DataError(f"{path.name} breaks contract {contract.name!r}: nothing is replayed", failures)
    order = moments.series.sort_values(kind="stable").index
    return Rows(typed.frame.loc[order].reset_index(drop=True), moments.series.loc[order].reset_index(drop=True))
