"""A promotion takes effect in every worker within two seconds."""

from __future__ import annotations

import contextlib
import itertools
import time

from promises import bodies, processes
from promises.promise import Measured, Report
from promises.promoter import promoter
from promises.service import Service, running
from promises.spread import spread
from promises.wire import Client, prediction

WORKERS, CONNECTIONS = 2, 16
SWAPS, SHORT_SWAPS = 20, 2
PATIENCE_SECONDS = 10
MOST_TRIES = 50


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """The longest time from a promotion to the last answer by the version before it, in seconds."""
    question = prediction(bodies.body(bodies.contract_of("reggaeton")))
    with running(workers=WORKERS) as service, promoter(service) as swapper, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(service.address)) for _ in range(CONNECTIONS)]
        connected = _reach_every_worker(service, clients, question)
        report(f"connections by worker: {connected}")
        versions = [service.registry.champion(), *service.registry.versions()]
        versions = list(dict.fromkeys(versions))
        took = []
        for version in itertools.islice(itertools.cycle(versions[1:] + versions[:1]), SHORT_SWAPS if short else SWAPS):
            began = swapper.promote(version)
            took.append(_until_all(clients, question, version) - began)
    detail = {"workers": WORKERS, "connections_by_worker": connected, **spread(took)}
    return Measured(max(took), "s", detail)


def _reach_every_worker(service: Service, clients: list[Client], question: bytes) -> dict[int, int]:
    """Connect until each worker holds some of the connections: how many each has, in no order."""
    for _ in range(MOST_TRIES):
        for client in clients:
            client.say(question)
        workers = service.workers_listening()
        counts = {pid: processes.sockets(pid, service.port, processes.CONNECTED) for pid in workers}
        if len(counts) == WORKERS and all(counts.values()):
            return dict(enumerate(counts.values()))
        for client in clients[::2]:
            client.close()
    raise RuntimeError(f"{WORKERS} workers were started, and the connections went to {counts}")


def _until_all(clients: list[Client], question: bytes, version: str) -> float:
    """When the last connection was first answered by `version`, after which none was by another."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    last = time.monotonic()
    while True:
        behind = [client for client in clients if client.say(question).header("x-model-version") != version]
        if not behind:
            return last
        last = time.monotonic()
        if last > deadline:
            raise TimeoutError(f"{len(behind)} of {len(clients)} connections still have another version")
