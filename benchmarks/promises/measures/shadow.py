"""A challenger dies in every way beside the champion: no request fails, and each prediction gets its answer once."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from model.bundle import Facts, write
from model.contracts import find
from model.testing.bundles import quick_facts, quick_training
from promises import processes
from promises.database import Database, database
from promises.followers import Follower, following
from promises.keyed import Keyed
from promises.load import Load, steadily
from promises.promise import Measured, Report
from promises.service import Service, prepared
from promises.stored import Ledger

REQUESTS_A_SECOND = 200
SECONDS = {"at work": 8.0, "its process killed": 5.0, "the follower killed": 8.0, "damaged": 8.0, "mended": 4.0}
SHORT_SECONDS = dict.fromkeys(SECONDS, 1.5)
PATIENCE_SECONDS = 600  # at the lowest priority, on a machine that is busy
ANSWERED = "SELECT prediction_id, refused FROM shadow_reggaeton WHERE version = :version"


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count failed requests, and predictions that the challenger has not answered, or twice, or refused."""
    ledger = Ledger()
    requests = Keyed(ledger, "shadow")
    with database() as server, prepared(workers=2) as service:
        challenger = _challenger(service)
        service.start()
        load = Load(service.address, requests.make, requests.seen)
        with (
            following(service, server.url, "ship", "--follow"),
            following(service, server.url, "shadow", "--follow") as shadow,
        ):
            clients = steadily(load, REQUESTS_A_SECOND)
            _live_through(SHORT_SECONDS if short else SECONDS, service.registry.root / challenger, shadow, report)
            load.enough.set()
            clients.join()
            answers = _when_all_is_answered(server, challenger, ledger)
    failed = Counter(str(outcome.status) for outcome in load.outcomes if outcome.status != 200)  # noqa: PLR2004
    detail = _judged(ledger, answers)
    report(f"{len(load.outcomes)} requests, {dict(failed)} failed; {detail}")
    wrong = failed.total() + detail["unanswered"] + detail["twice"] + detail["refused"]
    return Measured(wrong, detail={"requests": len(load.outcomes), "failed": dict(failed), **detail})


def _challenger(service: Service) -> str:
    """A version whose pipeline answers, in a process of its own that can be killed; it shadows from now on."""
    contract = find(service.contract).contract
    trained = quick_training(contract, seed=2, compiled=False)
    facts: Facts = quick_facts(trained, seed=2)
    version = write(service.registry.root, trained.parts, contract, facts)
    service.registry.shadow(version, who="promises", why="to be killed")
    return version


def _live_through(seconds: dict[str, float], folder: Path, shadow: Follower, report: Report) -> None:
    pipeline = folder / "pipeline.joblib"
    whole = pipeline.read_bytes()
    for phase, length in seconds.items():
        report(phase)
        match phase:
            case "its process killed":
                _kill_what_it_started(shadow)
            case "the follower killed":
                shadow.kill()
            case "damaged":
                pipeline.write_bytes(whole[:-1])
                # What is loaded already goes on: this is what a new start finds.
                _kill_what_it_started(shadow)
            case "mended":
                pipeline.write_bytes(whole)
            case _:
                pass
        time.sleep(length)
        shadow.check_alive()


def _kill_what_it_started(shadow: Follower) -> None:
    for pid in processes.tree(shadow.pid):
        if pid != shadow.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _when_all_is_answered(server: Database, version: str, ledger: Ledger) -> list[tuple[str, str | None]]:
    """Id and refusal of each answer, once every acknowledged prediction has one, or patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    engine = sa.create_engine(server.url)
    found: list[tuple[str, str | None]] = []
    while time.monotonic() < deadline:
        with contextlib.suppress(sa.exc.SQLAlchemyError), engine.connect() as connection:
            rows = connection.execute(sa.text(ANSWERED), {"version": version})
            found = [(str(row[0]), row[1]) for row in rows]
        if ledger.acknowledged.keys() <= {identity for identity, _ in found}:
            break
        time.sleep(0.5)
    engine.dispose()
    return found


def _judged(ledger: Ledger, answers: list[tuple[str, str | None]]) -> dict[str, Any]:
    counts = Counter(identity for identity, _ in answers)
    return {
        "acknowledged": len(ledger.acknowledged),
        "answered": len(answers),
        "unanswered": sum(identity not in counts for identity in ledger.acknowledged),
        "twice": sum(count - 1 for count in counts.values()),
        "refused": sum(refused is not None for _, refused in answers),
    }
