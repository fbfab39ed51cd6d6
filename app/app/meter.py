"""What the service counts of itself. Plain numbers on the event loop's thread: a request costs it half a microsecond.

Each worker process counts for itself; `app.metrics` adds them up when Prometheus asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

LATENCY_SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
BATCH_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 1_000, 10_000)
COMMIT_SECONDS: Final = LATENCY_SECONDS


@dataclass(slots=True)
class Histogram:
    """How many observations fell into each bucket (the last one has no bound), and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        """One bucket more than bounds."""
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class Meter:
    """One worker's counts.

    in_flight, load: requests that have been accepted and not yet answered, and the seconds that they may take.
    requests: by route and status; refused: by error code; predictions: rows answered, by version.
    latency: seconds of predictions from the complete request to the answer; commit: seconds of a group's commit.
    records_dropped: what an asynchronous log could not keep.
    """

    in_flight: int = 0
    load: float = 0.0
    records_dropped: int = 0
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    predictions: Counter[str] = field(default_factory=Counter)
    latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_SECONDS))
    batch_rows: Histogram = field(default_factory=lambda: Histogram(BATCH_ROWS))
    commit: Histogram = field(default_factory=lambda: Histogram(COMMIT_SECONDS))

    def begin(self, seconds: float) -> None:
        """A request has been accepted that may take so long."""
        self.in_flight += 1
        self.load += seconds

    def end(self, seconds: float) -> None:
        """It has been answered."""
        self.in_flight -= 1
        self.load = self.load - seconds if self.in_flight else 0.0

    def said(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {
            "in_flight": self.in_flight,
            "load": self.load,
            "records_dropped": self.records_dropped,
            "requests": [[*key, count] for key, count in self.requests.items()],
            "refused": dict(self.refused),
            "predictions": dict(self.predictions),
            "latency": [self.latency.counts, self.latency.total],
            "batch_rows": [self.batch_rows.counts, self.batch_rows.total],
            "commit": [self.commit.counts, self.commit.total],
        }
