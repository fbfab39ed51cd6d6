"""Charts of what goes in and comes out: the heat map of drift, distributions, scores, latencies."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from app.dashboard import figures
from app.dashboard.canvas import DAY, Plot, circle, element, joined, moment, path, rect, rects, telling, tooltip
from app.dashboard.charts import Chart, Table, both
from model.board import LATENCY_EDGES_MS, SCORE_BINS, Shares
from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from app.dashboard.canvas import Box
    from app.dashboard.figures import Drifting
    from model.board import Board, HourOfTraffic
    from model.measured import Span

MOST_COLUMNS: Final = 30
MOST_WINDOWS: Final = {True: 31, False: 14}  # on a wide screen and on a phone
ROW: Final = 20
EFFECTS: Final = (0.2, 0.5, 0.8)  # small, medium and large shifts (Cohen 1988)
MOST_SHOWN: Final = 9
MOST_NAME: Final = {True: 20, False: 14}
ONE_DAY: Final = 24
_LOW: Final = (Plot(620, 160, 8, 12, 8, 22), Plot(340, 140, 8, 12, 8, 22, is_for_phones=True))


# ---------------------------------------------------------------------------------------- heat map


def drift(board: Board) -> Chart | None:
    """Each column by window, coloured where its drift alarms, the furthest moved first. None without any."""
    cells = figures.by_window(board, MOST_WINDOWS[True])
    if not cells:
        return None
    now = figures.by_column(board)
    names = [name for name in figures.ranked(now) if name != "residuals"][:MOST_COLUMNS]
    height = len(names) * ROW + 30
    plots = Plot(620, height, 132, 48, 2, 26), Plot(340, height, 112, 40, 2, 26, is_for_phones=True)
    wide, narrow = both(lambda plot: _map(plot, names, cells, now), *plots)
    legend = (
        ("h1", "drifts, small"),
        ("h2", "from 0.2"),
        ("h3", "from 0.5"),
        ("h4", "from 0.8"),
        ("fault", "missing or forbidden"),
    )
    note = "grey: within noise. Coloured where it alarms, by how many standard deviations it moved since training"
    rows = tuple(_row(name, now[name]) for name in names)
    head = ("column", "moved (standard deviations)", "alarms", "what was measured, latest window")
    return Chart("Input drift", note, wide, narrow, Table(head, rows), legend)


def _row(name: str, found: Drifting) -> tuple[str, ...]:
    alarms = ", ".join(word for word, holds in (("drift", found.drifts), ("fault", found.is_faulty)) if holds)
    return name, f"{found.shift:.2f}", alarms or "no", found.why


def _map(plot: Plot, names: Sequence[str], cells: dict[Span, dict[str, Drifting]], now: dict[str, Drifting]) -> Markup:
    spans = list(cells)[-MOST_WINDOWS[not plot.is_for_phones] :]
    step = (plot.edge - plot.left) / max(len(spans), 8)
    parts = []
    for line, name in enumerate(names):
        y = plot.top + line * ROW
        most = MOST_NAME[not plot.is_for_phones]
        parts.append(
            element(
                "text",
                bounded(name, most),
                tooltip(name),
                class_=f"name end {_emphasis(now[name])}",
                x=plot.left - 8,
                y=y + 14,
            )
        )
        worth = f"{now[name].shift:.2f}"
        parts.append(
            element(
                "text",
                worth,
                class_=f"tick start {_emphasis(now[name])}",
                x=plot.left + len(spans) * step + 6,
                y=y + 14,
            )
        )
    of_windows = [(place, span, cells[span]) for place, span in enumerate(spans)]
    boxes = [
        _Cell(name, span, found[name], plot.left + place * step, plot.top + line * ROW, step)
        for line, name in enumerate(names)
        for place, span, found in of_windows
        if name in found and found[name].main is not None
    ]
    parts += _cells(plot, boxes)
    parts.append(_days(plot, spans, step))
    drifting = [name for name in names if now[name].drifts]
    said = f"{len(drifting)} of {len(names)} drift in the latest window: {', '.join(drifting) or 'none'}"
    return plot.drawing("Input drift by column and window", said, *parts)


def _emphasis(found: Drifting) -> str:
    return "strong" if found.drifts or found.is_faulty else ""


class _Cell(NamedTuple):
    """A column in a window, and where it is drawn. width: of it and of the gap beside it."""

    name: str
    span: Span
    found: Drifting
    x: float
    y: float
    width: float

    @property
    def box(self) -> Box:
        return heat(self.found), self.x + 0.75, self.y + 1, max(1.0, self.width - 1.5), ROW - 2

    @property
    def mark(self) -> list[Markup]:
        return [circle("fault", self.x + self.width / 2, self.y + ROW / 2, 3)] if self.found.is_faulty else []

    @property
    def words(self) -> str:
        moved = f"moved by {self.found.shift:.2f} standard deviations"
        return f"{self.name}, {figures.told(self.span)}: {moved}. {self.found.why}"


def _cells(plot: Plot, cells: Sequence[_Cell]) -> list[Markup]:
    if plot.is_for_phones:
        return [rects(cell.box for cell in cells), *(mark for cell in cells for mark in cell.mark)]
    return [telling(cell.words, rect(*cell.box, rx=2.5), *cell.mark) for cell in cells]


def heat(found: Drifting) -> str:
    """The class of a cell: h0 within noise, h1 to h4 by how far what alarms has moved."""
    return f"h{1 + sum(found.shift >= edge for edge in EFFECTS)}" if found.drifts else "h0"


def _days(plot: Plot, spans: Sequence[Span], step: float) -> Markup:
    every = max(1, math.ceil(52 / step))
    named = [(place, span) for place, span in enumerate(spans) if (len(spans) - 1 - place) % every == 0]
    is_hourly = bool(spans) and spans[0].hours < ONE_DAY
    words = [(place, f"{span.since:%H:%M}" if is_hourly else moment(span.since)[:-6]) for place, span in named]
    return joined(
        element("text", word, class_="tick middle", x=plot.left + (place + 0.5) * step, y=plot.base + 17)
        for place, word in words
    )


# ----------------------------------------------------------------------------------- distributions


def distributions(board: Board) -> list[Chart]:
    """The columns in training (bars) and now (line), the furthest moved first."""
    drifts = figures.by_column(board)
    order = {name: place for place, name in enumerate(figures.ranked(drifts))}
    known = [one for one in board.shares if one.training and one.subject not in {"scores", "residuals"}]
    known.sort(key=lambda one: order.get(one.subject, len(order)))
    return [_shares(one, drifts.get(one.subject)) for one in known[:MOST_SHOWN]]


def _shares(one: Shares, found: Drifting | None) -> Chart:
    plot = Plot(190, 76, 1, 1, 4, 2)
    drawn = plot.drawing(f"{one.subject} in training and now", _most_moved(one), *_steps(plot, one))
    rows = [(name, f"{before:.1%}", f"{after:.1%}") for name, before, after in _by_bin(one)]
    moved = "" if found is None or found.main is None else f"{found.shift:.2f}"
    note = f"{moved} {'drifts' if found is not None and found.drifts else ''}".strip()
    return Chart(one.subject, note, drawn, drawn, Table(("values", "training", "now"), tuple(rows)))


def _by_bin(one: Shares) -> list[tuple[str, float, float]]:
    now = one.now or (math.nan,) * len(one.training)
    return list(zip(one.names, one.training, now, strict=False))


def _most_moved(one: Shares) -> str:
    if not one.now:
        return "nothing has been measured yet"
    name, before, after = max(_by_bin(one), key=lambda part: abs(part[2] - part[1]))
    return f"most moved: {name}, from {before:.0%} in training to {after:.0%} now"


def _steps(plot: Plot, one: Shares) -> list[Markup]:
    most = max((*one.training, *one.now), default=1) or 1
    up, across = plot.up(0, most), plot.across(0, len(one.training))
    parts = []
    for place, (name, before, after) in enumerate(_by_bin(one)):
        left, right = across(place), across(place + 1)
        said = f"{name}: {before:.1%} in training, {after:.1%} now" if one.now else f"{name}: {before:.1%}"
        box = rect("training", left + 0.5, up(before), max(0.5, right - left - 1), plot.base - up(before))
        near = rect("near", left, plot.top, right - left, plot.base - plot.top)
        parts.append(telling(said, box, near))
    if one.now:
        stairs = [(across(at), up(value)) for place, value in enumerate(one.now) for at in (place, place + 1)]
        parts.append(element("path", class_="now", d=path(stairs)))
    return parts


# -------------------------------------------------------------------------------- scores, latencies


def scores(board: Board) -> Chart | None:
    """How the scores of the last day were distributed beside those of the days before. None without any."""
    scored = [(_is_of_the_last_day(board, one), one.scores) for one in board.traffic if one.scores]
    day, before = ([counts for is_late, counts in scored if is_late is asked] for asked in (True, False))
    if not day:
        return None
    now, earlier = _shares_of(day), _shares_of(before)
    names = tuple(f"{place / SCORE_BINS:.2f} to {(place + 1) / SCORE_BINS:.2f}" for place in range(SCORE_BINS))
    pair = Shares("scores", names, earlier, now)
    wide, narrow = both(lambda plot: _histogram(plot, "Scores", pair, ["0", "0.25", "0.5", "0.75", "1"]), *_LOW)
    rows = tuple((name, f"{a:.2%}", f"{b:.2%}") for name, a, b in zip(names, earlier, now, strict=True))
    legend = (("bar-now", "last day"), ("before", "the days before in this span"))
    return Chart(
        "Scores",
        "share of answers by score; heights by square root, so that rare ones show",
        wide,
        narrow,
        Table(("score", "before", "last day"), rows),
        legend,
    )


def latencies(board: Board) -> Chart | None:
    """How long answers of the last day took. None where none was timed."""
    day = [one.latencies for one in board.traffic if one.latencies and _is_of_the_last_day(board, one)]
    if not day:
        return None
    now = _shares_of(day)
    edges = [0.0, *LATENCY_EDGES_MS]
    names = (*(f"{low:g} to {high:g} ms" for low, high in pairwise(edges)), f"more than {edges[-1]:g} ms")
    shown = Shares("latency", names, (), now)
    ticks = ["0", *(f"{edge:g}" for edge in LATENCY_EDGES_MS), "ms"]
    wide, narrow = both(lambda plot: _histogram(plot, "Latency", shown, ticks), *_LOW)
    rows = tuple((name, f"{share:.2%}") for name, share in zip(names, now, strict=True))
    return Chart(
        "Latency",
        "share of answers of the last day by milliseconds; heights by square root",
        wide,
        narrow,
        Table(("took", "last day"), rows),
        (("bar-now", "last day"),),
    )


def _is_of_the_last_day(board: Board, one: HourOfTraffic) -> bool:
    return board.now - one.hour <= DAY


def _shares_of(counts: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """Shares by bin of counts added up; all zero where nothing was counted."""
    sums = [sum(column) for column in zip(*counts, strict=True)] or [0] * SCORE_BINS
    return tuple(one / (sum(sums) or 1) for one in sums)


def _histogram(plot: Plot, title: str, shown: Shares, ticks: Sequence[str]) -> Markup:
    """Bars of `now` and a line of `training`; the ticks stand from the first edge to the last at equal distances."""
    most = math.sqrt(max((*shown.training, *shown.now), default=1) or 1)
    up, across = plot.up(0, most), plot.across(0, len(shown.now))
    parts = [element("line", class_="grid", x1=plot.left, x2=plot.edge, y1=plot.base, y2=plot.base)]
    for place, share in enumerate(shown.now):
        left, right, top = across(place), across(place + 1), up(math.sqrt(share))
        near = rect("near", left, plot.top, right - left, plot.base - plot.top)
        box = rect("bar-now", left + 1, top, right - left - 2, plot.base - top)
        parts.append(telling(f"{shown.names[place]}: {share:.2%}", box, near))
    stairs = [(across(at), up(math.sqrt(share))) for n, share in enumerate(shown.training) for at in (n, n + 1)]
    parts.append(element("path", class_="before", d=path(stairs)))
    step = (plot.edge - plot.left) / max(1, len(ticks) - 1)
    every = max(1, math.ceil(34 / step))
    parts += [
        element("text", word, class_="tick middle", x=plot.left + n * step, y=plot.base + 16)
        for n, word in enumerate(ticks)
        if n % every == 0
    ]
    return plot.drawing(title, f"the most frequent: {shown.names[shown.now.index(max(shown.now))]}", *parts)
