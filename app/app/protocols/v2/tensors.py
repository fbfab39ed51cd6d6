"""The inputs of a request: checked as the protocol has them, and flattened in row-major order."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Final

from app.protocols.refusals import member, only, refusal
from app.protocols.v2 import binary
from app.protocols.v2.datatypes import DATATYPES, check_elements
from model.derived.request import MOST_ROWS
from model.errors import bounded

if TYPE_CHECKING:
    from app.protocols.v2.binary import Tail
    from app.protocols.v2.datatypes import Datatype

_MEMBERS: Final = ("name", "shape", "datatype", "parameters", "data")
_MOST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input: its elements in row-major order, None where JSON said null."""

    name: str
    shape: tuple[int, ...]
    datatype: Datatype
    elements: list[Any]

    @property
    def where(self) -> str:
        """How a refusal names it."""
        return f"inputs.{bounded(self.name)}"


def read_all(inputs_: Any, most_columns: int, tail: Tail) -> dict[str, Tensor]:  # noqa: ANN401 - any JSON value
    """The request's `inputs` by name; `tail` is used up. Raises RowsRefused.

    most_columns: how many columns there are, the key not among them.
    """
    listed = member(inputs_, "inputs", list, "a list of tensors")
    if not 1 <= len(listed) <= most_columns + 1:
        raise refusal("inputs", f"has {len(listed)} tensors: one for each column, or one for all")
    tensors: dict[str, Tensor] = {}
    for place, input_ in enumerate(listed):
        tensor = _read(member(input_, f"inputs[{place}]", dict, "a tensor"), f"inputs[{place}]", most_columns, tail)
        if tensor.name in tensors:
            raise refusal(tensor.where, "is given twice: leave one")
        tensors[tensor.name] = tensor
    tail.check_end()
    return tensors


def _read(input_: dict[str, Any], place: str, most_columns: int, tail: Tail) -> Tensor:
    name = member(input_.get("name"), f"{place}.name", str, "the tensor's name")
    if not 1 <= len(name) <= _MOST_NAME:
        raise refusal(f"{place}.name", f"must have 1 to {_MOST_NAME} characters")
    where = f"inputs.{bounded(name)}"
    only(input_, _MEMBERS, f"{where}.")
    datatype = _datatype(input_.get("datatype"), f"{where}.datatype")
    shape = _shape(input_.get("shape"), f"{where}.shape", most_columns)
    return Tensor(name, shape, datatype, _elements(input_, shape, datatype, tail))


def _datatype(said: Any, where: str) -> Datatype:  # noqa: ANN401 - any JSON value
    datatype = DATATYPES.get(said) if isinstance(said, str) else None
    if datatype is None:
        raise refusal(where, f"must be one of {', '.join(DATATYPES)}")
    return datatype


def _shape(said: Any, where: str, most_columns: int) -> tuple[int, ...]:  # noqa: ANN401 - any JSON value
    shape = member(said, where, list, "a list: [rows], [rows, 1] or [rows, columns]")
    if len(shape) not in (1, 2) or any(type(size) is not int or size < 0 for size in shape):
        raise refusal(where, "must be [rows], [rows, 1] or [rows, columns]")
    if not 1 <= shape[0] <= MOST_ROWS:
        raise refusal(where, f"has {bounded(shape[0], 20)} rows: 1 to {MOST_ROWS} are answered at once")
    if shape[1:] not in ([], [1], [most_columns]):
        raise refusal(where, f"has {bounded(shape[1], 20)} columns: 1, or all {most_columns}")
    return tuple(shape)


def _elements(input_: dict[str, Any], shape: tuple[int, ...], datatype: Datatype, tail: Tail) -> list[Any]:
    where = f"inputs.{bounded(input_['name'])}"
    parameters = input_.get("parameters")
    parameters = {} if parameters is None else member(parameters, f"{where}.parameters", dict, "an object")
    if "shared_memory_region" in parameters:
        raise refusal(f"{where}.parameters.shared_memory_region", "is not offered: send the data")
    if binary.SIZE in parameters:
        if "data" in input_:
            raise refusal(f"{where}.data", f"is given beside {binary.SIZE}: leave one")
        size_at = f"{where}.parameters.{binary.SIZE}"
        return binary.elements(datatype, prod(shape), tail.take(parameters[binary.SIZE], size_at), f"{where}.data")
    flat = _flat(member(input_.get("data"), f"{where}.data", list, "a list of elements"), shape, f"{where}.data")
    check_elements(datatype, flat, f"{where}.data")
    return flat


def _flat(data: list[Any], shape: tuple[int, ...], where: str) -> list[Any]:
    """Row-major elements of data that is nested as its shape says, or flat already."""
    flat = data
    if len(shape) > 1 and data and isinstance(data[0], list):
        for place, row in enumerate(data):
            if len(member(row, f"{where}[{place}]", list, "a list, as the first row is")) != shape[1]:
                raise refusal(f"{where}[{place}]", f"has {len(row)} elements where the shape says {shape[1]}")
        flat = [element for row in data for element in row]
    if len(flat) != prod(shape):
        raise refusal(where, f"has {len(flat)} elements where the shape says {prod(shape)}")
    return flat
