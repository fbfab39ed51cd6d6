"""Which typed values break the contract's ranges, values and nullability: asked of pandera, said in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import numpy as np
import pandas as pd
from pandera.errors import SchemaError, SchemaErrors

from model.contract import Category, Column, Contract, Integer, Number, Timestamp
from model.derived.frame import schema
from model.errors import MOST_EXAMPLES, Failure, bounded
from model.steps.typed import wanted_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from model.steps.typed import Rows


def broken_values(contract: Contract, rows: Rows, checked: NDArray[np.bool_], *, labelled: bool) -> Iterator[Failure]:
    """The values of the `checked` rows that the schema refuses: one failure per column, file and kind."""
    if not checked.any():
        return
    cases = failure_cases(contract, rows.frame[checked], labelled=labelled)
    for case in cases[cases["index"].isna()].itertuples():
        # A check of a whole column has no rows to name; typing should have made it pass.
        yield Failure("schema", f"{bounded(case.check)}: {bounded(case.failure_case)}", f"column {case.column}")
    in_rows = cases[cases["index"].notna()].groupby("column")["index"]
    broken = {str(name): np.unique(index.to_numpy(np.intp)) for name, index in in_rows}
    for column in wanted_columns(contract, labelled=labelled):
        at = broken.get(column.name, np.empty(0, np.intp))
        # What did not parse is missing in the frame, and has its failure already.
        at = at[~rows.wrong[column.name][at]]
        null = rows.frame[column.name].isna().to_numpy()[at]
        says = "the key has 1 to 200 characters" if column.name == contract.key.name else _limits(column)
        yield from _cell_failures(rows, column.name, at[null], "no value", "there is no value, and there must be one")
        yield from _cell_failures(rows, column.name, at[~null], "range", says)


def failure_cases(contract: Contract, frame: pd.DataFrame, *, labelled: bool) -> pd.DataFrame:
    """Pandera's failure cases: column, check, failure_case, index. Repeated keys are named elsewhere."""
    try:
        schema(contract, labelled=labelled).validate(frame, lazy=True)
    except (SchemaErrors, SchemaError) as error:  # the one is no subclass of the other
        cases = pd.DataFrame(error.failure_cases)
        return cases[cases["check"] != "field_uniqueness"]
    return pd.DataFrame({"column": [], "check": [], "failure_case": [], "index": []})


def _cell_failures(rows: Rows, name: str, at: NDArray[np.intp], check: str, says: str) -> Iterator[Failure]:
    """One failure per file."""
    for file in np.unique(rows.files[at]):
        here = at[rows.files[at] == file]
        values = dict.fromkeys(bounded(value, 30) for value in rows.frame[name].iloc[here[:MOST_EXAMPLES]].dropna())
        message = f"{says}: {', '.join(values)}" if values else says
        yield Failure(check, message, f"{rows.names[file]} column {name}", rows.first_lines(here), len(here))


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
