"""The other doors: the same rows, and the same breaches, as clients of other servers write them.

A door that the running service does not have is left out, and said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from model.contract import Category, Column, Contract, Integer, Number
from promises.breaches import Texts, good, wrong_values
from promises.service import Service
from promises.wire import Client, request

# What the other doors allow because their clients cannot say it otherwise (docs/protocols.md). A data frame holds a
# column of integers as floats as soon as one is missing: there 3.0 is 3.
WHOLE_FLOATS: Final = {"1.0", "1e0", "-0.0", "as a fraction", "with an exponent"}
FRAMES: Final = "/invocations"
PREDICTION: Final = "/get_prediction"

# Rows as texts -> the body, for a contract.
Write = Callable[[Contract, Texts], str]


def _records(texts: Texts) -> str:
    rows = zip(*texts.values(), strict=True)
    names = [json.dumps(name) for name in texts]
    written = (", ".join(f"{name}: {value}" for name, value in zip(names, row, strict=True)) for row in rows)
    return "[" + ", ".join(f"{{{row}}}" for row in written) + "]"


def _split(texts: Texts) -> str:
    rows = ", ".join(f"[{', '.join(row)}]" for row in zip(*texts.values(), strict=True))
    return f'{{"columns": {json.dumps(list(texts))}, "data": [{rows}]}}'


def _datatype(column: Column) -> str:
    match column:
        case Number():
            return "FP64"
        case Integer():
            return "INT64"
        case Category() if isinstance(column.values[0], int):
            return "INT64"
        case _:
            return "BYTES"


def _tensors(contract: Contract, texts: Texts) -> str:
    kinds = {column.name: _datatype(column) for column in contract.columns}
    tensors = (
        f'{{"name": {json.dumps(name)}, "shape": [{len(values)}], "datatype": "{kinds.get(name, "FP64")}", '
        f'"data": [{", ".join(values)}]}}'
        for name, values in texts.items()
    )
    return f'{{"inputs": [{", ".join(tensors)}]}}'


_GET_PREDICTION: Final[dict[str, Write]] = {
    "get_prediction, records": lambda _, texts: f'{{"data": {_records(texts)}}}',
    "get_prediction, scalars": lambda _, texts: f'{{"data": {_records(texts)[1:-1]}}}',
}
_INVOCATIONS: Final[dict[str, Write]] = {
    "invocations, dataframe_split": lambda _, texts: f'{{"dataframe_split": {_split(texts)}}}',
    "invocations, dataframe_records": lambda _, texts: f'{{"dataframe_records": {_records(texts)}}}',
    "invocations, instances": lambda _, texts: f'{{"instances": {_records(texts)}}}',
    "invocations, inputs": lambda _, texts: f'{{"inputs": {_records(texts)}}}',
}


def doors(contract: Contract) -> Iterator[tuple[str, str, Write]]:
    """Name, path and writer of each."""
    yield from ((name, PREDICTION, write) for name, write in _GET_PREDICTION.items())
    yield from ((name, FRAMES, write) for name, write in _INVOCATIONS.items())
    yield "v2 infer", f"/v2/models/{contract.name}/infer", _tensors


def open_doors(service: Service, contract: Contract) -> Iterator[tuple[str, str, Write]]:
    """Those that the service has: a right row passes through them."""
    with Client(service.address) as client:
        for name, path, write in doors(contract):
            if client.ask("POST", path, write(contract, good(contract)).encode()).status == 200:  # noqa: PLR2004
                yield name, path, write


def breaches(service: Service, contract: Contract) -> Iterator[tuple[str, str, bytes]]:
    """Door, breach and the bytes of the request, for each value and each name that can be wrong."""
    right = good(contract)
    for door, path, write in list(open_doors(service, contract)):
        for what, texts in _texts(contract, right, path):
            yield door, what, request("POST", path, write(contract, texts).encode(errors="surrogatepass"))


def _texts(contract: Contract, right: Texts, path: str) -> Iterator[tuple[str, Texts]]:
    for column in contract.columns:
        name = column.name
        for what, text in wrong_values(column).items():
            if what not in _allowed(column, path):
                yield f"{name}: {what}", {**right, name: [text]}
        yield f"{name}: missing", {other: values for other, values in right.items() if other != name}
        yield f"{name}: in another case too", {**right, name.swapcase(): right[name]}
    yield "unknown column", {**right, "no such column": ["1"]}
    yield "target given", {**right, contract.target.name: ["1"]}


def _allowed(column: Column, path: str) -> set[str]:
    """What breaks the contract in get_prediction and is a value here: NaN is how frames and tensors lack one."""
    missing = {"NaN"} if column.nullable and path != PREDICTION else set()
    return missing | (WHOLE_FLOATS if path == FRAMES else set())
