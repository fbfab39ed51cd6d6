"""docs/benchmarks.md and its picture, from benchmarks/results/serving.json and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.serving.figures import GOALS
from benchmarks.serving.picture import draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PICTURE = "benchmarks-serving.png"
Results = dict[str, Any]

INTRODUCTION = """
Each server runs as one process (or one worker, where it insists on a process beside it) on one core, the load comes
from another core. All serve the same fitted pipeline ({model})
and are asked for the same rows; every answer is checked before anything is timed. Peers run in environments of their
own, set as well as we know how. **Trust ratios, not absolute speeds**: they move far less between machines. A ratio is
the median over rounds of the two figures of the same round.
"""

READING = """
- *Closed loop*: `wrk`, {seconds:g} s each, half as long again with 64 connections; a connection sends its next
  request when it has its answer. The median of {repeats} rounds; in each round every server is started, measured and
  stopped in turn, so that what the machine does meanwhile hits all alike.
- *CPU* is user and system time of all the server's processes, divided by the requests: what wall time hides when a
  core is shared.
- *Open loop*: requests arrive at an even pace, at {times} times the server's own capacity (its best closed
  loop of the same round), over at most {clients} connections. A client gives up after one second. Goodput counts what
  is answered 200 within that second of its arrival, as a share of capacity; a queue has {run_in:g} s to build before
  counting begins.
- Ours may pass the bare ASGI hello: it answers inside uvicorn's protocol, without an ASGI cycle.
- The ceilings answer a constant: the bare ASGI hello reads the body and sends the same bytes, the FastAPI hello checks
  a pydantic body of thirteen lists, nginx does not look.
- MLflow, MLServer, BentoML and vetiver are sent the features that the model is fed; ours, the original's design,
  LitServe and the ceilings the README's request with all thirteen columns. MLServer, BentoML and LitServe hand the
  pipeline an array, which is quicker than a frame.
- The batching of MLServer, BentoML and LitServe is tuned at the beginning of every run: of the settings below, each
  keeps the one that answers most at 64 connections.
"""

BOUNDS = """
With 64 connections in a closed loop all clients wait for one flush at a time: while the disk writes, nobody is left to
ask. Profiled on the worker's core (`perf record -C`, commits of 50 to 60 records, 2026-11-24): 91 % is the
service's, 4 % the kernel's flush, and 5 % idle, waiting for the disk. What a request costs more than with the log
off: 1.1 us to build its record, 2 us its share of SQLite's insert (some twenty writes to memory a commit), 0.7 us of
handing the flush over and learning of its end, 2 us of the kernel's work, and 2 to 4 us of waiting that nothing fills.
Every eighth second or so, while the next segment's room is written out, commits share the disk with that.

Fresh servers do worse: in five quick rounds of both (2026-11-24, an otherwise idle machine) the durable log had 0.61
of the throughput with the log off, at best 0.76, and by CPU time 0.78. The difference is the disk's: with one
connection, where nothing queues, one answer in a hundred took 5 to 9 ms (p50 0.44 to 0.48 ms), and all 64 connections
wait for each flush like that.

Tried and slower: a thread that inserts and flushes (45 to 50 us of CPU a request instead of 34 to 36, where the log off
costs 30), an insert on the event loop with the flush in a thread or in another process, and two groups in turn (all the
flush is hidden then, but commits and batches are half as large).
"""

REPEATING = """
```
make bench-serving                                  # everything, 20 to 25 minutes; needs wrk and nginx
.venv/bin/python benchmarks/serving --quick         # a minute: ours and the ceilings
.venv/bin/python benchmarks/serving --only ours-off,original --repeats 5 --seconds 5
```

Quiet the machine first. Peers are installed from `benchmarks/serving/peers/*.txt` into `.venv-peers/`; what does not
install is named below instead of being guessed at. All figures, each round's too, stand in
`benchmarks/results/serving.json`. A run with fewer than three rounds, or of some servers only, leaves that file and
this page as they are and writes to `.venv-peers/serving.json`.
"""


def write(results: Results, path: Path) -> None:
    """The page, and the picture beside it."""
    path.with_name(PICTURE).write_bytes(draw(results))
    path.write_text("\n".join(_lines(results)).rstrip() + "\n")


def _lines(results: Results) -> Iterator[str]:
    plan = results["plan"]
    yield "# Benchmarks: serving"
    yield INTRODUCTION.format(model=results["model"]["words"])
    yield f"![Requests a second, and goodput under overload]({PICTURE})"
    yield "\n## Goals\n"
    yield "One row a request; requests a second at 64 connections, p50 with one connection. By CPU: the same of what a"
    yield "request costs in CPU, which other programs on the machine disturb less.\n"
    yield from ratios(results)
    for rows in plan["rows"]:
        yield f"\n## {rows} row{'s' if rows > 1 else ''} a request\n"
        yield from _closed(results, rows)
    if plan["times"]:
        yield "\n## Overload\n"
        yield "Goodput as a share of capacity, by how many times its capacity a server is asked; one row a request.\n"
        yield from _open(results)
    yield "\n## How to read it"
    yield READING.format(
        seconds=plan["seconds"],
        repeats=plan["repeats"],
        times=", ".join(f"{times:g}" for times in plan["times"]),
        clients=f"{plan['clients']:,}",
        run_in=plan["run_in"],
    )
    yield "## Settings\n"
    yield from _settings(results)
    yield "\n## Machine and versions\n"
    yield from _machine(results)
    yield "\n## What bounds the durable log"
    yield BOUNDS
    yield "## Again"
    yield REPEATING


def ratios(results: Results) -> Iterator[str]:
    """The goals, as a table."""
    yield "| ratio | goal | measured | | by CPU |"
    yield "|---|--:|--:|---|--:|"
    for name, goal in GOALS.items():
        value = results["ratios"][name]
        sign = ">=" if goal.least else "<="
        verdict = "" if value is None else ("met" if results["met"][name] else "**missed**")
        measured = "not measured" if value is None else f"{value:.2f}"
        beside = f" ({results['best_peer']})" if name == "off_vs_best_peer" and value is not None else ""
        cpu = results["cpu_ratios"].get(name)
        by_cpu = "" if cpu is None else f"{cpu:.2f}"
        yield f"| {goal.words}{beside} | {sign} {goal.value:g} | {measured} | {verdict} | {by_cpu} |"


def _present(results: Results) -> list[dict[str, Any]]:
    """Contenders that were measured, the fastest first."""
    measured = [one for one in results["contenders"].values() if one["closed"]]
    return sorted(measured, key=lambda one: -_at(one, 1, max(results["plan"]["connections"]))["per_second"]["median"])


def _at(one: dict[str, Any], rows: int, connections: int) -> dict[str, Any]:
    loops = (loop for loop in one["closed"] if (loop["rows"], loop["connections"]) == (rows, connections))
    empty = {"median": 0.0}
    return next(loops, {"per_second": empty, "cpu_us": empty, "p50_ms": empty, "p99_ms": empty, "failed": 0})


def _closed(results: Results, rows: int) -> Iterator[str]:
    connections = results["plan"]["connections"]
    many = max(connections)
    rates = " / ".join(map(str, connections))
    yield f"| server | req/s at {rates} connections | CPU us | p50 ms at 1 | p50, p99 ms at {many} | memory MB |"
    yield "|---|--:|--:|--:|--:|--:|"
    for one in _present(results):
        loops = [_at(one, rows, count) for count in connections]
        shown = " / ".join(f"{loop['per_second']['median']:,.0f}" for loop in loops)
        last = loops[-1]
        failed = sum(loop["failed"] for loop in loops)
        note = f" ({failed:,.0f} failed)" if failed else ""
        yield (
            f"| {_name(one)} | {shown}{note} | {last['cpu_us']['median']:,.0f} | {loops[0]['p50_ms']['median']:.3f} "
            f"| {last['p50_ms']['median']:.2f}, {last['p99_ms']['median']:.2f} | {one['memory_mb'] or 0:,.0f} |"
        )


def _name(one: dict[str, Any]) -> str:
    return f"**{one['label']}**" if one["kind"] == "ours" else one["label"]


def _open(results: Results) -> Iterator[str]:
    times = results["plan"]["times"]
    asked = " | ".join(f"{each:g} x" for each in times)
    yield f"| server | {asked} | p99 ms of the answered, at {max(times):g} x |"
    yield f"|---|{'--:|' * (len(times) + 1)}"
    for one in _present(results):
        if not one["open"]:
            continue
        shares = " | ".join(f"{loop['share_of_capacity']['median']:.0%}" for loop in one["open"])
        late = one["open"][-1]["p99_ms"]
        yield f"| {_name(one)} | {shares} | {'-' if late is None else f'{late:,.0f}'} |"


def _settings(results: Results) -> Iterator[str]:
    yield "| server | how it is set |"
    yield "|---|---|"
    for one in results["contenders"].values():
        tried = "; ".join(f"{each['setting']}: {each['per_second']:,.0f}/s" for each in one["tried"])
        yield f"| {one['label']} | {one['setting']}{f' (tried: {tried})' if tried else ''} |"
    broken = {name: one["faults"][0] for name, one in results["contenders"].items() if one["faults"]}
    for name, reason in {**results["absent"], **broken}.items():
        yield f"\n`{name}` is not (wholly) measured here: {' '.join(reason.split())[:300]}"


def _machine(results: Results) -> Iterator[str]:
    machine, load = results["machine"], results["load"]
    yield (
        f"{results['date']}; {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}. What others used: {load['before']['busy']:.0%} of "
        f"all cores before the run (load average {load['before']['average']:.2f}), at worst {load['worst']:.0%} "
        "between two servers.\n"
    )
    yield "| environment | versions |"
    yield "|---|---|"
    for name, versions in results["versions"].items():
        yield f"| {name} | {', '.join(f'{package} {version}' for package, version in versions.items())} |"
