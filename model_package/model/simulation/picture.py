"""Quality over simulated time, with and without retraining: when it drifted, what was decided, what was promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.dates import DateFormatter

from model.simulation.outcome import POOLED_DAYS, WITH, WITHOUT, Outcome
from model.steps.pictures import ACCENT, INK, drawn, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MUTED, ALARM = "#94a3b8", "#d9480f"
LOOKS = {WITHOUT: (MUTED, "--"), WITH: (ACCENT, "-")}


def picture(outcome: Outcome) -> bytes:
    """A PNG of an outcome that has figures."""
    frame = outcome.frame()
    measure = str(frame["measure"].iloc[0]).replace("_", " ")
    figure, axes = drawn(f"{outcome.contract}: {outcome.what}", "", f"{measure}, latest {POOLED_DAYS} days")
    figure.set_size_inches(9, 4.4)
    for series, (color, line) in LOOKS.items():
        _curve(axes, frame[frame["series"] == series], color, line)
    if outcome.drifts_at is not None:
        axes.axvspan(_at(outcome.drifts_at), _at(frame["ends"].max()), color=ALARM, alpha=0.06, lw=0, label="drift")
    _marks(axes, outcome, frame)
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]  # matplotlib says no types here
    axes.margins(x=0.01)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), labelcolor=INK, fontsize=9)
    return png(figure)


def _curve(axes: Axes, part: pd.DataFrame, color: str, line: str) -> None:
    """A gap where another champion began: what was answered by two models is not one figure."""
    label = str(part["series"].iloc[0]) if len(part) else None
    for _, own in part.groupby("version", sort=False):
        moments = _at(own["ends"])
        axes.fill_between(moments, own["low"], own["high"], color=color, alpha=0.15, lw=0)
        axes.plot(moments, own["value"], color=color, linestyle=line, marker=".", markersize=4, label=label)
        label = None


def _marks(axes: Axes, outcome: Outcome, frame: pd.DataFrame) -> None:
    low, high = float(frame["low"].min()), float(frame["high"].max())
    step = (high - low) / 25 or 0.01
    looks = {
        "decision": ("v", INK, "decision to train"),
        "promotion": ("^", ACCENT, "promotion"),
        "refusal": ("x", ALARM, "challenger refused"),
    }
    for height, (kind, (mark, color, label)) in enumerate(looks.items()):
        moments = [_at(one.at) for one in outcome.of(kind)]
        if not moments:
            continue
        axes.plot(moments, [low - step * (height + 1)] * len(moments), mark, color=color, label=label, clip_on=False)
        if kind == "promotion":
            for moment in moments:
                axes.axvline(moment, color=ACCENT, lw=0.8, alpha=0.5)


def _at(moment: Any) -> Any:  # noqa: ANN401 - a moment or a series of them
    """As matplotlib takes it: in UTC, without saying so."""
    return moment.dt.tz_localize(None) if isinstance(moment, pd.Series) else pd.Timestamp(moment).tz_localize(None)
