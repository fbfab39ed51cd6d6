"""The measuring: round after round, each contender in turn, so that what the machine does meanwhile hits all alike."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.serving import machine, server, wrk
from benchmarks.serving.contender import ROOT
from benchmarks.serving.schedule import PATIENCE_SECONDS, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.serving.contender import Contender, Place

WARM_CONNECTIONS = 16
MOST_ARRIVALS = 200_000  # a second: more, the generator cannot even count


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. run_in: seconds of an open loop before it counts; clients: its most connections."""

    repeats: int = 3
    seconds: float = 2.0
    connections: tuple[int, ...] = (1, 16, 64)
    rows: tuple[int, ...] = (1, 100)
    times: tuple[float, ...] = (0.5, 1, 2, 5)
    run_in: float = 1.0
    open_seconds: float = 1.2
    clients: int = 1024

    def length(self, connections: int) -> float:
        """Seconds of a closed loop: uvloop accepts one connection a turn, a slow server needs seconds for many."""
        return self.seconds * (1.5 if connections > WARM_CONNECTIONS else 1)


FAULTS = (server.DoesNotServe, OSError, ValueError, RuntimeError, subprocess.SubprocessError)
TUNING = Plan(connections=(64,), rows=(1,), times=())


@dataclass(slots=True)
class Seen:
    """All that was seen of one contender, a list entry a round.

    closed: (rows, connections) -> what wrk saw, with CPU; open: times of capacity -> what became of the arrivals;
    busy: the share of all cores that others used just before.
    """

    closed: dict[tuple[int, int], list[dict[str, float]]] = field(default_factory=dict)
    open: dict[float, list[dict[str, Any]]] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def measure(
    plan: Plan,
    places: Sequence[tuple[Contender, Place]],
    report: Callable[[str], None],
) -> dict[str, Seen]:
    """Contender -> what was seen. A contender that fails is left out of later rounds, and its fault is kept."""
    seen = {contender.name: Seen() for contender, _ in places}
    for number in range(plan.repeats):
        for contender, place in places:
            if seen[contender.name].faults:
                continue
            report(f"round {number + 1} of {plan.repeats}: {contender.name}")
            try:
                _one(plan, contender, place, seen[contender.name], report)
            except FAULTS as error:
                seen[contender.name].faults.append(str(error))
                report(f"  {error}")
    return seen


def _one(plan: Plan, contender: Contender, place: Place, seen: Seen, report: Callable[[str], None]) -> None:
    cores = machine.cores()
    seen.busy.append(machine.busy_share())
    began = time.monotonic()
    with server.serving(contender, place, cores.server) as pid, machine.pinned(cores.load):
        seen.start.append(time.monotonic() - began)
        for rows in plan.rows:
            server.check(contender, place, rows)
        best = 0.0
        for rows, connections, figures in _closed_loops(plan, contender, place, pid):
            seen.closed.setdefault((rows, connections), []).append(figures)
            report(f"  {_line(rows, connections, figures)}")
            best = max(best, figures["per_second"] if rows == 1 else 0.0)
        seen.memory.append(machine.memory_of(pid))
        if contender.kind != "ceiling":
            for times in plan.times:
                server.settle(contender, place)
                figures = _open_loop(plan, contender, place, times * best)
                seen.open.setdefault(times, []).append({"capacity": best, **figures})
                report(f"  open loop, {times:g} x capacity: goodput {figures['goodput']:,.0f}/s of {best:,.0f}/s")


def tune(contender: Contender, place: Place, report: Callable[[str], None]) -> tuple[Contender, list[dict[str, Any]]]:
    """The setting of `contender` that answers most at 64 connections, and what each setting gave."""
    tried: list[tuple[float, Contender]] = []
    for choice in (contender, *contender.choices):
        try:
            rate = _rate(choice, place)
        except FAULTS as error:
            report(f"tuning {choice.name}: {choice.batching}: {error}")
            rate = 0.0
        report(f"tuning {choice.name}: {choice.batching}: {rate:,.0f}/s")
        tried.append((rate, choice))
    best = max(tried, key=lambda pair: pair[0])[1]
    return best, [{"setting": choice.batching, "per_second": rate} for rate, choice in tried]


def _rate(contender: Contender, place: Place) -> float:
    cores = machine.cores()
    with server.serving(contender, place, cores.server) as pid, machine.pinned(cores.load):
        server.check(contender, place, 1)
        return next(_closed_loops(TUNING, contender, place, pid))[2]["per_second"]


def _closed_loops(
    plan: Plan, contender: Contender, place: Place, pid: int
) -> Iterator[tuple[int, int, dict[str, float]]]:
    url = f"http://127.0.0.1:{place.port}{contender.shape.path}"
    for rows in plan.rows:
        body = place.folder / f"body-{rows}.json"
        body.write_bytes(contender.body(place, rows))
        if rows == plan.rows[0]:
            wrk.drive(url, body, connections=WARM_CONNECTIONS, seconds=1)
        for connections in plan.connections:
            before = machine.cpu_of(pid)
            closed = wrk.drive(url, body, connections=connections, seconds=plan.length(connections))
            cpu = machine.cpu_of(pid) - before
            per_request = cpu / closed.requests * 1e6 if closed.requests else 0.0
            yield rows, connections, {**asdict(closed), "per_second": closed.per_second, "cpu_us": per_request}


def _open_loop(plan: Plan, contender: Contender, place: Place, rate: float) -> dict[str, Any]:
    order = Order(
        port=place.port,
        path=contender.shape.path,
        body=contender.body(place, 1).decode(),
        rate=max(1.0, min(rate, MOST_ARRIVALS)),
        run_in=plan.run_in,
        seconds=plan.open_seconds,
        connections=plan.clients,
    )
    limit = plan.run_in + plan.open_seconds + 20 * PATIENCE_SECONDS
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving.arrivals"],
        cwd=ROOT,
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        check=False,
        timeout=limit,
    )
    if done.returncode:
        raise RuntimeError(f"the open loop's generator ended with {done.returncode}: {done.stderr[-500:]}")
    return {"rate": order.rate, **json.loads(done.stdout)}


def _line(rows: int, connections: int, figures: dict[str, float]) -> str:
    failed = f", {figures['failed']:.0f} failed" if figures["failed"] else ""
    return (
        f"{rows:3} row{'s' if rows > 1 else ' '} {connections:2} connections: {figures['per_second']:9,.0f}/s "
        f"{figures['cpu_us']:7,.0f} us CPU, p50 {figures['p50_ms']:.3f} ms, p99 {figures['p99_ms']:.3f} ms{failed}"
    )
