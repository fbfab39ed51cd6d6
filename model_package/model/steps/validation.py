"""Validate: do the raw files keep the contract, and what else should a person know of them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
import pandas as pd
from pandera.errors import SchemaError, SchemaErrors

from model.contract import Category, Column, Contract, Integer, Number, Timestamp
from model.derived.frame import schema
from model.errors import MOST_EXAMPLES, Failure, bounded
from model.steps.leaks import leaks, one_source_columns
from model.steps.likeness import empty_rows, first_of, groups, rows_are_distinctive
from model.steps.report import MOST_KEPT, FileSummary, Finding, ValidationReport
from model.steps.typed import Rows, typed_rows, wanted_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from model.raw import RawTable

FEWEST_PER_CLASS = 10
FEWEST_FOR_REGRESSION = 20


def validate(contract: Contract, tables: Sequence[RawTable], *, labelled: bool) -> ValidationReport:
    """Everything that is wrong with `tables` (failures) or odd about them (findings). Raises nothing."""
    rows = typed_rows(contract, tables, labelled=labelled)
    empty = empty_rows(contract, rows.frame) & ~_any_wrong(rows, contract.feature_names)
    unsound = [
        *(failure for table in tables for failure in table.failures),
        *_strange_columns(contract, tables, labelled=labelled),
        *rows.failures,
        *_broken_values(contract, rows, ~empty, labelled=labelled),
        *_repeated_keys(contract, rows),
        *([Failure("rows", "there are no rows", _files(rows))] if empty.all() and any(map(len, tables)) else []),
    ]
    kept = ~empty & ~_any_wrong(rows, list(rows.wrong))
    failures = [*unsound, *(_label_failures(contract, rows, kept, unsound) if labelled else [])]
    findings = [
        *_empty_findings(rows, empty),
        *_repeat_findings(contract, rows, kept, labelled=labelled),
        *(_leak_findings(contract, tables, rows, kept) if labelled else []),
    ]
    return ValidationReport(
        contract=contract.name,
        labelled=labelled,
        files=tuple(FileSummary(table.file, len(table)) for table in tables),
        rows=len(rows.frame),
        labels=_label_counts(contract, rows, kept) if labelled else {},
        failures=tuple(failures[:MOST_KEPT]),
        findings=tuple(findings[:MOST_KEPT]),
        failure_count=len(failures),
    )


def _any_wrong(rows: Rows, names: Sequence[str]) -> NDArray[np.bool_]:
    return np.logical_or.reduce([np.zeros(len(rows.frame), np.bool_), *(rows.wrong[name] for name in names)])


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
                message = f"the contract does not know this column: name it in the Source's ignore=({name!r},), or add it"
                yield Failure("extra column", message, f"{table.file} column {name or repr(name)}", (1,))


# ------------------------------------------------------------------------------------------- values


def _broken_values(contract: Contract, rows: Rows, checked: NDArray[np.bool_], *, labelled: bool) -> Iterator[Failure]:
    """What pandera finds in the rows that are not empty, in words, with file and line."""
    if not checked.any():
        return
    broken = _broken_cells(contract, rows.frame[checked], labelled=labelled)
    for column in wanted_columns(contract, labelled=labelled):
        at = np.unique(broken.get(column.name, np.empty(0, np.intp)))
        # What did not parse is missing in the frame, and has its failure already.
        at = at[~rows.wrong[column.name][at]]
        null = rows.frame[column.name].isna().to_numpy()[at]
        is_key = column.name == contract.key.name
        says = "the key has 1 to 200 characters" if is_key else _limits(column)
        yield from _cell_failures(rows, column.name, at[null], "no value", "there is no value, and there must be one")
        yield from _cell_failures(rows, column.name, at[~null], "range", says)


def _broken_cells(contract: Contract, frame: pd.DataFrame, *, labelled: bool) -> dict[str, NDArray[np.intp]]:
    """By column the positions at which the schema's checks fail. Repeated keys are named elsewhere."""
    try:
        schema(contract, labelled=labelled).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
    except SchemaError as error:
        cases = pd.DataFrame({"column": [error.schema.name], "index": [frame.index[0]], "check": [str(error.check)]})
    else:
        return {}
    cases = cases[(cases["check"] != "field_uniqueness") & cases["index"].notna()]
    return {str(name): part["index"].to_numpy(np.intp) for name, part in cases.groupby("column")}


def _cell_failures(rows: Rows, name: str, at: NDArray[np.intp], check: str, says: str) -> Iterator[Failure]:
    """One failure per file."""
    for file in np.unique(rows.files[at]):
        here = at[rows.files[at] == file]
        shown = here[:MOST_EXAMPLES]
        values = dict.fromkeys(bounded(value, 30) for value in rows.frame[name].iloc[shown].dropna())
        message = f"{says}: {', '.join(values)}" if values else says
        yield Failure(check, message, f"{rows.names[file]} column {name}", _lines(rows, shown), len(here))


def _lines(rows: Rows, at: NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(int(line) for line in rows.lines[at[:MOST_EXAMPLES]])


def _limits(column: Column) -> str:
    match column:
        case Number() | Integer() | Timestamp():
            low = "…" if column.minimum is None else column.minimum
            high = "…" if column.maximum is None else column.maximum
            return f"outside {low} .. {high} {column.unit}".rstrip()
        case Category():
            return f"not one of {bounded(', '.join(map(repr, column.values)), 80)}"
        case _:
            assert_never(column)


# ------------------------------------------------------------------------------------------- rows


def _repeated_keys(contract: Contract, rows: Rows) -> Iterator[Failure]:
    key = rows.frame[contract.key.name]
    present = np.flatnonzero(key.notna().to_numpy())
    first = present[first_of(groups(rows.frame.iloc[present], [contract.key.name]))]
    for file, later, earlier in _by_file(rows, present, first):
        examples = [
            f"{bounded(key.iloc[at], 30)!r} is already on {rows.place(before)}"
            for at, before in zip(later[:3], earlier[:3], strict=True)
        ]
        message = f"keys must be unique: {'; '.join(examples)}"
        yield Failure("duplicate key", message, f"{file} column {key.name}", _lines(rows, later), len(later))


def _by_file(
    rows: Rows, later: NDArray[np.intp], earlier: NDArray[np.intp]
) -> Iterator[tuple[str, NDArray[np.intp], NDArray[np.intp]]]:
    """The pairs of different rows, by the file of the later one."""
    apart = later != earlier
    later, earlier = later[apart], earlier[apart]
    for file in np.unique(rows.files[later]):
        here = rows.files[later] == file
        yield rows.names[file], later[here], earlier[here]


def _label_failures(
    contract: Contract, rows: Rows, kept: NDArray[np.bool_], unsound: Sequence[Failure]
) -> Iterator[Failure]:
    """Contradicting labels; and, when the rows themselves are sound, too few of a label."""
    if contract.target.labels and rows_are_distinctive(contract):
        yield from _contradictions(contract, rows, kept)
    if not unsound:
        yield from _too_few(contract, rows, kept)


def _contradictions(contract: Contract, rows: Rows, kept: NDArray[np.bool_]) -> Iterator[Failure]:
    at, first, labels = _alike(contract, rows, kept)
    differs = (labels.iloc[at].to_numpy() != labels.iloc[first].to_numpy()).astype(np.bool_)
    for file, later, earlier in _by_file(rows, at[differs], first[differs]):
        examples = [
            f"it equals {rows.place(before)} but is labelled {labels.iloc[row]!r}, not {labels.iloc[before]!r}"
            for row, before in zip(later[:2], earlier[:2], strict=True)
        ]
        message = f"the same row with another label: {'; '.join(examples)}"
        yield Failure("conflicting duplicates", message, file, _lines(rows, later), len(later))


def _alike(
    contract: Contract, rows: Rows, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], pd.Series[Any]]:
    """Positions of the labelled kept rows, of the first row equal to each in all columns; and the labels."""
    labels = rows.frame[contract.target.name]
    at = np.flatnonzero(kept & labels.notna().to_numpy())
    return at, at[first_of(groups(rows.frame.iloc[at], contract.column_names))], labels


def _too_few(contract: Contract, rows: Rows, kept: NDArray[np.bool_]) -> Iterator[Failure]:
    count = int((~_repeats(contract, rows, kept, labelled=True) & kept).sum())
    if not contract.target.labels:
        if count < FEWEST_FOR_REGRESSION:
            message = f"{count} different rows; a regression needs at least {FEWEST_FOR_REGRESSION}"
            yield Failure("too few rows", message, _files(rows))
        return
    counts = _label_counts(contract, rows, kept)
    few = [f"{label}: {rows_of}" for label, rows_of in counts.items() if rows_of < FEWEST_PER_CLASS]
    if sum(rows_of > 0 for rows_of in counts.values()) < 2:  # noqa: PLR2004 - two labels make a choice
        yield Failure("one class", f"all rows have one label ({', '.join(few)}): there is nothing to learn", _files(rows))
    elif few:
        message = f"each label needs at least {FEWEST_PER_CLASS} different rows: {', '.join(few)}"
        yield Failure("too few rows", message, _files(rows))


def _label_counts(contract: Contract, rows: Rows, kept: NDArray[np.bool_]) -> dict[str, int]:
    used = kept & ~_repeats(contract, rows, kept, labelled=True)
    counts = rows.frame[contract.target.name][used].value_counts()
    return {str(label): int(counts.get(label, 0)) for label in contract.target.classes}


# ------------------------------------------------------------------------------------------- findings


def _repeats(contract: Contract, rows: Rows, kept: NDArray[np.bool_], *, labelled: bool) -> NDArray[np.bool_]:
    """Kept rows equal to an earlier one in every column (and label), where that is no coincidence."""
    found = np.zeros(len(rows.frame), np.bool_)
    if rows_are_distinctive(contract):
        names = [*contract.column_names, *([contract.target.name] if labelled else [])]
        at = np.flatnonzero(kept)
        found[at] = first_of(groups(rows.frame.iloc[at], names)) != np.arange(len(at))
    return found


def _empty_findings(rows: Rows, empty: NDArray[np.bool_]) -> Iterator[Finding]:
    yield from _row_findings(rows, empty, "empty rows", "rows have no value in any feature: collect drops them")


def _repeat_findings(
    contract: Contract, rows: Rows, kept: NDArray[np.bool_], *, labelled: bool
) -> Iterator[Finding]:
    end = "and in the label: collect keeps the first" if labelled else ": they are predicted all the same"
    says = f"rows equal an earlier row in every column {end}"
    yield from _row_findings(rows, _repeats(contract, rows, kept, labelled=labelled), "repeated rows", says)


def _row_findings(rows: Rows, which: NDArray[np.bool_], check: str, says: str) -> Iterator[Finding]:
    at = np.flatnonzero(which)
    for file in np.unique(rows.files[at]):
        here = at[rows.files[at] == file]
        lines = _lines(rows, here)
        message = f"{len(here)} {says} (lines {', '.join(map(str, lines))}{', …' if len(here) > len(lines) else ''})"
        yield Finding(check, message, rows.names[file], lines=lines, count=len(here))


def _leak_findings(
    contract: Contract, tables: Sequence[RawTable], rows: Rows, kept: NDArray[np.bool_]
) -> list[Finding]:
    labels = rows.frame[contract.target.name]
    used = rows.frame[kept & labels.notna().to_numpy()]
    return [*(one_source_columns(tables, rows, labels) if contract.target.labels else []), *leaks(contract, used)]
