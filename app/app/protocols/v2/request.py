"""A request of `infer` -> columns, and which outputs are wanted.

Either a tensor for each column, named as the contract names it, [rows] or [rows, 1]; or one tensor [rows, columns] of
any other name, its columns in the contract's order. The key may come as a tensor of its own beside both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.protocols.reading import parse
from app.protocols.refusals import member, only, refusal
from app.protocols.v2 import binary, tensors
from app.protocols.v2.datatypes import families, fill
from model.errors import bounded

if TYPE_CHECKING:
    from app.protocols.door import Served
    from app.protocols.frames import Columns
    from app.protocols.v2.datatypes import Datatype
    from app.protocols.v2.tensors import Tensor
    from model.contract import Column, Contract

PREDICTION, SCORE, PROBABILITIES = "prediction", "score", "probabilities"
_MEMBERS: Final = ("id", "parameters", "inputs", "outputs", "model_name", "model_version")
_MOST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that is wanted, and whether as bytes behind the JSON."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The columns of a request, their values still to be validated, and how it is to be answered."""

    columns: Columns
    outputs: tuple[Wanted, ...]
    id: str | None


def outputs_of(contract: Contract) -> tuple[str, ...]:
    """The outputs that a model of this contract has, in their order."""
    return (PREDICTION, SCORE, PROBABILITIES) if contract.target.labels else (PREDICTION, SCORE)


def asked(served: Served, body: bytes, json_length: str | None) -> Asked:
    """A request's body, and its header `Inference-Header-Content-Length` if it has one -> what it asks.

    Raises RowsRefused.
    """
    text, tail = binary.split(body, json_length)
    # Triton's client writes a missing number so.
    request = member(parse(text, nan_is_missing=True), "body", dict, "an object")
    only(request, _MEMBERS)
    _check_names(served, request)
    contract = served.contract
    outputs = _outputs(contract, request)
    identity = request.get("id")
    if identity is not None and len(member(identity, "id", str, "a text")) > _MOST_ID:
        raise refusal("id", f"must have at most {_MOST_ID} characters")
    return Asked(
        _columns(contract, tensors.read_all(request.get("inputs"), len(contract.columns), tail)), outputs, identity
    )


def _check_names(served: Served, request: dict[str, Any]) -> None:
    """KServe's client says them in the body too: there they must not contradict the path."""
    if request.get("model_name") not in (None, "", served.contract.name):
        raise refusal("model_name", f"is not {served.contract.name}, which is what this path serves")
    if request.get("model_version") not in (None, "", served.version):
        raise refusal("model_version", f"is not {served.version}, which is what is being served")


# ------------------------------------------------------------------------------------------- inputs


def _columns(contract: Contract, given: dict[str, Tensor]) -> Columns:
    key = given.pop(contract.key.name, None)
    columns = _matrix(contract, given) if _is_matrix(contract, given) else _named(contract, given)
    return columns if key is None else {**columns, key.name: _keys(key)}


def _is_matrix(contract: Contract, given: dict[str, Tensor]) -> bool:
    return len(given) == 1 and not set(contract.column_names).intersection(given)


def _named(contract: Contract, given: dict[str, Tensor]) -> Columns:
    known = {column.name: column for column in contract.columns}
    foreign = next((tensor for name, tensor in given.items() if name not in known), None)
    if foreign is not None:
        raise refusal(foreign.where, "is not a column of the contract")
    return {name: _filled(known[name], tensor) for name, tensor in given.items()}


def _filled(column: Column, tensor: Tensor) -> list[Any]:
    if tensor.shape[1:] not in ((), (1,)):
        raise refusal(f"{tensor.where}.shape", "must be [rows] or [rows, 1]: it is one column")
    _check_family(column, tensor.datatype, tensor.where)
    return fill(column, tensor.datatype, tensor.elements)


def _check_family(column: Column, datatype: Datatype, where: str) -> None:
    if datatype.family not in families(column):
        message = f"{datatype.name} cannot fill the column {bounded(column.name)}: its kind is {column.kind}"
        raise refusal(f"{where}.datatype", message)


def _matrix(contract: Contract, given: dict[str, Tensor]) -> Columns:
    (tensor,) = given.values()
    width = len(contract.columns)
    if tensor.shape[1:] != (width,):
        message = f"is not a column of the contract, nor has it the shape [rows, {width}] of all columns"
        raise refusal(tensor.where, message)
    for column in contract.columns:
        _check_family(column, tensor.datatype, tensor.where)
    return {
        column.name: fill(column, tensor.datatype, tensor.elements[place::width])
        for place, column in enumerate(contract.columns)
    }


def _keys(tensor: Tensor) -> list[Any]:
    if tensor.shape[1:] not in ((), (1,)):
        raise refusal(f"{tensor.where}.shape", "must be [rows] or [rows, 1]: it is one column")
    if tensor.datatype.family not in ("text", "integer"):
        raise refusal(f"{tensor.where}.datatype", f"{tensor.datatype.name} cannot be a key: BYTES or integers can")
    return tensor.elements


# ------------------------------------------------------------------------------------------ outputs


def _outputs(contract: Contract, request: dict[str, Any]) -> tuple[Wanted, ...]:
    parameters = request.get("parameters")
    parameters = {} if parameters is None else member(parameters, "parameters", dict, "an object")
    usual = parameters.get("binary_data_output", False)
    member(usual, "parameters.binary_data_output", bool, "true or false")
    listed = request.get("outputs")
    listed = [] if listed is None else member(listed, "outputs", list, "a list of outputs")
    if not listed:
        return tuple(Wanted(name, usual) for name in outputs_of(contract))
    wanted: dict[str, Wanted] = {}
    for place, output in enumerate(listed):
        one = _wanted(contract, output, f"outputs[{place}]", usual=usual)
        if one.name in wanted:
            raise refusal(f"outputs[{place}].name", f"wants {one.name} a second time: leave one")
        wanted[one.name] = one
    return tuple(wanted.values())


def _wanted(contract: Contract, output: Any, where: str, *, usual: bool) -> Wanted:  # noqa: ANN401 - any JSON value
    only(member(output, where, dict, "an output"), ("name", "parameters"), f"{where}.")
    name = output.get("name")
    known = outputs_of(contract)
    if name not in known:
        raise refusal(f"{where}.name", f"must be one of {', '.join(known)}")
    parameters = output.get("parameters")
    parameters = {} if parameters is None else member(parameters, f"{where}.parameters", dict, "an object")
    for foreign in ("classification", "shared_memory_region"):
        if parameters.get(foreign):
            raise refusal(f"{where}.parameters.{foreign}", "is not offered: the output comes whole, in the answer")
    as_bytes = parameters.get("binary_data", usual)
    return Wanted(name, member(as_bytes, f"{where}.parameters.binary_data", bool, "true or false"))
