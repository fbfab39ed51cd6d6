"""The protocol over HTTP: each path in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from app.errors import refused
from app.protocols.door import translate
from app.protocols.reading import JSON, read
from app.protocols.v2 import metadata
from app.protocols.v2.answer import encoded
from app.protocols.v2.binary import LENGTH_HEADER
from app.protocols.v2.documents import ASKED, INFERRED, NOT_READY, OCTETS, UNKNOWN
from app.protocols.v2.request import asked

if TYPE_CHECKING:
    from app.protocols.door import Answered, Door, Served
    from app.protocols.v2.request import Asked

_MODEL = "/v2/models/{name}"
_VERSION = "/v2/models/{name}/versions/{version}"


class Routes:
    """The protocol's paths. `errors.ErrorsAsText` belongs around the application that has them."""

    def __init__(self, door: Door) -> None:
        """Answer through `door`."""
        self.door = door

    def table(self) -> APIRouter:
        """Every route of the protocol."""
        table = APIRouter(
            tags=["Open Inference Protocol"], generate_unique_id_function=lambda route: f"v2_{route.name}"
        )
        table.get("/v2/health/live")(self.live)
        table.get("/v2/health/ready", responses=NOT_READY)(self.ready)
        table.get("/v2")(self.server)
        table.get(_MODEL, responses=UNKNOWN)(self.model)
        table.get(_VERSION, responses=UNKNOWN)(self.model_version)
        table.get(f"{_MODEL}/ready", responses=UNKNOWN)(self.model_ready)
        table.get(f"{_VERSION}/ready", responses=UNKNOWN)(self.model_version_ready)
        table.post(f"{_MODEL}/infer", responses=INFERRED, openapi_extra=ASKED)(self.infer)
        table.post(f"{_VERSION}/infer", responses=INFERRED, openapi_extra=ASKED)(self.infer_version)
        return table

    async def live(self) -> metadata.ServerLive:
        """Say that the process answers."""
        return metadata.ServerLive(live=True)

    async def ready(self) -> metadata.ServerReady:
        """Whether predictions are being answered."""
        self.door.served()
        return metadata.ServerReady(ready=True)

    async def server(self) -> metadata.Server:
        """The server's name, version and extensions."""
        return metadata.server()

    async def model(self, name: str) -> metadata.Model:
        """The model's inputs and outputs."""
        return metadata.model(self._served(name))

    async def model_version(self, name: str, version: str) -> metadata.Model:
        """The inputs and outputs of that version."""
        return metadata.model(self._served(name, version))

    async def model_ready(self, name: str) -> metadata.ModelReady:
        """Whether the model of that name is being served."""
        return metadata.ModelReady(name=self._served(name).contract.name, ready=True)

    async def model_version_ready(self, name: str, version: str) -> metadata.ModelReady:
        """Whether that version is being served."""
        return metadata.ModelReady(name=self._served(name, version).contract.name, ready=True)

    async def infer(self, name: str, request: Request) -> Response:
        """Predict the rows of tensors: one for each column, or one [rows, columns] for all, as JSON or as bytes."""
        return await self._infer(request, name, None)

    async def infer_version(self, name: str, version: str, request: Request) -> Response:
        """Predict by that version, and by no other."""
        return await self._infer(request, name, version)

    def _served(self, name: str, version: str | None = None) -> Served:
        """What is being served. Raises HTTPException (404) when it is not what the path names."""
        served = self.door.served()
        if name != served.contract.name or version not in (None, served.version):
            raise refused(404)
        return served

    async def _infer(self, request: Request, name: str, version: str | None) -> Response:
        body, _ = await read(request, self.door.max_body_bytes, (JSON, OCTETS))
        served = self._served(name, version)
        request.state.model_version = served.version
        length = request.headers.get(LENGTH_HEADER)
        wanted = await translate(self.door, len(body), lambda: asked(served, body, length))
        answered = await self.door.predict(wanted.columns)
        # Another version may have taken over in between.
        if version not in (None, answered.version):
            raise refused(404)
        request.state.model_version = answered.version
        return await self._response(answered, wanted, len(body))

    async def _response(self, answered: Answered, wanted: Asked, size: int) -> Response:
        made = await translate(self.door, size, lambda: encoded(answered, wanted))
        headers = {"X-Prediction-ID": answered.prediction_id}
        if made.json_length is None:
            return Response(made.body, media_type=JSON, headers=headers)
        return Response(made.body, media_type=OCTETS, headers={**headers, LENGTH_HEADER: str(made.json_length)})
