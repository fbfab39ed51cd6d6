"""Raw CSV files as text, before anything guesses types: a file says what stands on which line, or why not.

Nothing here raises for what a file holds: every broken rule is a `Failure` with file and line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from model.contract import explain
from model.errors import ContractError, Failure, bounded
from model.lines import Block, blocks
from model.records import RecordReader, Records
from model.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from model.contract import Contract, Source

SEPARATORS = (",", ";", "\t", "|")
# pyarrow ships no types: this names what is meant.
Texts = Any


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """One file's text.

    file: its name inside the raw data folder, as messages say it.
    header: the columns' names, renamed as the source says.
    columns: one pyarrow ChunkedArray of strings per name, as written (missing tokens included).
    lines: int64 of shape [rows]: the physical line on which each row begins, from 1.
    failures: the rules of CSV and of the declared dialect that the file breaks; such lines are left out.
    """

    source: Source
    file: str
    header: tuple[str, ...]
    columns: tuple[Texts, ...]
    lines: NDArray[np.int64]
    failures: tuple[Failure, ...] = ()

    def __len__(self) -> int:
        """How many rows could be read."""
        return len(self.lines)

    def column(self, name: str) -> Texts:
        """The texts of the column of that name; ValueError when there is none."""
        return self.columns[self.header.index(name)]

    def cells(self, name: str) -> list[str]:
        """The same as a list."""
        texts: list[str] = self.column(name).to_pylist()
        return texts


def read_folder(contract: Contract, folder: Path) -> list[RawTable]:
    """Every source's files in `folder`; a pattern's in the order of their names."""
    return list(chain.from_iterable(_read_source(contract, source, folder) for source in contract.sources))


def read_batch(contract: Contract, folder: Path, pattern: str) -> list[RawTable]:
    """The unlabelled files in `folder` that match, in the dialect of the contract's first source."""
    return list(_read_source(contract, batch_source(contract, pattern), folder))


def batch_source(contract: Contract, pattern: str) -> Source:
    """How unlabelled files are read: as the first source, but without a label, which may stand there unused.

    Raises:
        ContractError: the pattern leads out of the folder.
    """
    ignored = {name for source in contract.sources for name in source.ignore} | {contract.target.name}
    try:
        return replace(contract.sources[0], file=pattern, target=None, ignore=tuple(sorted(ignored)))
    except ValidationError as error:
        raise ContractError(explain(error, f"the pattern of batch files {bounded(pattern)!r}")) from None


def truth_source(contract: Contract) -> Source:
    """How files of truth are read: as the first source, but with a header, and with any other columns beside."""
    return replace(contract.sources[0], file="*.csv", target=None, ignore=(), header=True, names=())


def _read_source(contract: Contract, source: Source, folder: Path) -> Iterator[RawTable]:
    paths = sorted(folder.glob(source.file))
    if not paths:
        message = f"no such file in {folder}: put it there (for example data: python -m model example)"
        yield _unread(source, source.file, (Failure("file", message, source.file),))
    for path in paths:
        yield read(contract, source, path, name=path.relative_to(folder).as_posix())


def read(contract: Contract, source: Source, path: Path, *, name: str = "") -> RawTable:
    """The file's text by the source's dialect. Memory: the text itself and one block of lines.

    name: what messages call the file; its own name when not said.
    """
    file = name or path.name
    tally = Tally(file)
    reader = RecordReader(source, tally)
    stream = blocks(source, path, tally)
    block = next(stream, None)
    if block is None:
        if not tally:
            tally.add("empty file", "the file is empty")
        return _unread(source, file, tally.failures())
    header, rest = _header(contract, source, reader, block, tally)
    if header is None:
        return _unread(source, file, tally.failures())
    reader.width = len(header)
    columns, lines = _gather(len(header), reader.records(chain([rest] if rest[1] else [], stream)))
    if not len(lines) and not tally:
        tally.add("no rows", "the file holds a header and no rows" if source.header else "the file holds no rows")
    return RawTable(source, file, header, columns, lines, tally.failures())


def _unread(source: Source, file: str, failures: tuple[Failure, ...]) -> RawTable:
    return RawTable(source, file, (), (), np.empty(0, np.int64), failures)


def _gather(width: int, batches: Iterable[Records]) -> tuple[tuple[Texts, ...], NDArray[np.int64]]:
    """Blocks of records -> whole columns; each block becomes Arrow strings at once, for memory's sake."""
    chunks: list[list[Any]] = [[] for _ in range(width)]
    numbers = [np.empty(0, np.int64)]
    for columns, lines in batches:
        numbers.append(np.array(lines, np.int64))
        for chunk, column in zip(chunks, columns, strict=False):
            chunk.append(pa.array(column, pa.string()))
    return tuple(pa.chunked_array(chunk, pa.string()) for chunk in chunks), np.concatenate(numbers)


# ------------------------------------------------------------------------------------------- header


def _header(
    contract: Contract, source: Source, reader: RecordReader, block: Block, tally: Tally
) -> tuple[tuple[str, ...] | None, Block]:
    """The names of the columns (None: no use reading on), and the block of what follows."""
    written, rest = reader.header(block)
    if not source.header:
        if written is not None and tuple(written) == source.names:
            tally.add("header", "the first line holds the columns' names: declare header=True", [1])
            return None, rest
        return source.names, block
    if written is None:
        return None, rest
    names = tuple(source.rename.get(name, name) for name in written)
    return (None if _is_no_header(contract, source, names, tally) else names), rest


def _is_no_header(contract: Contract, source: Source, names: tuple[str, ...], tally: Tally) -> bool:
    """Whether the first line cannot be the header of this contract's data; says why."""
    if not {contract.key.name, contract.target.name, *contract.column_names}.isdisjoint(names):
        return _has_duplicates(names, tally)
    other = _other_separator(source, names)
    shown = bounded(source.separator.join(names), 80)
    if other:
        message = f"the columns are not separated by {source.separator!r}: declare separator={other!r}: {shown}"
        tally.add("separator", message, [1])
    elif names == ("",):
        tally.add("header", "the first line is blank: the columns' names are expected", [1])
    else:
        message = f"the first line names none of the contract's columns: add a header, or declare header=False: {shown}"
        tally.add("header", message, [1])
    return True


def _has_duplicates(names: tuple[str, ...], tally: Tally) -> bool:
    twice = sorted({name for name in names if names.count(name) > 1})
    for name in twice:
        tally.add("header", f"the column {bounded(name)!r} stands there twice", [1])
    return bool(twice)


def _other_separator(source: Source, names: tuple[str, ...]) -> str | None:
    """The common separator that a header read as one cell holds most of."""
    if len(names) != 1:
        return None
    others = [separator for separator in SEPARATORS if separator != source.separator and separator in names[0]]
    return max(others, key=names[0].count, default=None)
