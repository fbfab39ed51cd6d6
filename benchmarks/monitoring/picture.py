"""One picture of the results: noise taken out, estimates beside the truth, and a concept that changes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, ACCENT, PALE, WARM = "#1f2933", "#2563eb", "#94a3b8", "#b45309"
LEARNED = {
    "small": (PALE, "2,200 rows to learn from"),
    "large": (WARM, "a larger table"),
    "judged": (ACCENT, "one that judges"),
}


def draw(results: dict[str, Any]) -> bytes:
    """PNG; the same results give the same bytes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), dpi=110, layout="constrained")
    noise, estimates, stream = figure.subplots(1, 3)
    details = {row["name"]: row["detail"] for row in results["rows"]}
    _noise(noise, details["false_alarms"]["windows"])
    _estimates(estimates, *(details[f"average_precision_{name}"]["windows"] for name in LEARNED))
    _stream(stream, results["timeline"])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _titled(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set_title(title, color=INK, fontsize=11, loc="left")
    axes.set_xlabel(across, color=INK)
    axes.set_ylabel(up, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def _noise(axes: Axes, windows: list[dict[str, Any]]) -> None:
    rows = [window["rows"] for window in windows]
    for name, colour, words in (("naive", PALE, "PSI as textbooks have it"), ("value", ACCENT, "noise taken out")):
        axes.plot(rows, [window["tempo"][name] for window in windows], ".", color=colour, markersize=4, label=words)
    axes.plot(rows, [window["tempo"]["threshold"] for window in windows], color=WARM, linewidth=1, label="threshold")
    axes.set_xscale("log")
    _titled(axes, "No drift: the PSI of tempo", "rows of the window", "PSI")


def _estimates(axes: Axes, *groups: list[dict[str, Any]]) -> None:
    for windows, (colour, words) in zip(groups, LEARNED.values(), strict=True):
        found = [window["average_precision"] for window in windows]
        realised, estimated = [one["realised"] for one in found], [one["estimated"] for one in found]
        bars = [[one["estimated"] - one["low"] for one in found], [one["high"] - one["estimated"] for one in found]]
        axes.errorbar(realised, estimated, bars, fmt="o", color=colour, markersize=4, linewidth=0.8, label=words)
    ends = axes.get_xlim()
    axes.plot(ends, ends, color=INK, linewidth=0.8)
    _titled(axes, "No truth yet: average precision", "realised later", "estimated, with 95 % interval")


def _stream(axes: Axes, windows: list[dict[str, Any]]) -> None:
    places = list(range(1, len(windows) + 1))
    for name, colour in (("estimated", PALE), ("realised", ACCENT)):
        found = [window[name] for window in windows]
        axes.plot(places, [one["value"] for one in found], "o-", color=colour, markersize=3, label=name)
        axes.fill_between(
            places, [one["low"] for one in found], [one["high"] for one in found], color=colour, alpha=0.2, linewidth=0
        )
    alarmed = [place for place, window in zip(places, windows, strict=True) if window["alarms"]]
    values = [windows[place - 1]["realised"]["value"] for place in alarmed]
    axes.plot(alarmed, values, "o", color=WARM, markersize=7, fillstyle="none", label="alarm")
    axes.axvline(len(windows) / 2 + 0.5, color=INK, linestyle="--", linewidth=0.8)
    _titled(axes, "The concept changes halfway", "window of the stream", "average precision")
