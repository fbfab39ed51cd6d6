"""The dashboard's pages: what they say of a board, that everything on them is escaped, and that nothing is inline."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from app.dashboard import calibration, charts, figures, inputs, pages, summary, trial
from app.dashboard.canvas import Scale, element, moments, nice_ticks, rects, table_rows
from app.dashboard.verdict import verdict
from model.board import Board, HourOfTraffic
from model.challenger import Shadowing
from model.columns import Category, Number, Timestamp
from model.contract import Contract, Key, Source, Target
from model.contracts import find
from model.measured import Measured
from model.testing.boards import NEW, NOW, OLD, PROMOTED, empty, month, troubled

TRACKS = find("reggaeton").contract
MONTH = month(TRACKS)
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"
NOTHING_REFUSED = summary.Refused(0, 0, ())
VOID = {"meta", "link", "input", "br", "img"}


class Seen(HTMLParser):
    """What a browser makes of a page: tags, attributes, text; fails where tags do not match."""

    def __init__(self, page: bytes) -> None:
        """Read the page."""
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Count it."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        """An element without content."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """It closes what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [value for _, found, value in self.attributes if found == name]


def shown(board: Board, **words: Any) -> Seen:
    return Seen(pages.overview(board, "30d", NOTHING_REFUSED, **words))


def check_nothing_inline(seen: Seen) -> None:
    """What the policy would block is not there, and every reference stays on this service."""
    assert not {"script", "style", "iframe", "object", "base"} & seen.tags.keys()
    names = {name for _, name, _ in seen.attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]
    assert not [value for value in [*seen.values("href"), *seen.values("src"), *seen.values("action")] if ":" in value]


@pytest.mark.parametrize("name", ["reggaeton", "wine", "diabetes"])
@pytest.mark.parametrize("make", [month, empty, troubled])
def test_a_page_is_well_formed_has_nothing_inline_and_its_pictures_have_names_and_tables(name: str, make: Any) -> None:
    seen = shown(make(find(name).contract))
    check_nothing_inline(seen)
    assert max(Counter(seen.values("id")).values()) == 1
    pictures = [name for tag, name, _ in seen.attributes if tag == "svg" and name in {"aria-label", "aria-hidden"}]
    assert len(pictures) == seen.tags["svg"]
    assert seen.tags["h1"] == 1


def test_the_month_says_in_words_that_inputs_drift_and_what_was_decided() -> None:
    said = verdict(MONTH)
    assert (said.level, said.word) == ("watch", "needs a look")
    assert "drifted" in said.headline
    assert "energy" in said.reasons[0]
    assert said.next_step.startswith("A retraining was decided on 21 Nov")
    text = " ".join(shown(MONTH).text)
    for words in (said.headline, "Latest predictions", "decided to retrain", "Better in 98.2 % of paired resamples"):
        assert words in text


def test_before_the_first_measure_and_with_trouble_nothing_is_judged() -> None:
    assert verdict(empty(TRACKS)).level == "unknown"
    assert "not been measured yet" in verdict(empty(TRACKS)).headline
    said = verdict(troubled(TRACKS))
    assert (said.level, said.reasons) == ("unknown", troubled(TRACKS).trouble)
    assert verdict(replace(empty(TRACKS), champion=None)).headline == "No model serves yet."


def test_a_model_whose_truth_says_worse_is_unwell_and_one_without_alarm_is_healthy() -> None:
    calm = replace(MONTH, figures=[replace(one, alarm=False) for one in MONTH.figures])
    assert verdict(calm).level == "good"
    lost = [replace(one, alarm=one.measure == "average_precision" and one.version == NEW) for one in MONTH.figures]
    assert verdict(replace(MONTH, figures=lost)).level == "bad"


def test_forbidden_values_are_worse_than_drift_and_marked_in_the_map() -> None:
    latest = figures.latest(MONTH)[0]
    fault = replace(latest, measure="missing", subject="tempo", alarm=True, why="tempo: 40% without a value")
    board = replace(MONTH, figures=[*MONTH.figures, fault])
    assert verdict(board).level == "bad"
    assert "tempo: 40% without a value" in " ".join(verdict(board).reasons).replace("Tempo", "tempo")
    assert figures.ranked(figures.by_column(board))[0] == "tempo"
    chart = inputs.drift(board)
    assert chart is not None
    assert 'class="fault"' in chart.wide


def test_a_monitoring_that_stands_still_is_told() -> None:
    calm = [replace(one, alarm=False) for one in MONTH.figures]
    later = replace(MONTH, figures=calm, now=MONTH.now + timedelta(days=5))
    assert verdict(later).level == "unknown"
    assert "stands still" in " ".join(verdict(later).reasons)


def test_whatever_a_board_says_is_escaped() -> None:
    first = MONTH.figures[0]
    figure = Measured(NEW, first.span, "psi", HOSTILE, 0.5, 0, 1, 0, 0.1, 100, alarm=True, why=HOSTILE)
    category = Category(HOSTILE, (HOSTILE, "b"), description=HOSTILE, example="b", unit=HOSTILE)
    contract = Contract(
        name="hostile",
        description=HOSTILE,
        key=Key("id"),
        target=Target("target", labels={"a": HOSTILE, "b": "plain"}),
        sources=(Source("x.csv"),),
        columns=(category, Number("x", example=1.5)),
    )
    board = replace(
        month(contract),
        figures=[figure, *(replace(one, why=HOSTILE) for one in month(contract).figures)],
        decisions=[replace(one, reasons=(HOSTILE,), who=HOSTILE) for one in MONTH.decisions[:3]],
        versions=[replace(one, estimator=HOSTILE, version=HOSTILE) for one in MONTH.versions],
        changes=[replace(one, why=HOSTILE, who=HOSTILE, version=HOSTILE) for one in MONTH.changes],
        recent=[
            replace(one, prediction_id=HOSTILE, label="a", truth="a", inputs={HOSTILE: HOSTILE}) for one in MONTH.recent
        ],
        traffic=[replace(one, version=HOSTILE) for one in MONTH.traffic],
        challenger=Shadowing(HOSTILE, NOW, failing=HOSTILE),
    )
    page = pages.overview(board, "30d", NOTHING_REFUSED)
    check_nothing_inline(Seen(page))
    assert b"<script" not in page
    assert b"<img" not in page
    assert b"49" not in page.split(b"onerror=alert(1)&gt;")[1][:40]
    answer = trial.Answer(
        HOSTILE, HOSTILE, HOSTILE, HOSTILE, ((HOSTILE, HOSTILE, 0.5),), ((HOSTILE, HOSTILE, 0.5, "up"),)
    )
    words = {"contract": contract, "answer": answer, "refused": HOSTILE, "here": "try"}
    tried = pages.render("try", fields=trial.fields(contract, {"c0": HOSTILE}, {HOSTILE: HOSTILE}), **words)
    row = summary.row_of(board, board.recent[0])
    version = summary.versions(board)[0]
    for page in (
        tried,
        pages.render("prediction", row=row, contract=contract),
        pages.render("version", row=version, card=HOSTILE, contract=contract),
        pages.render("message", title=HOSTILE, words=HOSTILE),
    ):
        check_nothing_inline(Seen(page))


def test_the_challenger_is_marked_and_how_it_fares_is_said() -> None:
    text = " ".join(shown(MONTH).text)
    assert text.count("challenger") == 1
    assert "answers beside the champion since 21 Nov 02:20 UTC: it has answered 1,204 and refused 3" in text
    failing = replace(MONTH, challenger=Shadowing("v9", NOW, failing="its bundle is damaged"))
    assert "v9 should answer beside the champion since 22 Nov 19:00 UTC, and fails: its bundle is damaged" in " ".join(
        shown(failing).text
    )
    nothing = " ".join(shown(replace(MONTH, challenger=None)).text)
    assert "challenger" not in nothing
    assert "beside the champion" not in nothing


def test_a_tables_rows_are_escaped_and_each_has_a_header_and_its_cells() -> None:
    """Cells are escaped as one text, so that what is in one stays in it."""
    seen = Seen(f"<table>{table_rows([(HOSTILE, HOSTILE, '</td>'), ('a', 'b', '')])}</table>".encode())
    assert dict(seen.tags) == {"table": 1, "tr": 2, "th": 2, "td": 4}
    assert "".join(seen.text) == f"{HOSTILE}{HOSTILE}</td>\nab"
    assert not table_rows([])


def test_rectangles_that_tell_nothing_are_one_path_for_each_class() -> None:
    """In the order in which a class is first met."""
    drawn = rects([("b", 0, 1, 2, 3.25), ("a", 1, 1, 1, 1), ("b", 5, 5, 1, 1)])
    paths = ("M0.0,1.0h2.0v3.2h-2.0zM5.0,5.0h1.0v1.0h-1.0z", "M1.0,1.0h1.0v1.0h-1.0z")
    assert drawn == f'<path class="b" d="{paths[0]}"></path><path class="a" d="{paths[1]}"></path>'


def test_an_svg_element_escapes_its_attributes_and_children() -> None:
    made = element("g", HOSTILE, class_=HOSTILE, x=1.50)
    assert "<script" not in made
    assert made.count('"') == 4
    assert element("rect", stroke_width=2.0, x=1 / 3) == '<rect stroke-width="2" x="0.33"></rect>'


def test_ticks_are_round_and_span_the_values() -> None:
    assert nice_ticks(0, 683, 4) == [0, 250, 500, 750]
    assert nice_ticks(5, 5) == [5]
    for low, high in ((0.61, 0.74), (-3, 1e6), (1e-9, 2e-9)):
        ticks = nice_ticks(low, high)
        assert ticks[0] <= low + 1e-12
        assert ticks[-1] >= high - 1e-12
        assert 2 <= len(ticks) <= 8
    assert Scale(0, 10, 100, 0)(2.5) == 75
    assert [Scale(0, 10, 100, 0)(value) for value in (-1, 11, float("nan"))] == [100, 0, 0]
    assert [word for _, word in moments(NOW - timedelta(hours=24), NOW, 4)] == ["00:00", "06:00", "12:00", "18:00"]


@pytest.mark.parametrize("hours", [24, 168, 720])
def test_names_of_moments_lie_inside_the_span_and_are_few(hours: int) -> None:
    named = moments(NOW - timedelta(hours=hours), NOW, 8)
    assert 2 <= len(named) <= 9
    assert all(NOW - timedelta(hours=hours) <= at <= NOW for at, _ in named)
    assert len({word for _, word in named}) == len(named)


def test_the_95th_percentile_of_latency_lies_in_its_bin() -> None:
    hour = HourOfTraffic(NOW, NEW, "service", 100, 0, (), (0, 0, 90, 0, 10, *[0] * 8))
    found = summary.p95([hour, hour])
    assert found == pytest.approx(3.0)  # half of the ten between 2 and 4 ms
    assert summary.p95([]) is None


def test_bars_add_up_to_the_traffic_and_have_the_versions_colours() -> None:
    chart = charts.traffic(MONTH)
    assert chart is not None
    online = sum(one.rows for one in MONTH.traffic if one.origin == "service")
    assert f"{online:,} predictions" in chart.wide
    assert sum(int(row[2].replace(",", "")) for row in chart.table.rows) == online
    assert charts.colours(MONTH) == {NEW: "v0", OLD: "v1"}
    assert f"{sum(one.rows for one in MONTH.traffic) - online:,} rows in batches" in chart.note


def test_what_came_true_stands_beside_what_the_scores_promise() -> None:
    """The interval is that of scipy.stats.binomtest(3, 148).proportion_ci(method="wilson")."""
    assert calibration.wilson(3 / 148, 148) == pytest.approx((0.0069172942692422475, 0.057896748595794134), rel=1e-3)
    assert calibration.wilson(0, 10)[0] == 0 < calibration.wilson(0, 10)[1] < calibration.wilson(1, 10)[0] + 0.3
    chart = calibration.reliability(MONTH)
    assert chart is not None
    assert chart.wide.count('class="dot measured"') == chart.wide.count('class="whisker"') == 10
    assert chart.table.rows[0] == ("0.334", "24.3%", "18.1% to 31.8%")
    assert "until 18 Nov 00:00" in chart.note
    assert calibration.reliability(replace(MONTH, reliability=None)) is None


def test_no_line_of_quality_joins_two_versions_and_the_promotion_is_marked() -> None:
    chart = charts.quality(MONTH)
    assert chart is not None
    assert chart.wide.count('class="line measured"') == 2
    assert f"promote of {figures.short(NEW)} on {PROMOTED.day} Nov" in chart.wide
    assert {row[2] for row in chart.table.rows} == {"measured", "estimated"}


def test_the_map_colours_only_what_alarms_and_has_the_furthest_first() -> None:
    chart = inputs.drift(MONTH)
    assert chart is not None
    moved = [float(row[1]) for row in chart.table.rows if row[2] == "drift"]
    assert moved == sorted(moved, reverse=True)
    assert [row[0] for row in chart.table.rows][:3] == ["energy", "acousticness", "loudness"]
    drifting = [one for one in MONTH.figures if one.alarm and one.measure in {"psi", "jensen_shannon"}]
    coloured = sum(chart.wide.count(f'class="h{level}"') for level in (1, 2, 3, 4))
    assert coloured == len(drifting)


def test_equal_decisions_in_a_row_are_one_line_and_promotions_stand_between_them() -> None:
    lines = summary.history(MONTH)
    assert sum(line.times for line in lines) == len(MONTH.decisions) + len(MONTH.changes)
    assert [line.kind for line in lines][:4] == ["keep", "retrain", "keep", "promote"]
    assert lines[2].times > 1


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("20261110T020000Z-792fe466", "10 Nov · 792f"),
        ("20269910T020000Z-792fe466", None),
        ("v1", "v1"),
        ("x" * 99, None),
    ],
)
def test_a_versions_short_name_is_its_day_or_itself_bounded(version: str, name: str | None) -> None:
    assert figures.short(version) == (name or version[:23] + "…")


def test_the_deciding_measure_is_the_monitors_own() -> None:
    pytest.importorskip("scipy", reason="the service's environment has no monitors")
    from model.steps.quality import metrics

    for task in ("binary", "multiclass", "regression"):
        assert figures.DECISIVE[task] == next(iter(metrics(task)))


# ------------------------------------------------------------------------------------------ the form


def test_the_forms_own_example_is_a_request_that_the_contract_accepts(contract: Contract) -> None:
    from model.derived.request import example_request

    said = {field.name: field.value for field in trial.fields(contract)}
    assert trial.request_of(contract, said) == example_request(contract)["data"]


def test_what_is_no_value_stays_text_and_what_may_be_missing_is_null() -> None:
    columns = (
        Number("x", nullable=True),
        Number("y"),
        Category("c", (1, 2)),
        Timestamp("t"),
    )
    contract = Contract("odd", Key("id"), Target("z"), (Source("a.csv"),), columns)
    said = {"c0": "", "c1": "NaN", "c2": "2", "c3": "2026-01-01T00:00:00Z"}
    assert trial.request_of(contract, said) == {"x": [None], "y": ["NaN"], "c": [2], "t": ["2026-01-01T00:00:00Z"]}
    assert trial.request_of(contract, {}) == {"x": [None], "y": [""], "c": [""], "t": [""]}
