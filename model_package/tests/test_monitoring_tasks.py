"""`measure` and `decide` on a real store and a real bundle: figures by window and version, and one decision a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model import tasks
from model.askings import ask, asked
from model.bundle import read_manifest
from model.bundle.manifest import sealed
from model.contracts import find
from model.derived.tables import input_name
from model.errors import ContractError
from model.findings import Findings
from model.measured import Decision
from model.registry import Registry
from model.settings import Settings
from model.store import Store
from model.tasks import monitoring
from model.testing.bundles import good_frame, quick_bundle
from model.testing.settings import settings_in
from model.truth import Truth

TRACKS = find("reggaeton").contract
SINCE = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def version(tmp_path: Path) -> str:
    """A champion."""
    return quick_bundle(TRACKS, tmp_path / "artifacts")


def quiet(line: str) -> None:
    """Tell nobody."""


def predict(folder: Path, version: str, rows: int, *, hours: float = 1.0, moved: float = 0.0, seed: int = 7) -> None:
    """Store what `version` answers to rows of the contract, made some hours after SINCE; `moved` shifts a column."""
    frame = good_frame(TRACKS, rows, seed)
    frame["danceability"] = (frame["danceability"] * (1 - moved) + moved).astype("Float64")
    at = SINCE + timedelta(hours=hours)
    own = {"created_at": at, "origin": "test", "version": version, "contract_fingerprint": TRACKS.fingerprint}
    cells = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    with Store(f"sqlite:///{folder}/predictions.db", TRACKS) as store:
        store.add(
            {"prediction_id": f"{version}-{hours}-{seed}-{n}", **own, **_said(row)} for n, row in enumerate(cells)
        )
        store.add_truths(
            Truth("prediction_id", f"{version}-{hours}-{seed}-{n}", row[TRACKS.target.name], at, at)
            for n, row in enumerate(cells)
        )


def _said(row: dict[Any, Any]) -> dict[str, Any]:
    inputs = {input_name(column): row[column.name] for column in TRACKS.columns}
    return {"key": row[TRACKS.key.name], "label": row[TRACKS.target.name], "score": 0.5, **inputs}


def one_window(folder: Path, **more: Any) -> Settings:
    return settings_in(folder, monitor_since=SINCE, monitor_until=SINCE + timedelta(hours=24), **more)


def test_a_window_is_measured_by_version_told_in_a_line_and_shown_beside_the_bundles(
    tmp_path: Path, version: str
) -> None:
    predict(tmp_path, version, 300, moved=0.9)
    said: list[str] = []

    summary = tasks.run("measure", one_window(tmp_path), said.append)

    assert summary["alarms"] > 0
    assert any(f"2026-03-01 00:00 to 2026-03-02 00:00 UTC, {version}: 300 predictions" in line for line in said)
    assert any("danceability" in line for line in said)
    shown = json.loads(Registry(tmp_path / "artifacts", "reggaeton").monitoring_file.read_bytes())
    (window,) = shown["windows"]
    assert (window["version"], window["until"] - window["since"]) == (version, 86_400)
    assert any(one["alarm"] for one in window["figures"] if one["subject"] == "danceability")
    assert len(window["figures"]) == summary["figures"]


def test_a_window_measured_again_once_more_has_come_has_the_newer_figures_only(tmp_path: Path, version: str) -> None:
    counted = []
    for rows in (40, 90):
        predict(tmp_path, version, rows, seed=rows)
        tasks.run("measure", one_window(tmp_path), quiet)
        with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
            counted.append([one.value for one in Findings(store, TRACKS).of(version, 9) if one.measure == "rows"])
    assert counted == [[40.0], [130.0]]


def test_of_a_large_window_a_sample_is_measured_and_all_predictions_are_counted(tmp_path: Path, version: str) -> None:
    predict(tmp_path, version, 1_200)
    said: list[str] = []
    tasks.run("measure", one_window(tmp_path, monitor_most_rows=1_000), said.append)
    assert any("1,200 predictions, of which 1,000 drawn by chance are measured" in line for line in said)
    with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
        rows = {(one.measure, one.subject): one.rows for one in Findings(store, TRACKS).of(version, 1)}
    assert rows["rows", ""] == rows["rows_per_hour", ""] == 1_200
    assert rows["psi", "danceability"] == 1_000


def test_a_version_whose_bundle_is_gone_is_named_and_the_others_are_measured(tmp_path: Path, version: str) -> None:
    predict(tmp_path, version, 30)
    predict(tmp_path, "20200101T000000Z-deadbeef", 30)
    said: list[str] = []
    assert tasks.run("measure", one_window(tmp_path), said.append)["figures"] > 0
    assert any("deadbeef: cannot be measured" in line for line in said)


def test_windows_begin_at_multiples_of_their_length_and_only_complete_ones_are_measured(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, monitor_windows=2)
    spans = monitoring.spans_of(tasks.Job(settings, quiet), SINCE + timedelta(hours=5))
    assert [span.until for span in spans] == [SINCE - timedelta(days=1), SINCE]
    assert [span.hours for span in spans] == [24, 24]


def test_a_window_with_one_end_or_none_inside_is_refused(tmp_path: Path) -> None:
    for wrong in ({"monitor_since": SINCE}, {"monitor_since": SINCE, "monitor_until": SINCE}):
        with pytest.raises(ContractError, match="window"):
            tasks.run("measure", settings_in(tmp_path, **wrong), quiet)


def test_without_predictions_or_a_champion_nothing_fails(tmp_path: Path) -> None:
    assert tasks.run("measure", one_window(tmp_path), quiet)["figures"] == 0
    assert tasks.run("decide", settings_in(tmp_path), quiet)["retrain"] is False


def aged(folder: Path, version: str) -> None:
    """Date the bundle as if it had been trained long ago."""
    root = Registry(folder / "artifacts", "reggaeton").root / version
    made = datetime.now(UTC) - timedelta(days=400)
    (root / "manifest.json").write_bytes(sealed(read_manifest(root).model_copy(update={"created_at": made})))


def decisions(folder: Path) -> list[Decision]:
    with Store(f"sqlite:///{folder}/predictions.db", TRACKS) as store:
        return Findings(store, TRACKS).decisions()


def test_an_old_model_is_decided_on_once_and_the_decision_is_kept_with_its_reason(tmp_path: Path, version: str) -> None:
    aged(tmp_path, version)
    said: list[str] = []

    first = tasks.run("decide", settings_in(tmp_path, who="ada"), said.append)
    second = tasks.run("decide", settings_in(tmp_path, who="ada"), said.append)

    assert (first["retrain"], second["retrain"]) == (True, False)
    assert "400 days old" in first["reason"]
    assert "A training was decided at" in second["reason"]
    assert [one.action for one in decisions(tmp_path)] == ["keep", "retrain"]
    assert {(one.version, one.who) for one in decisions(tmp_path)} == {(version, "ada")}


def test_a_run_that_is_tried_again_decides_once_and_says_the_same(tmp_path: Path, version: str) -> None:
    aged(tmp_path, version)
    both = [tasks.run("decide", settings_in(tmp_path, run="hourly-7"), quiet) for _ in range(2)]
    assert both[0] == both[1]
    assert both[0]["retrain"]
    assert len(decisions(tmp_path)) == 1
    quick_bundle(TRACKS, tmp_path / "artifacts", seed=1)  # the training has been made
    assert not tasks.run("decide", settings_in(tmp_path, run="hourly-7"), quiet)["retrain"]


def test_a_bundle_that_is_no_champion_and_cannot_be_read_keeps_no_decision_from_being_made(
    tmp_path: Path, version: str
) -> None:
    other = quick_bundle(TRACKS, tmp_path / "artifacts", seed=1)
    registry = Registry(tmp_path / "artifacts", "reggaeton")
    registry.promote(version, who="tests", why="the first one again")
    (registry.root / other / "manifest.json").write_text("torn")
    said: list[str] = []
    assert tasks.run("decide", settings_in(tmp_path), said.append)["action"] == "keep"
    assert any(f"{other}: its manifest cannot be read" in line for line in said)


def test_drift_in_three_windows_of_stored_predictions_asks_for_a_training(tmp_path: Path, version: str) -> None:
    for day in range(3):
        predict(tmp_path, version, 300, hours=24 * day + 1, moved=0.9, seed=day)
        since = SINCE + timedelta(days=day)
        window = {"monitor_since": since, "monitor_until": since + timedelta(days=1)}
        tasks.run("measure", settings_in(tmp_path, **window), quiet)
    summary = tasks.run("decide", settings_in(tmp_path, retrain="never"), quiet)
    assert summary["action"] == "keep"
    assert "MODEL_RETRAIN=never" in summary["reason"]
    assert "danceability" in summary["reason"]


def test_what_was_asked_for_is_decided_once_and_its_reason_is_kept(tmp_path: Path, version: str) -> None:
    file = Registry(tmp_path / "artifacts", "reggaeton").retraining_file
    ask(file, who="ana", why="new labels came", urgent=True)

    first, second = (tasks.run("decide", settings_in(tmp_path), quiet) for _ in range(2))

    assert (first["action"], first["version"]) == ("retrain", version)
    assert "ana asked for a training" in first["reason"]
    assert second["action"] == "keep"


def test_a_file_of_what_was_asked_that_cannot_be_believed_is_no_asking(tmp_path: Path) -> None:
    file = tmp_path / "retraining.json"
    assert asked(file) is None
    for text in ("{", "[]", '{"at": "2026-01-01T00:00:00", "who": "ana", "why": ""}'):
        file.write_text(text)
        assert asked(file) is None
    kept = ask(file, who="ana", why="because " * 200)
    assert asked(file) == kept
