"""MLflow's scoring protocol over HTTP. Errors have the platform's one shape: MLflow's clients read the status only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from app.errors import ErrorResponse
from app.protocols import mlflow
from app.protocols.door import translate
from app.protocols.get_prediction import wants_probabilities
from app.protocols.reading import JSON, read
from model.derived.request import MOST_ROWS

if TYPE_CHECKING:
    from app.protocols.door import Door

Document = dict[str, Any]

_CELL: Document = {"type": ["number", "string", "null"]}
_RECORD: Document = {"type": "object", "additionalProperties": _CELL}
_RECORDS: Document = {"type": "array", "items": _RECORD, "minItems": 1, "maxItems": MOST_ROWS}
_LISTS: Document = {
    "type": "array",
    "items": {"type": "array", "items": _CELL},
    "minItems": 1,
    "maxItems": MOST_ROWS,
    "description": "A value per column and row, in the contract's order",
}
_BY_COLUMN: Document = {"type": "object", "additionalProperties": {"type": "array", "items": _CELL}}
_SPLIT: Document = {
    "type": "object",
    "additionalProperties": False,
    "required": ["columns", "data"],
    "properties": {
        "columns": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "data": {**_LISTS, "description": "A value per name in `columns` and row"},
        "index": {"description": "Taken and not used"},
    },
}
_ROWS: Document = {"anyOf": [_RECORDS, _LISTS, _BY_COLUMN, _RECORD]}
_PARAMS: Document = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"probabilities": {"type": "boolean"}},
}
_FRAME: Document = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "dataframe_split": _SPLIT,
        "dataframe_records": _RECORDS,
        "instances": _ROWS,
        "inputs": _ROWS,
        "params": {"anyOf": [_PARAMS, {"type": "null"}]},
    },
    "oneOf": [{"required": [form]} for form in ("dataframe_split", "dataframe_records", "instances", "inputs")],
}
_ASKED: Document = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": _FRAME},
            mlflow.CSV: {"schema": {"type": "string", "description": "A header and a line per row, in UTF-8"}},
        },
    },
    "parameters": [
        {
            "name": "probabilities",
            "in": "query",
            "required": False,
            "description": "Also answer the probability of every class",
            "schema": {"type": "string", "enum": ["true", "false"]},
        }
    ],
}
_ANSWERED: Document = {
    "type": "object",
    "additionalProperties": False,
    "required": ["predictions"],
    "properties": {
        "predictions": {"type": "array", "items": {"type": ["number", "string"]}},
        "probabilities": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": "number"}},
            "description": "When asked for: for each row the probability of each class",
        },
    },
}
_NOT_READY: dict[int | str, Document] = {503: {"model": ErrorResponse, "description": "No model is being served"}}
_PREDICTED: dict[int | str, Document] = {
    200: {"description": "The predictions", "content": {JSON: {"schema": _ANSWERED}}},
    413: {"model": ErrorResponse, "description": "The body is too large"},
    415: {"model": ErrorResponse, "description": "The body is neither JSON nor CSV in UTF-8"},
    422: {"model": ErrorResponse, "description": "The rows break the contract; each wrong field is named"},
    **_NOT_READY,
}


class Pinged(BaseModel):
    """A model is being served."""

    status: Literal["ready"]


class Routes:
    """MLflow's four paths."""

    def __init__(self, door: Door) -> None:
        """Answer through `door`."""
        self.door = door

    def table(self) -> APIRouter:
        """Every route of the protocol."""
        table = APIRouter(tags=["MLflow"], generate_unique_id_function=lambda route: f"mlflow_{route.name}")
        table.post("/invocations", responses=_PREDICTED, openapi_extra=_ASKED)(self.invocations)
        table.get("/ping", responses=_NOT_READY)(self.ping)
        table.get("/health", responses=_NOT_READY)(self.health)
        table.get("/version", responses=_NOT_READY, response_class=PlainTextResponse)(self.version)
        return table

    async def invocations(self, request: Request) -> JSONResponse:
        """Predict the rows of a data frame: JSON as MLflow writes it, or CSV with a header."""
        body, kind = await read(request, self.door.max_body_bytes, (JSON, mlflow.CSV))
        served = self.door.served()
        request.state.model_version = served.version
        said = wants_probabilities(served.contract, request.query_params.getlist("probabilities"))
        asked = await translate(
            self.door, len(body), lambda: mlflow.asked(served.contract, body, kind, probabilities=said)
        )
        answered = await self.door.predict(asked.columns)
        request.state.model_version = answered.version
        headers = {"X-Prediction-ID": answered.prediction_id}
        return JSONResponse(mlflow.answer(answered, asked), headers=headers)

    async def ping(self) -> Pinged:
        """Whether predictions are being answered."""
        self.door.served()
        return Pinged(status="ready")

    async def health(self) -> Pinged:
        """The same as /ping."""
        return await self.ping()

    async def version(self) -> PlainTextResponse:
        """The version of the model that is being served (MLflow's server says its own here)."""
        return PlainTextResponse(self.door.served().version)
