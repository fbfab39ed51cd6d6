"""The schemas of `infer` for OpenAPI: the protocol's, whatever the contract. Their names are known to no contract."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from app.errors import WrongField
from app.protocols.reading import JSON
from app.protocols.v2.binary import LENGTH_HEADER
from app.protocols.v2.datatypes import DATATYPES
from app.protocols.v2.request import PREDICTION, PROBABILITIES, SCORE

Document = dict[str, Any]
OCTETS: Final = "application/octet-stream"


class ErrorText(BaseModel):
    """Every error under /v2: `error` is a text, as the protocol has it; code and fields are the platform's."""

    error: str
    code: str
    fields: list[WrongField]


_NULLABLE_OBJECT: Final[Document] = {"type": ["object", "null"], "description": "Unknown parameters are not used"}
_INPUT: Final[Document] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string", "description": "A column, the key, or any other for one tensor of all columns"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 2},
        "datatype": {"enum": list(DATATYPES)},
        "parameters": _NULLABLE_OBJECT,
        "data": {"type": "array", "description": "Row-major, flat or nested; null is a missing value"},
    },
}
_OUTPUT: Final[Document] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {"name": {"enum": [PREDICTION, SCORE, PROBABILITIES]}, "parameters": _NULLABLE_OBJECT},
}
_REQUEST: Final[Document] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["inputs"],
    "properties": {
        "id": {"type": ["string", "null"], "maxLength": 200},
        "model_name": {"type": ["string", "null"]},
        "model_version": {"type": ["string", "null"]},
        "parameters": _NULLABLE_OBJECT,
        "inputs": {"type": "array", "items": _INPUT, "minItems": 1},
        "outputs": {"type": ["array", "null"], "items": _OUTPUT},
    },
}
_TENSOR: Final[Document] = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"enum": ["INT64", "FP64", "BYTES"]},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "parameters": {"type": "object"},
        "data": {"type": "array", "items": {"type": ["number", "string"]}},
    },
}
_RESPONSE: Final[Document] = {
    "type": "object",
    "required": ["model_name", "model_version", "parameters", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "parameters": {
            "type": "object",
            "required": ["prediction_id"],
            "properties": {"prediction_id": {"type": "string"}},
        },
        "outputs": {"type": "array", "items": _TENSOR},
    },
}
_BINARY: Final[Document] = {
    "type": "string",
    "description": f"JSON of the length that {LENGTH_HEADER} says, then bytes",
}
_BODIES: Final[Document] = {OCTETS: {"schema": _BINARY}}

ASKED: Final[Document] = {
    "requestBody": {"required": True, "content": {JSON: {"schema": _REQUEST}, **_BODIES}},
    "parameters": [
        {
            "name": LENGTH_HEADER,
            "in": "header",
            "required": False,
            "description": "The length of the JSON where the bytes of tensors follow it",
            "schema": {"type": "integer", "minimum": 0},
        }
    ],
}
NOT_READY: Final[dict[int | str, Document]] = {503: {"model": ErrorText, "description": "No model is being served"}}
UNKNOWN: Final[dict[int | str, Document]] = {
    404: {"model": ErrorText, "description": "No model of that name and version is being served"},
    **NOT_READY,
}
INFERRED: Final[dict[int | str, Document]] = {
    200: {"description": "The outputs", "content": {JSON: {"schema": _RESPONSE}, **_BODIES}},
    413: {"model": ErrorText, "description": "The body is too large"},
    415: {"model": ErrorText, "description": "The body is neither JSON in UTF-8 nor octets"},
    422: {
        "model": ErrorText,
        "description": "The tensors break the protocol or the contract; each wrong field is named",
    },
    **UNKNOWN,
}
