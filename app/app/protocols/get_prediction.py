"""`POST /get_prediction` in every form it takes: columns, scalars for one row, records; and its answer.

{"data": {"tempo": [94.0, 120.0], ...}}    {"data": {"tempo": 94.0, ...}}    {"data": [{"tempo": 94.0, ...}, ...]}
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from app.protocols.frames import from_mapping, from_records
from app.protocols.reading import parse
from app.protocols.refusals import member, only, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.protocols.door import Answered
    from app.protocols.frames import Columns
    from model.contract import Contract

# What an object holds, each value left as the bytes it is written in.
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def columns(body: bytes) -> Columns:
    """The columns of a body in any accepted form; their values are still to be validated. Raises RowsRefused."""
    parsed = member(parse(body, under="data."), "body", dict, 'an object: {"data": ...}')
    only(parsed, {"data"})
    data = parsed.get("data")
    if isinstance(data, list):
        return from_records(data, "data")
    return from_mapping(member(data, "data", dict, "an object of columns, or a list of records"), "data")


def is_other_form(body: bytes) -> bool:
    """Whether its rows are scalars or records. What is no request at all is left to whoever reads columns."""
    try:
        data = bytes(_MEMBERS.decode(body)["data"])
        if data.startswith(b"["):
            return True
        values = [bytes(memoryview(value)[:1]) for value in _MEMBERS.decode(data).values()]
    except (msgspec.MsgspecError, KeyError, ValueError, RecursionError):
        return False
    return bool(values) and not {b"[", b"{"}.intersection(values)


def canonical(columns: Columns) -> bytes:
    """The body that says the same in columns: what is validated, and what the log keeps."""
    try:
        return msgspec.json.encode({"data": columns})
    except OverflowError:  # an integer that no contract allows: `json` writes it, and the contract refuses it
        return json.dumps({"data": columns}, allow_nan=False).encode()


def wants(name: str, said: Sequence[str]) -> bool:
    """What the query's `name` asks for; `said` holds every value that it was given. Raises RowsRefused."""
    if len(said) > 1 or not {"true", "false"}.issuperset(said):
        raise refusal(f"query.{name}", "must be true or false, once")
    return list(said) == ["true"]


def wants_probabilities(contract: Contract, said: Sequence[str]) -> bool:
    """What the query's `probabilities` asks for. Raises RowsRefused as `wants`, and for a regression."""
    wanted = wants("probabilities", said)
    check_probabilities(contract, "query.probabilities", wanted=wanted)
    return wanted


def check_probabilities(contract: Contract, where: str, *, wanted: bool) -> None:
    """Raise RowsRefused when probabilities are wanted of a regression."""
    if wanted and not contract.target.labels:
        raise refusal(where, "cannot be had: a regression has no probabilities")


def answer(
    answered: Answered, *, probabilities: bool, explanations: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """`{"prediction": label}` for one row, `{"prediction": [label, ...]}` for more; with what else is wanted."""
    said: dict[str, Any] = {"prediction": answered.labels}
    if probabilities:
        said["probabilities"] = by_class(answered)
    if explanations is not None:
        said["explanations"] = explanations
    return {name: values[0] for name, values in said.items()} if len(answered.labels) == 1 else said


def by_class(answered: Answered) -> list[dict[str, float]]:
    """For each row its probabilities by class, as JSON names it. Raises ValueError for a regression."""
    if answered.probabilities is None:
        raise ValueError("a regression has no probabilities")
    names = [str(label) for label in answered.contract.target.classes]
    return [dict(zip(names, row, strict=True)) for row in answered.probabilities]
