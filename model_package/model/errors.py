"""Everything that can go wrong, as one tree. No HTTP and no Airflow in it: the doors translate.

    ModelError                    what        exit code   may a retry mend it?
    ├── ContractError             the contract file is wrong or missing         2   no
    ├── DataError                 data that breaks the contract                 3   no
    │   └── RowsRefused           rows of a request or batch that break it      3   no
    ├── TrainingError             training cannot give a model worth keeping    4   no
    │   └── CannotCompile         no exact compiled form of the estimator       4   no
    ├── BundleError               a bundle cannot be used                       5   no
    │   ├── BundleNotFound        there is no such version, or no champion      5   no
    │   ├── BundleDamaged         its bytes are not those it was written with   5   no
    │   └── PipelineLost          the process that answers does not             5   yes
    ├── StepOrderError            a step ran before the one that feeds it       6   no
    └── StoreError                the prediction store did not answer           7   yes
        ├── StoreRefused          the store answers, and does not take a row    7   no
        ├── SpoolFull             predictions wait for the store, up to a bound 7   yes
        └── SpoolBroken           this machine's disk failed a commit           7   yes

PipelineLost stands in model.pipeline_process. Messages say what, where and what to do next, and stay short whatever
the data's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FAILURES = 10
MOST_EXAMPLES = 5
MOST_CHARACTERS = 200


def bounded(text: object, most: int = MOST_CHARACTERS) -> str:
    """`text` on one line, cut to `most` characters: what a message may quote of somebody's data."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


class ModelError(Exception):
    """The root of all errors that this package raises on purpose."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class ContractError(ModelError):
    """The contract cannot be found, read or believed."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Failure:
    """One broken rule: `check` names it, `where` says file (and column), `lines` are examples, 1-based."""

    check: str
    message: str
    where: str
    lines: tuple[int, ...] = ()
    count: int = 1

    def __str__(self) -> str:
        """One line: where, what, how often and on which lines."""
        lines = ", ".join(map(str, self.lines[:MOST_EXAMPLES]))
        more = ", …" if self.count > len(self.lines[:MOST_EXAMPLES]) and lines else ""
        place = f"{bounded(self.where)} line {lines}{more}" if lines else bounded(self.where)
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{place}: {bounded(self.message, 400)}{times}"


class DataError(ModelError):
    """Data that breaks the contract, with every broken rule (at most `MOST_FAILURES` are shown)."""

    exit_code = 3

    def __init__(self, subject: str, failures: Sequence[Failure]) -> None:
        """Keep all `failures`; the message shows the first ten."""
        self.failures = tuple(failures)
        shown = [f"  - {failure}" for failure in self.failures[:MOST_FAILURES]]
        left = len(self.failures) - len(shown)
        rest = [f"  … and {left} more"] if left else []
        super().__init__("\n".join([f"{subject} ({len(self.failures)} failed checks):", *shown, *rest]))


class RowsRefused(DataError):
    """Rows that were offered for a prediction and break the contract."""


class TrainingError(ModelError):
    """Training cannot give a model worth keeping."""

    exit_code = 4


class CannotCompile(TrainingError):
    """The fitted pipeline has no exact compiled form."""


class BundleError(ModelError):
    """A bundle cannot be used."""

    exit_code = 5


class BundleNotFound(BundleError):
    """There is no such version, or no champion yet."""


class BundleDamaged(BundleError):
    """A bundle's bytes are not the ones it was written with, or it does not answer as it did."""


class StepOrderError(ModelError):
    """A step was run before the one that makes its input."""

    exit_code = 6


class StoreError(ModelError):
    """The prediction store did not answer; trying again can mend it."""

    exit_code = 7
    retryable = True


class StoreRefused(StoreError):
    """The store answers, and does not take these rows: trying again changes nothing."""

    retryable = False


class SpoolFull(StoreError):
    """As many predictions wait to be shipped into the store as may; shipping them mends it."""


class SpoolBroken(StoreError):
    """A commit failed: what was in it is not kept, and this writer promises nothing any more."""
