"""Errors as HTTP: which class of the model's errors means which status, and the one shape every error has.

    {"error": {"code": "...", "message": "...", "fields": [{"field": "data.tempo[0]", "message": "..."}]}}

`code` is for programs and never changes its meaning; `message` is for people and tells nothing of the inside:
paths, versions of libraries and tracebacks stand in the log, under the request id that the answer carries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as RoutingException

from model import errors as model
from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from fastapi import Request, Response

MOST_FIELDS = 50


class WrongField(BaseModel):
    """One field of a request that was refused, and why."""

    field: str
    message: str


class Error(BaseModel):
    """What went wrong: `code` for programs, `message` for people, `fields` when the request names them."""

    code: str
    message: str
    fields: list[WrongField]


class ErrorResponse(BaseModel):
    """The one shape of every answer that is not a success."""

    error: Error


@dataclass(frozen=True, slots=True)
class Answer:
    """How one class of errors is told to a client."""

    status: int
    code: str
    message: str


_BROKEN: Final = "the service is broken: tell its operators the request id of this answer"
_NO_CHAMPION: Final = (
    "no model is served yet: train one with the DAG 1_training_pipeline or `python -m model train`, "
    "it is taken up without a restart"
)

# Every class of model.errors stands here (a test walks the tree): a new one needs its status said.
ANSWERS: Final[Mapping[type[model.ModelError], Answer]] = {
    model.ModelError: Answer(500, "internal_error", _BROKEN),
    model.ContractError: Answer(500, "contract_error", _BROKEN),
    model.DataError: Answer(422, "data_refused", "the data breaks the contract: see fields"),
    model.RowsRefused: Answer(422, "rows_refused", "the request breaks the contract: see fields, and /docs"),
    model.TrainingError: Answer(500, "training_error", _BROKEN),
    model.CannotCompile: Answer(500, "cannot_compile", _BROKEN),
    model.BundleError: Answer(503, "bundle_error", "the model cannot be used: promote another version"),
    model.BundleNotFound: Answer(503, "no_champion", _NO_CHAMPION),
    model.BundleDamaged: Answer(503, "bundle_damaged", "the model's files are damaged: promote another version"),
    model.StepOrderError: Answer(500, "step_order_error", _BROKEN),
    model.StoreError: Answer(503, "store_error", "the prediction store does not answer: try again"),
    model.StoreRefused: Answer(500, "store_refused", _BROKEN),
    model.SpoolFull: Answer(503, "spool_full", "predictions cannot be recorded at the moment: try again later"),
    model.SpoolBroken: Answer(503, "spool_broken", "predictions cannot be recorded at the moment: try again"),
}


class Overloaded(Exception):
    """More is under way than can be answered soon: refused at once, while that is still cheap."""


OVERLOADED: Final = Answer(503, "overloaded", "the service has too much to do: try again in a moment")
REQUEST_REFUSED: Final = Answer(422, "request_refused", "the request is not as this path wants it: see fields")
BAD_REQUEST: Final = Answer(400, "bad_request", "the request cannot be understood")
HEADERS_TOO_LARGE: Final = Answer(431, "headers_too_large", "the headers are too large: data belongs into the body")
# Seconds after which a client that got a 503 should try again.
RETRY_AFTER: Final = "1"

# What HTTP itself can refuse. A status that is not here gets the code "http_error".
HTTP_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: (BAD_REQUEST.code, BAD_REQUEST.message),
    401: ("unauthorized", "this needs the admin token: send Authorization: Bearer <token>"),
    404: ("not_found", "there is nothing at this path: see /docs"),
    405: ("method_not_allowed", "this path has another method: see the Allow header and /docs"),
    413: ("body_too_large", "the body is too large: send fewer rows a request"),
    415: ("unsupported_media_type", "the body must be JSON in UTF-8: send Content-Type: application/json"),
}


def answer_for(error: BaseException) -> Answer:
    """The table's answer for an error's class or its nearest listed parent."""
    listed = (ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    return next(listed, ANSWERS[model.ModelError])


def respond(
    answer: Answer, fields: Sequence[WrongField] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An answer as a response in the one shape."""
    again = {"Retry-After": RETRY_AFTER} if answer.status == OVERLOADED.status else {}
    return JSONResponse(as_json(answer, fields), answer.status, {**again, **(headers or {})})


def as_json(answer: Answer, fields: Sequence[WrongField] = ()) -> dict[str, Any]:
    """The one shape."""
    return ErrorResponse(error=Error(code=answer.code, message=answer.message, fields=list(fields))).model_dump()


async def _model_error(_: Request, error: model.ModelError) -> JSONResponse:
    failures = error.failures[:MOST_FIELDS] if isinstance(error, model.DataError) else ()
    fields = [WrongField(field=bounded(failure.where), message=bounded(failure.message)) for failure in failures]
    return respond(answer_for(error), fields)


async def _wrong_request(_: Request, error: RequestValidationError) -> JSONResponse:
    found = error.errors()[:MOST_FIELDS]
    fields = [WrongField(field=bounded(".".join(map(str, one["loc"]))), message=bounded(one["msg"])) for one in found]
    return respond(REQUEST_REFUSED, fields)


async def _overloaded(_: Request, __: Overloaded) -> JSONResponse:
    return respond(OVERLOADED)


async def _http_error(_: Request, error: RoutingException) -> JSONResponse:
    code, message = HTTP_CODES.get(error.status_code, ("http_error", "the request cannot be answered"))
    return respond(Answer(error.status_code, code, message), headers=error.headers)


def internal_error() -> JSONResponse:
    """What a client is told of an error that nobody expected."""
    return respond(ANSWERS[model.ModelError])


def refused(status: int) -> HTTPException:
    """An exception that is answered with the code and message of that status."""
    return HTTPException(status)


HANDLERS: Final[dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]]] = {
    model.ModelError: _model_error,
    RequestValidationError: _wrong_request,
    Overloaded: _overloaded,
    RoutingException: _http_error,
}
