"""What is simulated: how long, how much, what drifts, and how late the truth comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from model.contract import Contract
from model.errors import ContractError
from model.settings import Drift

SHORT_DAYS: Final = 16


@dataclass(frozen=True, slots=True)
class Scenario:
    """A stream of the reggaeton problem, or a file of any contract's rows.

    file, time: a labelled CSV file in the dialect of the contract's first source, and its column of moments.
    days, rows: how many days, and rows a day; of a file as many as there are at most.
    drift, strength, column: as `model.contracts.reggaeton.stream` takes them.
    since: the day on which it begins to drift, from 1.
    history: rows before the first day, which the first model is trained on.
    delay: days until the truth of a prediction comes.
    oldest_days, replaces_files_from: in place of what the contract says of retraining.
    """

    file: Path | None = None
    time: str = "created_at"
    days: int = 60
    rows: int = 500
    drift: Drift = "meaning"
    strength: float = 0.6
    column: str = "acousticness"
    since: int = 21
    history: int = 3_000
    delay: float = 2.0
    oldest_days: float | None = None
    replaces_files_from: int | None = None
    seed: int = 0
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        """Nothing is negative."""
        if min(self.days, self.rows, self.since, self.history) < 1 or self.delay < 0:
            raise ContractError(
                "a simulation has at least one day, one row a day, a row of history, and no delay below 0"
            )

    @property
    def drifts_at(self) -> datetime | None:
        """When it begins to drift; None when it does not, or when nobody knows."""
        if self.file is not None or self.drift == "none" or self.since > self.days:
            return None
        return self.start + timedelta(days=self.since - 1)

    def short(self) -> Scenario:
        """The same in little: fewer days, the drift in their middle."""
        return replace(self, days=min(self.days, SHORT_DAYS), since=min(self.since, SHORT_DAYS // 2))

    def contract(self, said: Contract) -> Contract:
        """The contract, with what the scenario says of retraining."""
        rule = said.retraining
        if self.oldest_days is not None:
            rule = replace(rule, oldest_days=self.oldest_days)
        if self.replaces_files_from is not None:
            rule = replace(rule, replaces_files_from=self.replaces_files_from)
        return replace(said, retraining=rule)
