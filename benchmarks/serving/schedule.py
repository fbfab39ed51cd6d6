"""An open loop's order, its schedule of arrivals, and the tally of what became of them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """rate: arrivals a second. run_in, seconds: how long before counting, and how long it is counted."""

    port: int
    path: str
    body: str
    rate: float
    run_in: float
    seconds: float
    connections: int

    def request(self) -> bytes:
        """The bytes of every request."""
        body = self.body.encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True, slots=True)
class Schedule:
    """Evenly spaced arrivals: number i at i / rate seconds, until the end."""

    rate: float
    run_in: float
    seconds: float

    @property
    def end(self) -> float:
        """When the last one has arrived."""
        return self.run_in + self.seconds

    def due(self, elapsed: float) -> int:
        """How many have arrived after `elapsed` seconds."""
        return int(min(elapsed, self.end) * self.rate)

    def at(self, number: int) -> float:
        """When it arrives."""
        return number / self.rate

    def counts(self, number: int) -> bool:
        """Whether it arrives after the run-in."""
        return number >= self.run_in * self.rate

    def counted(self, first: int, end: int) -> int:
        """How many of the arrivals from `first` to before `end` count."""
        return max(0, end - max(first, math.ceil(self.run_in * self.rate)))


@dataclass(slots=True)
class Tally:
    """What became of the arrivals that count.

    latencies: of the good answers, in seconds, from their arrival. lag: seconds from arrival to sending, summed over
    `sent`.
    """

    seconds: float
    arrived: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    turned_away: int = 0
    gave_up: int = 0
    broken: int = 0
    latencies: list[float] = field(default_factory=list)
    sent: int = 0
    lag: float = 0.0

    @property
    def goodput(self) -> float:
        """Answers 200 within the client's patience, a second."""
        return len(self.latencies) / self.seconds

    def told(self) -> dict[str, object]:
        """As JSON says it: the latencies by their percentiles."""
        latencies = sorted(self.latencies)
        said = {name: value for name, value in asdict(self).items() if name not in {"latencies", "lag"}}
        at = {f"p{share}_ms": percentile(latencies, share) for share in (50, 99)}
        said["lag_ms"] = self.lag / self.sent * 1e3 if self.sent else 0.0
        return {**said, "goodput": self.goodput, **{name: value and value * 1e3 for name, value in at.items()}}


def percentile(ordered: list[float], share: float) -> float | None:
    """The value below which `share` percent lie; None of nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] if ordered else None


def answered(data: bytes) -> int | None:
    """The status of a whole answer, None while some of it has not come."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    fields = head.lower()
    _, named, after = fields.partition(b"\r\ncontent-length:")
    whole = len(rest) >= int(after.partition(b"\r\n")[0]) if named else rest.endswith(b"0\r\n\r\n")
    return int(head[9:12]) if whole else None
