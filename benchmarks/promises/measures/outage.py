"""The database goes away under load and comes back: no request fails, nothing is lost, nothing is stored twice."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import Any

import sqlalchemy as sa

from promises.database import Database, database
from promises.followers import Follower, following
from promises.keyed import Keyed
from promises.load import Load, steadily
from promises.promise import Measured, Report
from promises.service import running
from promises.stored import Ledger

REQUESTS_A_SECOND = 300
# Up, down, up again, the shipper killed, and up.
SECONDS = {"up": 4.0, "down": 15.0, "up again": 4.0, "shipper killed": 3.0, "to the end": 4.0}
SHORT_SECONDS = dict.fromkeys(SECONDS, 1.0)
PATIENCE_SECONDS = 90


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count what failed, is missing from the database, or is there twice or otherwise."""
    ledger = Ledger()
    requests = Keyed(ledger, "outage")
    seconds = SHORT_SECONDS if short else SECONDS
    with database() as server, running(workers=2) as service:
        load = Load(service.address, requests.make, requests.seen)
        with following(service, server.url, "ship", "--follow") as shipper:
            clients = steadily(load, REQUESTS_A_SECOND)
            _live_through(seconds, server, shipper, report)
            load.enough.set()
            clients.join()
            service.stop()
            stored = _when_all_is_there(server, ledger)
    failed = Counter(str(outcome.status) for outcome in load.outcomes if outcome.status != 200)  # noqa: PLR2004
    detail = _compared(ledger, stored)
    report(f"{len(load.outcomes)} requests, {dict(failed)} failed; {detail}")
    wrong = detail["lost"] + detail["twice"] + detail["different"] + failed.total()
    return Measured(
        wrong, detail={"requests": len(load.outcomes), "failed": dict(failed), "seconds": seconds, **detail}
    )


def _live_through(seconds: dict[str, float], server: Database, shipper: Follower, report: Report) -> None:
    for phase, length in seconds.items():
        report(phase)
        match phase:
            case "down":
                server.stop()
            case "up again":
                server.start()
            case "shipper killed":
                shipper.kill()
            case _:
                pass
        time.sleep(length)
        shipper.check_alive()


def _when_all_is_there(server: Database, ledger: Ledger) -> list[tuple[str, str, Any]]:
    """Id, key and label of each stored prediction, once every acknowledged one is among them, or patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    engine = sa.create_engine(server.url)
    query = sa.text("SELECT prediction_id, key, label FROM predictions_reggaeton")
    stored: list[tuple[str, str, Any]] = []
    while time.monotonic() < deadline:
        with contextlib.suppress(sa.exc.SQLAlchemyError), engine.connect() as connection:
            stored = [(str(row[0]), str(row[1]), row[2]) for row in connection.execute(query)]
        if ledger.acknowledged.keys() <= {identity for identity, _, _ in stored}:
            break
        time.sleep(0.5)
    engine.dispose()
    return stored


def _compared(ledger: Ledger, stored: list[tuple[str, str, Any]]) -> dict[str, Any]:
    there = {identity: (key, label) for identity, key, label in stored}
    keys = Counter(key for _, key, _ in stored)
    told = ledger.acknowledged
    return {
        "acknowledged": len(told),
        "stored": len(stored),
        "lost": sum(identity not in there for identity in told),
        "twice": sum(count - 1 for count in keys.values()),
        "different": sum(there[identity] != answer for identity, answer in told.items() if identity in there),
    }
