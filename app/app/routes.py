"""The routes: what the service answers, each in a few lines. Nothing here knows a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from app import body, pages
from app.documents import ONE_ROW, RECORDS, REFERENCE, REQUEST, RESPONSE, WITH_EXPLANATIONS, WITH_PROBABILITIES
from app.errors import ErrorResponse, answer_for, respond
from app.explainer import MOST_ROWS as MOST_EXPLAINED_ROWS
from app.explainer import Explainer
from app.protocols import get_prediction
from app.state import Greeting, Live, Ready, RefusedChampion
from model.errors import BundleNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.door import Door
    from app.lane import Lane
    from app.settings import ServiceSettings


def _schema(*names: str) -> dict[str, Any]:
    any_of = {"anyOf": [{"$ref": f"{REFERENCE}{name}"} for name in names]}
    return {"content": {"application/json": {"schema": any_of}}}


_PROBABILITIES = {
    "name": "probabilities",
    "in": "query",
    "required": False,
    "description": "Also answer the probability of every class (not of a regression)",
    "schema": {"type": "string", "enum": ["true", "false"]},
}
_EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "description": f"Also answer what each column contributed to the score, of at most {MOST_EXPLAINED_ROWS} rows",
    "schema": {"type": "string", "enum": ["true", "false"]},
}
_ASKED = {
    "requestBody": {"required": True, **_schema(REQUEST, ONE_ROW, RECORDS)},
    "parameters": [_PROBABILITIES, _EXPLAIN],
}
_PREDICTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The predictions", **_schema(RESPONSE, WITH_PROBABILITIES, WITH_EXPLANATIONS)},
    413: {"model": ErrorResponse, "description": "The body is too large"},
    415: {"model": ErrorResponse, "description": "The body is not JSON in UTF-8"},
    422: {"model": ErrorResponse, "description": "The rows break the contract; each wrong field is named"},
    503: {"model": ErrorResponse, "description": "No model is being served"},
}
_NOT_READY: dict[int | str, dict[str, Any]] = {503: _PREDICTED[503]}


class Routes:
    """The service's answers, and what they need."""

    def __init__(self, lane: Lane, door: Door, settings: ServiceSettings) -> None:
        """Hold them."""
        self.lane = lane
        self.predictor = lane.predictor
        self.door = door
        self.explainer = Explainer(lane)
        self.settings = settings

    def table(self, openapi: Callable[[], dict[str, Any]]) -> APIRouter:
        """Every route of the service."""

        def document() -> JSONResponse:
            return JSONResponse(openapi())

        table = APIRouter(generate_unique_id_function=lambda route: route.name)
        predict = table.post("/get_prediction", tags=["prediction"], responses=_PREDICTED, openapi_extra=_ASKED)
        predict(self.get_prediction)
        table.get("/check_service", tags=["state"])(check_service)
        table.get("/health/live", tags=["state"])(live)
        table.get("/health/ready", tags=["state"], response_model=Ready, responses=_NOT_READY)(self.ready)
        table.get("/", include_in_schema=False)(self.overview)
        table.get("/docs", include_in_schema=False)(documentation)
        table.get("/openapi.json", include_in_schema=False)(document)
        return table

    async def get_prediction(self, request: Request) -> JSONResponse:
        """Predict the rows of a request: `{"data": {"<column>": [value, ...], ...}}`."""
        received = await body.read(request, self.settings.max_body_bytes)
        serving = self.door.serving()
        request.state.model_version = serving.version
        said = request.query_params.getlist("probabilities")
        probabilities = get_prediction.wants_probabilities(serving.contract, said)
        explain = get_prediction.wants("explain", request.query_params.getlist("explain"))
        # First, so that nothing is kept of a request that is refused for it.
        told = await self.explainer.explain(serving, received) if explain else None
        answered = await self.door.answer(serving, received)
        request.state.prediction_id = answered.prediction_id
        return JSONResponse(get_prediction.answer(answered, probabilities=probabilities, explanations=told))

    async def ready(self) -> Ready | JSONResponse:
        """Whether predictions are being answered, and by which model."""
        current, refused = self.predictor.current, self._refused()
        if current is None:
            answer = answer_for(BundleNotFound()) if self.predictor.refused is None else self.predictor.refused.answer
            return respond(answer)
        trouble = self.lane.recorder.trouble
        if trouble is not None:
            return respond(answer_for(trouble))
        contract = current.bundle.contract
        return Ready(
            status="ready",
            contract=contract.name,
            version=current.version,
            fingerprint=contract.fingerprint,
            served_by=current.bundle.served_by,
            log=self.settings.log,
            refused=refused,
        )

    def _refused(self) -> RefusedChampion | None:
        refused = self.predictor.refused
        if refused is None:
            return None
        return RefusedChampion(version=refused.version, code=refused.answer.code, message=refused.answer.message)

    async def overview(self, request: Request) -> HTMLResponse:
        """A page for people: what is being served, and how to ask it."""
        return HTMLResponse(pages.overview(self.predictor.current, self._refused(), str(request.base_url)))


async def check_service() -> Greeting:
    """Say that the service is there, whatever the state of its model."""
    return Greeting(Message="Hello world from service")


async def live() -> Live:
    """Say that the process answers: where it does not, restart it."""
    return Live(status="live")


async def documentation() -> HTMLResponse:
    """The interactive documentation of the API."""
    return HTMLResponse(pages.DOCUMENTATION)
