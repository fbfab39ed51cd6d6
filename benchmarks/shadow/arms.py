"""The two arms of a pair: the same service under the same load, with a challenger at work and without.

Everything stays started: the service with one worker, PostgreSQL, the shipper, the follower. Without a challenger the
follower has nothing to do, as in any installation that has none. Which arm of a pair comes first alternates, so that
neither gains from what other programs do meanwhile.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from promises import bodies, machine
from promises.artifacts import made_as_shipped
from promises.database import Database, database
from promises.followers import following
from promises.load import Load
from promises.service import Service, running
from promises.wire import prediction

VARIETY = 200
TIME_OUT = 5.0
SECONDS_TO_SETTLE = 1.5
PATIENCE_SECONDS = 120
OK = 200
Report = Callable[[str], None]
Arm = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """pairs: of arms. seconds: that each is measured. rate: requests a second, evenly, whether answered or not."""

    pairs: int
    seconds: float
    rate: float


def measured(plan: Plan, report: Report) -> tuple[list[dict[str, Arm]], int]:
    """Every pair, and how many rows the challenger has answered in all."""
    shipped = made_as_shipped("reggaeton")
    with (
        database() as server,
        running(artifacts=shipped) as service,
        following(service, server.url, "ship", "--follow"),
        following(service, server.url, "shadow", "--follow"),
        machine.load_on(None),
    ):
        # As heavy as the champion: the champion itself.
        version = service.registry.champion()
        warmed = _arm(service, plan, version)
        report(f"warm: {warmed}")
        _wait_for_answers(server)
        pairs = []
        for number in range(plan.pairs):
            order = ("with", "without") if number % 2 else ("without", "with")
            pair = {name: _arm(service, plan, version if name == "with" else None) for name in order}
            pairs.append(pair)
            report(f"{number + 1}/{plan.pairs} {pair}")
        return pairs, _answered(server)


def _arm(service: Service, plan: Plan, version: str | None) -> Arm:
    """Set or take off the challenger, let it settle under the load, and measure."""
    if version is None:
        service.registry.shadow_off()
    else:
        service.registry.shadow(version, who="benchmark", why="measured")
    contract = bodies.contract_of(service.contract)
    requests = [prediction(bodies.body(contract, 1, seed)) for seed in range(VARIETY)]
    load = Load(service.address, lambda number: requests[number % VARIETY])
    outcomes = load.open(plan.rate, SECONDS_TO_SETTLE + plan.seconds, TIME_OUT)
    counted = [outcome for outcome in outcomes if outcome.number >= SECONDS_TO_SETTLE * plan.rate]
    took = sorted(outcome.took * 1e3 for outcome in counted)
    return {
        "requests": len(counted),
        "failed": sum(outcome.status != OK for outcome in outcomes),
        # 0: nothing came back in time.
        "failures": Counter(str(outcome.status) for outcome in outcomes if outcome.status != OK),
        "p50_ms": round(_at(took, 0.5), 4),
        "p99_ms": round(_at(took, 0.99), 4),
        "load": round(machine.described()["load_before"], 2),
    }


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _answered(server: Database) -> int:
    engine = sa.create_engine(server.url)
    with engine.connect() as connection:
        found = int(connection.execute(sa.text("SELECT count(*) FROM shadow_reggaeton")).scalar_one())
    engine.dispose()
    return found


def _wait_for_answers(server: Database) -> None:
    """The follower has loaded the challenger once: what is measured is its work, not its start."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if _answered(server):
                return
        except sa.exc.ProgrammingError:
            pass  # the table is not there yet
        time.sleep(0.5)
    raise TimeoutError("the challenger has answered nothing")
