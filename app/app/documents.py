"""The OpenAPI document: the routes', with the request and the answer of the contract that is being served.

It is made anew when another bundle is in use. Without one it says the general shape that every contract's request has.
"""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from model.derived.request import MOST_ROWS, example_request, request_model, response_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel
    from starlette.routing import BaseRoute

    from app.predictor import Predictor
    from app.serving import Serving
    from model.contract import Contract

Document = dict[str, Any]
REFERENCE: Final = "#/components/schemas/"
REQUEST, RESPONSE = "PredictionRequest", "PredictionResponse"

_TITLE: Final = "Prediction service"
_SHAPE: Final = (
    "A request holds a list per column, all of one length: one row per place. One row is answered by one prediction, "
    f"more (at most {MOST_ROWS}) by a list of them, in order."
)
_NONE_YET: Final = "No model is served yet: its columns will be described here as soon as one has been promoted."
_ANY_VALUE: Final[Document] = {"type": ["number", "string", "null"]}
_ANY_REQUEST: Final[Document] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["data"],
    "properties": {
        "data": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": _ANY_VALUE, "minItems": 1, "maxItems": MOST_ROWS},
        }
    },
}
_ANY_RESPONSE: Final[Document] = {
    "type": "object",
    "required": ["prediction"],
    "properties": {"prediction": {"anyOf": [_ANY_VALUE, {"type": "array", "items": _ANY_VALUE}]}},
}


class Documents:
    """Makes the document of what is being served, once for each bundle. It may be called from any thread."""

    def __init__(self, routes: Sequence[BaseRoute], predictor: Predictor) -> None:
        """The routes are read at the first call: all of them must have been added by then."""
        self._routes = routes
        self._predictor = predictor
        self._lock = threading.Lock()
        self._made: tuple[Serving | None, Document] | None = None

    def __call__(self) -> Document:
        """The document of the bundle in use."""
        with self._lock:
            serving = self._predictor.current
            if self._made is None or self._made[0] is not serving:
                base = get_openapi(title=_TITLE, version="none", routes=self._routes)
                self._made = (serving, describe(base, serving))
            return self._made[1]


def describe(base: Document, serving: Serving | None) -> Document:
    """`base`, the routes' own document, with the contract that is being served written into it."""
    document = copy.deepcopy(base)
    if serving is None:
        schemas = {REQUEST: _ANY_REQUEST, RESPONSE: _ANY_RESPONSE}
        document["info"]["description"] = f"{_SHAPE}\n\n{_NONE_YET}"
    else:
        contract = serving.bundle.contract
        schemas = {**_schemas(request_model(contract)), **_schemas(response_model(contract))}
        document["info"] = _info(contract, serving.version)
        _show_example(document, contract)
    document["components"]["schemas"].update(schemas)
    return document


def _info(contract: Contract, version: str) -> Document:
    return {
        "title": f"{_TITLE}: {contract.name}",
        "version": version,
        "description": f"{contract.description}\n\n{_SHAPE}".strip(),
        "x-contract-fingerprint": contract.fingerprint,
    }


def _schemas(model: type[BaseModel]) -> dict[str, Document]:
    """The JSON schemas of a model and of all that it holds, by name."""
    schema = model.model_json_schema(ref_template=f"{REFERENCE}{{model}}")
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _show_example(document: Document, contract: Contract) -> None:
    example = example_request(contract)
    # An example that lacks a column would be refused: the document shows one that works, or none.
    if example["data"].keys() == set(contract.column_names):
        content = document["paths"]["/get_prediction"]["post"]["requestBody"]["content"]
        content["application/json"]["example"] = example
