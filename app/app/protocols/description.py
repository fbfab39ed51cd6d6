"""What OpenAPI says of the protocols' paths once a contract is served: its names, and a request that is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.protocols.reading import JSON
from app.protocols.v2.metadata import model
from model.derived.request import example_request

if TYPE_CHECKING:
    from app.protocols.door import Served

Document = dict[str, Any]


def describe(document: Document, served: Served) -> None:
    """Write into `document`, whose paths hold the protocols' (`tables.add_protocols`), what is being served."""
    names = {"name": [served.contract.name], "version": [served.version]}
    for path, operations in document["paths"].items():
        for operation in operations.values() if path.startswith("/v2/models/") else ():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["schema"] = {"enum": names[parameter["name"]]}
    columns = example_request(served.contract)["data"]
    if columns.keys() == set(served.contract.column_names):
        _show(document, "/v2/models/{name}/infer", tensors(served, columns))
        _show(document, "/v2/models/{name}/versions/{version}/infer", tensors(served, columns))
        row = {name: values[0] for name, values in columns.items()}
        _show(document, "/invocations", {"dataframe_records": [row]})


def _show(document: Document, path: str, example: Document) -> None:
    document["paths"][path]["post"]["requestBody"]["content"][JSON]["example"] = example


def tensors(served: Served, columns: dict[str, list[Any]]) -> Document:
    """A request of `infer` for rows by column: a tensor for each, of the datatype that the metadata announces."""
    announced = {tensor.name: tensor.datatype for tensor in model(served).inputs}
    inputs = [
        {"name": name, "shape": [len(values)], "datatype": announced[name], "data": values}
        for name, values in columns.items()
    ]
    return {"inputs": inputs}
