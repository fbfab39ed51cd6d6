"""A replay asks a version again what is stored: the one that answered agrees to the bit, and each flip is counted."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from model import Category, Contract, Integer, Number, Timestamp, tasks
from model.bundle import Bundle
from model.contracts import find
from model.derived.fitting import encode_fitting
from model.registry import Registry
from model.settings import Settings
from model.steps import replay as step
from model.steps.replay import Replay
from model.store import ROWS_A_READING, Store
from model.testing.bundles import quick_bundle
from model.testing.settings import settings_in
from model.testing.stored import MADE_AT, answered
from model.truth import Window

TRACKS = find("reggaeton").contract


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind, with no predictions in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/predictions.db"
    found = str(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(found)
    existing = sa.MetaData()
    existing.reflect(engine)
    existing.drop_all(engine)
    engine.dispose()
    return found


def served(contract: Contract, folder: Path, **how: Any) -> Bundle:
    """A small bundle."""
    version = quick_bundle(contract, folder / "artifacts", **how)
    return Registry(folder / "artifacts", contract.name).load(version)


def replayed(model: Bundle, store: Store, window: Window | None = None) -> Replay:
    done = Replay(model.contract, model.threshold, model.scorer.score)
    for some in store.inputs(window or Window()):
        done.add(some)
    return done


# ------------------------------------------------------------------------------------------ agreement


@pytest.mark.services
def test_the_version_that_answered_agrees_to_the_bit(contract: Contract, url: str, tmp_path: Path) -> None:
    model = served(contract, tmp_path)
    with Store(url, contract) as store:
        store.add(answered(model, 1_500))
        whole = replayed(model, store).said()["all"]
    assert whole["rows"] == whole["agreed"] == whole["identical"] == 1_500
    assert whole["flips"] == []
    assert whole["largest_change"]["change"] == 0
    assert set(whole["change"]["quantiles"].values()) == {0}


def test_a_pipeline_that_serves_itself_agrees_too(tmp_path: Path) -> None:
    model = served(TRACKS, tmp_path, compiled=False)
    with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
        store.add(answered(model, 200))
        whole = replayed(model, store).said()["all"]
    model.close()
    assert whole["rows"] == whole["agreed"] == whole["identical"] == 200


def test_another_version_s_flips_are_those_that_both_answers_say(tmp_path: Path) -> None:
    first, second = (served(TRACKS, tmp_path, seed=seed) for seed in range(2))
    told = list(answered(first, 600))
    now = list(answered(second, 600))
    with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
        store.add(told)
        store.add(now)
        said = replayed(second, store).said()
    found = said["versions"][first.version]
    pairs = [(before["label"], after["label"]) for before, after in zip(told, now, strict=True)]
    expected = {pair: pairs.count(pair) for pair in [(0, 1), (1, 0)] if pair in pairs}
    assert expected, "the two models disagree somewhere"
    assert {(flip["then"], flip["now"]): flip["rows"] for flip in found["flips"]} == expected
    changes = np.array([after["score"] - before["score"] for before, after in zip(told, now, strict=True)])
    assert found["largest_change"]["change"] == changes[np.abs(changes).argmax()]
    assert list(found["change"]["quantiles"].values()) == np.quantile(changes, step.QUANTILES).tolist()
    assert said["versions"][second.version]["identical"] == 600
    assert said["all"]["agreed"] == 1_200 - sum(expected.values())


# ------------------------------------------------------------------------------------ other contracts


def test_rows_of_another_contract_are_replayed_where_they_fit_and_else_counted_with_the_reason(tmp_path: Path) -> None:
    model = served(TRACKS, tmp_path)
    rows = list(answered(model, 4))
    rows[1]["input_tempo"] = None
    rows[2]["input_popularity"] = 1e9  # context: no model sees it
    rows[3]["input_energy"] = 7.0
    for row in rows:
        row["contract_fingerprint"] = "0" * 64
    with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
        store.add(rows)
        said = replayed(model, store).said()
    assert said["rows"] == 4
    assert said["other_contract"] == {"rows": 4, "scored": 2}
    assert said["skipped"] == {"tempo is missing": 1, "energy is out of range": 1}
    assert said["all"]["identical"] == 2


def test_a_stored_value_fits_when_the_contract_would_take_it() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    kinds = (
        Number("n", None, 9),
        Integer("i", 1, None),
        Category("c", ("a", "b"), nullable=True),
        Timestamp("t", noon, noon + timedelta(days=1)),
    )
    contract = Contract("kinds", TRACKS.key, TRACKS.target, TRACKS.sources, kinds)
    good: dict[str, Any] = {"n": 1.5, "i": 3, "c": "b", "t": noon}
    bad: list[tuple[str, Any, str]] = [
        ("n", "x", "n has a value of another kind"),
        ("n", 9.5, "n is out of range"),
        ("n", float("inf"), "n is out of range"),
        ("i", 2.5, "i is out of range"),
        ("i", 0, "i is out of range"),
        ("c", "z", "c has a value of another kind"),
        ("t", None, "t is missing"),
        ("t", noon - timedelta(seconds=1), "t is out of range"),
        ("t", "noon", "t has a value of another kind"),
        ("c", None, ""),
    ]
    rows = [good | {name: value} for name, value, _ in bad] + [good]
    encoded, why = encode_fitting(contract, {name: [row[name] for row in rows] for name in good})
    assert why.tolist() == [*(reason for _, _, reason in bad), ""]
    assert encoded[-1].tolist() == [1.5, 3.0, 1.0, noon.timestamp()]


# ------------------------------------------------------------------------------- windows, and how much


@pytest.mark.services
def test_a_window_holds_what_was_made_in_it_by_whom_and_where(url: str, tmp_path: Path) -> None:
    model = served(TRACKS, tmp_path)
    hour = timedelta(hours=1)
    with Store(url, TRACKS) as store:
        for place in range(3):
            made = MADE_AT + place * hour
            store.add(
                answered(model, 1, prediction_id=f"p{place}", created_at=made, origin=f"o{place}", version=f"v{place}")
            )

        def ids(**asked: Any) -> list[str]:
            return sorted(identity for some in store.inputs(Window(**asked)) for identity in some.ids)

        assert ids() == ["p0", "p1", "p2"]
        assert ids(since=MADE_AT + hour) == ["p1", "p2"]
        assert ids(until=MADE_AT + hour) == ["p0"]
        assert ids(since=(MADE_AT + hour).astimezone(timezone(timedelta(hours=9)))) == ["p1", "p2"]
        assert ids(version="v1") == ids(origin="o1") == ["p1"]
        assert ids(version="v1", origin="o2") == []


def peak(model: Bundle, store: Store, window: Window) -> tuple[int, Replay]:
    """The most memory that a replay holds at a time, in bytes, and what it found."""
    tracemalloc.start()
    try:
        done = replayed(model, store, window)
        return tracemalloc.get_traced_memory()[1], done
    finally:
        tracemalloc.stop()


def test_sixty_thousand_rows_are_replayed_in_the_memory_of_twenty_thousand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "MOST_SAMPLED", 5_000)
    model = served(TRACKS, tmp_path)
    with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
        rows = answered(model, 60_000)
        store.add(row | {"origin": "few" if place < 20_000 else "more"} for place, row in enumerate(rows))
        assert max(len(some) for some in store.inputs(Window())) == ROWS_A_READING
        few, _ = peak(model, store, Window(origin="few"))
        many, done = peak(model, store, Window())
    assert many < 1.2 * few
    whole = done.said()["all"]
    assert whole["rows"] == whole["identical"] == 60_000
    assert whole["change"]["of_rows"] == 5_000


def test_the_sample_is_the_same_whatever_order_the_rows_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "MOST_SAMPLED", 50)
    ids = [f"p{place}" for place in range(400)]
    scores = np.arange(400.0)

    def sample(order: list[int]) -> list[float]:
        found = step.Comparison()
        for begin in range(0, 400, 70):
            some = order[begin : begin + 70]
            labels: list[step.Label] = [0] * len(some)
            found.add([ids[place] for place in some], (labels, scores[some]), (labels, scores[some]))
        return sorted(step.merged([found]).sample["then"].tolist())

    forth = sample(list(range(400)))
    assert len(forth) == 50
    assert sample(list(range(399, -1, -1))) == forth


# ------------------------------------------------------------------------------------------- the verb


@pytest.fixture
def stored(settings: Settings, tmp_path: Path) -> Settings:
    """Two versions of the tracks model; the first one's predictions are stored."""
    first = served(TRACKS, tmp_path)
    with Store(settings.database_url.get_secret_value(), TRACKS) as store:
        store.add(answered(first, 300))
    served(TRACKS, tmp_path, seed=1)
    return settings


def run(settings: Settings, **more: Any) -> tuple[tasks.Summary, dict[str, Any], str]:
    """Replay; returns the summary, the report and what was said."""
    said: list[str] = []
    summary = tasks.run("replay", Settings(**(settings.model_dump() | more)), said.append)
    return summary, json.loads(Path(summary["path"]).read_bytes()), "\n".join(said)


def test_the_verb_leaves_a_report_and_a_picture_beside_the_bundles(stored: Settings) -> None:
    registry = Registry(stored.artifacts_dir, "reggaeton")
    champion = registry.champion()
    (first,) = set(registry.versions()) - {champion}  # both may bear the same second in their name
    summary, report, said = run(stored, replay_version=first)
    assert summary["rows"] == summary["identical"] == report["rows"] == 300
    assert report["version"] == first
    assert "300 of 300 rows agree, 300 to the bit" in said
    summary, report, said = run(stored)
    assert report["version"] == champion
    assert summary["agreed"] < 300
    assert f"{report['all']['flips'][0]['rows']} rows went from" in said
    picture = Path(summary["path"]).with_suffix(".png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.parent == stored.artifacts_dir / "reggaeton" / "reports"
    assert registry.versions() == sorted([first, champion]), "reports are no bundles"


def test_a_moment_without_an_offset_is_one_of_utc_and_an_empty_window_is_said(stored: Settings) -> None:
    assert run(stored, replay_since=MADE_AT.replace(tzinfo=None))[0]["rows"] == 300
    path = Path(run(stored)[0]["path"]).with_suffix(".png")
    assert path.exists()
    summary, report, said = run(stored, replay_since="2026-11-02")
    assert summary["rows"] == report["rows"] == 0
    assert "no stored prediction" in said
    assert not path.exists(), "no picture of another window is left"
    assert run(stored, replay_until="2026-11-02", replay_recorded="nobody")[0]["rows"] == 0
    assert run(stored, replay_origin="online")[0]["rows"] == 300


def test_values_of_a_regression_are_compared_too(tmp_path: Path) -> None:
    contract = find("diabetes").contract
    first, second = (served(contract, tmp_path, seed=seed) for seed in range(2))
    settings = settings_in(tmp_path, contract="diabetes")
    with Store(settings.database_url.get_secret_value(), contract) as store:
        store.add(answered(first, 100))
    assert run(settings, replay_version=first.version)[0]["identical"] == 100
    _, report, _ = run(settings, replay_version=second.version)
    assert report["all"]["largest_change"]["change"] != 0
