"""A bundle at work: all that answering a request needs, made once when the bundle is taken up."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from app.answers import answer_template
from app.records import record_template
from model.derived.decoder import Decoder
from model.derived.encoding import encode
from model.derived.request import example_request, parse, request_model
from model.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from model.bundle import Bundle
    from model.contract import Contract
    from model.decision import Predictions
    from model.derived.decoder import Columns
    from model.derived.encoding import Floats

# Bytes of a body of which everything that is wrong is told; of a larger one the first thing.
MOST_EXPLAINED: Final = 8_192
# What a request and a row cost beside the model, measured.
SECONDS_A_REQUEST: Final = 0.000_03
SECONDS_A_ROW: Final = 0.000_001
WARM_UP_CALLS: Final = 5

Label = int | str | float


@dataclass(frozen=True, slots=True)
class Serving:
    """A bundle with what its contract generates.

    row_seconds: what one row of a batch costs the model on this machine, measured when it was taken up.
    row_bytes, name_bytes: of a request: what each row adds, and what is there once.
    words: each label as JSON; a regression's values are none of them.
    answer: the bytes of an answer of one row, to be filled in (`app.answers`).
    record: the bytes of a record in the log, to be filled in (`app.records`).
    """

    bundle: Bundle
    request: type[BaseModel]
    decoder: Decoder
    row_seconds: float
    row_bytes: int
    name_bytes: int
    words: dict[Label, bytes]
    answer: bytes
    record: bytes

    @staticmethod
    def of(bundle: Bundle) -> Serving:
        """Generate what the contract asks for, and warm the model up. Blocking."""
        contract = bundle.contract
        words: dict[Label, bytes] = {value: json.dumps(value).encode() for value in contract.target.classes}
        prepared = (answer_template(bundle.version), record_template(bundle.version))
        costs = (_row_seconds(bundle), *_sizes(contract))
        return Serving(bundle, request_model(contract), Decoder(contract), *costs, words, *prepared)

    @property
    def version(self) -> str:
        """The bundle's version."""
        return self.bundle.version

    @property
    def contract(self) -> Contract:
        """The contract that the bundle was trained under."""
        return self.bundle.contract

    def seconds(self, size: int) -> float:
        """About what a request of `size` bytes will take, known before it is decoded: refusing must cost nothing."""
        rows = max(1, (size - self.name_bytes) // self.row_bytes)
        return SECONDS_A_REQUEST + rows * (self.row_seconds + SECONDS_A_ROW)

    def refuse_at_sight(self, body: bytes) -> None:
        """Raise RowsRefused for what a large body shows before anything of it is built (`Decoder.refuse_at_sight`)."""
        if len(body) > MOST_EXPLAINED:
            self.decoder.refuse_at_sight(body)

    def read(self, body: bytes) -> Floats:
        """A request's bytes -> what the model sees, float64 [n, features]. Blocking. Raises RowsRefused."""
        columns = self.decoder.many(body, tell=len(body) > MOST_EXPLAINED)
        if columns is None:
            return encode(self.contract, parse(self.request, body).columns)
        return stacked(columns)

    def predict(self, rows: Floats) -> Predictions:
        """The answers for rows [n, features]. Raises BundleError when the model gives no finite number."""
        answered = self.bundle.predict(rows)
        if not np.isfinite(answered.scores).all():
            raise BundleError(f"bundle {self.version} answers with numbers that are not finite")
        return answered

    def say(self, labels: Sequence[Label]) -> list[bytes]:
        """Labels, or a regression's values, as JSON."""
        if self.words:
            return [self.words[label] for label in labels]
        return as_json(labels)


def as_json(numbers: Sequence[Label]) -> list[bytes]:
    """Each finite number as JSON, the shortest that reads as the same number."""
    return msgspec.json.encode(numbers)[1:-1].split(b",")


def stacked(columns: Columns) -> Floats:
    """Columns as the decoder reads them -> float64 [n, features]; what is missing becomes NaN."""
    return np.column_stack([np.array(column, dtype=np.float64) for column in columns])


def _sizes(contract: Contract) -> tuple[int, int]:
    data = example_request(contract)["data"]
    one, two = (len(json.dumps({"data": {name: values * rows for name, values in data.items()}})) for rows in (1, 2))
    return two - one, 2 * one - two


def _row_seconds(bundle: Bundle) -> float:
    """The quickest of a few calls: what disturbs a measurement only ever makes it longer.

    With rows of the training data: a forest takes rows of zeros four times as quickly.
    """
    took = []
    for _ in range(WARM_UP_CALLS):
        began = time.perf_counter()
        bundle.scorer.score(bundle.sample)
        took.append(time.perf_counter() - began)
    return min(took) / len(bundle.sample)
