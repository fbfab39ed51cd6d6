"""At five times what it can do, the service as deployed still does at least 95 % of what it can do."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from promises import bodies, machine
from promises.artifacts import made_as_shipped
from promises.front import front
from promises.load import Load, Outcome
from promises.promise import Measured, Report
from promises.service import running
from promises.spread import spread
from promises.wire import Address, Client, prediction

ROWS = 100
TIMES_CAPACITY = 5
SECONDS, SHORT_SECONDS = 10, 1
TIME_OUT_SECONDS = 1
# As many clients as keep the service busy, and fewer than it admits at once.
CONNECTIONS_AT_CAPACITY = (4, 8, 16)
MOST_SOCKETS = 12_000
REPEATS = 3
PATIENCE_SECONDS = 60
QUICK_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class _Run:
    """Goodput at capacity and beyond, in answers of status 200 a second."""

    capacity: float
    goodput: float
    detail: dict[str, Any]


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Goodput through nginx at five times the capacity, in percent of the capacity; the median of three runs."""
    machine.allow_many_sockets(MOST_SOCKETS)
    core, other = machine.cores() or (None, None)
    seconds = SHORT_SECONDS if short else SECONDS
    with (
        running(artifacts=None if short else made_as_shipped("reggaeton"), core=core) as service,
        machine.load_on(other),
        front(service, other) as published,
    ):
        runs = [_run(published, seconds, report) for _ in range(1 if short else REPEATS)]
        report("now the service alone, without nginx")
        alone = _run(service.address, seconds, report)
    shares = sorted(100 * run.goodput / run.capacity for run in runs)
    detail = {
        "rows_a_request": ROWS,
        "through_nginx": [run.detail for run in runs],
        "service_alone": {**alone.detail, "percent": round(100 * alone.goodput / alone.capacity, 1)},
    }
    return Measured(shares[len(shares) // 2], "%", detail)


def _until_idle(address: Address) -> None:
    """Whatever an overload has left to be done is done: small requests are answered at once again."""
    raw, deadline, quick = _questions()[0], time.monotonic() + PATIENCE_SECONDS, 0
    while quick < QUICK_IN_A_ROW:
        with Client(address, TIME_OUT_SECONDS) as client:
            quick = quick + 1 if client.say(raw).status == 200 else 0  # noqa: PLR2004 - HTTP's own number
        if time.monotonic() > deadline:
            raise TimeoutError(f"{PATIENCE_SECONDS} s after an overload the service does not answer yet")


def _run(address: Address, seconds: float, report: Report) -> _Run:
    _until_idle(address)
    closed = {count: _capacity(address, count, seconds / 2) for count in CONNECTIONS_AT_CAPACITY}
    capacity = max(closed.values())
    load = Load(address, _questions().__getitem__)
    rate = capacity * TIMES_CAPACITY
    began = time.monotonic()
    outcomes = load.open(rate, seconds, TIME_OUT_SECONDS)
    took = time.monotonic() - began
    goodput = _good(outcomes, began, seconds)
    detail = {
        "capacity": round(capacity),
        "capacity_by_connections": {str(count): round(value) for count, value in closed.items()},
        "asked_a_second": round(rate),
        # How far the load generator itself kept up: a late one asks for less than it says.
        "took_over_planned": round(took / (seconds + TIME_OUT_SECONDS), 2),
        "goodput": round(goodput),
        "by_status": dict(Counter(str(outcome.status) for outcome in outcomes)),
        "ms_of_200": spread([outcome.took * 1000 for outcome in outcomes if outcome.status == 200]),  # noqa: PLR2004
        "ms_of_503": spread([outcome.took * 1000 for outcome in outcomes if outcome.status == 503]),  # noqa: PLR2004
    }
    report(f"capacity {capacity:.0f}/s, asked {rate:.0f}/s, goodput {goodput:.0f}/s, {detail['by_status']}")
    return _Run(capacity, goodput, detail)


class _Questions:
    """Some different requests, by any number."""

    def __init__(self) -> None:
        contract = bodies.contract_of("reggaeton")
        self._made = [prediction(bodies.body(contract, ROWS, seed)) for seed in range(20)]

    def __getitem__(self, number: int) -> bytes:
        return self._made[number % len(self._made)]


def _questions() -> _Questions:
    return _Questions()


def _capacity(address: Address, connections: int, seconds: float) -> float:
    outcomes = Load(address, _questions().__getitem__).closed(connections, seconds=seconds)
    good = [outcome for outcome in outcomes if outcome.status == 200]  # noqa: PLR2004
    return len(good) / seconds


def _good(outcomes: list[Outcome], began: float, seconds: float) -> float:
    """Right answers in time, in the second half: what lasts, not what a first moment allows."""
    begin, end = began + seconds / 2, began + seconds
    good = [outcome for outcome in outcomes if outcome.status == 200 and begin <= outcome.began + outcome.took < end]  # noqa: PLR2004
    return len(good) / (end - begin)
