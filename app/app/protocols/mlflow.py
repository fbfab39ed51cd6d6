"""MLflow's scoring protocol, `POST /invocations`: a data frame as JSON in one of four forms, or as CSV.

    {"dataframe_split": {"columns": ["tempo", ...], "data": [[94.0, ...]]}}
    {"dataframe_records": [{"tempo": 94.0, ...}]}
    {"instances": rows}    {"inputs": rows}    rows: records, lists in the contract's order, or lists by column

and back: `{"predictions": [label, ...]}`, a list also for one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.protocols import delimited
from app.protocols.frames import from_mapping, from_records, from_rows, with_whole_numbers
from app.protocols.get_prediction import by_class, check_probabilities
from app.protocols.reading import JSON, parse
from app.protocols.refusals import member, only, refusal
from model.errors import bounded

if TYPE_CHECKING:
    from app.protocols.door import Answered
    from app.protocols.frames import Columns
    from model.contract import Contract

CSV: Final = "text/csv"
_FORMS: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
_SPLIT: Final = ("columns", "data", "index")


@dataclass(frozen=True, slots=True)
class Asked:
    """The columns of a request, their values still to be validated, and whether probabilities are wanted."""

    columns: Columns
    probabilities: bool


def asked(contract: Contract, body: bytes, kind: str, *, probabilities: bool = False) -> Asked:
    """A request's body of the media type `kind` -> what it asks. Raises RowsRefused.

    probabilities: what the query says of them; `params` in the body may say so too.
    """
    if kind != JSON:
        return Asked(delimited.columns(contract, body), probabilities)
    # MLflow's own client writes a data frame's missing values so.
    parsed = member(parse(body, nan_is_missing=True), "body", dict, "an object")
    only(parsed, {*_FORMS, "params"})
    forms = [form for form in _FORMS if form in parsed]
    if len(forms) != 1:
        raise refusal("body", f"must hold one of {', '.join(_FORMS)}, not {len(forms)}")
    wanted = _params(contract, parsed.get("params")) or probabilities
    columns = _columns(contract, forms[0], parsed[forms[0]])
    return Asked(with_whole_numbers(contract, columns), wanted)


def _params(contract: Contract, params: Any) -> bool:  # noqa: ANN401 - any JSON value
    if params is None:
        return False
    only(member(params, "params", dict, "an object"), {"probabilities"}, "params.")
    wanted: bool = member(params.get("probabilities", False), "params.probabilities", bool, "true or false")
    check_probabilities(contract, "params.probabilities", wanted=wanted)
    return wanted


def _columns(contract: Contract, form: str, value: Any) -> Columns:  # noqa: ANN401 - any JSON value
    match form:
        case "dataframe_split":
            return _split(member(value, form, dict, 'an object: {"columns": [...], "data": [...]}'))
        case "dataframe_records":
            return from_records(member(value, form, list, "a list of records"), form)
        case _:
            return _rows(contract, form, value)


def _split(frame: dict[str, Any]) -> Columns:
    where = "dataframe_split"
    only(frame, _SPLIT, f"{where}.")
    names = member(frame.get("columns"), f"{where}.columns", list, "a list of column names")
    seen: set[str] = set()
    for place, name in enumerate(names):
        if member(name, f"{where}.columns[{place}]", str, "a column name") in seen:
            raise refusal(f"{where}.columns[{place}]", f"is {bounded(name)} a second time: leave one")
        seen.add(name)
    return from_rows(names, member(frame.get("data"), f"{where}.data", list, "a list of rows"), f"{where}.data")


def _rows(contract: Contract, form: str, value: Any) -> Columns:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return from_mapping(value, form)
    rows = member(value, form, list, "a list of rows, or an object of columns")
    if rows and isinstance(rows[0], dict):
        return from_records(rows, form)
    return from_rows(contract.column_names, rows, form)


def answer(answered: Answered, asked: Asked) -> dict[str, Any]:
    """`{"predictions": [...]}`, which always holds labels; probabilities stand beside it if wanted."""
    said: dict[str, Any] = {"predictions": answered.labels}
    if asked.probabilities:
        said["probabilities"] = by_class(answered)
    return said
