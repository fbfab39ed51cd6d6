"""Reads a segment, whether its writer lives or not, and remembers how far it has been read.

The position is a convenience: whoever loses it reads the segment again from its beginning, and the store, which knows
every prediction by its id, takes none twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from model.spool import segment as files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

REFUSED: Final = "refused"
# Much more than one group, much less than memory.
BYTES_AT_ONCE: Final = 4 * 1024 * 1024
_GROUPS: Final = "SELECT sequence, contract, body, kind FROM groups"


@dataclass(frozen=True, slots=True)
class Group:
    """What one commit kept: its place in the segment, its contract's number there, and a JSON array of records.

    kind: of the records: `segment.PREDICTIONS` or `segment.TRUTHS`.
    """

    sequence: int
    contract: int
    body: bytes
    kind: int = files.PREDICTIONS


class Reader:
    """One segment's groups and contracts. Use it as a context manager: it holds SQLite's connection.

    Raises sqlite3.DatabaseError: from every method, when the file is damaged.
    """

    def __init__(self, segment: Path) -> None:
        """Nothing is read yet, and nothing is made when the file is missing."""
        self._connection = sqlite3.connect(f"{segment.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)

    def __enter__(self) -> Self:
        """There is nothing to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the file."""
        self._connection.close()

    def is_begun(self) -> bool:
        """Whether its writer lived long enough to make its tables: before that, nothing was committed to it."""
        found = self._connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('contracts', 'groups')")
        return bool(found.fetchone() == (2,))

    def contract(self, number: int) -> str:
        """A contract's JSON."""
        return str(self._connection.execute("SELECT json FROM contracts WHERE id = ?", (number,)).fetchone()[0])

    def groups(self, after: int) -> list[Group]:
        """The groups behind a position, some mebibytes of them. Nothing is held open: the writer goes on meanwhile."""
        found: list[Group] = []
        size = 0
        with contextlib.closing(self._connection.execute(self._query(), (after,))) as rows:
            for row in rows:
                found.append(Group(*row))
                size += len(found[-1].body)
                if size >= BYTES_AT_ONCE:
                    break
        return found

    def _query(self) -> str:
        columns = {row[1] for row in self._connection.execute("PRAGMA table_info(groups)")}
        query = _GROUPS if "kind" in columns else _GROUPS.replace(", kind", "")
        return f"{query} WHERE sequence > ? ORDER BY sequence"


def check_header(segment: Path) -> None:
    """Look before SQLite does, who deletes the log of a file that is none of its own; in a segment, all is in the log.

    For segments that no process holds open: to close any descriptor of a file gives up a process's locks on it.

    Raises sqlite3.DatabaseError.
    """
    log = files.log_of(segment)
    if not log.exists() or not log.stat().st_size:
        return
    with segment.open("rb") as file:
        head = file.read(20)
    if not head.startswith(b"SQLite format 3\0") or head[18:] != b"\2\2":
        raise sqlite3.DatabaseError("its header is not that of a segment")


# ------------------------------------------------------------------------------------- how far it was read


def position(segment: Path) -> int:
    """The last group of a segment that is in the store; 0 when none is, or nobody knows."""
    try:
        return int(files.position_of(segment).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def set_position(segment: Path, sequence: int, moment: int) -> None:
    """Everything up to this group is in the store, and with it all that was recorded before `moment` (nanoseconds)."""
    path = files.position_of(segment)
    temporary = files.temporary_of(path)
    temporary.write_text(f"{sequence}\n")
    os.utime(temporary, ns=(moment, moment))
    temporary.replace(path)


# ---------------------------------------------------------------------------------------- what is refused


def texts(body: bytes) -> Iterator[str]:
    """The records of a group one by one, as they were written. Raises ValueError behind the last that can be read."""
    decoder = json.JSONDecoder()
    text = body.decode()
    at = 1
    if not text.startswith("["):
        raise ValueError("a group is a JSON array")
    while text[at:] != "]":
        _, end = decoder.raw_decode(text, at)
        yield text[at:end]
        at = end + 1 if text.startswith(",", end) else end


def set_aside(segment: Path, why: str, text: str) -> Path:
    """Keep a record that the store cannot take where a person finds it; returns the file it was appended to."""
    folder = segment.parent / REFUSED
    files.make_folder(folder)
    path = folder / f"{segment.stem}.jsonl"
    line: dict[str, Any] = {"why": why, "record": text}
    with path.open("a") as file:
        file.write(f"{json.dumps(line)}\n")
        file.flush()
        os.fsync(file.fileno())
    files.flush_folder(folder)
    return path


def set_segment_aside(segment: Path) -> Path:
    """Keep a damaged segment, with its log, where nobody ships it; returns where."""
    folder = segment.parent / REFUSED
    files.make_folder(folder)
    log = files.log_of(segment)
    if log.exists():
        log.replace(folder / log.name)
    return segment.replace(folder / segment.name)
