"""A board has what is stored and what was trained, bounded; what cannot be read is said, and the rest stands."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from model import Contract, boards, tasks, versions
from model.board import OVER_TIME, Board
from model.boards import Boards, read_board
from model.contracts import find
from model.derived.tables import input_name
from model.earlier import MOST_KEPT, Earlier
from model.findings import Findings
from model.measured import SHAPES, Decision, Measured, Span
from model.registry import Registry
from model.shares import shares
from model.steps.reference import Profile, Reference
from model.store import Store
from model.testing import good_rows
from model.testing.bundles import quick_bundle
from model.testing.settings import settings_in
from model.truth import Truth

TRACKS, WINE = find("reggaeton").contract, find("wine").contract
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
NOW = SINCE + timedelta(hours=30)
LOUD = Measured(
    "v1", Span(SINCE, NOW), "psi", "tempo", 0.5, math.nan, math.nan, 0.0, 0.1, 7, alarm=True, why="it drifted"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a champion, and a version before it."""
    folder = tmp_path_factory.mktemp("artifacts")
    for seed in (0, 1):
        quick_bundle(TRACKS, folder, seed=seed)
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/predictions.db"
    return str(request.getfixturevalue("postgres_url"))


def predict(store: Store, contract: Contract, version: str, count: int, since: datetime = SINCE) -> list[str]:
    """One a minute; returns their ids."""
    rows = good_rows(contract, count, 3)
    identities = [f"{version}-{since:%d%H%M}-{place}" for place in range(count)]
    own = {"origin": "online", "version": version, "contract_fingerprint": contract.fingerprint, "latency_ms": 1.5}
    store.add(
        {
            "prediction_id": identity,
            "created_at": since + timedelta(minutes=place),
            "key": f"k{place}",
            "label": rows[contract.target.name][place],
            "score": place / count,
            **own,
            **{input_name(column): rows[column.name][place] for column in contract.columns},
        }
        for place, identity in enumerate(identities)
    )
    return identities


def board_of(url: str, contract: Contract, artifacts: Path, now: datetime = NOW) -> Board:
    with Store(url, contract) as store:
        return read_board(contract, store, Findings(store, contract), Registry(artifacts, contract.name), SINCE, now)


@pytest.mark.services
def test_an_empty_store_without_a_champion_gives_an_empty_board_and_no_trouble(url: str, tmp_path: Path) -> None:
    nothing = replace(TRACKS, name="nothing")
    assert board_of(url, nothing, tmp_path) == Board(nothing, NOW, SINCE, None)


@pytest.mark.services
def test_the_latest_predictions_stand_with_their_inputs_and_what_proved_true(url: str, tmp_path: Path) -> None:
    contract = replace(TRACKS, name="latest")
    with Store(url, contract) as store:
        identities = predict(store, contract, "v1", 200)
        store.add_truths([Truth("prediction_id", identities[199], 1, NOW, NOW), Truth("key", "k198", 0, NOW, NOW)])
    found = board_of(url, contract, tmp_path)
    rows = good_rows(contract, 200, 3)
    assert [one.prediction_id for one in found.recent] == identities[:-51:-1]
    assert [one.truth for one in found.recent[:3]] == [1, 0, None]
    assert found.recent[5].inputs == {name: rows[name][194] for name in contract.column_names}
    assert found.recent[5].at == SINCE + timedelta(minutes=194)
    assert (found.recent[5].key, found.recent[5].label) == ("k194", rows["target"][194])
    assert [(hour.hour, hour.rows) for hour in found.traffic] == [
        (SINCE + timedelta(hours=hour), rows) for hour, rows in enumerate((60, 60, 60, 20))
    ]
    assert found.trouble == ()


def test_predictions_and_hours_outside_of_the_time_asked_for_are_left_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with Store(url, TRACKS) as store:
        predict(store, TRACKS, "v1", 3, SINCE - timedelta(hours=2))
        inside = predict(store, TRACKS, "v1", 2, SINCE + timedelta(minutes=5))
        predict(store, TRACKS, "v1", 3, NOW + timedelta(hours=1))
    found = board_of(url, TRACKS, tmp_path)
    assert [one.prediction_id for one in found.recent] == inside[::-1]
    assert [(hour.hour, hour.rows) for hour in found.traffic] == [(SINCE, 2)]


def test_versions_and_the_audit_stand_with_figures_and_cards_the_latest_first(tmp_path: Path, trained: Path) -> None:
    found = read_board(TRACKS, *opened(tmp_path), Registry(trained, TRACKS.name), SINCE, datetime.now(UTC))
    assert [one.version for one in found.versions] == sorted(Registry(trained, TRACKS.name).versions(), reverse=True)
    assert {one.version for one in found.versions if one.is_champion} == {found.champion}
    for one in found.versions:
        value, low, high = one.metrics["average_precision"]
        assert low <= value <= high
        assert (one.estimator, one.served_by) == ("ExtraTreesClassifier", "compiled")
        assert one.card.startswith("# reggaeton")
        assert (datetime.now(UTC) - one.made_at).total_seconds() < 3_600
    assert [(one.event, one.who, one.why) for one in found.changes] == [
        ("promote", "tests", "seed 1"),
        ("promote", "tests", "seed 0"),
    ]
    assert found.changes[0].version == found.champion
    assert found.changes[0].before == found.changes[1].version


def opened(folder: Path) -> tuple[Store, Findings]:
    """A store that stays open, with its findings."""
    store = Store(f"sqlite:///{folder}/predictions.db", TRACKS).__enter__()
    return store, Findings(store, TRACKS)


def test_a_change_that_a_rollback_took_back_stands_beside_it_and_an_older_one_is_left_out(trained: Path) -> None:
    registry = Registry(trained, TRACKS.name)
    assert versions.changes(registry, datetime.now(UTC) + timedelta(hours=1)) == []
    assert len(versions.changes(registry, SINCE)) == 2


def test_what_was_measured_is_drawn_beside_what_training_had(tmp_path: Path) -> None:
    version = quick_bundle(TRACKS, tmp_path / "artifacts")
    with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
        predict(store, TRACKS, version, 240)
        Findings(store, TRACKS).add(Decision("a", NOW, version, "keep", ("All is well.",), "ada"))
    settings = settings_in(tmp_path, monitor_since=SINCE, monitor_until=SINCE + timedelta(hours=24))
    figures = tasks.run("measure", settings, lambda _: None)["figures"]

    found = board_of(f"sqlite:///{tmp_path}/predictions.db", TRACKS, tmp_path / "artifacts")

    assert figures > len(found.figures) > len(TRACKS.columns)
    assert {one.subject for one in found.figures if one.measure in SHAPES} == {*TRACKS.column_names, "scores"}
    assert "estimated_average_precision" in {one.measure for one in found.figures}
    assert [one.identity for one in found.decisions] == ["a"]
    by_subject = {one.subject: one for one in found.shares}
    assert list(by_subject) == [*TRACKS.column_names, "scores"]
    for one in found.shares:
        assert len(one.names) == len(one.training) == len(one.now)
        assert sum(one.training) == pytest.approx(1)
        assert sum(one.now) == pytest.approx(1)
    registry = Registry(tmp_path / "artifacts", TRACKS.name)
    edges = versions.reference(registry, version).columns["tempo"].edges
    tempo = good_rows(TRACKS, 240, 3)["tempo"]
    assert by_subject["tempo"].now[0] == pytest.approx(sum(value < edges[0] for value in tempo) / 240)
    assert by_subject["tempo"].names[0] == f"below {edges[0]:.4g}"


def test_a_champion_that_nobody_asked_lately_is_shown_as_it_was_last_seen(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, findings = opened(tmp_path)
    registry = Registry(trained, TRACKS.name)
    champion, nothing = registry.champion(), math.nan
    for hour, version in enumerate((champion, champion, "another", "another", "another")):
        span = Span(SINCE + timedelta(hours=hour), SINCE + timedelta(hours=hour + 1))
        psi = Measured(version, span, "psi", "tempo", hour, nothing, nothing, 0.0, 0.1, 7, alarm=False, why="so")
        findings.replace(version, span, [psi])
    monkeypatch.setattr("model.boards.MOST_WINDOWS", 2)
    found = read_board(TRACKS, store, findings, registry, SINCE, NOW)
    assert [(one.version, one.value) for one in found.figures] == [(champion, 1.0), ("another", 3.0), ("another", 4.0)]
    store.__exit__(None, None, None)


def test_a_board_is_read_over_one_connection_and_gives_it_back(tmp_path: Path, trained: Path) -> None:
    store, findings = opened(tmp_path)
    used: list[object] = []
    sa.event.listen(store._engine, "checkout", lambda *said: used.append(said[0]))
    read_board(TRACKS, store, findings, Registry(trained, TRACKS.name), SINCE, NOW)
    assert len(used) == 1
    assert store._engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a pool that counts
    with store.reading():
        pass
    assert len(used) == 2, "outside of a board, each has its own"
    store.__exit__(None, None, None)


def test_traffic_of_a_month_is_told_by_hours_for_two_days_and_by_quarters_of_a_day_before(tmp_path: Path) -> None:
    store, findings = opened(tmp_path)
    now = SINCE + timedelta(days=30, hours=9)
    predict(store, TRACKS, "v1", 120)
    predict(store, TRACKS, "v2", 120, now - timedelta(hours=3))
    month = read_board(TRACKS, store, findings, Registry(tmp_path, TRACKS.name), SINCE, now)
    hours = [now - timedelta(hours=ago) for ago in (3, 2)]
    assert [(one.hour, one.rows) for one in month.traffic] == [(SINCE, 120), *((hour, 60) for hour in hours)]
    days = read_board(TRACKS, store, findings, Registry(tmp_path, TRACKS.name), SINCE, SINCE + timedelta(days=9))
    assert [one.rows for one in days.traffic] == [60, 60]
    store.__exit__(None, None, None)


def test_of_a_month_what_lies_days_back_may_be_of_a_minute_ago_and_what_is_later_may_not(tmp_path: Path) -> None:
    """And where nothing changes, a board with what was kept is the one that is read anew, whenever it is asked for."""
    url, registry, month = f"sqlite:///{tmp_path}/p.db", Registry(tmp_path, TRACKS.name), timedelta(days=30)
    old, new = NOW - timedelta(days=9), NOW - timedelta(hours=5)
    days = [Span(NOW - timedelta(days=ago), NOW - timedelta(days=ago - 1)) for ago in range(40, 0, -1)]
    with Store(url, TRACKS) as store:
        findings, earlier = Findings(store, TRACKS), Earlier()
        for day in days:
            findings.replace("v1", day, [replace(LOUD, span=day), replace(LOUD, span=day, measure="average_precision")])
        for begin in (old, new):
            predict(store, TRACKS, "v1", 100, begin)

        def board(now: datetime, earlier: Earlier | None = None) -> Board:
            return read_board(TRACKS, store, findings, registry, now - month, now, earlier)

        for minutes in (0, 1, 29, 59, 61, 400, 60 * 24 * 3):
            now = NOW + timedelta(minutes=minutes)
            assert board(now, earlier) == board(now)
            elsewhere = now.astimezone(timezone(timedelta(hours=5, minutes=30)))
            assert board(elsewhere, earlier) == board(now)
        assert sum(hour.rows for hour in board(NOW, earlier).traffic) == 200
        assert len({one.span for one in board(NOW, earlier).figures if one.measure == "psi"}) == 30
        for begin in (old, new):
            predict(store, TRACKS, "v1", 7, begin + timedelta(minutes=7))
        quieter = replace(LOUD, value=0.2)
        for day in (days[-9], days[-1]):
            findings.replace("v1", day, [replace(quieter, span=day)])
        seen, anew = board(NOW, earlier), board(NOW)
        assert sum(hour.rows for hour in seen.traffic) == 207
        assert sum(hour.rows for hour in anew.traffic) == 214
        assert [one.span for one in seen.figures if one.value == quieter.value] == [days[-1]]
        assert [one.span for one in anew.figures if one.value == quieter.value] == [days[-9], days[-1]]


def test_what_is_kept_is_bounded_in_time_and_number_and_no_error_is() -> None:
    asked: list[int] = []
    earlier, now = Earlier(60), Earlier(0)

    def read(what: int) -> int:
        asked.append(what)
        return what

    for what in (1, 1, 2, 1):
        assert earlier.get(what, lambda what=what: read(what)) == what
    assert asked == [1, 2]
    for _ in range(2):
        now.get(3, lambda: read(3))
    assert asked == [1, 2, 3, 3]
    for what in range(10, 10 + MOST_KEPT):
        earlier.get(what, lambda what=what: read(what))
    earlier.get(1, lambda: read(1))
    assert asked[-1] == 1
    with pytest.raises(ZeroDivisionError):
        earlier.get("broken", lambda: 1 // 0)
    assert earlier.get("broken", lambda: 4) == 4


def test_a_value_that_the_contract_has_gained_stands_among_the_others() -> None:
    profile = Profile(shares=(0.75, 0.25), values=(0, 1), statistic="jensen_shannon", rows=4)
    remembered = Reference(4, {"mode": profile}, Profile())
    (drawn,) = shares(TRACKS, remembered, {"mode": (0.5, 0.25, 0.25)})
    assert (drawn.names, drawn.training, drawn.now) == (("0", "1", "others"), (0.75, 0.25, 0.0), (0.5, 0.25, 0.25))
    (drawn,) = shares(TRACKS, remembered, {"mode": (0.1,) * 10})
    assert (drawn.training, drawn.now) == ((0.75, 0.25), ())


# -------------------------------------------------------------------------------------- what cannot be read


def test_a_store_that_stopped_answering_is_said_once_and_the_versions_still_stand(
    tmp_path: Path, trained: Path
) -> None:
    store, findings = opened(tmp_path)
    with store.transaction() as connection:
        store._table.metadata.drop_all(connection)
    found = read_board(TRACKS, store, findings, Registry(trained, TRACKS.name), SINCE, NOW)
    assert len(found.versions) == 2
    assert found.shares[0].now == ()
    assert len(found.trouble) == 1
    assert "Traffic, and what else is stored, cannot be read: the prediction store did not answer" in found.trouble[0]


def test_a_store_that_comes_back_is_opened_again(tmp_path: Path, trained: Path) -> None:
    folder = tmp_path / "data"
    shown = Boards(f"sqlite:///{folder}/predictions.db", TRACKS, Registry(trained, TRACKS.name))
    folder.rmdir()
    folder.write_text("")
    assert "did not answer" in shown.read(SINCE, NOW).trouble[0]
    assert len(shown.read(SINCE).versions) == 2
    folder.unlink()
    folder.mkdir()
    assert shown.read(SINCE).trouble == ()
    shown.close()


def test_a_damaged_version_is_named_and_the_others_stand(tmp_path: Path) -> None:
    for seed in (0, 1):
        quick_bundle(TRACKS, tmp_path / "artifacts", seed=seed)
    registry = Registry(tmp_path / "artifacts", TRACKS.name)
    second = registry.champion()
    (first,) = set(registry.versions()) - {second}
    metrics = registry.root / second / "metrics.json"
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"task": "none"}))
    (registry.root / second / "reference.json").write_text("{")
    found = read_board(TRACKS, *opened(tmp_path), registry, SINCE, NOW)
    assert [one.version for one in found.versions] == [first]
    assert f"Version {second} cannot be shown: bundle {second}: metrics.json is not as it was written." in found.trouble
    assert any(said.startswith("The champion's reference cannot be read") for said in found.trouble)


def test_a_bundle_is_read_once(tmp_path: Path) -> None:
    version = quick_bundle(TRACKS, tmp_path / "artifacts")
    registry, parts = Registry(tmp_path / "artifacts", TRACKS.name), opened(tmp_path)
    first = read_board(TRACKS, *parts, registry, SINCE, NOW)
    (registry.root / version / "card.md").unlink()
    second = read_board(TRACKS, *parts, registry, SINCE, NOW)
    assert first == second
    assert second.versions[0].card


def test_too_many_figures_and_what_is_not_counted_yet_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, findings = opened(tmp_path)
    version = quick_bundle(TRACKS, tmp_path / "artifacts")
    predict(store, TRACKS, version, 60)
    settings = settings_in(tmp_path, monitor_since=SINCE, monitor_until=SINCE + timedelta(hours=24))
    tasks.run("measure", settings, lambda _: None)
    with store.transaction() as connection:
        for table in (store._traffic._hours, store._traffic._counted):
            table.drop(connection)
    monkeypatch.setattr("model.findings.MOST_FIGURES", 5)
    with store:
        found = read_board(TRACKS, store, findings, Registry(tmp_path / "artifacts", TRACKS.name), SINCE, NOW)
        assert {one.measure for one in found.figures} <= OVER_TIME
        assert any("too many figures" in said for said in found.trouble)
        assert any("before 2026-03-01 00:59 UTC are not counted yet" in said for said in found.trouble)
        assert tasks.run("measure", settings, lambda _: None)["figures"] > 5
        again = read_board(TRACKS, store, findings, Registry(tmp_path / "artifacts", TRACKS.name), SINCE, NOW)
        assert [hour.rows for hour in again.traffic] == [60]
        assert not any("not counted" in said for said in again.trouble)


def test_a_page_has_at_most_fifty_predictions_whatever_the_contract(contract: Contract, tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/a.db", contract) as store:
        predict(store, contract, "v1", 70)
        found: Any = read_board(contract, store, None, Registry(tmp_path, contract.name), SINCE, NOW)
    assert len(found.recent) == boards.MOST_RECENT
    assert set(found.recent[0].inputs) == set(contract.column_names)
    assert found.trouble == (
        "Figures, and what else is stored, cannot be read: the store has no tables of figures yet.",
    )
