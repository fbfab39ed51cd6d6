"""What validation found: failures that stop the pipeline, and findings that a person should know."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from model.errors import MOST_FAILURES, DataError, Failure, bounded

MOST_KEPT = 100
Severity = Literal["note", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth knowing that is not fatal.

    check: "empty rows", "repeated rows", "leak", "one-source column".
    value: a leak's strength (folded ROC AUC, or |Spearman|'s equivalent), else None.
    """

    check: str
    message: str
    where: str
    severity: Severity = "note"
    lines: tuple[int, ...] = ()
    count: int = 1
    value: float | None = None

    def __str__(self) -> str:
        """One line: where and what."""
        return f"{bounded(self.where)}: {bounded(self.message, 400)}"


@dataclass(frozen=True, slots=True)
class FileSummary:
    """How many rows of a file could be read."""

    file: str
    rows: int


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The outcome of `validate`; at most `MOST_KEPT` failures and findings are kept, the counts are true.

    rows: read; labels: rows by label among those that `collect` keeps (empty for a regression or unlabelled data).
    """

    contract: str
    labelled: bool
    files: tuple[FileSummary, ...]
    rows: int
    labels: dict[str, int]
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]
    failure_count: int

    @property
    def passed(self) -> bool:
        """Whether nothing fatal was found."""
        return self.failure_count == 0

    def raise_if_failed(self) -> None:
        """Raise DataError with the failures, if there are any."""
        if not self.passed:
            subject = f"the {'labelled' if self.labelled else 'batch'} data break the contract {self.contract!r}"
            raise DataError(subject, self.failures)

    def to_json(self) -> str:
        """The whole report as JSON, for people and programs."""
        return json.dumps({"passed": self.passed, **asdict(self)}, indent=1, ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        """A few lines for a person."""
        files = bounded(", ".join(f"{summary.file} ({summary.rows})" for summary in self.files))
        verdict = "passed" if self.passed else f"{self.failure_count} failed checks"
        labels = ", ".join(f"{label}: {count}" for label, count in list(self.labels.items())[:MOST_FAILURES])
        return "\n".join(
            [
                f"{self.contract}: {verdict}; {self.rows} rows in {files}" + (f"; by label {labels}" if labels else ""),
                *(f"  - {failure}" for failure in self.failures[:MOST_FAILURES]),
                *(f"  {finding.severity}: {finding}" for finding in self.findings[: 2 * MOST_FAILURES]),
            ]
        )
