"""Whatever somebody sends, up to 1 MB of it, the others wait at most 50 ms: a small request and a health check."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from promises import bodies, machine
from promises.heavy_bodies import HEAVY, MOST
from promises.promise import Measured, Report
from promises.service import Service, running
from promises.spread import spread
from promises.wire import Client, prediction, request

REPEATS, SHORT_REPEATS = 5, 1
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.001
SETTLE_SECONDS = 0.02


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """The longest wait of a small request beside any of the bodies, in milliseconds."""
    core, other = machine.cores() or (None, None)
    contract = bodies.contract_of("reggaeton")
    worst: dict[str, float] = {}
    statuses: dict[str, int] = {}
    with running(core=core) as service, machine.load_on(other):
        idle = _alone(service)
        for name, make in HEAVY.items():
            body = make(contract)
            assert len(body) <= MOST  # noqa: S101 - what the promise is about
            waits = []
            for _ in range(SHORT_REPEATS if short else REPEATS):
                wait, statuses[name] = _beside(service, body)
                waits.append(wait)
            worst[name] = round(max(waits), 2)
            report(f"{worst[name]:8.2f} ms (of {', '.join(f'{wait:.1f}' for wait in waits)}) {name}: {statuses[name]}")
    order = dict(sorted(worst.items(), key=lambda item: -item[1]))
    return Measured(max(worst.values()), "ms", {"ms_by_body": order, "statuses": statuses, "ms_alone": idle})


class _Prober(threading.Thread):
    """Asks without a pause for a small prediction and for the health; keeps how long each took, in milliseconds."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self.service, self.enough, self.took = service, threading.Event(), list[float]()

    def run(self) -> None:
        small = bodies.body(bodies.contract_of(self.service.contract))
        asked = itertools.cycle((prediction(small), request("GET", "/check_service")))
        with Client(self.service.address, PATIENCE_SECONDS) as client:
            while not self.enough.is_set():
                began = time.monotonic()
                answer = client.say(next(asked))
                if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                    # No answer is the longest wait there is.
                    began -= PATIENCE_SECONDS
                self.took.append((time.monotonic() - began) * 1000)
                time.sleep(PAUSE_SECONDS)


@contextmanager
def _probed(service: Service) -> Iterator[_Prober]:
    prober = _Prober(service)
    prober.start()
    time.sleep(SETTLE_SECONDS)
    try:
        yield prober
    finally:
        time.sleep(SETTLE_SECONDS)
        prober.enough.set()
        prober.join()


def _beside(service: Service, body: bytes) -> tuple[float, int]:
    """The longest wait beside one heavy request, and that request's status."""
    raw = prediction(body)
    with Client(service.address, PATIENCE_SECONDS) as client, _probed(service) as prober:
        status = client.say(raw).status
    return max(prober.took), status


def _alone(service: Service) -> dict[str, float]:
    with _probed(service) as prober:
        time.sleep(0.5)
    return spread(prober.took)
