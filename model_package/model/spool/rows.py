"""A record of the spool -> rows of the store, by the contract that the record was made under.

A record is one request: `{"id", "at" (unix nanoseconds), "us" (latency), "version", "labels", "scores", "request"}`,
the last one as the client sent it, and the caller's "request_id" if there was one. It was checked then; it is checked
again here, because types that JSON lacks (moments) are made from it. Its contract is its group's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from model.contract import Contract
from model.derived.request import request_model
from model.derived.tables import LONGEST_REQUEST_ID, input_name
from model.spool.reader import BYTES_AT_ONCE, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.spool.reader import Group

ORIGIN: Final = "online"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_NS: Final = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp()) * 10**9


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is none: what it says, and what is wrong with it."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Record:
    """One request with its answers."""

    group: Group
    place: int
    parsed: Any
    count: int

    @property
    def text(self) -> str:
        """The record as it was written."""
        return next(text for place, text in enumerate(texts(self.group.body)) if place == self.place)


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True)

    id: str = Field(min_length=1, max_length=48)
    at: int = Field(ge=0, lt=LAST_NS)
    us: float
    version: str
    request_id: str | None = None
    scores: list[float]


class Rows:
    """Makes rows of the records of one contract."""

    def __init__(self, contract: Contract) -> None:
        """Nothing is made until it is asked for."""
        self.contract = contract

    @cached_property
    def _model(self) -> type[BaseModel]:
        labels = self.contract.target.classes
        label: Any = Literal[labels] if labels else float
        request = request_model(self.contract)
        return create_model("Record", __base__=_Record, labels=(list[label], ...), request=(request, ...))

    @cached_property
    def _models(self) -> TypeAdapter[list[Any]]:
        every: Any = list.__class_getitem__(self._model)
        return TypeAdapter(every)

    @cached_property
    def _inputs(self) -> list[tuple[str, str]]:
        """The name of each column's field in a request, and of its column in the store."""
        return [(f"c{place}", input_name(column)) for place, column in enumerate(self.contract.columns)]

    def records(self, group: Group) -> Iterator[Record | Refused]:
        """The records of a group, and what there is in it beside records."""
        yield from self._all_at_once(group) or self._one_by_one(group)

    def _all_at_once(self, group: Group) -> list[Record]:
        """All records, when all are in order and their objects are not too many; else none."""
        if len(group.body) > BYTES_AT_ONCE:
            return []
        try:
            parsed = self._models.validate_json(group.body)
            return [self._record(group, place, record) for place, record in enumerate(parsed)]
        except ValueError:  # pydantic's errors are of this class
            return []

    def _one_by_one(self, group: Group) -> Iterator[Record | Refused]:
        place = -1
        try:
            for place, text in enumerate(texts(group.body)):
                try:
                    yield self._record(group, place, self._model.model_validate_json(text))
                except ValueError as error:
                    yield Refused(text, str(error))
        except ValueError as error:
            yield Refused(group.body.decode(errors="backslashreplace"), f"behind record {place}: {error}")

    def _record(self, group: Group, place: int, record: Any) -> Record:  # noqa: ANN401 - a model made at run time
        data = record.request.data
        lists = [record.labels, record.scores, *(getattr(data, field) for field, _ in self._inputs)]
        counts = {len(values) for values in lists if values is not None}
        if data.key is not None:
            counts.add(len(data.key))
        if len(counts) != 1:
            raise ValueError("its lists are of different lengths")
        return Record(group, place, record, counts.pop())

    def rows(self, record: Record) -> Iterator[dict[str, Any]]:
        """One row for each row of the request."""
        said, data = record.parsed, record.parsed.request.data
        own = {
            "created_at": _EPOCH + timedelta(microseconds=said.at // 1000),
            "origin": ORIGIN,
            "version": said.version,
            "contract_fingerprint": self.contract.fingerprint,
            "latency_ms": said.us / 1000,
            "request_id": _text(said.request_id or said.id)[:LONGEST_REQUEST_ID],
        }
        columns = [(name, getattr(data, field)) for field, name in self._inputs]
        for place in range(record.count):
            yield {
                "prediction_id": said.id if record.count == 1 else f"{said.id}-{place}",
                **own,
                "key": None if data.key is None else _text(str(data.key[place])),
                "label": said.labels[place],
                "score": said.scores[place],
                **{name: _value(values[place]) for name, values in columns},
            }


def _value(value: Any) -> Any:  # noqa: ANN401 - any value a column can hold
    """Moments in UTC: SQLite stores none of their zones."""
    if not isinstance(value, datetime):
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:  # in the first or the last hours that there are
        return value.replace(tzinfo=UTC)


def _text(text: str) -> str:
    """PostgreSQL has no NUL in texts."""
    return text.replace("\0", "\ufffd")
