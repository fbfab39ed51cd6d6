"""Validate: do the raw files keep the contract, and what else should a person know of them?"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from model.errors import Failure, bounded
from model.steps.leaks import leaks, one_source_columns
from model.steps.likeness import empty_rows, first_of, groups, repeats, rows_are_distinctive
from model.steps.report import MOST_KEPT, FileSummary, Finding, ValidationReport
from model.steps.typed import Rows, typed_rows, wanted_columns
from model.steps.values import broken_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from model.contract import Contract
    from model.raw import RawTable

FEWEST_PER_CLASS = 10
FEWEST_FOR_REGRESSION = 20


def validate(contract: Contract, tables: Sequence[RawTable], *, labelled: bool) -> ValidationReport:
    """Everything that is wrong with `tables` (failures) or odd about them (findings). Raises nothing."""
    rows = typed_rows(contract, tables, labelled=labelled)
    empty = empty_rows(contract, rows.frame) & ~_wrong(rows, contract.feature_names)
    sound = ~empty & ~_wrong(rows, list(rows.wrong))
    again = repeats(contract, rows.frame, sound, labelled=labelled)
    failures = _failures(contract, tables, rows, empty, labelled=labelled)
    findings = [*_empty_findings(rows, empty), *_repeat_findings(rows, again, labelled=labelled)]
    labels: dict[str, int] = {}
    if labelled:
        labels = _label_counts(contract, rows, sound & ~again)
        failures += _contradictions(contract, rows, sound)
        # Too few rows are worth saying only when no row is out for another reason.
        failures += [] if failures else _too_few(contract, rows, int((sound & ~again).sum()), labels)
        findings += _leak_findings(contract, tables, rows, sound)
    return ValidationReport(
        contract=contract.name,
        labelled=labelled,
        files=tuple(FileSummary(table.file, len(table)) for table in tables),
        rows=len(rows.frame),
        labels=labels,
        failures=tuple(failures[:MOST_KEPT]),
        findings=tuple(findings[:MOST_KEPT]),
        failure_count=len(failures),
    )


def _wrong(rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
    """Rows in which some of these columns did not parse."""
    masks = [np.zeros(len(rows.frame), np.bool_), *(rows.wrong[name] for name in names)]
    return np.asarray(np.logical_or.reduce(masks), np.bool_)


def _failures(
    contract: Contract, tables: Sequence[RawTable], rows: Rows, empty: NDArray[np.bool_], *, labelled: bool
) -> list[Failure]:
    """What is wrong with text, columns, values and keys."""
    nothing = Failure("rows", "every row is empty: none has a value in any feature", _files(rows))
    return [
        *chain.from_iterable(table.failures for table in tables),
        *_strange_columns(contract, tables, labelled=labelled),
        *rows.failures,
        *broken_values(contract, rows, ~empty, labelled=labelled),
        *_repeated_keys(contract, rows),
        *([nothing] if len(empty) and empty.all() else []),
    ]


def _files(rows: Rows) -> str:
    return ", ".join(rows.names)


def _strange_columns(contract: Contract, tables: Sequence[RawTable], *, labelled: bool) -> Iterator[Failure]:
    wanted = {column.name for column in wanted_columns(contract, labelled=True)}
    for table in tables:
        known = wanted | set(table.source.ignore)
        if labelled and table.source.target is not None:
            known.discard(contract.target.name)
        for name in table.header:
            if name not in known:
                message = f"the contract does not know this column: add it, or let the Source ignore=({name!r},)"
                if name == contract.target.name:
                    message = "the Source says target=... for the whole file, which has this column too: drop one"
                yield Failure("extra column", message, f"{table.file} column {name or repr(name)}", (1,))


# ------------------------------------------------------------------------------------------- rows


def _repeated_keys(contract: Contract, rows: Rows) -> Iterator[Failure]:
    key = rows.frame[contract.key.name]
    present = np.flatnonzero(key.notna().to_numpy())
    first = present[first_of(groups(rows.frame.iloc[present], [contract.key.name]))]
    for file, later, earlier in _by_file(rows, present, first):
        examples = [
            f"{bounded(key.iloc[at], 30)!r} stands on {rows.place(before)} and {rows.place(at)}"
            for at, before in zip(later[:3], earlier[:3], strict=True)
        ]
        message = f"keys must be unique: {'; '.join(examples)}"
        yield Failure("duplicate key", message, f"{file} column {key.name}", rows.first_lines(later), len(later))


def _by_file(
    rows: Rows, later: NDArray[np.intp], earlier: NDArray[np.intp]
) -> Iterator[tuple[str, NDArray[np.intp], NDArray[np.intp]]]:
    """The pairs of different rows, by the file of the later one."""
    apart = later != earlier
    later, earlier = later[apart], earlier[apart]
    for file in np.unique(rows.files[later]):
        here = rows.files[later] == file
        yield rows.names[file], later[here], earlier[here]


def _contradictions(contract: Contract, rows: Rows, sound: NDArray[np.bool_]) -> Iterator[Failure]:
    """Rows equal in every column to an earlier one that has another label."""
    if not (contract.target.labels and rows_are_distinctive(contract)):
        return
    labels = rows.frame[contract.target.name]
    at = np.flatnonzero(sound & labels.notna().to_numpy())
    first = at[first_of(groups(rows.frame.iloc[at], contract.column_names))]
    differs = (labels.iloc[at].to_numpy() != labels.iloc[first].to_numpy()).astype(np.bool_)
    for file, later, earlier in _by_file(rows, at[differs], first[differs]):
        examples = [
            f"{rows.place(before)} is labelled {labels.iloc[before]}, {rows.place(row)} {labels.iloc[row]}"
            for row, before in zip(later[:2], earlier[:2], strict=True)
        ]
        message = f"equal rows with different labels: {'; '.join(examples)}"
        yield Failure("conflicting duplicates", message, file, rows.first_lines(later), len(later))


def _label_counts(contract: Contract, rows: Rows, used: NDArray[np.bool_]) -> dict[str, int]:
    counts = rows.frame[contract.target.name][used].value_counts()
    return {str(label): int(counts.get(label, 0)) for label in contract.target.classes}


def _too_few(contract: Contract, rows: Rows, used: int, labels: dict[str, int]) -> Iterator[Failure]:
    if not contract.target.labels:
        if used < FEWEST_FOR_REGRESSION:
            message = f"{used} different rows; a regression needs at least {FEWEST_FOR_REGRESSION}"
            yield Failure("too few rows", message, _files(rows))
        return
    few = ", ".join(f"{count} of {label}" for label, count in labels.items() if count < FEWEST_PER_CLASS)
    if sum(count > 0 for count in labels.values()) < 2:  # noqa: PLR2004 - it takes two labels to learn a difference
        message = f"all rows have one label: there is nothing to learn ({few})"
        yield Failure("one class", message, _files(rows))
    elif few:
        message = f"each label needs at least {FEWEST_PER_CLASS} different rows: {few}"
        yield Failure("too few rows", message, _files(rows))


# ------------------------------------------------------------------------------------------- findings


def _empty_findings(rows: Rows, empty: NDArray[np.bool_]) -> Iterator[Finding]:
    yield from _row_findings(rows, empty, "empty rows", "rows have no value in any feature; collect drops them")


def _repeat_findings(rows: Rows, again: NDArray[np.bool_], *, labelled: bool) -> Iterator[Finding]:
    """Rows beyond the first of those equal in all columns (and label) under different keys; empty rows not counted."""
    end = " and in the label; collect keeps the first" if labelled else "; all are predicted"
    yield from _row_findings(rows, again, "repeated rows", f"rows equal an earlier row in every column{end}")


def _row_findings(rows: Rows, which: NDArray[np.bool_], check: str, says: str) -> Iterator[Finding]:
    at = np.flatnonzero(which)
    for file in np.unique(rows.files[at]):
        here = at[rows.files[at] == file]
        lines = rows.first_lines(here)
        more = ", …" if len(here) > len(lines) else ""
        message = f"{len(here)} {says} (line {', '.join(map(str, lines))}{more})"
        yield Finding(check, message, rows.names[file], lines=lines, count=len(here))


def _leak_findings(
    contract: Contract, tables: Sequence[RawTable], rows: Rows, sound: NDArray[np.bool_]
) -> Iterator[Finding]:
    labels = rows.frame[contract.target.name]
    if contract.target.labels:
        yield from one_source_columns(tables, rows, labels)
    yield from leaks(contract, rows.frame[sound & labels.notna().to_numpy()])
