"""At five times what it can do, the service as deployed still does at least 95 % of what it can do."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import fmean, median
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
SECONDS, SHORT_SECONDS = 8, 1
CAPACITY_SECONDS, SHORT_CAPACITY_SECONDS = 4, 0.5
TIME_OUT_SECONDS = 1
# As many clients as keep the service busy, and fewer than it admits at once.
CONNECTIONS_AT_CAPACITY = (4, 8, 16)
MOST_SOCKETS = 12_000
ROUNDS = 7
PATIENCE_SECONDS = 60
QUICK_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class _Plan:
    """How long each part takes, in seconds, and how often it is repeated."""

    overload: float
    capacity: float
    rounds: int


@dataclass(slots=True)
class _Rounds:
    """Capacity, overload, capacity, overload, ..., capacity: answers of status 200 a second.

    Each overload stands between two measures of the capacity and is compared with their mean: the machine's own speed
    changes by a tenth within a minute, and the best of several measures would be its best moment.
    """

    connections: int
    capacities: list[float] = field(default_factory=list)
    goodputs: list[float] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)

    @property
    def percents(self) -> list[float]:
        """Goodput of each round, in percent of the capacity around it."""
        pairs = zip(self.goodputs, zip(self.capacities, self.capacities[1:], strict=False), strict=False)
        return [100 * goodput / fmean(around) for goodput, around in pairs]

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {
            "connections_at_capacity": self.connections,
            "capacities": [round(value) for value in self.capacities],
            "percents": [round(value, 1) for value in self.percents],
            "rounds": self.details,
        }


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Goodput through nginx at five times the capacity, in percent of the capacity; the median of seven rounds."""
    machine.allow_many_sockets(MOST_SOCKETS)
    core, other = machine.cores() or (None, None)
    plan = _Plan(SHORT_SECONDS, SHORT_CAPACITY_SECONDS, 1) if short else _Plan(SECONDS, CAPACITY_SECONDS, ROUNDS)
    with (
        running(artifacts=None if short else made_as_shipped("reggaeton"), core=core) as service,
        machine.load_on(other),
        front(service, other) as published,
    ):
        through = _rounds(published, plan, report)
        report("now the service alone, without nginx")
        alone = _rounds(service.address, _Plan(plan.overload, plan.capacity, 1), report)
    detail = {"rows_a_request": ROWS, "through_nginx": through.as_json(), "service_alone": alone.as_json()}
    return Measured(median(through.percents), "%", detail)


def _until_idle(address: Address) -> None:
    """Whatever an overload has left to be done is done: small requests are answered at once again."""
    raw, deadline, quick = _questions()[0], time.monotonic() + PATIENCE_SECONDS, 0
    while quick < QUICK_IN_A_ROW:
        with Client(address, TIME_OUT_SECONDS) as client:
            quick = quick + 1 if client.say(raw).status == 200 else 0  # noqa: PLR2004 - HTTP's own number
        if time.monotonic() > deadline:
            raise TimeoutError(f"{PATIENCE_SECONDS} s after an overload the service does not answer yet")


def _rounds(address: Address, plan: _Plan, report: Report) -> _Rounds:
    _until_idle(address)
    found = {count: _capacity(address, count, plan.capacity) for count in CONNECTIONS_AT_CAPACITY}
    rounds = _Rounds(max(found, key=found.__getitem__))
    rounds.capacities.append(_capacity(address, rounds.connections, plan.capacity))
    for _ in range(plan.rounds):
        goodput, detail = _overload(address, rounds.capacities[-1] * TIMES_CAPACITY, plan.overload)
        _until_idle(address)
        rounds.goodputs.append(goodput)
        rounds.details.append(detail)
        rounds.capacities.append(_capacity(address, rounds.connections, plan.capacity))
        report(f"{rounds.percents[-1]:.0f} % of a capacity of {rounds.capacities[-1]:.0f}/s, {detail['by_status']}")
    return rounds


def _overload(address: Address, rate: float, seconds: float) -> tuple[float, dict[str, Any]]:
    """Answers of status 200 a second while `rate` requests a second are asked, and what became of all of them."""
    began = time.monotonic()
    outcomes = Load(address, _questions().__getitem__).open(rate, seconds, TIME_OUT_SECONDS)
    took = time.monotonic() - began
    goodput = _good(outcomes, began, seconds)
    return goodput, {
        "asked_a_second": round(rate),
        # How far the load generator itself kept up: a late one asks for less than it says.
        "took_over_planned": round(took / (seconds + TIME_OUT_SECONDS), 2),
        "goodput": round(goodput),
        "by_status": dict(Counter(str(outcome.status) for outcome in outcomes)),
        "ms_of_200": spread([outcome.took * 1000 for outcome in outcomes if outcome.status == 200]),  # noqa: PLR2004
        "ms_of_503": spread([outcome.took * 1000 for outcome in outcomes if outcome.status == 503]),  # noqa: PLR2004
    }


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
