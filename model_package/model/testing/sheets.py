"""A raw file as a sheet of cells that can be changed and written back in its source's dialect."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from model.contract import Contract, Source


@dataclass(slots=True)
class Sheet:
    """header: the columns' names as the contract calls them; rows: their cells as texts."""

    contract: Contract
    source: Source
    path: Path
    header: list[str]
    rows: list[list[str]]

    @property
    def folder(self) -> Path:
        """The folder of raw data, in which `source.file` is a name or pattern."""
        return self.path.parents[self.source.file.count("/")]

    def line(self, row: int) -> int:
        """The line on which that row stands, from 1, when no cell holds a line break."""
        return row + 1 + self.source.header

    def place(self, name: str) -> int:
        """The index of the column of that name."""
        return self.header.index(name)

    def text(self, value: float | str | datetime | None) -> str:
        """A typed value as this dialect writes it."""
        if value is None:
            return self.source.missing[0] if self.source.missing else ""
        if isinstance(value, datetime):
            return value.isoformat()
        return repr(value).replace(".", self.source.decimal) if isinstance(value, float) else str(value)

    def render(self) -> str:
        """The file's text."""
        back = {ours: theirs for theirs, ours in self.source.rename.items()}
        stream = io.StringIO()
        ending = "\r\n" if self.source.newline == "crlf" else "\n"
        writer = csv.writer(stream, delimiter=self.source.separator, lineterminator=ending)
        if self.source.header:
            writer.writerow([back.get(name, name) for name in self.header])
        writer.writerows(self.rows)
        return stream.getvalue()

    def save(self) -> None:
        """Write the file."""
        self.path.write_bytes(self.render().encode(self.source.encoding))

    def with_separator(self, separator: str) -> Sheet:
        """The same sheet, written with another separator."""
        return replace(self, source=replace(self.source, separator=separator, decimal="." if separator == "," else ","))


def file_of(source: Source) -> str:
    """The source's file name; for a pattern one that it matches."""
    return re.sub(r"\[(.)[^]]*\]", r"\1", source.file).replace("**/", "").replace("*", "1").replace("?", "1")


def sheets(contract: Contract, folder: Path) -> list[Sheet]:
    """The good files of all sources in `folder`, read."""
    return [
        _read(contract, source, path)
        for source in contract.sources
        for path in sorted(folder.glob(source.file))
        if path.stat().st_size
    ]


def _read(contract: Contract, source: Source, path: Path) -> Sheet:
    text = path.read_bytes().decode(source.encoding)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=source.separator, strict=True))
    header = [source.rename.get(name, name) for name in rows.pop(0)] if source.header else list(source.names)
    return Sheet(contract, source, path, header, rows)
