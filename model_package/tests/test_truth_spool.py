"""Truth that waits in the spool comes into the store, beside predictions and whoever began the segment."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from model import tasks
from model.contracts import find
from model.settings import Settings
from model.spool import TRUTHS, SpoolWriter, segment
from model.spool.reader import REFUSED
from model.spool.shipper import Shipper
from model.store import Store
from model.testing.spooled import group, truth_group
from model.truth import Recorded, Unjoined

TRACKS, DIABETES = find("reggaeton").contract, find("diabetes").contract


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The spool."""
    return tmp_path / "spool"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An empty store."""
    return f"sqlite:///{tmp_path}/predictions.db"


def ship(folder: Path, url: str) -> Shipper:
    with Shipper(folder, url, lambda _: None, threading.Event()) as done:
        done.ship()
    return done


def known(url: str) -> dict[str, Any]:
    with Store(url, TRACKS) as store:
        frame = pd.concat([some.frame for some in store.joined()]).dropna(subset=["truth"])
    return dict(zip(frame["prediction_id"], frame["truth"], strict=True))


def test_truth_and_predictions_of_one_segment_arrive_and_are_joined(folder: Path, url: str) -> None:
    writer = SpoolWriter(folder)
    now = time.time_ns()
    writer.commit(TRACKS, truth_group(now, {"prediction_id": "b", "truth": 0}, {"key": "early", "truth": 1}), TRUTHS)
    writer.commit(TRACKS, group(TRACKS, ["a", "b"]))
    writer.commit(DIABETES, truth_group(now, {"key": 7, "truth": 80}), TRUTHS)
    writer.commit(TRACKS, truth_group(now + 1000, {"prediction_id": "a", "truth": 1}), TRUTHS)
    writer.close()
    done = ship(folder, url)
    assert (done.rows, done.added, done.refused, done.truths) == (6, 6, 0, Recorded(new=4))
    assert known(url) == {"a": 1, "b": 0}
    assert segment.segments(folder) == []
    with Store(url, DIABETES) as store:
        assert store.unjoined() == Unjoined(subjects=1, unmatched=1, contradicting=0)


def test_shipping_truth_again_from_the_beginning_changes_nothing(folder: Path, url: str) -> None:
    writer = SpoolWriter(folder)
    writer.commit(TRACKS, group(TRACKS, ["a"]))
    for place in range(3):
        writer.commit(TRACKS, truth_group(10**18 + place * 1000, {"prediction_id": "a", "truth": place % 2}), TRUTHS)
    assert ship(folder, url).truths == Recorded(new=1, contradicting=1, repeated=1)
    assert known(url) == {"a": 0}
    segment.position_of(segment.segments(folder)[0]).unlink()
    assert ship(folder, url).truths == Recorded(repeated=3)
    assert known(url) == {"a": 0}
    writer.close()


def test_a_segment_that_was_begun_before_there_was_truth_is_read_on(folder: Path, url: str) -> None:
    writer = SpoolWriter(folder)
    writer.commit(TRACKS, group(TRACKS, ["a", "b"]))
    writer.close()
    with sqlite3.connect(segment.segments(folder)[0]) as old:
        old.execute("ALTER TABLE groups DROP COLUMN kind")
    old.close()
    assert ship(folder, url).added == 2


def test_what_is_no_truth_is_set_aside_and_the_rest_goes_on(folder: Path, url: str) -> None:
    writer = SpoolWriter(folder)
    now = time.time_ns()
    bad = truth_group(now, {"key": "a", "truth": 7})[1:-1]
    torn = truth_group(now, {"key": "b", "truth": 1}, {"key": "b", "truth": 0})[1:-1]
    writer.commit(TRACKS, b",".join([truth_group(now, {"key": "c", "truth": 1})[:-1], bad, torn]) + b"]", TRUTHS)
    writer.commit(TRACKS, b"no JSON", TRUTHS)
    writer.close()
    done = ship(folder, url)
    assert (done.added, done.refused) == (1, 3)
    [kept] = (folder / REFUSED).glob("*.jsonl")
    assert [json.loads(line)["record"] for line in kept.read_text().splitlines()] == [
        bad.decode(),
        torn.decode(),
        "no JSON",
    ]


def test_shipping_tells_what_became_of_the_truth(folder: Path, url: str) -> None:
    writer = SpoolWriter(folder)
    writer.commit(TRACKS, truth_group(time.time_ns(), {"key": "a", "truth": 1}), TRUTHS)
    writer.close()
    told: list[str] = []
    tasks.run("ship", Settings(spool_dir=folder, database_url=url), told.append)
    assert "truth among them: 1 new, 0 repeated, 0 contradicting" in told[-1]
