"""Lines -> records of cells by the rules of RFC 4180 (section 2), strictly and by the declared dialect.

Lines without quotes are split by the block; only the others are walked quote by quote. A line that breaks a rule is
counted and left out, so that the rest of the file can still be looked at.
"""

from __future__ import annotations

import re
from operator import methodcaller
from typing import TYPE_CHECKING

from model.errors import bounded
from model.lines import MOST_LINE_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from model.contract import Source
    from model.lines import Block
    from model.tally import Tally

QUOTE = '"'
# Cells by column, and the physical line on which each record begins.
Records = tuple[list[list[str]], list[int]]

_QUOTED = re.compile('"[^"]*"')
_OPEN = "a quoted field is not closed on its line: declare multiline=True if it holds a line break, else add the quote"
_AFTER = "there is text after a closing quote; a quote inside a quoted field is written twice"
_STRAY = "there is a quote inside an unquoted field; quote the field and write its quotes twice"


class Flawed(ValueError):
    """A record that breaks a rule: `check` names it, the message explains."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


def cells(text: str, separator: str) -> list[str]:
    """The cells of one record, unquoted. Raises Flawed."""
    if text[:1] == text[-1:] == QUOTE:
        # All cells in quotes and no quote inside one: then these pairs use up every quote there is.
        inner = text[1:-1].split(f'"{separator}"')
        if text.count(QUOTE) == 2 * len(inner):
            return inner
    found: list[str] = []
    at = 0
    while True:
        quote = text.find(QUOTE, at)
        if quote < 0:
            return found + text[at:].split(separator)
        if quote > at:
            if text[quote - 1] != separator:
                raise Flawed("stray quote", _STRAY)
            found += text[at : quote - 1].split(separator)
        close = _closing(text, quote + 1)
        found.append(text[quote + 1 : close].replace('""', QUOTE))
        at = close + 2
        if close + 1 == len(text):
            return found
        if text[close + 1] != separator:
            raise Flawed("text after quote", _AFTER)


def _closing(text: str, at: int) -> int:
    while True:
        close = text.find(QUOTE, at)
        if close < 0:
            raise Flawed("open quote", _OPEN)
        if not text.startswith(QUOTE, close + 1):
            return close
        at = close + 2


class RecordReader:
    """Reads one file's blocks; `width` is how many cells a record must have (0: not known yet)."""

    def __init__(self, source: Source, tally: Tally) -> None:
        self._source = source
        self._tally = tally
        self._held: list[str] = []
        self._held_at = 0
        self._held_characters = 0
        self._inside = False
        self.width = 0

    def header(self, block: Block) -> tuple[list[str] | None, Block]:
        """The cells of the block's first line (None: flawed, and counted), and the rest of the block."""
        first, text = block
        line, ended, rest = text.partition("\n")
        return self._cells_at(first, self._without_return(line, first, ended=bool(ended))), (first + 1, rest)

    def records(self, blocks: Iterable[Block]) -> Iterator[Records]:
        """The records of each block as columns."""
        for first, text in blocks:
            yield self._by_block(first, text) or self._by_line(first, text)
        if self._held:
            message = f"the quoted field that begins here is never closed (the file ends): {_quote(self._held)}"
            self._tally.add("open quote", message, [self._held_at])

    def _by_block(self, first: int, text: str) -> Records | None:
        """All lines at once, when there is no quote and nothing is wrong."""
        plain = self._plain(text)
        if plain is None:
            return None
        lines = plain.removesuffix("\n").split("\n")
        separator = self._source.separator
        if set(map(methodcaller("count", separator), lines)) != {self.width - 1}:
            return None
        flat = separator.join(lines).split(separator)
        columns = [flat[index :: self.width] for index in range(self.width)]
        return columns, list(range(first, first + len(lines)))

    def _plain(self, text: str) -> str | None:
        if not text or self._held or QUOTE in text or "\0" in text:
            return None
        returns = text.count("\r")
        pairs = text.count("\r\n") if returns else 0
        feeds = text.count("\n")
        allowed = {"lf": returns == 0, "crlf": returns == pairs == feeds, "any": returns == pairs}
        if not allowed[self._source.newline]:
            return None
        return text.replace("\r\n", "\n") if returns else text

    def _by_line(self, first: int, text: str) -> Records:
        rows: list[list[str]] = []
        numbers: list[int] = []
        for number, line, ended in self._logical(first, text):
            row = self._cells_at(number, self._without_return(line, number, ended=ended))
            if row is not None and self._fits(row, number):
                rows.append(row)
                numbers.append(number)
        return [list(column) for column in zip(*rows, strict=True)], numbers

    def _logical(self, first: int, text: str) -> Iterator[tuple[int, str, bool]]:
        """(line number, text of a record, whether a line feed ended it); a record may span lines if declared."""
        lines = text.split("\n")
        last = len(lines) - 1
        for index, line in enumerate(lines):
            ended = index < last
            if not ended and not line:
                return
            if not self._source.multiline:
                yield first + index, line, ended
            elif self._hold(line, first + index):
                yield self._held_at, "\n".join(self._held), ended
                self._held = []

    def _hold(self, line: str, number: int) -> bool:
        """Add a line to the record at hand; True when its quotes are paired, that is when the record is whole."""
        if not self._held:
            self._held_at, self._held_characters, self._inside = number, 0, False
        self._held.append(line)
        self._held_characters += len(line) + 1
        self._inside ^= bool(line.count(QUOTE) % 2)
        if self._inside and self._held_characters > MOST_LINE_CHARACTERS:
            message = f"a quoted field is not closed within {MOST_LINE_CHARACTERS:,} characters: {_quote(self._held)}"
            self._tally.add("open quote", message, [self._held_at])
            self._held = []
            return False
        return not self._inside

    def _without_return(self, line: str, number: int, *, ended: bool) -> str:
        """The line without its carriage return, which the dialect may refuse or demand."""
        has_return = ended and line.endswith("\r")
        if has_return and self._source.newline == "lf":
            self._tally.add("line ending", 'lines end with CR LF: declare newline="crlf" or "any"', [number])
        if ended and not has_return and self._source.newline == "crlf":
            self._tally.add("line ending", 'lines end with LF alone: declare newline="lf" or "any"', [number])
        return line[:-1] if has_return else line

    def _cells_at(self, number: int, text: str) -> list[str] | None:
        try:
            self._check_characters(text)
            return cells(text, self._source.separator)
        except Flawed as flaw:
            self._tally.add(flaw.check, f"{flaw}: {_quote([text])}", [number])
            return None

    def _check_characters(self, text: str) -> None:
        if "\0" in text:
            raise Flawed("NUL byte", "there is a NUL byte: the file is damaged, binary or in another encoding")
        if "\r" not in text:
            return
        if "\r" in _QUOTED.sub("", text):
            raise Flawed("line ending", "there is a carriage return without a line feed: write lines that end with LF")
        if not self._source.multiline:
            raise Flawed("open quote", _OPEN)

    def _fits(self, row: list[str], number: int) -> bool:
        if len(row) == self.width:
            return True
        if row == [""]:
            self._tally.add("blank line", "the line is blank", [number])
            return False
        self._tally.add("field count", self._miscount(row), [number])
        return False

    def _miscount(self, row: list[str]) -> str:
        message = f"{len(row)} fields where the header has {self.width}"
        if len(row) < self.width:
            return f"{message}: {_quote(row)}"
        return f"{message} (a decimal comma, or a text that should stand in quotes?): {_quote(row)}"


def _quote(parts: list[str]) -> str:
    """The beginning of an offending text, as it may stand in a message."""
    return repr(bounded(" | ".join(part[:80] for part in parts[:20]), 80))
