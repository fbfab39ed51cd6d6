"""The time machine: retraining mends what drifts, leaves alone what does not, and equal seeds tell equal stories."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.contracts import find
from model.errors import ContractError, DataError
from model.settings import Settings
from model.simulation import Outcome, Scenario, simulate
from model.simulation.outcome import WITH, WITHOUT
from model.simulation.traffic import traffic
from model.simulation.world import WHO
from model.testing.settings import settings_in

CONTRACT = """
from model import Contract, Key, Label, Number, Retraining, Source, Target

contract = Contract(
    name="dots",
    key=Key("id"),
    target=Target("y", labels=(Label(0, "no"), Label(1, "yes"))),
    sources=(Source("dots.csv"),),
    columns=(Number("a", 0, 1), Number("b", 0, 1)),
    retraining=Retraining(oldest_days=4, replaces_files_from=500),
)


def estimator():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()
"""
BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
DAYS, ROWS, HISTORY, CHANGE = 14, 300, 900, 5


def dots(folder: Path, *, changes: bool) -> Path:
    """A point's label follows `a`; from the CHANGE-th day after the history on `b`, where the concept changes."""
    draw = np.random.default_rng(7)
    count = HISTORY + DAYS * ROWS
    a, b = draw.random(count), draw.random(count)
    day = np.maximum(0, (np.arange(count) - HISTORY) // ROWS)
    says = np.where((day >= CHANGE) & changes, b, a)
    y = draw.random(count) < 1 / (1 + np.exp(-8 * (says - 0.5)))
    moments = [BEGIN + timedelta(days=(number - HISTORY) / ROWS) for number in range(count)]
    frame = pd.DataFrame({"id": [f"k{number}" for number in range(count)], "a": a, "b": b, "y": y.astype(int)})
    path = folder / "dots.csv"
    frame.assign(seen_at=[moment.isoformat() for moment in moments]).to_csv(path, index=False, lineterminator="\n")
    return path


def settings(folder: Path) -> Settings:
    path = folder / "dots_contract.py"
    path.write_text(CONTRACT)
    return settings_in(folder / "untouched", contract=str(path), retrain_cool_down_hours=24)


def replayed(folder: Path, *, changes: bool) -> Outcome:
    scenario = Scenario(file=dots(folder, changes=changes), time="seen_at", history=HISTORY, delay=1.0)
    return simulate(settings(folder), scenario, folder / "out", lambda _: None)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """A file whose concept changes, replayed; with the folder."""
    folder = tmp_path_factory.mktemp("changed")
    return replayed(folder, changes=True), folder


def test_when_the_concept_drifts_retraining_recovers_what_the_first_model_loses(changed: tuple[Outcome, Path]) -> None:
    outcome, _ = changed
    assert outcome.days == DAYS
    assert outcome.rows == DAYS * ROWS
    assert outcome.of("promotion")
    begins = BEGIN + timedelta(days=CHANGE)
    assert all(one.at > begins for one in outcome.of("decision"))
    assert outcome.before_drift() > 0.85
    assert outcome.last(WITHOUT) < 0.6
    assert outcome.last(WITH) > 0.8


def test_a_stream_that_stays_as_it_is_asks_for_no_training_at_all(tmp_path: Path) -> None:
    outcome = replayed(tmp_path, changes=False)
    assert outcome.days == DAYS
    assert outcome.events == []
    assert outcome.last(WITH) == outcome.last(WITHOUT) > 0.85
    assert "never asked" in outcome.verdict()


def test_the_same_seed_gives_the_same_figures_events_and_picture(changed: tuple[Outcome, Path], tmp_path: Path) -> None:
    first, folder = changed
    again = replayed(tmp_path, changes=True)
    assert (again.figures, again.events) == (first.figures, first.events)
    for name in ("quality.csv", "events.csv", "verdict.txt", "quality.png"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / "out" / name).read_bytes()


def test_everything_happens_in_a_folder_of_its_own_and_by_a_clock_of_its_own(changed: tuple[Outcome, Path]) -> None:
    outcome, folder = changed
    assert not (folder / "untouched").exists()
    history = (folder / "out" / "world" / "artifacts" / "dots" / "history.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in history]
    assert {entry["who"] for entry in entries} == {WHO}
    assert [datetime.fromisoformat(entry["when"]) for entry in entries] == [
        BEGIN,
        *(one.at for one in outcome.of("promotion")),
    ]
    assert all(one.version.startswith(f"{one.at:%Y%m%dT%H%M%SZ}") for one in outcome.of("promotion"))


def test_the_figures_are_a_tidy_table_and_the_events_another(changed: tuple[Outcome, Path]) -> None:
    outcome, folder = changed
    figures = pd.read_csv(folder / "out" / "quality.csv")
    assert len(figures) == 2 * DAYS
    assert set(figures["series"]) == {WITH, WITHOUT}
    assert figures["value"].between(figures["low"] - 1e-9, figures["high"] + 1e-9).all()
    events = pd.read_csv(folder / "out" / "events.csv")
    assert list(events["kind"]) == [one.kind for one in outcome.events]
    assert events["why"].str.len().gt(20).all()
    assert (folder / "out" / "quality.png").read_bytes().startswith(b"\x89PNG")


def test_a_short_stream_of_tracks_drifts_is_noticed_and_says_when(tmp_path: Path) -> None:
    source = Path(find.__code__.co_filename).with_name("reggaeton.py").read_text()
    path = tmp_path / "tracks.py"
    path.write_text(source.replace("n_estimators=300", "n_estimators=20"))
    scenario = Scenario(days=7, rows=400, since=3, history=1_500, strength=1.0)
    said: list[str] = []
    outcome = simulate(settings_in(tmp_path, contract=str(path)), scenario, tmp_path / "out", said.append)
    assert outcome.drifts_at == datetime(2026, 1, 3, tzinfo=UTC)
    assert [one.at >= outcome.drifts_at for one in outcome.of("decision")] == [True]
    assert "drifts from 2026-01-03" in outcome.verdict()
    assert any(line.startswith("day 7 of 7, 400 rows") for line in said)


def test_a_day_of_a_stream_does_not_depend_on_the_days_around_it() -> None:
    contract = find("reggaeton").contract
    long, short = (traffic(contract, Scenario(days=days, rows=50, history=50)) for days in (30, 3))
    pd.testing.assert_frame_equal(long.day(2).frame, short.day(2).frame)
    keys = [key for number in range(3) for key in long.day(number).frame["id_new"]]
    assert len(set(keys)) == 150
    assert not set(keys) & set(long.history["id_new"])


def test_what_cannot_be_replayed_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="give a file of contract 'wine'"):
        traffic(find("wine").contract, Scenario())
    with pytest.raises(ContractError, match="at least one day"):
        Scenario(days=0)
    own = find(settings(tmp_path).contract).contract
    path = dots(tmp_path, changes=False)
    with pytest.raises(DataError, match="none is left to replay"):
        traffic(own, Scenario(file=path, time="seen_at", history=10**6))
    with pytest.raises(DataError, match="lately"):
        traffic(own, Scenario(file=path, time="lately"))
    with pytest.raises(DataError, match="no such file"):
        traffic(own, Scenario(file=tmp_path / "none.csv"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2000], lines[2000].rsplit(",", 1)[0] + ",", *lines[2001:]]) + "\n")
    with pytest.raises(DataError, match="every row needs its moment"):
        traffic(own, Scenario(file=path, time="seen_at", history=900))


def test_the_command_line_replays_a_file_and_says_how_each_day_went(tmp_path: Path) -> None:
    settings(tmp_path)
    words = ["--contract", "dots_contract.py", "simulate", "out", "--file", "dots.csv", "--time", "seen_at"]
    more = ["--history", str(HISTORY), "--days", "2", "--delay", "0.5", "--oldest-days", "3", "--short"]
    dots(tmp_path, changes=False)
    command = [sys.executable, "-m", "model", *words, *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "day 2 of 2, 300 rows: with retraining 0." in done.stdout
    assert (tmp_path / "out" / "verdict.txt").read_text().strip() in done.stdout
    assert not (tmp_path / "airflow").exists()


def test_in_short_the_drift_begins_in_the_middle() -> None:
    short = Scenario().short()
    assert (short.days, short.since) == (16, 8)
    assert Scenario(days=5, since=2).short() == Scenario(days=5, since=2)
