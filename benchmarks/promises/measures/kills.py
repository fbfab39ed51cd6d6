"""No acknowledged prediction is lost in a hundred kill -9 at random moments under load."""

from __future__ import annotations

import os
import random
import signal
import time

from promises.keyed import Keyed
from promises.load import Load, in_background
from promises.promise import Measured, Report
from promises.service import running
from promises.stored import Ledger

KILLS, SHORT_KILLS = 100, 3
WORKERS, CONNECTIONS = 2, 16
# Between the first answer after a start and the kill.
SECONDS = (0.005, 0.4)


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count the acknowledged predictions that are lost, kept twice or kept otherwise."""
    chance = random.Random(0)  # noqa: S311 - moments, not secrets
    ledger = Ledger()
    kills = SHORT_KILLS if short else KILLS
    with running(workers=WORKERS) as service:
        for kill in range(kills):
            requests = Keyed(ledger, f"kill{kill}")
            load = Load(service.address, requests.make, requests.seen)
            clients = in_background(load, CONNECTIONS)
            time.sleep(chance.uniform(*SECONDS))
            if kill % 3 == 1:
                # One worker alone: the others go on, and it is replaced.
                os.kill(chance.choice(service.workers_listening()), signal.SIGKILL)
                time.sleep(chance.uniform(*SECONDS))
            service.kill()
            load.enough.set()
            clients.join()
            service.start()
            ledger.collect(service.spool)
            if kill % 10 == 9 or kill + 1 == kills:  # noqa: PLR2004 - now and then
                report(f"{kill + 1} kills: {ledger.detail()}")
        service.stop()
        ledger.collect(service.spool)
    if not ledger.acknowledged:
        raise RuntimeError("no prediction was acknowledged: nothing was measured")
    return Measured(ledger.wrong(), detail={"kills": kills, "workers": WORKERS, **ledger.detail()})
