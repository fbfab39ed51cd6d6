"""The answer of `infer`: each output as JSON, or as bytes behind the JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from app.protocols.v2 import binary, request
from app.protocols.v2.datatypes import DATATYPES

if TYPE_CHECKING:
    from app.protocols.door import Answered
    from app.protocols.v2.request import Asked
    from model.contract import Contract


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body; json_length when bytes follow its JSON."""

    body: bytes
    json_length: int | None


def datatype_of(contract: Contract, output: str) -> str:
    """The datatype of an output."""
    if output != request.PREDICTION or not contract.target.classes:
        return "FP64"
    return "BYTES" if isinstance(contract.target.classes[0], str) else "INT64"


def encoded(answered: Answered, asked: Asked) -> Encoded:
    """What the service answered, as the request wants it."""
    outputs, behind = [], []
    for wanted in asked.outputs:
        values = _values(answered, wanted.name)
        output = _head(answered, wanted.name)
        if wanted.binary:
            data = binary.packed(DATATYPES[output["datatype"]], values)
            output["parameters"] = {binary.SIZE: len(data)}
            behind.append(data)
        else:
            output["data"] = values
        outputs.append(output)
    text = json.dumps(_frame(answered, asked, outputs), allow_nan=False, separators=(",", ":")).encode()
    return Encoded(b"".join([text, *behind]), len(text) if behind else None)


def _frame(answered: Answered, asked: Asked, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    identity = {} if asked.id is None else {"id": asked.id}
    return {
        "model_name": answered.contract.name,
        "model_version": answered.version,
        **identity,
        "parameters": {"prediction_id": answered.prediction_id},
        "outputs": outputs,
    }


def _head(answered: Answered, name: str) -> dict[str, Any]:
    classes = [len(answered.contract.target.classes)] if name == request.PROBABILITIES else []
    shape = [len(answered.labels), *classes]
    return {"name": name, "datatype": datatype_of(answered.contract, name), "shape": shape}


def _values(answered: Answered, name: str) -> list[Any]:
    """The elements of an output in row-major order."""
    match name:
        case request.PREDICTION:
            return answered.labels
        case request.SCORE:
            return answered.scores
        case _:
            return list(chain.from_iterable(answered.probabilities or ()))
