"""One picture of the results: how many requests a second, and what is left of them under overload."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PALE = "#1f2933", "#94a3b8"
COLOURS = {"ours": "#2563eb", "peer": "#94a3b8", "ceiling": "#e2e8f0"}
LINES = ("#2563eb", "#b45309", "#047857", "#be123c", "#7c3aed", "#0e7490", "#4d7c0f", "#a16207", "#64748b", "#334155")


def draw(results: dict[str, Any]) -> bytes:
    """PNG; the same results give the same bytes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _bars(left, results)
    _overload(right, results)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _title(axes: Axes, words: str) -> None:
    axes.set_title(words, color=INK, fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _bars(axes: Axes, results: dict[str, Any]) -> None:
    many = max(results["plan"]["connections"])
    found = [
        (loop["per_second"], one)
        for one in results["contenders"].values()
        for loop in one["closed"]
        if (loop["rows"], loop["connections"]) == (1, many)
    ]
    found.sort(key=lambda pair: pair[0]["median"])
    for place, (rate, one) in enumerate(found):
        axes.barh(place, rate["median"], color=COLOURS[one["kind"]])
        axes.plot((rate["min"], rate["max"]), (place, place), color=INK, linewidth=1)
        axes.text(rate["max"] * 1.08, place, f"{rate['median']:,.0f}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(found)), [one["label"] for _, one in found], fontsize=9)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_xlabel("requests a second (logarithmic); line: slowest to fastest round", color=INK)
    _title(axes, f"One worker, one core, one row, {many} connections")


def _overload(axes: Axes, results: dict[str, Any]) -> None:
    drawn = [one for one in results["contenders"].values() if one["open"]]
    for number, one in enumerate(drawn):
        times = [loop["times"] for loop in one["open"]]
        shares = [loop["share_of_capacity"]["median"] for loop in one["open"]]
        ours = one["kind"] == "ours"
        (line,) = axes.plot(times, shares, "o-" if ours else "o--", markersize=3, label=one["label"])
        line.set(linewidth=2.2 if ours else 1.2, color=LINES[number % len(LINES)])
    axes.set_ylim(-0.03, 1.15)
    axes.set_xlabel("arrivals, in times of the server's own capacity", color=INK)
    axes.set_ylabel("answered within a second, share of capacity", color=INK)
    if drawn:
        axes.legend(frameon=False, fontsize=7)
    _title(axes, "Open loop: what overload leaves")
