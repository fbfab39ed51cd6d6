"""Whether scores come true: the observed share by score in the latest window with truth, and the error over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from app.dashboard import figures
from app.dashboard.canvas import Plot, Scale, circle, element, joined, moment, telling
from app.dashboard.charts import Chart, Table, both, line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from model.board import Board

TICKS: Final = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
NORMAL: Final = 1.96  # two-sided 95 %
_PLOTS: Final = (Plot(620, 200), Plot(340, 200, left=40, is_for_phones=True))
Tenth = tuple[float, float, float, float]  # mean score, observed share, its interval


def error(board: Board) -> Chart | None:
    """How far scores miss the observed shares, window by window. None without any."""
    note = "how far scores miss the observed shares; 0 is perfect"
    return line(board, "Calibration error", note, figures.series(board, "calibration_error"))


def reliability(board: Board) -> Chart | None:
    """The observed share of outcomes by score, beside what the scores promise. None before there was truth."""
    found = board.reliability
    if found is None or not found.scores:
        return None
    count = found.rows / len(found.scores)
    tenths = [(at, share, *wilson(share, count)) for at, share in zip(found.scores, found.shares, strict=True)]
    wide, narrow = both(lambda plot: _curve(plot, tenths, round(count)), *_PLOTS)
    what = "right answers" if board.contract.target.task == "multiclass" else "positives"
    note = (
        f"share of {what} by score, in tenths of {found.rows:,} rows until {moment(found.span.until)}; by square root"
    )
    rows = tuple((f"{at:.3f}", f"{share:.1%}", f"{low:.1%} to {high:.1%}") for at, share, low, high in tenths)
    table = Table(("mean score", "observed share", "95 % interval"), rows)
    legend = (("measured", "observed, with its 95 % interval"), ("expected", "as the scores promise"))
    return Chart("Calibration", note, wide, narrow, table, legend)


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95 % interval of a share of `count` rows (Wilson 1927): within 0 and 1, not empty where none came true."""
    squared = NORMAL**2 / count
    half = NORMAL * math.sqrt(share * (1 - share) / count + squared / (4 * count))
    middle = share + squared / 2
    return max(0.0, (middle - half) / (1 + squared)), min(1.0, (middle + half) / (1 + squared))


def _curve(plot: Plot, tenths: Sequence[Tenth], count: int) -> Markup:
    most = max(value for at, _, _, high in tenths for value in (at, high))
    most = next((tick for tick in TICKS if tick >= most), 1.0)
    root = math.sqrt(most)
    across, up = plot.across(0, root), plot.up(0, root)
    parts = [_axes(plot, across, up, most)]
    parts.append(element("line", class_="expected", x1=across(0), y1=up(0), x2=across(root), y2=up(root)))
    for at, share, low, high in tenths:
        x, y = across(math.sqrt(at)), up(math.sqrt(share))
        ends = {"y1": up(math.sqrt(low)), "y2": up(math.sqrt(high))}
        drawn = element("line", class_="whisker", x1=x, x2=x, **ends), circle("dot measured", x, y, 2.6)
        said = f"scores around {at:.3f} ({count:,} rows): {share:.1%} came true [{low:.1%}, {high:.1%}]"
        parts.append(joined(drawn) if plot.is_for_phones else telling(said, *drawn, circle("near", x, y, 9)))
    (at, share, *_), *_ = tenths
    return plot.drawing(
        "Calibration", f"of the tenth with the highest scores, {at:.2f} on average, {share:.0%} came true", *parts
    )


def _axes(plot: Plot, across: Scale, up: Scale, most: float) -> Markup:
    """Lines with shares on the left, scores below; of ticks that would touch, the lower one is left out."""
    parts: list[Markup] = []
    for scale, apart in ((up, 16.0), (across, 34.0)):
        last = math.inf
        for tick in sorted((tick for tick in TICKS if tick <= most), reverse=True):
            place = scale(math.sqrt(tick))
            if abs(place - last) < apart:
                continue
            last = place
            if scale is up:
                parts.append(element("line", class_="grid", x1=plot.left, x2=plot.edge, y1=place, y2=place))
                parts.append(element("text", f"{tick:.0%}", class_="tick end", x=plot.left - 6, y=place + 4))
            else:
                parts.append(element("text", f"{tick:g}", class_="tick middle", x=place, y=plot.base + 16))
    return joined(parts)
