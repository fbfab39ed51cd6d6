"""The picture of a replay: each row's score then, against its score now; the flips stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.steps.pictures import ACCENT, INK, PALE, drawn, png

if TYPE_CHECKING:
    from model.steps.replay import Comparison

FLIP = "#d9480f"
CELLS = 45


def replay_picture(version: str, found: Comparison, axes_named: tuple[str, str] = ("score then", "score now")) -> bytes:
    """A PNG of the sample of a comparison that has rows: shaded cells where rows agree, a dot for each flip."""
    share = found.agreed / found.rows
    title, (across, up) = f"{share:.2%} of {found.rows:,} rows agree", axes_named
    figure, axes = drawn(title, across, f"{up}\n{version}")
    then, now, flipped = found.sample["then"], found.sample["now"], found.sample["flipped"]
    low, high = float(min(then.min(), now.min())), float(max(then.max(), now.max()))
    margin = (high - low or 1.0) / 20
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=PALE, zorder=0)
    if not flipped.all():
        cells = axes.hexbin(
            then[~flipped], now[~flipped], gridsize=CELLS, bins="log", mincnt=1, extent=(*limits, *limits)
        )
        cells.set(cmap="Blues", edgecolor=ACCENT, linewidth=0.2)
    if flipped.any():
        label = f"another label ({found.rows - found.agreed:,})"
        axes.plot(then[flipped], now[flipped], ".", color=FLIP, markersize=3, label=label)
        axes.legend(frameon=False, loc="upper left", labelcolor=INK)
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    return png(figure)
