"""From what was seen to what is told: medians, spreads, and the ratios that count."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import metadata
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.serving import environments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.serving.contender import Contender
    from benchmarks.serving.rounds import Plan, Seen

OWN = ("fastapi", "httptools", "msgspec", "numpy", "onnxruntime", "pydantic", "uvicorn", "uvloop")  # what serves
ONE_ROW, MANY_CONNECTIONS = 1, 64


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio's goal. least: whether the measured value must be at least it, or at most."""

    words: str
    value: float
    least: bool = True

    def met(self, measured: float) -> bool:
        """Whether the goal is reached."""
        return measured >= self.value if self.least else measured <= self.value


GOALS = {
    "off_vs_hello": Goal("ours, log off, of the bare uvicorn hello", 0.70),
    "off_vs_fastapi_hello": Goal("ours, log off, times the FastAPI hello with a pydantic body", 2.5),
    "off_vs_best_peer": Goal("ours, log off, times the best-tuned peer", 16),
    "off_vs_original": Goal("ours, log off, times the original's design", 80),
    "durable_vs_off": Goal("ours durable, of ours with log off", 0.85),
    "durable_p50_minus_off_ms": Goal("p50 with one connection: durable minus off, ms", 0.5, least=False),
}


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median and extremes, and the values themselves in the order of the rounds."""
    return {"median": median(values), "min": min(values), "max": max(values), "values": list(values)}


def paired(ours: Sequence[float], others: Sequence[float], how: Callable[[float, float], float]) -> float | None:
    """The median over rounds of what `how` makes of both in the same round; None when one is missing."""
    both = [how(mine, theirs) for mine, theirs in zip(ours, others, strict=False) if theirs]
    return median(both) if both else None


def _pairs(best: str | None) -> dict[str, tuple[str, str]]:
    """Ratio -> whose figure is divided by whose."""
    return {
        "off_vs_hello": ("ours-off", "hello-asgi"),
        "off_vs_fastapi_hello": ("ours-off", "hello-fastapi"),
        "off_vs_best_peer": ("ours-off", best or ""),
        "off_vs_original": ("ours-off", "original"),
        "durable_vs_off": ("ours-durable", "ours-off"),
    }


def ratios(seen: dict[str, Seen], peers: Iterable[str]) -> dict[str, float | None]:
    """The figures of the goals: one row; 64 connections, p50 with one."""
    found = {
        name: paired(_rates(seen, mine), _rates(seen, theirs), lambda one, other: one / other)
        for name, (mine, theirs) in _pairs(best_peer(seen, peers)).items()
    }
    found["durable_p50_minus_off_ms"] = paired(
        _column(seen, "ours-durable", 1, "p50_ms"),
        _column(seen, "ours-off", 1, "p50_ms"),
        lambda durable, off: durable - off,
    )
    return found


def cpu_ratios(seen: dict[str, Seen], peers: Iterable[str]) -> dict[str, float | None]:
    """The same ratios of the CPU that a request costs: how many of ours for one of theirs."""
    return {
        name: paired(_costs(seen, theirs), _costs(seen, mine), lambda other, one: other / one)
        for name, (mine, theirs) in _pairs(best_peer(seen, peers)).items()
    }


def _rates(seen: dict[str, Seen], name: str) -> list[float]:
    return _column(seen, name, MANY_CONNECTIONS, "per_second")


def _costs(seen: dict[str, Seen], name: str) -> list[float]:
    return _column(seen, name, MANY_CONNECTIONS, "cpu_us")


def best_peer(seen: dict[str, Seen], peers: Iterable[str]) -> str | None:
    """The fastest peer at one row and 64 connections."""
    rates = {name: _rates(seen, name) for name in peers}
    medians = {name: median(values) for name, values in rates.items() if values}
    return max(medians, key=lambda name: medians[name]) if medians else None


def _column(seen: dict[str, Seen], name: str, connections: int, figure: str) -> list[float]:
    rounds = seen[name].closed.get((ONE_ROW, connections), []) if name in seen else []
    return [one[figure] for one in rounds]


def versions(contenders: Sequence[Contender]) -> dict[str, dict[str, str]]:
    """Environment -> package -> version; `ours` is the service's, which the ceilings share."""
    names = sorted({one.environment_name for one in contenders if one.environment_name})
    return {"ours": {name: metadata.version(name) for name in OWN}, **{name: environments.pins(name) for name in names}}


def results(
    about: dict[str, Any],
    plan: Plan,
    contenders: Sequence[Contender],
    seen: dict[str, Seen],
    absent: dict[str, str],
    tried: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """All that is written to serving.json."""
    peers = [one.name for one in contenders if one.kind == "peer"]
    found = ratios(seen, peers)
    return {
        **about,
        "plan": asdict(plan),
        "ratios": found,
        "cpu_ratios": cpu_ratios(seen, peers),
        "goals": {name: goal.value for name, goal in GOALS.items()},
        "met": {name: value is not None and GOALS[name].met(value) for name, value in found.items()},
        "best_peer": best_peer(seen, peers),
        "contenders": {one.name: _told(one, seen[one.name], tried.get(one.name, [])) for one in contenders},
        "absent": absent,
    }


def _told(contender: Contender, seen: Seen, tried: list[dict[str, Any]]) -> dict[str, Any]:
    closed = [
        {"rows": rows, "connections": connections, **_each(rounds)}
        for (rows, connections), rounds in sorted(seen.closed.items())
    ]
    opened = [{"times": times, **_open(rounds)} for times, rounds in sorted(seen.open.items())]
    return {
        "label": contender.label,
        "kind": contender.kind,
        "setting": contender.setting,
        "tried": tried,
        "environment": contender.environment_name or "ours",
        "memory_mb": median(seen.memory) if seen.memory else None,
        "start_s": median(seen.start) if seen.start else None,
        "closed": closed,
        "open": opened,
        "faults": seen.faults,
    }


def _each(rounds: list[dict[str, float]]) -> dict[str, Any]:
    names = ("per_second", "cpu_us", "p50_ms", "p99_ms")
    failed = sum(one["failed"] for one in rounds)
    return {**{name: spread([one[name] for one in rounds]) for name in names}, "failed": failed}


def _open(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    shares = [one["goodput"] / one["capacity"] if one["capacity"] else 0.0 for one in rounds]
    known = [one["p99_ms"] for one in rounds if one["p99_ms"] is not None]
    return {
        "share_of_capacity": spread(shares),
        "goodput": spread([one["goodput"] for one in rounds]),
        "p99_ms": median(known) if known else None,
        "rounds": rounds,
    }
