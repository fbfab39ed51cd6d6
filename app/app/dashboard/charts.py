"""What a chart is, and those over time: traffic by version, quality estimated beside measured, a line alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from app.dashboard import figures
from app.dashboard.canvas import (
    Box,
    Plot,
    Scale,
    circle,
    element,
    grid,
    joined,
    moment,
    nice_ticks,
    path,
    rect,
    rects,
    table_rows,
    telling,
    time_axis,
    tooltip,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markupsafe import Markup

    from model.board import Board
    from model.measured import Measured

WIDE: Final = Plot(620, 236)
NARROW: Final = Plot(340, 220, left=36, is_for_phones=True)
LOW: Final = (Plot(620, 160), Plot(340, 150, left=36, is_for_phones=True))
MOST_VERSIONS: Final = 4  # drawn in colours of their own
MOST_BARS: Final = 124
MIDNIGHT: Final = datetime(2000, 1, 1, tzinfo=UTC)  # bars begin at whole hours, and quarters of days
MOST_ROWS: Final = 400  # of a table behind a chart


@dataclass(frozen=True, slots=True)
class Table:
    """The same in words. rows: each as long as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def body(self) -> Markup:
        """The rows as HTML, the first cell of each a header of its row."""
        return table_rows(self.rows)


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture for a wide screen and one for a phone, what its colours mean (class, words), the figures behind it."""

    title: str
    note: str
    wide: Markup
    narrow: Markup
    table: Table
    legend: tuple[tuple[str, str], ...] = ()


def both(draw: Callable[[Plot], Markup], wide: Plot = WIDE, narrow: Plot = NARROW) -> tuple[Markup, Markup]:
    """A picture drawn for both widths."""
    return draw(wide), draw(narrow)


def colours(board: Board) -> dict[str, str]:
    """Version -> class: the champion has the first colour, the others by their age."""
    seen = {one.version for one in board.traffic} | {one.version for one in board.figures}
    ordered = sorted(seen | {board.champion or ""}, reverse=True)
    ordered.sort(key=lambda version: version != board.champion)
    return {version: f"v{min(place, MOST_VERSIONS - 1)}" for place, version in enumerate(ordered)}


# ----------------------------------------------------------------------------------------- traffic


def traffic(board: Board) -> Chart | None:
    """Predictions by version over time, as stacked bars; batches are told in the note. None without any."""
    online = [one for one in board.traffic if one.origin != "batch"] or board.traffic
    if not online:
        return None
    width = _bar_width(board.now - board.since)
    counts: dict[tuple[datetime, str], int] = Counter()
    for one in online:
        counts[one.hour - (one.hour - MIDNIGHT) % width, one.version] += one.rows
    paint = colours(board)
    wide, narrow = both(lambda plot: _bars(board, plot, counts, width, paint))
    versions = sorted({version for _, version in counts})
    rows = [(moment(at), figures.short(version), f"{rows:,}") for (at, version), rows in sorted(counts.items()) if rows]
    return Chart(
        "Traffic",
        f"predictions each {_duration(width)}, by version{_batches(board)}",
        wide,
        narrow,
        Table(("from (UTC)", "version", "predictions"), tuple(rows[-MOST_ROWS:])),
        tuple((paint[version], _named(board, version)) for version in versions),
    )


def _bar_width(span: timedelta) -> timedelta:
    return next(
        timedelta(hours=hours) for hours in (1, 2, 6, 12, 24, 10_000) if span / timedelta(hours=hours) <= MOST_BARS
    )


def _duration(width: timedelta) -> str:
    hours = round(width / timedelta(hours=1))
    return "hour" if hours == 1 else f"{hours} hours"


def _batches(board: Board) -> str:
    rows = sum(one.rows for one in board.traffic if one.origin == "batch")
    return f"; besides {rows:,} rows in batches" if rows and any(one.origin != "batch" for one in board.traffic) else ""


def _named(board: Board, version: str) -> str:
    return f"{figures.short(version)} (champion)" if version == board.champion else figures.short(version)


def _bars(
    board: Board, plot: Plot, counts: dict[tuple[datetime, str], int], width: timedelta, paint: dict[str, str]
) -> Markup:
    totals: Counter[datetime] = Counter()
    for (at, _), rows in counts.items():
        totals[at] += rows
    ticks = nice_ticks(0, max(totals.values(), default=1) or 1, 4)
    up, across = plot.up(0, ticks[-1]), _times(board, plot)
    parts = [grid(plot, up, ticks, [_thousands(tick) for tick in ticks]), time_axis(plot, board.since, board.now)]
    stacked = _stacked(counts, (across, up), width, paint)
    if plot.is_for_phones:
        parts.append(rects(box for _, box in stacked))
    else:
        parts += [rect(*box, tooltip(_told_bar(at, version, counts))) for (at, version), box in stacked]
    said = f"{sum(totals.values()):,} predictions from {moment(board.since)} to {moment(board.now)} UTC"
    return plot.drawing("Traffic", said, *parts, *_promotions(board, plot))


def _stacked(
    counts: dict[tuple[datetime, str], int], scales: tuple[Scale, Scale], width: timedelta, paint: dict[str, str]
) -> Iterator[tuple[tuple[datetime, str], Box]]:
    """The bars of the versions of each moment, one upon the other."""
    across, up = scales
    for at, of_moment in groupby(sorted(counts), key=lambda key: key[0]):
        left, right, below = across(at.timestamp()), across((at + width).timestamp()), 0
        for key in of_moment:
            top, wide = up(below + counts[key]), max(0.6, right - left - 0.8)
            yield key, (paint[key[1]], left + 0.4, top, wide, max(0.0, up(below) - top))
            below += counts[key]


def _told_bar(at: datetime, version: str, counts: dict[tuple[datetime, str], int]) -> str:
    return f"{moment(at)} UTC, {figures.short(version)}: {counts[at, version]:,} predictions"


def _times(board: Board, plot: Plot) -> Scale:
    return plot.across(board.since.timestamp(), board.now.timestamp())


def _thousands(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:,.0f}"  # noqa: PLR2004 - five figures do not fit


def _promotions(board: Board, plot: Plot) -> Iterator[Markup]:
    """A line where another version began to serve."""
    across = _times(board, plot)
    for one in board.changes:
        if board.since < one.at <= board.now and one.before is not None:
            x = across(one.at.timestamp())
            side = "end" if x > (plot.left + plot.edge) / 2 else "start"
            said = f"{one.event} of {figures.short(one.version)} on {moment(one.at)} UTC by {one.who}: {one.why}"
            yield element("line", tooltip(said), class_="promotion", x1=x, x2=x, y1=plot.top, y2=plot.base)
            words = "rolled back" if one.event == "rollback" else "promoted"
            shift = -5 if side == "end" else 5
            yield element("text", words, class_=f"tick {side} promoted", x=x + shift, y=plot.top + 8)


# ----------------------------------------------------------------------------------------- quality


def quality(board: Board) -> Chart | None:
    """The measure that decides: measured with its interval, estimated beside it, training's value. None without any."""
    name = figures.decisive(board.contract)
    measured, estimated = figures.series(board, name), figures.series(board, f"estimated_{name}")
    if not measured and not estimated:
        return None
    wide, narrow = both(lambda plot: _quality(board, plot, measured, estimated))
    legend = [("measured", "measured on truth, with its 95 % interval")] if measured else []
    legend += [("estimated", "estimated without truth")] if estimated else []
    legend += [("expected", "the same in training")]
    rows = [(one, "measured") for one in measured] + [(one, "estimated") for one in estimated]
    rows.sort(key=lambda row: row[0].span.until)
    table = Table(
        ("window until (UTC)", "version", "kind", "value", "95 % interval", "in training", "rows"),
        tuple((moment(one.span.until), figures.short(one.version), kind, *_numbers(one)) for one, kind in rows)[
            -MOST_ROWS:
        ],
    )
    title = figures.words(name)
    better = "lower is better" if board.contract.target.task == "regression" else "higher is better"
    return Chart(title[:1].upper() + title[1:], better, wide, narrow, table, tuple(legend))


def _numbers(one: Measured) -> tuple[str, str, str, str]:
    interval = f"{one.low:.3f} to {one.high:.3f}" if figures.known(one.low) else "none"
    expected = f"{one.expected:.3f}" if figures.known(one.expected) else "not known"
    return f"{one.value:.3f}", interval, expected, f"{one.rows:,}"


def _quality(board: Board, plot: Plot, measured: Sequence[Measured], estimated: Sequence[Measured]) -> Markup:
    every = [value for one in (*measured, *estimated) for value in (one.value, one.expected) if figures.known(value)]
    every += [value for one in measured for value in (one.low, one.high) if figures.known(value)]
    ticks = nice_ticks(min(every), max(every), 5)
    up, across = plot.up(ticks[0], ticks[-1]), _times(board, plot)
    parts = [grid(plot, up, ticks, [f"{tick:g}" for tick in ticks]), time_axis(plot, board.since, board.now)]
    scales = (across, up)
    parts += [_band(part, scales) for part in _by_version(measured)]
    parts += [_expected(part, scales) for part in _by_version([*measured, *estimated])]
    parts += [_line(part, scales, "estimated") for part in _by_version(estimated)]
    parts += [_line(part, scales, "measured") for part in _by_version(measured)]
    for kind, found in (("estimated", estimated), ("measured", measured)):
        parts.append(_dots(plot, found, scales, kind, kind))
    said = "; ".join(_told(part, kind) for part, kind in ((measured, "measured"), (estimated, "estimated")) if part)
    return plot.drawing(figures.words(figures.decisive(board.contract)), said, *parts, *_promotions(board, plot))


def _told(part: Sequence[Measured], kind: str) -> str:
    return f"{kind} {part[-1].value:.3f} in the latest of {len(part)} windows, {part[0].value:.3f} in the first"


def _by_version(found: Sequence[Measured]) -> list[list[Measured]]:
    """Each version's windows in order: no line joins two versions."""
    ordered = sorted(found, key=lambda one: (one.version, one.span.until))
    return [list(part) for _, part in groupby(ordered, key=lambda one: one.version)]


def _place(one: Measured, scales: tuple[Scale, Scale], value: float) -> tuple[float, float]:
    middle = (one.span.since.timestamp() + one.span.until.timestamp()) / 2
    return scales[0](middle), scales[1](value)


def _band(part: Sequence[Measured], scales: tuple[Scale, Scale]) -> Markup:
    inside = [one for one in part if figures.known(one.low) and figures.known(one.high)]
    upper = [_place(one, scales, one.high) for one in inside]
    lower = [_place(one, scales, one.low) for one in reversed(inside)]
    return element("path", class_="band", d=path([*upper, *lower]) + ("Z" if inside else ""))


def _expected(part: Sequence[Measured], scales: tuple[Scale, Scale]) -> Markup:
    inside = [one for one in part if figures.known(one.expected)]
    ends = [_place(one, scales, inside[-1].expected) for one in (inside[0], inside[-1])] if inside else []
    return element("path", class_="expected", d=path(ends))


def _line(part: Sequence[Measured], scales: tuple[Scale, Scale], kind: str) -> Markup:
    return element("path", class_=f"line {kind}", d=path([_place(one, scales, one.value) for one in part]))


def _dots(plot: Plot, found: Sequence[Measured], scales: tuple[Scale, Scale], kind: str, word: str) -> Markup:
    placed = [(one, *_place(one, scales, one.value)) for one in found]
    if plot.is_for_phones:
        return joined(_dot(one, x, y, kind) for one, x, y in placed)
    return joined(telling(_told_dot(one, word), _dot(one, x, y, kind), circle("near", x, y, 9)) for one, x, y in placed)


def _dot(one: Measured, x: float, y: float, kind: str) -> Markup:
    return circle(f"dot {kind} alarm", x, y, 4.5) if one.alarm else circle(f"dot {kind}", x, y, 2.6)


def _told_dot(one: Measured, word: str) -> str:
    value, interval, expected, rows = _numbers(one)
    where = f"{figures.told(one.span)}, {figures.short(one.version)}"
    return f"{where}: {word} {value} ({interval}; {expected} in training; {rows} rows)"


# ------------------------------------------------------------------------------------------- lines


def sparkline(values: Sequence[float | None], words: str) -> Markup:
    """A small line without axes; gaps where there is no value. Empty with fewer than two values."""
    found = [value for value in values if value is not None]
    if len(found) < 2:  # noqa: PLR2004 - a line has two ends
        return joined([])
    plot = Plot(150, 30, 2, 4, 4, 3)
    up, across = plot.up(min(found), max(found)), plot.across(0, len(values) - 1)
    points = [(across(place), up(value)) for place, value in enumerate(values) if value is not None]
    area = [*points, (points[-1][0], plot.height), (points[0][0], plot.height)]
    last = circle("last", *points[-1], 2.6)
    drawn = (element("path", class_="area", d=path(area) + "Z"), element("path", class_="spark", d=path(points)), last)
    return plot.drawing("Over time", words, *drawn)


def line(board: Board, title: str, note: str, found: Sequence[Measured]) -> Chart | None:
    """One measure over time with training's value. None without any."""
    if not found:
        return None

    def draw(plot: Plot) -> Markup:
        every = [value for one in found for value in (one.value, one.expected, 0.0) if figures.known(value)]
        ticks = nice_ticks(min(every), max(every) or 1, 4)
        scales = _times(board, plot), plot.up(ticks[0], ticks[-1])
        parts = [grid(plot, scales[1], ticks, [f"{tick:g}" for tick in ticks]), time_axis(plot, board.since, board.now)]
        parts += [_expected(part, scales) for part in _by_version(found)]
        parts += [_line(part, scales, "measured") for part in _by_version(found)]
        parts.append(_dots(plot, found, scales, "measured", title.lower()))
        return plot.drawing(title, _told(found, title.lower()), *parts)

    wide, narrow = both(draw, *LOW)
    head = ("window until (UTC)", "version", "value", "95 % interval", "in training", "rows")
    rows = tuple((moment(one.span.until), figures.short(one.version), *_numbers(one)) for one in found)
    return Chart(
        title,
        note,
        wide,
        narrow,
        Table(head, rows[-MOST_ROWS:]),
        (("measured", "measured"), ("expected", "in training")),
    )
