"""What proved true: a value that somebody said of a prediction or of a key, and what became of saying it.

One rule decides whatever the order in which things arrive, and however often:

- Each different value that was said of a subject is kept, with the latest moment from which it was said to hold.
- The value with the latest moment wins; of two with the same moment the one that was said later.
- What was said of a prediction's id goes before what was said of its key.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

By = Literal["prediction_id", "key"]
Value = int | str | float


class Truth(NamedTuple):
    """One statement.

    by, subject: of which prediction, or of all predictions of which key.
    value: one of the target's labels, or the number of a regression.
    at: from when on it holds; arrived_at: when it was said. Both in UTC.
    """

    by: By
    subject: str
    value: Value
    at: datetime
    arrived_at: datetime

    @property
    def identity(self) -> str:
        """The same for the same subject and value."""
        said = json.dumps([self.by, self.subject, self.value])
        return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many statements there were.

    new: about a subject of which nothing was known.
    repeated: of a value that was known of it already; only its moment may have become later.
    contradicting: of another value than was known of it. Both are kept, and the later one wins.
    """

    new: int = 0
    repeated: int = 0
    contradicting: int = 0

    def __add__(self, other: Recorded) -> Recorded:
        """Both together."""
        new, repeated = self.new + other.new, self.repeated + other.repeated
        return Recorded(new, repeated, self.contradicting + other.contradicting)

    def __str__(self) -> str:
        """For people."""
        return f"{self.new} new, {self.repeated} repeated, {self.contradicting} contradicting"


@dataclass(frozen=True, slots=True)
class Window:
    """Which predictions are joined: made at `since` or later and before `until`, by a version, of an origin."""

    since: datetime | None = None
    until: datetime | None = None
    version: str | None = None
    origin: str | None = None


class Joined(NamedTuple):
    """How many predictions of a version and an origin there are, and of how many the truth is known."""

    version: str
    origin: str
    predictions: int
    with_truth: int


class Unjoined(NamedTuple):
    """What the truth itself is like, in subjects (ids and keys), not in statements.

    unmatched: of which there is no prediction, or none yet. contradicting: of which more than one value was said.
    """

    subjects: int
    unmatched: int
    contradicting: int
