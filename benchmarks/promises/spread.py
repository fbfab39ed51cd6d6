"""How figures are spread."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(min(int(len(ordered) * share + 0.999999), len(ordered)) - 1, 0)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Count, median, 99th percentile and maximum, rounded for reading."""
    if not values:
        return {"count": 0}
    shown = {
        "p50": quantile(values, 0.5),
        "p95": quantile(values, 0.95),
        "p99": quantile(values, 0.99),
        "max": max(values),
    }
    return {"count": len(values), **{name: round(value, 3) for name, value in shown.items()}}
