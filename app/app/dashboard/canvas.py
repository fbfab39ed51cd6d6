"""SVG as values: elements whose attributes are always escaped, scales, ticks. Style stands in the style sheet."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Box = tuple[str, float, float, float, float]  # class, x, y, width, height
NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
DAY: Final = timedelta(days=1)
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def element(tag: str, *children: Markup | str, **attributes: float | str) -> Markup:
    """An element: `class_` is the attribute class, other underscores are hyphens; text and values are escaped."""
    said = "".join([f' {_name(name)}="{_value(value)}"' for name, value in attributes.items()])
    return _drawn(f"<{tag}{said}>{_escaped(children)}</{tag}>")


def _drawn(escaped: str) -> Markup:
    # What Markup(...) makes of a text; but that asks the text first whether it knows its own HTML, which takes longer
    # than to draw a rectangle.
    return str.__new__(Markup, escaped)


def _escaped(parts: Iterable[Markup | str]) -> str:
    # What is Markup already is not asked again: a page has thousands of elements.
    return "".join([part if isinstance(part, Markup) else escape(part) for part in parts])


# Rectangles, circles and what they tell: a page has thousands, and `element` takes thrice as long for each.


def rect(
    class_: str, x: float, y: float, width: float, height: float, *children: Markup, rx: float | None = None
) -> Markup:
    """A rectangle, to a tenth of a unit."""
    corners = "" if rx is None else f' rx="{rx:g}"'
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"{corners}'
    return _drawn(f'<rect class="{_class(class_)}" {place}>{_escaped(children)}</rect>')


def rects(boxes: Iterable[Box]) -> Markup:
    """Many rectangles, one path for each class: for pictures in which nothing tells what it is."""
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for class_, x, y, width, height in boxes:
        paths[class_].append(f"M{x:.1f},{y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z")
    return _drawn("".join([f'<path class="{_class(name)}" d="{"".join(of)}"></path>' for name, of in paths.items()]))


def circle(class_: str, x: float, y: float, r: float) -> Markup:
    """A circle, to a tenth of a unit."""
    return _drawn(f'<circle class="{_class(class_)}" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}"></circle>')


def telling(words: str, *children: Markup) -> Markup:
    """Elements over which a pointer is told something."""
    return _drawn(f"<g><title>{escape(words)}</title>{_escaped(children)}</g>")


@cache  # of the names in this package
def _class(name: str) -> str:
    return str(escape(name))


@cache  # as before
def _name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: float | str) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements after one another."""
    return _drawn(_escaped(parts))


# ASCII's own separators of groups, records and units, and what they become. No text of ours has them; one that had
# would gain a cell.
_SEPARATORS: Final = {"\x1d": "</th><td>", "\x1e": '</td></tr>\n<tr><th scope="row">', "\x1f": "</td><td>"}


def table_rows(rows: Iterable[Sequence[str]]) -> Markup:
    """Rows of two cells and more, the first of each the row's header. They are escaped as one text, much quicker."""
    escaped = str(escape("\x1e".join(["\x1d".join((row[0], "\x1f".join(row[1:]))) for row in rows])))
    for separator, tags in _SEPARATORS.items():
        escaped = escaped.replace(separator, tags)
    return _drawn(f'<tr><th scope="row">{escaped}</td></tr>' if escaped else "")


def tooltip(words: str) -> Markup:
    """What a pointer over the element shows."""
    return _drawn(f"<title>{escape(words)}</title>")


def path(points: Sequence[tuple[float, float]]) -> str:
    """A line through points, as a path says it; empty without points."""
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points) if points else ""


@dataclass(frozen=True, slots=True)
class Scale:
    """From a value between `low` and `high` to a place between `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place; values outside are put at the border."""
        if not self.high > self.low:
            return (self.start + self.end) / 2
        share = (value - self.low) / (self.high - self.low)
        share = 0.0 if share < 0 else min(1.0, share)  # in this order also of what is no number
        return self.start + share * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing's area: the whole width and height, and the margins in which the axes' words stand.

    is_for_phones: no pointer can rest on a point there, so that nothing says what it would be told.
    """

    width: float
    height: float
    left: float = 44
    right: float = 10
    top: float = 12
    bottom: float = 24
    is_for_phones: bool = False

    @property
    def base(self) -> float:
        """Where the horizontal axis lies."""
        return self.height - self.bottom

    @property
    def edge(self) -> float:
        """Where the drawing ends on the right."""
        return self.width - self.right

    def across(self, low: float, high: float) -> Scale:
        """The horizontal scale."""
        return Scale(low, high, self.left, self.edge)

    def up(self, low: float, high: float) -> Scale:
        """The vertical scale."""
        return Scale(low, high, self.base, self.top)

    def drawing(self, title: str, description: str, *parts: Markup) -> Markup:
        """The whole picture, as one image with a name for those who do not see it."""
        words = {
            "role": "img",
            "aria_label": f"{title}. {description}",
            "viewBox": f"0 0 {self.width:g} {self.height:g}",
        }
        return element("svg", *parts, class_="chart", width=self.width, height=self.height, **words)


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values from `low` to `high`, both ends included in what they span; at most about `most`."""
    if not high > low:
        return [low]
    step = _step((high - low) / max(1, most - 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * nice for nice in NICE if power * nice >= least * (1 - 1e-9))


def moments(since: datetime, until: datetime, most: int) -> list[tuple[datetime, str]]:
    """Whole hours or days between two moments with their names, at most about `most`."""
    if until - since <= 2 * DAY:
        step = next((hours for hours in (1, 2, 3, 6, 12) if (until - since) / timedelta(hours=hours) <= most), 24)
        return [(at, f"{at:%H:%M}") for at in _every(since, until, timedelta(hours=step))]
    step = next((days for days in (1, 2, 5, 7, 10) if (until - since) / (days * DAY) <= most), 15)
    return [(at, day(at)) for at in _every(since, until, step * DAY)]


def _every(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    # Counted back from the last midnight or whole step, so that the newest label is a near one.
    day_begun = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = day_begun + (until - day_begun) // step * step
    return sorted(last - step * number for number in range(int((last - since) / step) + 1))


def day(at: datetime) -> str:
    """A day as people say it."""
    return f"{at.day} {MONTHS[at.month - 1]}"


@lru_cache(4_096)  # a page names the same hours and windows many times
def moment(at: datetime) -> str:
    """A moment as people say it, in UTC."""
    return f"{day(at)} {at.hour:02}:{at.minute:02}"


def grid(plot: Plot, up: Scale, ticks: Sequence[float], words: Sequence[str]) -> Markup:
    """Horizontal lines with their values on the left."""
    return joined(
        element("line", class_="grid", x1=plot.left, x2=plot.edge, y1=up(tick), y2=up(tick))
        + element("text", word, class_="tick end", x=plot.left - 6, y=up(tick) + 4)
        for tick, word in zip(ticks, words, strict=True)
    )


def time_axis(plot: Plot, since: datetime, until: datetime) -> Markup:
    """The words under a drawing, where a span of time goes from left to right."""
    across = plot.across(since.timestamp(), until.timestamp())
    named = moments(since, until, max(2, int((plot.edge - plot.left) / 62)))
    inside = [(across(at.timestamp()), word) for at, word in named]
    return joined(
        element("line", class_="mark", x1=x, x2=x, y1=plot.base, y2=plot.base + 4)
        + element("text", word, class_="tick middle", x=min(x, plot.width - 20), y=plot.base + 17)
        for x, word in inside
    )
