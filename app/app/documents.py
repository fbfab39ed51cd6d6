"""The OpenAPI document: the routes', with the request and the answer of the contract that is being served.

It is made anew when another bundle is in use. Without one it says the general shape that every contract's request has.
"""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from app.ground_truth import ONE_TRUTH, PATH, TRUTH_REQUEST
from app.protocols import description
from app.protocols.door import Served
from model.derived.request import MOST_ROWS, example_request, request_model, response_model
from model.derived.truth import truth_model

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
ONE_ROW, RECORDS = "PredictionRequestOfOneRow", "PredictionRequestOfRecords"
WITH_PROBABILITIES: Final = "PredictionResponseWithProbabilities"
WITH_EXPLANATIONS: Final = "PredictionResponseWithExplanations"

_TITLE: Final = "Prediction service"
_SHAPE: Final = (
    "A request holds a list per column, all of one length: one row per place. One row is answered by one prediction, "
    f"more (at most {MOST_ROWS}) by a list of them, in order. `data` may also be one row of "
    "scalars, or a list of records."
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
_ANY_ROW: Final[Document] = {"type": "object", "required": ["data"], "properties": {"data": {}}}
_ANY_TRUTH: Final[Document] = {"type": "object", "required": ["truths"], "properties": {"truths": {"type": "array"}}}
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
        schemas = {
            REQUEST: _ANY_REQUEST,
            RESPONSE: _ANY_RESPONSE,
            WITH_PROBABILITIES: _with_probabilities(_ANY_RESPONSE),
            WITH_EXPLANATIONS: _with_explanations(_ANY_RESPONSE),
        }
        schemas |= {ONE_ROW: _ANY_ROW, RECORDS: _ANY_ROW, TRUTH_REQUEST: _ANY_TRUTH, ONE_TRUTH: {"type": "object"}}
        document["info"]["description"] = f"{_SHAPE}\n\n{_NONE_YET}"
    else:
        contract = serving.bundle.contract
        schemas = {**_schemas(request_model(contract)), **_schemas(response_model(contract))}
        schemas |= _other_forms(schemas) | _schemas(truth_model(contract))
        document["info"] = _info(contract, serving.version)
        _show_truth(document, contract)
        _show_example(document, contract)
        description.describe(document, Served(contract, serving.version))
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


def _other_forms(schemas: dict[str, Document]) -> dict[str, Document]:
    """Of the request: one row of scalars, a list of records; of the answer: with probabilities, with explanations."""
    columns = schemas["Columns"]
    values = {name: _items(lists) for name, lists in columns["properties"].items()}
    row = {**columns, "title": "Row", "properties": values}
    records = {"type": "array", "items": {"$ref": f"{REFERENCE}Row"}, "minItems": 1, "maxItems": MOST_ROWS}
    return {
        "Row": row,
        ONE_ROW: _form({"$ref": f"{REFERENCE}Row"}),
        RECORDS: _form(records),
        WITH_PROBABILITIES: _with_probabilities(schemas[RESPONSE]),
        WITH_EXPLANATIONS: _with_explanations(schemas[RESPONSE]),
    }


def _items(lists: Document) -> Document:
    """Of a column's values; the key's list may be missing, and so may be its value."""
    of_list = next(option for option in lists.get("anyOf", [lists]) if "items" in option)
    said = {word: lists[word] for word in ("title", "description") if word in lists}
    return {**said, **of_list["items"]}


def _form(data: Document) -> Document:
    return {"type": "object", "additionalProperties": False, "required": ["data"], "properties": {"data": data}}


def _with_probabilities(response: Document) -> Document:
    each = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
    many: Document = {"anyOf": [each, {"type": "array", "items": each}]}
    properties = {**response["properties"], "probabilities": {**many, "description": "By class"}}
    return {**response, "title": WITH_PROBABILITIES, "properties": properties, "required": list(properties)}


def _with_explanations(response: Document) -> Document:
    """With or without probabilities."""
    share = {"column": {"type": "string"}, "contribution": {"type": "number"}}
    shares: Document = {"type": "array", "items": _object(share)}
    each = _object({"base": {"type": "number"}, "contributions": shares})
    told = {"anyOf": [each, {"type": "array", "items": each}], "description": "Base and contributions are the score"}
    properties = {**_with_probabilities(response)["properties"], "explanations": told}
    return {
        **response,
        "title": WITH_EXPLANATIONS,
        "properties": properties,
        "required": [name for name in properties if name != "probabilities"],
    }


def _object(properties: Document) -> Document:
    return {"type": "object", "required": list(properties), "properties": properties}


def _show_example(document: Document, contract: Contract) -> None:
    example = example_request(contract)
    # An example that lacks a column would be refused: the document shows one that works, or none.
    if example["data"].keys() == set(contract.column_names):
        content = document["paths"]["/get_prediction"]["post"]["requestBody"]["content"]
        content["application/json"]["example"] = example


def _show_truth(document: Document, contract: Contract) -> None:
    """An example of each way to say of what it is the truth."""
    labels, bounds = contract.target.classes, (contract.target.minimum, contract.target.maximum)
    value = labels[-1] if labels else next((bound for bound in bounds if bound is not None), 0)
    said = [{"key": contract.key.example, "truth": value}, {"prediction_id": "0" * 32, "truth": value}]
    content = document["paths"][PATH]["post"]["requestBody"]["content"]
    content["application/json"]["example"] = {"truths": said}
