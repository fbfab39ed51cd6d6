"""How many predictions were asked for, how fast they were answered, and with which labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from model.contract import Contract
from model.steps.figure import Figure
from model.steps.noise import rate_bounds
from model.steps.window import Window, codes, numbers

QUANTILES = {"latency_p50": 0.5, "latency_p99": 0.99}
UNBOUNDED = 10**12


def traffic_figures(contract: Contract, window: Window) -> Iterator[Figure]:
    """Rows, rows an hour, latency in milliseconds, and the share of each label that was answered."""
    count = window.count
    total = count if window.total is None else window.total
    drawn = f", of which {count:,} drawn by chance are measured" if total > count else ""
    yield Figure("rows", "", float(total), rows=total, why=f"{total:,} predictions{drawn}")
    if window.hours:
        hourly = total / window.hours
        yield Figure("rows_per_hour", "", hourly, rows=total, why=f"{hourly:,.1f} predictions an hour")
    yield from _latency(window)
    classes = contract.target.classes
    found = codes(classes, window.labels)
    counts = np.bincount(found[found >= 0], minlength=len(classes))
    for label, hits in zip(classes, counts.tolist(), strict=True):
        value, total = hits / max(1, count), max(1, count)
        low, high = rate_bounds(hits, total, UNBOUNDED, 0.025)
        why = f"{value:.2%} of the answers are {label!r}"
        yield Figure("answer_share", str(label), value, low, high, rows=count, why=why)


def _latency(window: Window) -> Iterator[Figure]:
    if window.latency_ms is None:
        return
    found = numbers(window.latency_ms)
    known = found[~np.isnan(found)]
    for name, level in QUANTILES.items():
        if len(known):
            value = float(np.quantile(known, level))
            why = f"{level:.0%} of {len(known):,} requests took at most {value:,.2f} ms"
            yield Figure(name, "", value, rows=len(known), why=why)
