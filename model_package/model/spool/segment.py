"""A segment of the spool: one SQLite file which only one process ever writes, and the files that stand beside it.

    <nanoseconds>-<token>.spool         groups of records, and each contract that they were made under
    <nanoseconds>-<token>.spool-wal     SQLite's: where commits go; -shm is its index in shared memory
    <nanoseconds>-<token>.lock          locked (flock) as long as its writer lives and may add to it
    <nanoseconds>-<token>.position      the last group that is in the store; newer than the segment: all of it is

A name begins with the time at which the segment was begun, so that names sort by age.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUFFIX: Final = ".spool"
LOCK: Final = ".lock"
POSITION: Final = ".position"
# The shipper may be another user of the same group, and must be able to delete.
MODE: Final = 0o660
FOLDER_MODE: Final = 0o770

# Measured: larger pages make small commits dearer and spare large ones nothing.
PAGE_BYTES: Final = 4096
FRAME_BYTES: Final = PAGE_BYTES + 24
# Room is written out by pieces that are small enough not to hold up a commit that wants the disk meanwhile.
_ZEROS: Final = bytes(256 * 1024)
_SECONDS_BETWEEN_PIECES: Final = 0.003

# What a group holds. Segments that were begun before there was truth have no such column: all of them is predictions.
PREDICTIONS: Final = 0
TRUTHS: Final = 1

_TABLES: Final = """
CREATE TABLE contracts (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, json TEXT NOT NULL);
CREATE TABLE groups (sequence INTEGER PRIMARY KEY, contract INTEGER NOT NULL REFERENCES contracts, body BLOB NOT NULL,
    kind INTEGER NOT NULL DEFAULT 0);
"""


# ------------------------------------------------------------------------------------------- its files


def segments(folder: Path) -> list[Path]:
    """The segments of a spool, oldest first."""
    return sorted(folder.glob(f"[!.]*{SUFFIX}"))


def lock_of(segment: Path) -> Path:
    """The file whose lock says that the segment may still grow."""
    return segment.with_suffix(LOCK)


def position_of(segment: Path) -> Path:
    """The file that says how far the segment has been shipped."""
    return segment.with_suffix(POSITION)


def log_of(segment: Path) -> Path:
    """Where SQLite appends what is committed."""
    return segment.with_name(f"{segment.name}-wal")


def temporary_of(path: Path) -> Path:
    """Where a file's next content is written before it takes its place."""
    return path.with_name(f".{path.name}")


def remove(segment: Path) -> None:
    """Delete a segment and what stands beside it; its lock last, so that a rest of it is found again."""
    position = position_of(segment)
    shared = segment.with_name(f"{segment.name}-shm")
    for path in (log_of(segment), shared, segment, temporary_of(position), position, lock_of(segment)):
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, durably, unless it is there: what is committed inside must not hang from an entry that is lost."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for path in missing:
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(path: Path) -> int:
    """Lock a file, which is made when missing, once it is free; returns the descriptor that holds it."""
    return _locked(path, fcntl.LOCK_EX)


def lock_if_free(path: Path) -> int | None:
    """Lock a file as `lock` does, unless somebody holds it."""
    try:
        return _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def _locked(path: Path, how: int) -> int:
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, MODE)
        try:
            fcntl.flock(descriptor, how)
        except OSError:
            os.close(descriptor)
            raise
        # Whoever removes a segment holds its lock: what was just locked may be a file that is no more.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


# -------------------------------------------------------------------------------------- beginning one


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that this process writes: its file, SQLite's connection, its log and the log's room, and its lock.

    log: a descriptor of the log, to flush it by. SQLite has its own, and no lock on the log that closing this one lost.
    locked: a descriptor that holds the lock which says that the segment may still grow.
    """

    path: Path
    connection: sqlite3.Connection
    room_bytes: int
    log: int
    locked: int

    def unlock(self) -> None:
        """Say that it grows no more."""
        os.close(self.locked)

    def close(self) -> None:
        """Let go of its file. Raises sqlite3.Error."""
        os.close(self.log)
        self.connection.close()


def begin(folder: Path, room_bytes: int, *, hurry: threading.Event | None = None) -> Segment:
    """A new segment, durable with its folder, whose log has `room_bytes` written out already.

    A commit into such room costs half as much time as one that makes the file longer: no metadata to flush.
    hurry: given when another segment is in use meanwhile. Then there is a pause after each piece, until it is set:
    what room has not been written out by then is left out.

    Raises OSError and sqlite3.Error, and leaves nothing behind then.
    """
    path = folder / f"{time.time_ns():019d}-{secrets.token_hex(4)}{SUFFIX}"
    locked = lock(lock_of(path))
    try:
        connection = _create(path)
        try:
            _write_out(log_of(path), room_bytes, hurry)
            flush_folder(folder)
            log = os.open(log_of(path), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            connection.close()
            raise
    except (OSError, sqlite3.Error):
        os.close(locked)
        remove(path)
        raise
    return Segment(path, connection, room_bytes, log, locked)


def discard(segment: Segment) -> None:
    """Delete a segment that nothing was committed to."""
    with contextlib.suppress(OSError, sqlite3.Error):
        remove(segment.path)
        segment.close()
    segment.unlock()


def _create(path: Path) -> sqlite3.Connection:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, MODE)
    os.fchmod(descriptor, MODE)  # whatever the umask says; SQLite gives the files beside it the same mode
    os.close(descriptor)
    # One thread commits, another one made the connection.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=4)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # The log is as large as the segment and is never copied while it is in use: no commit ever waits for that.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.executescript(_TABLES)
        # From here on a commit is in the log, not on the disk: whoever makes commits durable flushes the log.
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _write_out(log: Path, room_bytes: int, hurry: threading.Event | None) -> None:
    # Frames are valid by their salt and checksum: SQLite takes zeros behind the last one for its log's end.
    with log.open("ab", buffering=0) as file:
        for _ in range(0, room_bytes, len(_ZEROS)):
            file.write(_ZEROS)
            if hurry is not None:
                os.fdatasync(file.fileno())
                if hurry.wait(_SECONDS_BETWEEN_PIECES):
                    break
        os.fdatasync(file.fileno())
    os.utime(log, ns=(0, 0))  # nothing is waiting in it yet: see `backlog`


# ------------------------------------------------------------------------------------ what is waiting


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the spool holds: bytes on disk (room that is kept ready included), and how late its shipping is."""

    bytes: int
    segments: int
    oldest_seconds: float


def backlog(folder: Path) -> Backlog:
    """What a spool holds, from its folder's entries alone. `oldest_seconds` is 0 when everything is in the store."""
    entries = _entries(folder)
    names = [name for name in entries if name.endswith(SUFFIX)]
    waiting = [since for since in (_waiting_since(name, entries) for name in names) if since is not None]
    seconds = max(0.0, time.time() - min(waiting) / 1e9) if waiting else 0.0
    return Backlog(sum(size for size, _ in entries.values()), len(names), seconds)


def _waiting_since(name: str, entries: dict[str, tuple[int, int]]) -> int | None:
    """Nanoseconds since which something in a segment may be waiting, None when nothing is."""
    stem = name.removesuffix(SUFFIX)
    _, changed = entries.get(f"{name}-wal") or entries[name]
    _, shipped = entries.get(f"{stem}{POSITION}", (0, 0))
    return (shipped or int(stem.partition("-")[0])) if changed > shipped else None


def _entries(folder: Path) -> dict[str, tuple[int, int]]:
    """Bytes and time of the last change (nanoseconds) of each file of a spool, by name."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat()
                found[entry.name] = status.st_size, status.st_mtime_ns
    return found
