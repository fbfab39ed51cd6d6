"""What the spool has acknowledged it keeps: through kills at any moment, full disks and failing ones."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import model
from model.contracts import find
from model.errors import SpoolBroken, SpoolFull, StoreError
from model.spool import SpoolWriter, segment, writer
from model.spool.reader import Reader, position, set_position, texts
from model.testing.exhaustive import at_length
from model.testing.moments import Moment, moments, some
from model.testing.programs import needed_program

TRACKS, WINE = find("reggaeton").contract, find("wine").contract
SMALL = 256 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the spool will be; nobody has made it yet."""
    return tmp_path / "some" / "spool"


def kept(folder: Path) -> list[tuple[str, bytes]]:
    """Every group of a spool with its contract, oldest segment first."""
    found = []
    for path in segment.segments(folder):
        with Reader(path) as reader:
            groups = reader.groups(0) if reader.is_begun() else []
            found += [(reader.contract(group.contract), group.body) for group in groups]
    return found


def test_what_is_committed_is_kept_in_its_order_with_the_contract_it_was_made_under(folder: Path) -> None:
    spool = SpoolWriter(folder)
    said = [(TRACKS if place % 3 else WINE, f"[{place}]".encode()) for place in range(50)]
    for contract, group in said:
        spool.commit(contract, group)
    expected = [(contract.to_json(), group) for contract, group in said]
    assert kept(folder) == expected
    spool.close()
    assert kept(folder) == expected
    spool.close()  # twice is as good as once


def test_each_process_has_segments_of_its_own_in_the_one_folder(folder: Path) -> None:
    first, second = SpoolWriter(folder), SpoolWriter(folder, durable=False)
    for place in range(10):
        (first if place % 2 else second).commit(TRACKS, f"[{place}]".encode())
    assert len(segment.segments(folder)) == 2
    assert sorted(group for _, group in kept(folder)) == sorted(f"[{place}]".encode() for place in range(10))
    first.close()
    second.close()


def test_a_full_segment_is_followed_by_the_next_and_is_free_for_the_shipper(folder: Path) -> None:
    spool = SpoolWriter(folder, segment_bytes=SMALL)
    said = [f"[{place:09d}]".encode() * 1000 for place in range(120)]
    for group in said:
        spool.commit(TRACKS, group)
    assert [group for _, group in kept(folder)] == said
    *left, _, _ = [segment.lock_of(path) for path in segment.segments(folder)]  # all but the one in use and the spare
    assert len(left) >= 4
    held = [segment.lock_if_free(path) for path in left]
    assert None not in held
    for descriptor in held:
        os.close(descriptor or 0)
    spool.close()
    assert [group for _, group in kept(folder)] == said


def test_each_segment_has_room_for_twice_as_much_as_the_one_before_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FIRST_BYTES", SMALL)
    spool = SpoolWriter(folder, segment_bytes=4 * SMALL)
    rooms = [SMALL]
    while len(rooms) < 4:
        spool.commit(TRACKS, b"[1]" * 2000)
        for helper in [thread for thread in threading.enumerate() if thread.name == "spool"]:
            helper.join()  # until the next one's room has been written out
        latest = segment.segments(folder)
        if len(latest) > len(rooms):
            rooms.append(segment.log_of(latest[-1]).stat().st_size // SMALL * SMALL)
    assert rooms == [SMALL, 2 * SMALL, 4 * SMALL, 4 * SMALL]
    spool.close()


def test_a_group_larger_than_a_segment_is_kept_too(folder: Path) -> None:
    spool = SpoolWriter(folder, segment_bytes=SMALL)
    large = b"[" + b"1" * 3 * SMALL + b"]"
    for _ in range(3):
        spool.commit(TRACKS, large)
    assert [group for _, group in kept(folder)] == [large] * 3
    spool.close()


def test_the_segment_in_use_is_left_when_it_is_old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SECONDS_OF_A_SEGMENT", 0.0)
    spool = SpoolWriter(folder)
    spool.commit(TRACKS, b"[1]")
    first = segment.segments(folder)[0]
    spool.commit(TRACKS, b"[2]")
    descriptor = segment.lock_if_free(segment.lock_of(first))
    assert descriptor is not None
    os.close(descriptor)
    spool.close()


def test_a_writer_that_kept_nothing_leaves_nothing(folder: Path) -> None:
    SpoolWriter(folder).close()
    assert list(folder.iterdir()) == []


def test_its_files_may_be_read_and_deleted_by_the_group_and_by_nobody_else(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        spool = SpoolWriter(folder)
        spool.commit(TRACKS, b"[1]")
    finally:
        os.umask(before)
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.suffix != ".lock"}
    assert modes == {".spool": 0o660, ".spool-wal": 0o660, ".spool-shm": 0o660}
    spool.close()


def test_a_folder_that_cannot_be_written_to_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written to"):
        SpoolWriter(tmp_path / "file" / "spool")


# ----------------------------------------------------------------------------------------- its bounds


def test_a_full_folder_refuses_until_it_has_been_emptied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SECONDS_BETWEEN_LOOKS", 0.0)
    spool = SpoolWriter(folder, segment_bytes=SMALL, most_bytes=4 * SMALL)
    acknowledged, refused = 0, 0
    while refused < 3:  # once may be mended by letting go of what takes more room than it needs
        try:
            spool.commit(TRACKS, b"[1]" * 5000)
        except SpoolFull:
            refused += 1
        else:
            acknowledged, refused = acknowledged + 1, 0
    assert acknowledged > 10
    with pytest.raises(SpoolFull, match="python -m model ship"):
        spool.commit(TRACKS, b"[2]")
    assert len(kept(folder)) == acknowledged
    for path in segment.segments(folder):
        # Even what this process had in use is free now: it may have been shipped long ago.
        descriptor = segment.lock_if_free(segment.lock_of(path))
        if descriptor is not None:
            segment.remove(path)
            os.close(descriptor)
    spool.commit(TRACKS, b"[3]")
    assert kept(folder) == [(TRACKS.to_json(), b"[3]")]
    spool.close()


def test_the_backlog_says_how_much_waits_and_since_when(folder: Path) -> None:
    spool = SpoolWriter(folder)
    assert spool.backlog().oldest_seconds == 0
    spool.commit(TRACKS, b"[1]")
    waiting = spool.backlog()
    assert waiting.segments == 1
    assert waiting.bytes >= sum(path.stat().st_size for path in folder.iterdir())
    assert 0 < waiting.oldest_seconds < 60
    path = segment.segments(folder)[0]
    set_position(path, 1, time.time_ns() + 1)
    assert position(path) == 1
    assert spool.backlog().oldest_seconds == 0
    spool.close()
    assert segment.backlog(folder).segments == 1


def test_a_position_that_is_missing_or_damaged_is_the_beginning(folder: Path) -> None:
    spool = SpoolWriter(folder)
    path = segment.segments(folder)[0]
    assert position(path) == 0
    segment.position_of(path).write_text("half a n")
    assert position(path) == 0
    spool.close()


# ------------------------------------------------------------------------------------- what goes wrong


def test_after_a_failed_commit_a_writer_keeps_nothing_and_another_one_goes_on(folder: Path) -> None:
    spool = SpoolWriter(folder)
    spool.commit(TRACKS, b"[1]")
    # No disk fails on command in this process: a table that is gone does. The next tests have failing disks.
    other = sqlite3.connect(segment.segments(folder)[0])
    other.execute("ALTER TABLE groups RENAME TO away")
    other.commit()
    with pytest.raises(SpoolBroken, match="failed a commit"):
        spool.commit(TRACKS, b"[2]")
    other.execute("ALTER TABLE away RENAME TO groups")
    other.commit()
    other.close()
    with pytest.raises(SpoolBroken, match="keeps nothing any more"):
        spool.commit(TRACKS, b"[3]")
    spool.close()
    again = SpoolWriter(folder)
    again.commit(TRACKS, b"[4]")
    again.close()
    assert [group for _, group in kept(folder)] == [b"[1]", b"[4]"]


def test_a_closed_writer_or_one_whose_folder_is_gone_keeps_nothing(folder: Path) -> None:
    spool = SpoolWriter(folder)
    spool.close()
    with pytest.raises(SpoolBroken, match="closed"):
        spool.commit(TRACKS, b"[1]")
    spool = SpoolWriter(folder)
    shutil.rmtree(folder)
    with pytest.raises(SpoolBroken, match="cannot be looked at"):
        spool.commit(TRACKS, b"[1]")
    spool.close()


def test_a_lock_is_taken_of_the_file_that_is_there_and_not_of_a_deleted_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    held = segment.lock(path)
    assert segment.lock_if_free(path) is None
    found: list[int] = []
    waiting = threading.Thread(target=lambda: found.append(segment.lock(path)))
    waiting.start()
    path.unlink()
    os.close(held)
    waiting.join()
    assert os.fstat(found[0]).st_ino == path.stat().st_ino
    os.close(found[0])


# A process per kill: the package is bare, so that it starts in a tenth of a second. It says what it has acknowledged,
# begins anew when its writer breaks, and leaves full segments behind.
COMMIT = """
import os, sys, types
from pathlib import Path
package = types.ModuleType("model")
package.__path__ = [sys.argv[1]]
sys.modules["model"] = package
from model.errors import StoreError, SpoolBroken
from model.spool import SpoolWriter
class Contract:
    fingerprint = "f"
    def to_json(self):
        return "{}"
def begin():
    return SpoolWriter(Path(sys.argv[2]), segment_bytes=98304, durable=sys.argv[3] == "durable")
def say(what, place):
    os.write(1, f"{what} {place}\\n".encode())
writer = begin()
say("begun", 0)
broken = None
for place in range(8):
    try:
        writer.commit(Contract(), b"[%d]" % place * 4000)
        say("kept", place)
    except SpoolBroken:
        say("broken", place)
        broken = broken or place + 2
    if place == broken:
        writer = begin()
        say("begun", place)
writer.close()
"""
WRITES = "pwrite64,fdatasync,fsync,write"


def commit(folder: Path, *trace: str, durable: str = "durable") -> tuple[int, list[tuple[str, int]]]:
    """Run it, in a folder of its own: exit status, and what it said."""
    command = [*trace, sys.executable, "-I", "-S", "-c", COMMIT, Path(model.__file__).parent, folder, durable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line.split() for line in done.stdout.splitlines()]
    return done.returncode, [(what, int(place)) for what, place in lines]


def places(folder: Path) -> set[int]:
    """Which groups can be read, each of them whole."""
    found = [group for _, group in kept(folder)]
    numbers = [int(group[1 : group.index(b"]")]) for group in found]
    assert found == [b"[%d]" % place * 4000 for place in numbers]
    return set(numbers)


@pytest.fixture
def strace() -> str:
    """strace, without which nothing fails on command."""
    return needed_program("strace")


def moments_of_a_run(strace: str, tmp_path: Path) -> list[Moment]:
    """Every system call by which a run writes."""
    log = tmp_path / "log"
    status, said = commit(
        tmp_path / "whole", strace, "-f", "--seccomp-bpf", "-qq", "-e", f"trace={WRITES}", "-o", str(log)
    )
    assert (status, said) == (0, [("begun", 0), *(("kept", place) for place in range(8))])
    every = moments(log)
    assert {name for name, _ in every} == set(WRITES.split(","))
    return every


def injected(
    strace: str, tmp_path: Path, what: str, calls: str, step: int
) -> Iterator[tuple[Moment, int, list[tuple[str, int]], Path]]:
    """A run for every moment at which `what` is injected, or for some of them."""
    every = [moment for moment in moments_of_a_run(strace, tmp_path) if moment[0] in calls.split(",")]

    def run(moment: Moment) -> tuple[Moment, int, list[tuple[str, int]], Path]:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        inject = f"inject={moment[0]}:{what}:when={moment[1]}"
        status, said = commit(folder, strace, "-f", "--seccomp-bpf", "-qq", "-e", inject, "-o", "/dev/null")
        return moment, status, said, folder

    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(run, some(every, step))


EACH = 1 if at_length() else 4  # of the moments at which it may be struck


@pytest.mark.services
def test_a_kill_at_any_write_loses_nothing_that_was_acknowledged(strace: str, tmp_path: Path) -> None:
    """Kill -9 at the 1st, 2nd, ... system call that writes, of a run over several segments."""
    reached, statuses = set(), []
    for moment, status, said, folder in injected(strace, tmp_path, "signal=SIGKILL", WRITES, EACH):
        acknowledged = {place for what, place in said if what == "kept"}
        assert acknowledged <= places(folder), moment
        reached.add(len(acknowledged))
        statuses.append(status)
    assert reached == set(range(9))
    # Which thread closes a segment that was left depends on the moment: a thread's last calls may not come again.
    assert statuses.count(0) < len(statuses) / 10


@pytest.mark.services
@pytest.mark.parametrize(
    ("error", "calls", "step"),
    [("EIO", "fdatasync,fsync", 1), ("ENOSPC", "pwrite64,write", EACH)],
)
def test_a_writer_whose_disk_failed_once_never_acknowledges_again(
    strace: str, tmp_path: Path, error: str, calls: str, step: int
) -> None:
    broken = 0
    for moment, _, said, folder in injected(strace, tmp_path, f"error={error}", calls, step):
        assert {place for what, place in said if what == "kept"} <= places(folder), moment
        words = [what for what, _ in said]
        if "broken" in words:
            broken += 1
            first = words.index("broken")
            until = words.index("begun", first) if "begun" in words[first:] else len(words)
            assert set(words[first:until]) == {"broken"}, moment
    assert broken > 5


@pytest.mark.services
def test_fdatasync_precedes_every_acknowledgement_when_durable_and_none_when_not(strace: str, tmp_path: Path) -> None:
    def calls_between(durable: str) -> list[set[str]]:
        log = tmp_path / durable
        trace = [strace, "-qq", "-y", "-e", "trace=fdatasync,write,pwrite64", "-o", str(log)]
        commit(tmp_path / f"spool-{durable}", *trace, durable=durable)
        parts = re.split(r"write\(1<.*kept \d+", log.read_text())[1:-1]
        return [set(re.findall(r"^(fdatasync\(\S*-wal|pwrite64\(\S*-wal)", part, re.MULTILINE)) for part in parts]

    for calls in calls_between("durable"):
        assert {call.partition("(")[0] for call in calls} == {"fdatasync", "pwrite64"}
    without = [{call.partition("(")[0] for call in calls} for calls in calls_between("async")]
    # The room of a new segment is made durable all the same.
    assert without.count({"pwrite64"}) > len(without) / 2


def test_a_group_falls_into_the_records_it_was_made_of() -> None:
    assert list(texts(b'[{"a": "],["},{"b":[1]},3]')) == ['{"a": "],["}', '{"b":[1]}', "3"]
    assert list(texts(b"[]")) == []
    for broken in (b"", b"{}", b"[1", b"[1,2", b"[nonsense]"):
        with pytest.raises(ValueError, match=r"JSON|Expecting"):
            list(texts(broken))
