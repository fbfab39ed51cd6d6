"""What waits in the spool comes into the store, all of it and once, whatever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from model import Contract, tasks
from model.contracts import find
from model.derived.tables import input_name, predictions
from model.errors import StoreError
from model.settings import Settings
from model.spool import SpoolWriter, segment, shipper
from model.spool.reader import REFUSED
from model.spool.shipper import Shipper
from model.store import Store
from model.testing import good_rows, odd_contracts
from model.testing.programs import needed_program
from model.testing.spooled import group, record

TRACKS, WINE = find("reggaeton").contract, find("wine").contract


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The spool."""
    return tmp_path / "spool"


def ship(folder: Path, url: str) -> Shipper:
    """One pass; returns what it did."""
    with Shipper(folder, url, lambda _: None, threading.Event()) as done:
        done.ship()
    return done


def stored(url: str, contract: Contract) -> list[dict[str, Any]]:
    """All predictions of a contract, by their id."""
    table = predictions(contract, sa.MetaData())
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    engine.dispose()
    return sorted(rows, key=lambda row: str(row["prediction_id"]))


def aware(value: Any) -> Any:
    """SQLite forgets that a moment was in UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def fill(folder: Path, contract: Contract, *groups: bytes) -> None:
    """Commit groups with a writer of their own."""
    writer = SpoolWriter(folder)
    for some in groups:
        writer.commit(contract, some)
    writer.close()


# ------------------------------------------------------------------------------------------- what arrives


@pytest.mark.services
def test_every_row_arrives_as_it_was_sent(contract: Contract, folder: Path, url: str) -> None:
    check_arrival(contract, folder, url)


@pytest.mark.services
@pytest.mark.parametrize("name", odd_contracts())
def test_every_row_of_an_odd_contract_arrives_as_it_was_sent(name: str, folder: Path, url: str) -> None:
    check_arrival(odd_contracts()[name], folder, url)


def check_arrival(contract: Contract, folder: Path, url: str) -> None:
    """Requests of one row and of several, with keys and without."""
    fill(folder, contract, group(contract, ["a", "b"]), group(contract, ["c"], rows=5, seed=3, keys=True))
    done = ship(folder, url)
    assert (done.rows, done.added, done.refused) == (7, 7, 0)
    assert list(folder.iterdir()) == []

    rows = stored(url, contract)
    assert [row["prediction_id"] for row in rows] == ["a", "b", *(f"c-{place}" for place in range(5))]
    assert [row["key"] for row in rows] == [None, None, *good_rows(contract, 5, 3)[contract.key.name]]
    said = [good_rows(contract, 1)] * 2 + [good_rows(contract, 5, 3)] * 5
    for place, (row, sent) in enumerate(zip(rows, said, strict=True)):
        inside = max(0, place - 2)
        for column in contract.columns:
            assert aware(row[input_name(column)]) == sent[column.name][inside]
        assert row["label"] == sent[contract.target.name][inside]
        assert (row["score"], row["latency_ms"], row["origin"]) == (0.25, 0.312, "online")
        assert row["request_id"] == f"request-{row['prediction_id'][0]}"
        assert row["contract_fingerprint"] == contract.fingerprint
        assert abs((aware(row["created_at"]) - datetime.now(UTC)).total_seconds()) < 600


def test_moments_of_any_zone_are_stored_in_utc(folder: Path, tmp_path: Path) -> None:
    species = odd_contracts()["species"]
    said = record(species, "a", rows=2)
    said["request"]["data"]["seen"] = ["2026-01-01T01:30:00+05:30", "9999-12-31T23:30:00-05:00"]
    said["request"]["data"]["specimen"] = [7, "a\0b"]
    fill(folder, species, f"[{json.dumps(said)}]".encode())
    url = f"sqlite:///{tmp_path}/predictions.db"
    assert ship(folder, url).refused == 0
    rows = stored(url, species)
    assert rows[0]["input_seen"] == datetime(2025, 12, 31, 20, 0)  # noqa: DTZ001 - as SQLite gives it
    assert rows[1]["input_seen"].year == 9999
    assert [row["key"] for row in rows] == ["7", "a\ufffdb"]


@pytest.mark.services
def test_several_workers_and_contracts_in_one_folder_do_not_mix(folder: Path, url: str) -> None:
    grown = Contract("reggaeton", TRACKS.key, TRACKS.target, TRACKS.sources, (*TRACKS.columns, *WINE.columns[:1]))
    writers = [SpoolWriter(folder), SpoolWriter(folder, durable=False)]
    for place in range(30):
        contract = (TRACKS, WINE, grown)[place % 3]
        writers[place % 2].commit(contract, group(contract, [f"{place:02d}", f"{place:02d}x"]))
    assert ship(folder, url).added == 60
    assert len(stored(url, WINE)) == 20
    assert len(stored(url, grown)) == 40
    filled = [row for row in stored(url, grown) if row[input_name(WINE.columns[0])] is not None]
    assert len(filled) == 20
    for writer in writers:
        writer.close()


def test_more_contracts_than_are_kept_open_arrive_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "MOST_STORES", 1)
    writer = SpoolWriter(folder)
    for place in range(6):
        contract = (TRACKS, WINE)[place % 2]
        writer.commit(contract, group(contract, [str(place)]))
    writer.close()
    assert ship(folder, f"sqlite:///{tmp_path}/predictions.db").added == 6


def test_a_living_writer_is_read_along_and_its_segment_stays(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/predictions.db"
    writer = SpoolWriter(folder)
    for place in range(3):
        writer.commit(TRACKS, group(TRACKS, [str(place)]))
        done = ship(folder, url)
        assert (done.rows, done.added) == (1, 1), "what was shipped before is not shipped again"
        assert len(segment.segments(folder)) == 1
        time.sleep(0.05)  # longer than the tick of the clock that files are stamped by
        assert ship(folder, url).rows == 0
        assert writer.backlog().oldest_seconds == 0
    writer.commit(TRACKS, group(TRACKS, ["last"]))
    assert writer.backlog().oldest_seconds > 0
    writer.close()
    assert ship(folder, url).added == 1
    assert list(folder.iterdir()) == []
    assert len(stored(url, TRACKS)) == 4


def test_shipping_again_from_the_beginning_adds_nothing(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/predictions.db"
    writer = SpoolWriter(folder)
    for place in range(5):
        writer.commit(TRACKS, group(TRACKS, [f"{place}a", f"{place}b"]))
    assert ship(folder, url).added == 10
    segment.position_of(segment.segments(folder)[0]).unlink()
    done = ship(folder, url)
    assert (done.rows, done.added) == (10, 0)
    writer.close()


def test_much_is_shipped_by_parts(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/predictions.db"
    monkeypatch.setattr(shipper.reader, "BYTES_AT_ONCE", 20_000)
    monkeypatch.setattr("model.spool.rows.BYTES_AT_ONCE", 20_000)
    monkeypatch.setattr(shipper, "ROWS_A_TRANSACTION", 7)
    ids = [f"{place:03d}" for place in range(300)]
    fill(
        folder,
        TRACKS,
        *(group(TRACKS, ids[place : place + 10]) for place in range(0, 200, 10)),
        group(TRACKS, ids[200:]),
    )
    assert ship(folder, url).added == 300
    assert [row["prediction_id"] for row in stored(url, TRACKS)] == ids


def test_a_pass_that_is_told_to_stop_leaves_the_rest(folder: Path, tmp_path: Path) -> None:
    fill(folder, TRACKS, group(TRACKS, ["a"]))
    stop = threading.Event()
    stop.set()
    with Shipper(folder, f"sqlite:///{tmp_path}/predictions.db", lambda _: None, stop) as done:
        done.ship()
    assert done.rows == 0
    assert len(segment.segments(folder)) == 1


# -------------------------------------------------------------------------------------- what cannot arrive


def refused(folder: Path) -> list[dict[str, str]]:
    """What was set aside."""
    lines = [line for path in sorted((folder / REFUSED).glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_what_is_no_record_is_set_aside_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/predictions.db"
    foreign, short, ancient = record(WINE, "foreign"), record(TRACKS, "short"), record(TRACKS, "ancient")
    short["labels"] = []
    short["request"]["data"][TRACKS.key.name] = ["1", "2"]
    ancient["at"] = -1
    bad = [json.dumps(one).encode() for one in (foreign, short, ancient)]
    good = group(TRACKS, ["good"])
    writer = SpoolWriter(folder)
    writer.commit(TRACKS, b",".join([good[:-1], *bad, group(TRACKS, ["better"])[1:]]))
    writer.commit(TRACKS, b"no JSON at all")
    writer.commit(TRACKS, group(TRACKS, ["best"])[:-1] + b",{half")
    with sqlite3.connect(segment.segments(folder)[0]) as other:
        other.execute("INSERT INTO contracts VALUES (9, 'x', '{}')")
        other.execute("INSERT INTO groups (contract, body) VALUES (9, ?)", (b"[1]",))
    other.close()
    writer.close()
    said: list[str] = []
    with Shipper(folder, url, said.append, threading.Event()) as done:
        done.ship()
    assert (done.added, done.refused) == (3, 6)
    assert [row["prediction_id"] for row in stored(url, TRACKS)] == ["best", "better", "good"]
    assert [one["record"] for one in refused(folder)[:4]] == [*(text.decode() for text in bad), "no JSON at all"]
    assert refused(folder)[-1]["record"] == "[1]"
    assert all(one["why"] for one in refused(folder))
    assert len(said) == 1, "one line for a segment, and none with anybody's data"
    assert REFUSED in said[0]
    assert segment.segments(folder) == []


@pytest.mark.services
def test_a_record_that_postgresql_refuses_is_found_and_set_aside(folder: Path, postgres_url: str) -> None:
    # SQLite does not count characters, PostgreSQL does.
    bad = record(TRACKS, "refused-1")
    bad["version"] = "v" * 101
    texts = [json.dumps(record(TRACKS, f"taken-{place}")) for place in range(40)]
    texts.insert(17, json.dumps(bad))
    fill(folder, TRACKS, f"[{','.join(texts)}]".encode())
    done = ship(folder, postgres_url)
    assert (done.added, done.rows, done.refused) == (40, 40, 1)
    [one] = refused(folder)
    assert json.loads(one["record"]) == bad
    assert "100" in one["why"]


def test_a_damaged_segment_is_set_aside_whole(folder: Path, tmp_path: Path) -> None:
    fill(folder, TRACKS, group(TRACKS, ["a"]))
    path = segment.segments(folder)[0]
    path.write_bytes(b"x" * 10_000)
    segment.log_of(path).write_bytes(b"y")
    fill(folder, TRACKS, group(TRACKS, ["b"]))
    assert ship(folder, f"sqlite:///{tmp_path}/predictions.db").added == 1
    assert {entry.name for entry in (folder / REFUSED).iterdir()} == {path.name, segment.log_of(path).name}
    assert [entry.name for entry in folder.iterdir()] == [REFUSED]


def test_what_a_killed_writer_or_shipper_left_half_made_or_half_deleted_is_cleared(
    folder: Path, tmp_path: Path
) -> None:
    folder.mkdir()
    for name in ("1-a.lock", "2-b.lock", "2-b.spool", "3-c.lock", "3-c.spool-shm", "3-c.position", "4-d.spool"):
        (folder / name).touch()
    held = segment.lock(folder / "5-e.lock")
    ship(folder, f"sqlite:///{tmp_path}/predictions.db")
    assert [path.name for path in folder.iterdir()] == ["5-e.lock"]
    os.close(held)


def test_a_segment_that_cannot_be_read_or_deleted_does_not_hold_up_the_others(folder: Path, tmp_path: Path) -> None:
    (folder / "0-a.spool").mkdir(parents=True)
    (folder / "1-b.spool-wal").mkdir()
    (folder / "1-b.spool").touch()
    fill(folder, TRACKS, group(TRACKS, ["b"]))
    assert ship(folder, f"sqlite:///{tmp_path}/predictions.db").added == 1


# --------------------------------------------------------------------------------------------- what dies


SHIP = """
import sys, threading
from pathlib import Path
from model.spool.shipper import Shipper
with Shipper(Path(sys.argv[1]), sys.argv[2], print, threading.Event()) as shipper:
    shipper.ship()
"""


@pytest.mark.services
@pytest.mark.parametrize(
    "moment", ["rename:when=1", "unlink:when=1", "unlink:when=2", "unlink:when=4", "fdatasync:when=3"]
)
def test_a_shipper_killed_between_any_two_steps_is_followed_by_one_that_finishes(
    folder: Path, tmp_path: Path, moment: str
) -> None:
    """`rename` sets the position, behind the store's commit; `unlink` deletes the segment file by file."""
    url = f"sqlite:///{tmp_path}/predictions.db"
    fill(folder, TRACKS, *(group(TRACKS, [f"{place}"], rows=2) for place in range(3)))
    call, when = moment.split(":")
    strace = [needed_program("strace"), "-f", "-qq", "-e", f"inject={call}:signal=SIGKILL:{when}", "-o", "/dev/null"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*strace, sys.executable, "-c", SHIP, folder, url], env=environment, check=False)
    assert done.returncode != 0
    assert ship(folder, url).refused == 0
    assert list(folder.iterdir()) == []
    expected = sorted(f"{place}-{row}" for place in range(3) for row in range(2))
    assert [row["prediction_id"] for row in stored(url, TRACKS)] == expected


def settings(folder: Path, url: str, **more: Any) -> Settings:
    return Settings(spool_dir=folder, database_url=url, **more)


@contextmanager
def following(folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """`ship --follow` in a process of its own, which ends well when it is told to."""
    environment = os.environ | {"MODEL_SPOOL_DIR": str(folder), "MODEL_DATABASE_URL": url}
    command = [sys.executable, "-m", "model", "ship", "--follow"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what must come true; a minute is as good as never."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not come true in a minute"
        time.sleep(0.05)


def is_shipped(folder: Path) -> bool:
    return segment.backlog(folder).oldest_seconds == 0


@pytest.mark.services
def test_a_database_that_is_down_for_a_while_loses_nothing_and_gets_nothing_twice(
    folder: Path, postgres_url: str
) -> None:
    writer = SpoolWriter(folder)
    ids = iter(f"{place:05d}" for place in range(100_000))
    sent: list[str] = []

    def commit(groups: int) -> None:
        for _ in range(groups):
            some = [next(ids) for _ in range(10)]
            writer.commit(TRACKS, group(TRACKS, some))
            sent.extend(some)

    with following(folder, postgres_url) as process:
        commit(20)
        wait_until(lambda: is_shipped(folder))
        with stopped(postgres_url):
            commit(20)
            lines = iter(process.stdout or ())
            assert "shipping what comes" in next(lines)
            while "the prediction store did not answer" not in next(lines):
                pass
            commit(20)
        wait_until(lambda: is_shipped(folder))
        commit(1)
        process.send_signal(signal.SIGTERM)
        rest = process.communicate()[0]
    assert process.returncode == 0, rest
    assert rest.count("did not answer") == 0, "it is said once"
    assert rest.count("the store answers again") == 1
    writer.close()
    ship(folder, postgres_url)
    mine = [row["prediction_id"] for row in stored(postgres_url, TRACKS) if row["prediction_id"] in set(sent)]
    assert mine == sent


@contextmanager
def stopped(url: str) -> Iterator[None]:
    """The server of `postgres_url` killed, and started again in the end."""
    data = Path(str(sa.make_url(url).query["host"])) / "data"
    user = "postgres" if os.geteuid() == 0 else None
    control = str(max(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")))

    def run(*words: str) -> None:
        subprocess.run([control, "-D", data, "-w", *words], user=user, cwd=data, check=True, capture_output=True)

    options = f"-k {data.parent} -c listen_addresses=''"
    run("-m", "immediate", "stop")
    try:
        yield
    finally:
        run("-l", str(data.parent / "log"), "-o", options, "start")


def test_two_shippers_do_not_work_at_the_same_time(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/predictions.db"
    fill(folder, TRACKS, group(TRACKS, ["a"]))
    held = segment.lock(folder / ".shipping")
    with following(folder, url) as process:
        lines = iter(process.stdout or ())
        assert "I wait for its end" in next(lines)
        assert not is_shipped(folder)
        os.close(held)
        wait_until(lambda: segment.segments(folder) == [])
        process.send_signal(signal.SIGINT)
        said = process.communicate()[0]
    assert process.returncode == 0
    assert "shipped 1 rows, 1 of them new; 0 segments are left" in said


def test_shipping_once_says_what_it_did_or_that_the_store_did_not_answer(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)  # the other tests go on in this process
    url = f"sqlite:///{tmp_path}/predictions.db"
    assert tasks.run("ship", settings(folder, url), lambda _: None) == {"rows": 0, "added": 0, "refused": 0}
    fill(folder, TRACKS, group(TRACKS, ["a"], rows=3))
    with pytest.raises(StoreError, match="did not answer"):
        tasks.run("ship", settings(folder, f"sqlite:///{tmp_path}"), lambda _: None)
    said: list[str] = []
    assert tasks.run("ship", settings(folder, url), said.append) == {"rows": 3, "added": 3, "refused": 0}
    assert said == ["shipped 3 rows, 3 of them new; 0 segments are left"]


def test_following_goes_on_through_a_store_that_is_silent(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(tasks.ship, "SECONDS_BETWEEN_PASSES", 0.01)
    database = tmp_path / "predictions.db"
    database.mkdir()
    fill(folder, TRACKS, group(TRACKS, ["a"]))
    said: list[str] = []

    def report(line: str) -> None:
        said.append(line)
        if "did not answer" in line:
            database.rmdir()
        if "shipped 1 rows" in line:
            os.kill(os.getpid(), signal.SIGTERM)

    tasks.run("ship", settings(folder, f"sqlite:///{database}", ship_follow=True), report)
    assert ["did not answer" in line for line in said].count(True) == 1
    assert ["answers again" in line for line in said].count(True) == 1


# ------------------------------------------------------------------------------------------------ pruning


@pytest.mark.services
def test_old_predictions_are_pruned_in_parts_and_young_ones_stay(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.store.ROWS_A_DELETION", 10)
    own = {"version": "v", "contract_fingerprint": "0" * 64, "label": 1, "score": 0.5}
    ages = [("batch", 40)] * 15 + [("online", 31)] * 20 + [("online", 1)] * 5
    now = datetime.now(UTC)
    rows = [
        {"prediction_id": str(place), "origin": origin, "created_at": now - timedelta(days=age), **own}
        for place, (origin, age) in enumerate(ages)
    ]
    with Store(url, TRACKS) as store:
        assert store.add(rows) == 40
    said: list[str] = []

    def prune(**how: Any) -> Any:
        return tasks.run("prune", settings(tmp_path, url, **how), said.append)

    assert prune() == {"deleted": 0}
    assert prune(keep_days=30, prune_origin="online") == {
        "deleted": 20,
        "deleted_truths": 0,
        "deleted_shadows": 0,
        "left": 20,
    }
    assert prune(keep_days=30) == {"deleted": 15, "deleted_truths": 0, "deleted_shadows": 0, "left": 5}
    assert any("deleted 10 predictions" in line for line in said)


@pytest.mark.services
def test_a_table_without_its_indexes_gets_them(url: str) -> None:
    with Store(url, TRACKS) as store:
        store.add([])
    engine = sa.create_engine(url)
    table = predictions(TRACKS, sa.MetaData())
    for index in table.indexes:
        index.drop(engine)
    with Store(url, TRACKS) as store:
        assert store.count() == 0
    names = {index["name"] for index in sa.inspect(engine).get_indexes(table.name)}
    engine.dispose()
    assert names == {index.name for index in table.indexes}
