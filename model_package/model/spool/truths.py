"""A record of truth in the spool -> statements, by the contract that it was accepted under.

A record is one request: `{"at" (unix nanoseconds), "request"}`, the last one in its canonical form,
`{"truths": [{"key" or "prediction_id", "truth", "at"}, ...]}`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from model.derived.truth import EARLIEST, statements, truth_model
from model.errors import RowsRefused
from model.spool.reader import texts
from model.spool.rows import LAST_NS, Record, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.contract import Contract
    from model.spool.reader import Group
    from model.truth import Truth


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    at: int = Field(ge=0, lt=LAST_NS)


class Truths:
    """Makes statements of the records of one contract."""

    def __init__(self, contract: Contract) -> None:
        """Nothing is made until it is asked for."""
        self.contract = contract

    @cached_property
    def _model(self) -> type[BaseModel]:
        return create_model("Record", __base__=_Record, request=(truth_model(self.contract), ...))

    def records(self, group: Group) -> Iterator[Record | Refused]:
        """The records of a group, and what there is in it beside records."""
        place = -1
        try:
            for place, text in enumerate(texts(group.body)):
                try:
                    yield self._record(group, place, text)
                except (ValueError, RowsRefused) as error:
                    yield Refused(text, str(error))
        except ValueError as error:
            yield Refused(group.body.decode(errors="backslashreplace"), f"behind record {place}: {error}")

    def _record(self, group: Group, place: int, text: str) -> Record:
        parsed: Any = self._model.model_validate_json(text)
        said = statements(self.contract, parsed.request, _moment(parsed.at))
        return Record(group, place, parsed, len(said))

    def rows(self, record: Record) -> Iterator[Truth]:
        """One for each statement of the request."""
        yield from statements(self.contract, record.parsed.request, _moment(record.parsed.at))


def _moment(nanoseconds: int) -> datetime:
    return EARLIEST + timedelta(microseconds=nanoseconds // 1000)
