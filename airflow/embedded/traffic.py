"""Live traffic for a service: clients that ask without an end, and later tell it what proved true.

The tracks are those of `model.contracts.reggaeton.stream`, so that the truth is known, and the world can be changed
while everything runs. The service is told nothing but rows, and later their truth.
"""

from __future__ import annotations

import csv
import itertools
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from model.contract import Contract

CLIENTS = 3
ROWS_A_REQUEST = 3
SECONDS_BETWEEN_REQUESTS = 0.25
SECONDS_UNTIL_KNOWN = 2.0
REQUESTS_BETWEEN_TELLINGS = 4
SECONDS_TO_ANSWER = 30.0
ROWS_OF_A_DRAW = 300
WITH_A_FILE = 4  # every fourth truth comes by file, the others over HTTP

Row = dict[str, Any]


@dataclass(frozen=True)
class World:
    """What the tracks are like: the arguments of `stream`, and the same in words."""

    said: str
    how: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What proved true of a row, and when somebody comes to know it (`time.monotonic`)."""

    due: float
    row: Row


class Traffic:
    """Some clients of one service. As a context manager it asks from its beginning to its end.

    versions: how many requests each version has answered. failures: how many were not answered as they should, by how.
    slowest: seconds of the slowest request. known: of how many rows the truth has been told.
    """

    def __init__(
        self,
        url: str,
        contract: Contract,
        world: World,
        *,
        pause: float = SECONDS_BETWEEN_REQUESTS,
        known_after: float = SECONDS_UNTIL_KNOWN,
    ) -> None:
        """Nothing is asked yet. In seconds: the pause of each client, and after which the truth is known."""
        self.url, self.contract, self.world = url, contract, world
        self._pause, self._known_after = pause, known_after
        self.versions: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.slowest = 0.0
        self.known = 0
        self._to_file: deque[Row] = deque()
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Self:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ask no more."""
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def write_truth(self, path: Path) -> int:
        """Write what has proved true, and was not told over HTTP, into a file; returns how many rows."""
        key, target = self.contract.key.name, self.contract.target.name
        rows = [self._to_file.popleft() for _ in range(len(self._to_file))]
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([key, target])
            writer.writerows([row[key], row[target]] for row in rows)
        return len(rows)

    # ------------------------------------------------------------------------------------------ one client

    def _ask(self, number: int) -> None:
        waiting: deque[Told] = deque()
        with httpx.Client(base_url=self.url, timeout=SECONDS_TO_ANSWER, trust_env=False) as http:
            for count, some in enumerate(self._requests(number)):
                if self._enough.wait(self._pause):
                    return
                self._send(http, some)
                due = time.monotonic() + self._known_after
                waiting.extend(Told(due, row) for row in some)
                if count % REQUESTS_BETWEEN_TELLINGS == 0:
                    self._tell(http, waiting)

    def _requests(self, number: int) -> Iterator[list[Row]]:
        """Rows without an end, of the world as it is at the moment; each has a key of its own."""
        from model.contracts.reggaeton import stream  # noqa: PLC0415 - costs pandas and scipy

        for draw in itertools.count():
            world = self.world
            frame = stream(ROWS_OF_A_DRAW, seed=1_000 * number + draw, **world.how)
            frame[self.contract.key.name] = [f"{number}-{draw}-{row}" for row in range(len(frame))]
            rows: list[Row] = frame.drop(columns="created_at").astype(object).to_dict(orient="records")
            for begin in range(0, len(rows), ROWS_A_REQUEST):
                if self.world is not world:
                    break
                yield rows[begin : begin + ROWS_A_REQUEST]

    def _send(self, http: httpx.Client, rows: list[Row]) -> None:
        names = [self.contract.key.name, *self.contract.column_names]
        began = time.monotonic()
        asked = {"data": {name: [row[name] for row in rows] for name in names}}
        self._count(http, "/get_prediction", asked, httpx.codes.OK)
        self.slowest = max(self.slowest, time.monotonic() - began)

    def _count(self, http: httpx.Client, path: str, body: Row, right: int) -> None:
        """Send a request, and count how it ends: by version when right, by path when not."""
        try:
            answer = http.post(path, json=body)
        except httpx.HTTPError as error:
            said = f"{path}: {type(error).__name__}"
        else:
            said = "" if answer.status_code == right else f"{path}: {answer.status_code} {answer.text[:200]}"
        with self._lock:
            if said:
                self.failures[said] += 1
            elif right == httpx.codes.OK:
                self.versions[answer.headers["X-Model-Version"]] += 1

    def _tell(self, http: httpx.Client, waiting: deque[Told]) -> None:
        """Say what has become known: most of it over HTTP, the rest will stand in a file."""
        rows = []
        while waiting and waiting[0].due <= time.monotonic():
            rows.append(waiting.popleft().row)
        by_file = rows[::WITH_A_FILE]
        by_http = [row for place, row in enumerate(rows) if place % WITH_A_FILE]
        with self._lock:
            self._to_file.extend(by_file)
            self.known += len(rows)
        if by_http:
            key, target = self.contract.key.name, self.contract.target.name
            truths = [{"key": row[key], "truth": row[target]} for row in by_http]
            self._count(http, "/ground_truth", {"truths": truths}, httpx.codes.ACCEPTED)
