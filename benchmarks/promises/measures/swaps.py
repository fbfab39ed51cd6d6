"""Fifty swaps of the champion under load: no request fails. `swap_stall` says how long any of them had to wait."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from promises import bodies, machine
from promises.load import Load, Outcome, in_background
from promises.promise import Measured, Report
from promises.promoter import promoter
from promises.service import Service, running
from promises.wire import prediction

SWAPS, SHORT_SWAPS = 50, 4
CONNECTIONS = 4
PATIENCE_SECONDS = 10
SOON = 0.02


@dataclass(frozen=True)
class Observed:
    """What became of the requests while champions changed."""

    outcomes: list[Outcome]
    swaps: int


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count the requests that were not answered by 200."""
    observed = observe(short, report)
    statuses = Counter(str(outcome.status) for outcome in observed.outcomes)
    failed = statuses.total() - statuses["200"]
    return Measured(failed, detail={"requests": statuses.total(), "swaps": observed.swaps, "by_status": dict(statuses)})


_KEPT: dict[bool, Observed] = {}


def observe(short: bool, report: Report) -> Observed:  # noqa: FBT001 - as above
    """What happened in the one run from which both promises about swaps are read."""
    if short not in _KEPT:
        _KEPT[short] = _swap_under_load(SHORT_SWAPS if short else SWAPS, report)
    return _KEPT[short]


def _swap_under_load(swaps: int, report: Report) -> Observed:
    core, other = machine.cores() or (None, None)
    contract = bodies.contract_of("reggaeton")
    requests = [prediction(bodies.body(contract, 1, seed)) for seed in range(20)]
    with running(core=core) as service, machine.load_on(other), promoter(service) as swapper:
        versions = service.registry.versions()
        load = Load(service.address, lambda number: requests[number % len(requests)])
        swapper.promote(versions[0])
        _until(service, versions[0])
        clients = in_background(load, CONNECTIONS)
        for turn in range(swaps):
            wanted = versions[(turn + 1) % len(versions)]
            swapper.promote(wanted)
            _until(service, wanted)
            if turn % 10 == 9:  # noqa: PLR2004 - now and then
                report(f"{turn + 1} swaps, {len(load.outcomes)} requests")
        load.enough.set()
        clients.join()
    return Observed(load.outcomes, swaps)


def _until(service: Service, version: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while service.asked("/health/ready").json()["version"] != version:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{version} was not taken up within {PATIENCE_SECONDS} s")
        time.sleep(SOON)
