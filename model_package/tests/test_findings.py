"""Figures and decisions are kept in SQLite and PostgreSQL alike: a window measured again replaces what it had."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from model.board import Reliability
from model.contracts import find
from model.errors import StoreError
from model.findings import Findings
from model.measured import Decision, Measured, Span
from model.store import Store

TRACKS = find("reggaeton").contract
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/predictions.db"
    return str(request.getfixturevalue("postgres_url"))


def span(day: int) -> Span:
    return Span(NOON + timedelta(days=day), NOON + timedelta(days=day + 1))


def figure(day: int, value: float, version: str = "v1", measure: str = "psi", subject: str = "tempo") -> Measured:
    nothing = math.nan
    return Measured(version, span(day), measure, subject, value, nothing, nothing, 0.0, 0.1, 7, value > 0.1, "so")


@pytest.mark.services
def test_a_window_measured_again_replaces_its_figures_and_no_other_s(url: str) -> None:
    with Store(url, TRACKS) as store:
        findings = Findings(store, TRACKS)
        for day in range(3):
            findings.replace("v1", span(day), [figure(day, 0.25), figure(day, 0.5, subject="mode")])
        findings.replace("v2", span(1), [figure(1, 1.0, "v2")])
        assert findings.replace("v1", span(1), [figure(1, 0.05)]) == 1
        kept = findings.of("v1", 2)
        assert [(one.span, one.subject, one.value, one.alarm) for one in kept] == [
            (span(1), "tempo", 0.05, False),
            (span(2), "mode", 0.5, True),
            (span(2), "tempo", 0.25, True),
        ]
        assert math.isnan(kept[0].low)
        assert len(findings.of("v2", 9)) == 1
        assert findings.of("v3", 9) == []
        assert findings.latest_versions(5) == ["v1", "v2"]
        findings.replace("v2", span(1), [])
        assert findings.latest_versions(5) == ["v1"]


@pytest.mark.services
def test_a_window_is_the_same_whatever_the_zone_it_is_said_in(url: str) -> None:
    east = timezone(timedelta(hours=5))
    moved = Span(span(0).since.astimezone(east), span(0).until.astimezone(east))
    with Store(url, TRACKS) as store:
        findings = Findings(store, TRACKS)
        findings.replace("zone", span(0), [figure(0, 0.2, "zone")])
        findings.replace("zone", moved, [replace(figure(0, 0.3, "zone"), span=moved)])
        assert [(one.span, one.value) for one in findings.of("zone", 9)] == [(span(0), 0.3)]


@pytest.mark.services
def test_decisions_are_read_back_as_they_were_made_the_last_one_first(url: str) -> None:
    first = Decision("a", NOON, "v1", "keep", ("All is well.", "Look at tempo."), "ada", span(0), {"windows": 3})
    second = Decision("b", NOON + timedelta(hours=1), "v1", "retrain", ("Quality fell.",), "ada")
    with Store(url, TRACKS) as store:
        findings = Findings(store, TRACKS)
        for decision in (first, second):
            findings.add(decision)
        assert findings.decisions() == [second, first]
        assert findings.decisions(action="retrain") == [second]
        assert findings.decision("a") == first
        assert findings.decision("c") is None
        with pytest.raises(StoreError):
            findings.add(first)


@pytest.mark.services
def test_shares_of_a_distribution_are_kept_with_its_figure_and_those_of_the_latest_window_are_found(url: str) -> None:
    with Store(url, TRACKS) as store:
        findings = Findings(store, TRACKS)
        for day, shares in enumerate(((0.5, 0.5), (0.25, 0.75))):
            drift = replace(figure(day, 0.1, "shared"), shares=shares)
            findings.replace("shared", span(day), [drift, figure(day, 7, "shared", "rows", "")])
        assert [one.shares for one in findings.of("shared", 2)] == [(0.5, 0.5), (), (0.25, 0.75), ()]
        assert findings.shares("shared") == {"tempo": (0.25, 0.75)}
        assert findings.shares("unknown") == {}


@pytest.mark.services
def test_how_scores_were_borne_out_is_that_of_a_versions_latest_window_with_truth(url: str) -> None:
    with Store(url, TRACKS) as store:
        findings = Findings(store, TRACKS)
        for day, shares in enumerate(((0.5, 0.4, 0.1, 0.2), (0.6, 0.7, 0.1, 0.0), ())):
            error = replace(figure(day, 0.1, "true", "calibration_error", ""), shares=shares)
            findings.replace("true", span(day), [error, replace(figure(day, 0.1, "true"), shares=(1.0,))])
        rows = figure(1, 0.1).rows
        assert findings.reliability("true") == Reliability("true", span(1), rows, (0.6, 0.1), (0.7, 0.0))
        assert findings.reliability("unknown") is None


@pytest.mark.services
def test_a_measure_over_time_is_of_every_version_and_of_the_latest_windows_when_there_are_too_many(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = replace(TRACKS, name="stretch")
    with Store(url, grown) as store:
        findings = Findings(store, grown)
        for day in range(4):
            for version in ("v1", "v2"):
                others = [figure(day, day, version, "rmse", ""), figure(day, day, version, "rows", "")]
                findings.replace(version, span(day), [figure(day, day, version), *others])
        asked = {"psi", "rmse"}
        found, is_all = findings.over_time(asked, span(1).until - timedelta(hours=1), span(2).until)
        assert is_all
        assert [(one.span, one.version, one.measure) for one in found] == [
            (span(day), version, measure) for day in (1, 2) for version in ("v1", "v2") for measure in ("psi", "rmse")
        ]
        assert math.isnan(found[0].low)
        monkeypatch.setattr("model.findings.MOST_FIGURES", 10)
        found, is_all = findings.over_time(asked, NOON, span(3).until)
        assert not is_all
        assert {one.span for one in found} == {span(2), span(3)}  # whole windows: eight of ten figures


@pytest.mark.services
def test_of_windows_each_column_has_its_shape_and_what_alarms_and_their_last_ends_are_found(url: str) -> None:
    grown = replace(TRACKS, name="latest")
    with Store(url, grown) as store:
        findings = Findings(store, grown)
        assert findings.last_ends(NOON, span(9).until, 3) == []
        for day in range(4):
            for version in ("v1", "v2") if day < 2 else ("v1",):
                quiet = [figure(day, 0.0, version, "missing"), figure(day, 0.0, version, "wasserstein")]
                shape, loud = figure(day, 0.0, version), figure(day, 0.5, version, "unseen", "mode")
                findings.replace(version, span(day), [shape, *quiet, loud, figure(day, 0.5, version, "rmse", "")])
        assert findings.last_ends(NOON, span(9).until, 2) == [span(3).until, span(2).until]
        assert findings.last_ends(NOON, span(9).until, 9, "v2") == [span(1).until, span(0).until]
        assert findings.last_ends(span(2).until, span(3).until, 9) == [span(3).until]

        def told(found: tuple[list[Measured], bool]) -> list[tuple[Span, str, str]]:
            assert found[1]
            return sorted(((one.span, one.version, one.measure) for one in found[0]), key=str)

        both = ("psi", "unseen")
        assert told(findings.of_inputs(span(1).until, span(9).until)) == [
            (span(day), "v1", one) for day in (2, 3) for one in both
        ]
        assert told(findings.of_inputs(span(0).until, span(9).until, "v2")) == [(span(1), "v2", one) for one in both]
        assert told(findings.of_inputs(NOON, span(1).until)) == [
            (span(day), version, one) for day in (0, 1) for version in ("v1", "v2") for one in both
        ]


@pytest.mark.services
def test_a_database_of_before_there_were_shares_gains_the_column(url: str) -> None:
    older = replace(TRACKS, name="older")
    with Store(url, older) as store:
        findings = Findings(store, older)
        findings.replace("v1", span(0), [figure(0, 0.2)])
        with store.transaction() as connection:
            connection.execute(sa.text("DROP INDEX ix_measures_older_until"))
            connection.execute(sa.text("ALTER TABLE measures_older DROP COLUMN shares"))
        findings = Findings(store, older)
        assert [one.shares for one in findings.of("v1", 1)] == [()]
        findings.replace("v1", span(1), [replace(figure(1, 0.2), shares=(1.0,))])
        assert findings.shares("v1") == {"tempo": (1.0,)}
