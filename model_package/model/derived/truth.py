"""Contract -> the request that says what proved true, and the statements in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from model.contract import Category, Contract, Number
from model.derived.request import value_type
from model.errors import Failure, RowsRefused, bounded
from model.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_TRUTHS: Final = 10_000
MOST_FIELDS: Final = 50
LONGEST_ID: Final = 64
LONGEST_KEY: Final = 200
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A clock elsewhere may be ahead; what holds only from next year on would win until then.
LONGEST_AHEAD: Final = timedelta(days=1)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class _Statement(_Body):
    prediction_id: Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_ID)] | None = Field(
        None,
        description="Of one prediction: the X-Prediction-ID of its answer, with -0, -1, ... for each of several rows",
    )
    key: Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_KEY)] | StrictInt | None = Field(
        None, description="Of every prediction with this key, the caller's own"
    )
    at: Annotated[AwareDatetime, Field(ge=EARLIEST)] | None = Field(
        None, description="From when on it holds: the latest wins. The moment of its arrival when not said"
    )

    @model_validator(mode="after")
    def _is_about_one_thing(self) -> Self:
        if (self.prediction_id is None) == (self.key is None):
            raise PydanticCustomError("subject", "give either prediction_id or key")
        return self


def truth_model(contract: Contract) -> type[BaseModel]:
    """The body of `POST /ground_truth` for this contract."""
    target = contract.target
    column = Category(target.name, target.classes) if target.labels else None
    described = ", ".join(f"{label.value} is {label.name}" for label in target.labels[:20]) or target.description
    value = value_type(column or Number(target.name, target.minimum, target.maximum))
    said = create_model("TruthStatement", __base__=_Statement, truth=(value, Field(description=described)))
    every: Any = list.__class_getitem__(said)
    return create_model("TruthRequest", __base__=_Body, truths=(every, Field(min_length=1, max_length=MOST_TRUTHS)))


def parse(model: type[BaseModel], body: bytes) -> Any:  # noqa: ANN401 - a model made at run time
    """A request's bytes -> the request. Raises RowsRefused with a `Failure` for each wrong field, at most fifty."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[:MOST_FIELDS]
        failures = [Failure(str(one["type"]), bounded(one["msg"]), _where(one["loc"])) for one in found]
        raise RowsRefused("the truth breaks the contract", failures) from None


def _where(place: tuple[int | str, ...]) -> str:
    # pydantic adds the branch of a union behind the place: people need the place only.
    parts = [f"[{part}]" if isinstance(part, int) else f".{bounded(part)}" for part in place[:3]]
    return "".join(parts).lstrip(".") or "body"


def statements(contract: Contract, request: Any, arrived_at: datetime) -> list[Truth]:  # noqa: ANN401 - see `parse`
    """What a request says that arrived then.

    Raises RowsRefused: two values of one subject from the same moment on, or a moment that is days ahead.
    """
    said = [_statement(contract, one, arrived_at) for one in request.truths]
    failures = list(_failures(said, arrived_at))
    if failures:
        raise RowsRefused("the truth contradicts itself", failures[:MOST_FIELDS])
    return said


def _statement(contract: Contract, one: Any, arrived_at: datetime) -> Truth:  # noqa: ANN401 - see `parse`
    # PostgreSQL has no NUL in texts: predictions' keys are stored so too.
    subject = str(one.key if one.prediction_id is None else one.prediction_id).replace("\0", "\ufffd")
    value = one.truth if contract.target.labels else float(one.truth)
    at = arrived_at if one.at is None else one.at.astimezone(UTC)
    return Truth("key" if one.prediction_id is None else "prediction_id", subject, value, at, arrived_at)


def _failures(said: list[Truth], arrived_at: datetime) -> Iterator[Failure]:
    first: dict[tuple[str, str, datetime], int] = {}
    for place, one in enumerate(said):
        before = first.setdefault((one.by, one.subject, one.at), place)
        if said[before].value != one.value:
            message = f"contradicts truths[{before}]: leave one, or say with `at` which is later"
            yield Failure("contradiction", message, f"truths[{place}].truth")
        if len(one.subject) > LONGEST_KEY:
            yield Failure("subject", "is longer than any key", f"truths[{place}].key")
        if one.at > arrived_at + LONGEST_AHEAD:
            yield Failure("future", "lies more than a day ahead", f"truths[{place}].at")
