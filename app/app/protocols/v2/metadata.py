"""What the protocol tells of the server and of the model: enough for a client to build its tensors from."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from app.protocols.v2.answer import datatype_of
from app.protocols.v2.datatypes import announced
from app.protocols.v2.request import PROBABILITIES, outputs_of

if TYPE_CHECKING:
    from app.protocols.door import Served
    from model.contract import Contract

ANY = -1  # as many rows as one likes
PLATFORM = "infra-mlops_onnx-float64"


class Server(BaseModel):
    """The server, and the extensions of the protocol that it speaks."""

    name: str
    version: str
    extensions: list[str]


class Tensor(BaseModel):
    """An input or an output; -1 in its shape stands for any number of rows."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, bool] = Field(description="`optional`: may be left out")


class Model(BaseModel):
    """The model that is being served."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class ServerLive(BaseModel):
    """The process answers."""

    live: bool


class ServerReady(BaseModel):
    """A model is being served."""

    ready: bool


class ModelReady(BaseModel):
    """The model of that name is being served."""

    name: str
    ready: bool


def server() -> Server:
    """The server."""
    extensions = ["binary_tensor_data"]
    return Server(name="infra-mlops", version=installed("infra-mlops-model"), extensions=extensions)


def model(served: Served) -> Model:
    """The model."""
    contract = served.contract
    inputs = [_tensor(column.name, announced(column)) for column in contract.columns]
    return Model(
        name=contract.name,
        versions=[served.version],
        platform=PLATFORM,
        inputs=[*inputs, _tensor(contract.key.name, "BYTES", optional=True)],
        outputs=[_output(contract, name) for name in outputs_of(contract)],
    )


def _output(contract: Contract, name: str) -> Tensor:
    classes = [len(contract.target.classes)] if name == PROBABILITIES else []
    return Tensor(
        name=name, datatype=datatype_of(contract, name), shape=[ANY, *classes], parameters={"optional": False}
    )


def _tensor(name: str, datatype: str, *, optional: bool = False) -> Tensor:
    return Tensor(name=name, datatype=datatype, shape=[ANY], parameters={"optional": optional})
