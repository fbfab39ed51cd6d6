"""Bytes -> blocks of decoded physical lines, in bounded memory.

A block is the number of its first line (from 1) and the text of whole lines, each but perhaps the file's last ended
by a line feed. What cannot be decoded, or is longer than `MOST_LINE_CHARACTERS`, is counted and left out.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from model.contract import Source
    from model.tally import Tally

BLOCK_BYTES = 1 << 20
MOST_LINE_CHARACTERS = 1 << 20

Block = tuple[int, str]


def blocks(source: Source, path: Path, tally: Tally) -> Iterator[Block]:
    """The file's blocks; a directory, a missing or an unreadable file is a failure and gives none."""
    if path.is_dir():
        tally.add("file", "is a directory: a CSV file is expected")
        return
    if not path.is_file():
        tally.add("file", "there is no such file: put it there, or say another file in the contract's Source")
        return
    try:
        with path.open("rb") as file:
            yield from _whole_lines(_decoded(file, source, tally), tally)
    except OSError as error:
        tally.add("file", f"cannot be read: {error.strerror or type(error).__name__}")


def _encoding(head: bytes, source: Source, tally: Tally) -> str | None:
    """The codec to read with, after a look at the byte-order mark; None when there is none to go on with."""
    if source.encoding == "utf-16":
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        tally.add("encoding", "is not UTF-16: it does not start with that byte-order mark", [1])
        return None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        tally.add("encoding", 'starts with a UTF-16 byte-order mark: declare encoding="utf-16"', [1])
        return None
    if head.startswith(codecs.BOM_UTF8) and source.encoding != "utf-8-sig":
        tally.add("byte-order mark", 'starts with a byte-order mark: declare encoding="utf-8-sig"', [1])
        return "utf-8-sig"
    return source.encoding


def _decoded(file: BinaryIO, source: Source, tally: Tally) -> Iterator[str]:
    """Decoded pieces of the file, up to the first bytes that are not in the declared encoding."""
    head = file.read(3)
    file.seek(0)
    encoding = _encoding(head, source, tally) if head else None
    if encoding is None:
        return
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line = 1
    while True:
        piece = file.read(BLOCK_BYTES)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            _not_decodable(error, source, line, tally)
            return
        yield text
        line += text.count("\n")
        if not piece:
            return


def _not_decodable(error: UnicodeDecodeError, source: Source, line: int, tally: Tally) -> None:
    before = error.object[: error.start].decode(error.encoding, "replace")
    found = error.object[error.start : error.start + 4].hex(" ")
    message = f'is not {source.encoding} (bytes {found}): declare its encoding, e.g. encoding="latin-1" or "cp1252"'
    tally.add("encoding", message, [line + before.count("\n")])


def _whole_lines(pieces: Iterator[str], tally: Tally) -> Iterator[Block]:
    """Cut pieces into blocks of whole lines; a line that is too long is dropped as it streams by."""
    first, tail, dropping = 1, "", False
    for piece in pieces:
        rest = piece
        if dropping:
            _, ended, rest = piece.partition("\n")
            if not ended:
                continue
            first, dropping = first + 1, False
        text = tail + rest
        if _first_line_is_long(text):
            tally.add("line length", f"a line is longer than {MOST_LINE_CHARACTERS:,} characters", [first])
            _, ended, text = text.partition("\n")
            dropping = not ended
            first += not dropping
        cut = text.rfind("\n") + 1
        tail = text[cut:]
        if cut:
            yield first, text[:cut]
            first += text.count("\n", 0, cut)
    if tail:
        yield first, tail


def _first_line_is_long(text: str) -> bool:
    """Only the first line can be: it alone began in an earlier piece."""
    return len(text) > MOST_LINE_CHARACTERS and text.find("\n", 0, MOST_LINE_CHARACTERS + 1) < 0
