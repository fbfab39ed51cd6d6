"""After kill -9 the service answers again within two seconds."""

from __future__ import annotations

import time

from promises import bodies
from promises.promise import Measured, Report
from promises.service import PATIENCE_SECONDS, SOON, Service, running
from promises.spread import quantile, spread
from promises.wire import Client

RESTARTS, SHORT_RESTARTS = 20, 1


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """The 95th percentile of the seconds from the start of a process to its first prediction."""
    question = bodies.body(bodies.contract_of("reggaeton"))
    took = []
    with running() as service:
        for turn in range(SHORT_RESTARTS if short else RESTARTS):
            with Client(service.address) as client:
                for _ in range(50):
                    client.predict(question)
            service.kill()
            took.append(first_answer(service, question))
            report(f"restart {turn + 1}: {took[-1]:.2f} s")
    return Measured(quantile(took, 0.95), "s", spread(took))


def first_answer(service: Service, question: bytes) -> float:
    """Start the service; the seconds until a prediction is answered by 200."""
    began = time.monotonic()
    service.launch()
    while time.monotonic() < began + PATIENCE_SECONDS:
        with Client(service.address, time_out=5) as client:
            if client.predict(question).status == 200:  # noqa: PLR2004 - HTTP's own number
                return time.monotonic() - began
        service.check_alive()
        time.sleep(SOON)
    raise TimeoutError(f"no prediction within {PATIENCE_SECONDS} s; the log ends with\n{service.log()}")
