"""What proved true is known in SQLite and in PostgreSQL alike, whatever the order it arrives in and however often."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from model import Contract, store
from model.contracts import find
from model.derived import joins
from model.derived.frame import dtype
from model.derived.tables import input_name, predictions, truths
from model.joined import JoinedRows
from model.store import Store
from model.testing import good_rows
from model.truth import By, Joined, Recorded, Truth, Unjoined, Value, Window

TRACKS, DIABETES = find("reggaeton").contract, find("diabetes").contract
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

pytestmark = pytest.mark.services


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind, with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/predictions.db"
    found = str(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(found)
    existing = sa.MetaData()
    existing.reflect(engine)
    existing.drop_all(engine)
    engine.dispose()
    return found


def predicted(contract: Contract, count: int, seed: int = 0, **own: Any) -> list[dict[str, Any]]:
    """Predictions p0, p1, ... of the keys k0, k1, ..., a minute apart from noon on."""
    rows = good_rows(contract, count, seed)
    said = {"origin": "online", "version": "v1", "contract_fingerprint": "0" * 64, "score": 0.25}
    return [
        {
            **said,
            "prediction_id": f"p{place}",
            "created_at": NOON + timedelta(minutes=place),
            "key": f"k{place}",
            "label": rows[contract.target.name][place],
            **{input_name(column): rows[column.name][place] for column in contract.columns},
            **own,
        }
        for place in range(count)
    ]


def said(subject: str, value: Value, at: int = 0, by: By = "key", arrived: int | None = None) -> Truth:
    """A statement of a minute after noon, which arrives then unless said otherwise."""
    minutes = [at, at if arrived is None else arrived]
    return Truth(by, subject, value, *(NOON + timedelta(minutes=some) for some in minutes))


def known(opened: Store) -> dict[str, Any]:
    """What is true of each prediction."""
    frame = pd.concat([some.frame for some in opened.joined()])
    pairs = zip(frame["prediction_id"], frame["truth"], strict=True)
    return {identity: None if pd.isna(value) else value for identity, value in pairs}


def test_predictions_come_back_with_their_truth_and_typed_inputs(contract: Contract, url: str) -> None:
    made = predicted(contract, 40)
    labels = [one["label"] for one in made]
    with Store(url, contract) as opened:
        opened.add(made)
        assert opened.add_truths(said(f"k{place}", labels[-place]) for place in range(1, 30)) == Recorded(new=29)
        assert opened.add_truths([said("p30", labels[3], by="prediction_id")]) == Recorded(new=1)
        [found] = opened.joined()
    frame = found.frame.sort_values("created_at")
    inputs = found.inputs.loc[frame.index]
    assert list(frame["prediction_id"]) == [f"p{place}" for place in range(40)]
    assert list(frame["label"]) == labels
    expected = [None, *(labels[-place] for place in range(1, 30)), labels[3], *[None] * 9]
    assert [None if pd.isna(value) else value for value in frame["truth"]] == expected
    assert list(frame["truth_at"].isna()) == [value is None for value in expected]
    assert frame["created_at"].iloc[7] == pd.Timestamp(NOON + timedelta(minutes=7))
    assert frame["truth_at"].iloc[7] == pd.Timestamp(NOON)
    for column in contract.columns:
        assert inputs[column.name].dtype == dtype(column)
        sent = pd.Series([one[input_name(column)] for one in made], dtype=dtype(column))
        pd.testing.assert_series_equal(inputs[column.name].reset_index(drop=True), sent, check_names=False)


def test_the_latest_predictions_with_truth_are_found_the_latest_one_first(url: str) -> None:
    with Store(url, TRACKS) as opened:
        opened.add(predicted(TRACKS, 9))
        opened.add_truths(said(f"k{place}", 1) for place in range(1, 9, 2))
        [found] = opened.known(Window(), 3)
        [earlier] = opened.known(Window(until=NOON + timedelta(minutes=5)), 3)
    assert list(found.frame["prediction_id"]) == ["p7", "p5", "p3"]
    assert list(earlier.frame["prediction_id"]) == ["p3", "p1"]


def test_the_latest_value_wins_in_whatever_order_they_arrive(url: str) -> None:
    orders = list(itertools.permutations([(1, 1, 1), (0, 2, 2), (1, 3, 3), (0, 3, 2)]))
    with Store(url, TRACKS) as opened:
        opened.add(predicted(TRACKS, len(orders)))
        for place, order in enumerate(orders):
            statements = [said(f"k{place}", value, at, arrived=arrived) for value, at, arrived in order]
            for statement in statements[:2]:
                opened.add_truths([statement])
            opened.add_truths(statements[2:])
        assert set(known(opened).values()) == {1}
        opened.add_truths(said(f"k{place}", 0, 4) for place in range(len(orders)))
        assert set(known(opened).values()) == {0}


def test_a_repeated_value_changes_nothing_and_a_contradicting_one_is_kept_beside_it(url: str) -> None:
    with Store(url, TRACKS) as opened:
        opened.add(predicted(TRACKS, 2))
        assert opened.add_truths([said("k0", 1), said("k0", 1)]) == Recorded(new=1, repeated=1)
        assert opened.add_truths([said("k0", 1, 5), said("k1", 1)]) == Recorded(new=1, repeated=1)
        assert opened.unjoined() == Unjoined(subjects=2, unmatched=0, contradicting=0)
        assert opened.add_truths([said("k0", 0, 2), said("k0", 0, 2)]) == Recorded(contradicting=1, repeated=1)
        assert known(opened) == {"p0": 1, "p1": 1}, "an earlier moment that arrives later does not win"
        assert opened.unjoined() == Unjoined(subjects=2, unmatched=0, contradicting=1)
    engine = sa.create_engine(url)
    table = truths(TRACKS, sa.MetaData())
    with engine.connect() as connection:
        kept = connection.execute(sa.select(table.c.value).where(table.c.key == "k0")).scalars()
        assert sorted(kept) == [0, 1]
    engine.dispose()


def test_truth_may_come_before_its_prediction_and_is_unmatched_until_then(url: str) -> None:
    with Store(url, TRACKS) as opened:
        opened.add_truths([said("k0", 1), said("p1", 0, by="prediction_id"), said("nobody", 1)])
        assert opened.unjoined() == Unjoined(subjects=3, unmatched=3, contradicting=0)
        opened.add(predicted(TRACKS, 3))
        assert opened.unjoined() == Unjoined(subjects=3, unmatched=1, contradicting=0)
        assert known(opened) == {"p0": 1, "p1": 0, "p2": None}


def test_a_key_tells_of_all_its_predictions_and_an_id_goes_before_the_key(url: str) -> None:
    with Store(url, TRACKS) as opened:
        opened.add(predicted(TRACKS, 4, key="same"))
        opened.add_truths([said("p2", 0, by="prediction_id"), said("same", 1, 9)])
        assert known(opened) == {"p0": 1, "p1": 1, "p2": 0, "p3": 1}
        opened.add([{**one, "prediction_id": f"none-{at}", "key": None} for at, one in enumerate(predicted(TRACKS, 2))])
        assert known(opened)["none-1"] is None


def test_a_window_holds_what_was_made_in_it_by_version_and_origin(url: str) -> None:
    with Store(url, TRACKS) as opened:
        opened.add(predicted(TRACKS, 60))
        old = predicted(TRACKS, 60, version="v0", origin="batch")
        opened.add({**one, "prediction_id": f"old-{one['prediction_id']}"} for one in old)
        opened.add_truths(said(f"k{place}", 1) for place in range(10))
        half = Window(NOON + timedelta(minutes=5), NOON + timedelta(minutes=30))
        assert opened.joined_counts(half) == [Joined("v0", "batch", 25, 5), Joined("v1", "online", 25, 5)]
        zone = timezone(timedelta(hours=5, minutes=30))
        elsewhere = Window(NOON.astimezone(zone) + timedelta(minutes=59), version="v1", origin="online")
        assert opened.joined_counts(elsewhere) == [Joined("v1", "online", 1, 0)]
        assert sum(map(len, opened.joined(elsewhere))) == 1
        assert opened.unjoined(Window(NOON + timedelta(minutes=1))).subjects == 0
        assert opened.joined_counts(Window(version="none")) == []
        assert list(opened.joined(Window(version="none"))) == []


def test_much_is_joined_by_parts(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROWS_AT_ONCE", 100)
    with Store(url, DIABETES) as opened:
        opened.add(predicted(DIABETES, 1_050))
        assert opened.add_truths(said(f"k{place}", place / 8) for place in range(1_050)) == Recorded(new=1_050)
        parts: list[JoinedRows] = list(opened.joined())
    assert max(map(len, parts)) == 100
    frame = pd.concat([part.frame for part in parts])
    assert len(frame) == 1_050
    assert frame["truth"].sum() == sum(range(1_050)) / 8
    assert frame["truth"].dtype == "float64"


def test_old_truth_is_forgotten_with_old_predictions(url: str) -> None:
    with Store(url, TRACKS) as opened:
        opened.add_truths([said("k0", 1), said("k1", 1, 5), said("k2", 1, 0, arrived=5)])
        assert list(opened.prune_truths(NOON + timedelta(minutes=3))) == [1]
        assert opened.unjoined().subjects == 2


@pytest.fixture
def explained(url: str) -> Callable[[Window], str]:
    """How the database goes about a window."""

    def explain(window: Window) -> str:
        metadata = sa.MetaData()
        query = joins.joined(predictions(TRACKS, metadata), truths(TRACKS, metadata), window)
        engine = sa.create_engine(url)
        text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
        how = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
        with engine.connect() as connection:
            if engine.dialect.name != "sqlite":
                connection.exec_driver_sql("ANALYZE")
            lines = [str(row[-1]) for row in connection.exec_driver_sql(f"{how} {text}")]
        engine.dispose()
        return "\n".join(lines)

    return explain


@pytest.mark.parametrize("version", [None, "v1"])
def test_a_short_window_reads_neither_all_predictions_nor_all_truth(
    url: str, explained: Callable[[Window], str], version: str | None
) -> None:
    with Store(url, TRACKS) as opened:
        opened.add(predicted(TRACKS, 2_000))
        opened.add_truths(said(f"k{place}", 1) for place in range(20_000))
    plan = explained(Window(NOON + timedelta(minutes=5), NOON + timedelta(minutes=15), version))
    assert "created_at" in plan
    assert "SCAN" not in plan
    assert "Seq Scan" not in plan
