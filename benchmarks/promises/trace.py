"""strace's log as events: which system call of which thread began and ended when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^(?P<thread>\d+) +(?P<at>\d+\.\d+) (?P<rest>.*)$")
_RESUMED = re.compile(r"^<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")
_UNFINISHED = "<unfinished ...>"


@dataclass(frozen=True, slots=True)
class Call:
    """A system call: seconds at which it began and was done, its text and what it returned."""

    name: str
    began: float
    ended: float
    text: str
    result: str


def calls(log: Path) -> Iterator[Call]:
    """The calls of a log of `strace -f -ttt`, in the order in which they ended."""
    open_calls: dict[str, tuple[str, float, str]] = {}
    for line in log.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, at, rest = found["thread"], float(found["at"]), found["rest"]
        resumed = _RESUMED.match(rest)
        if resumed is not None:
            name, began, text = open_calls.pop(thread, (resumed["call"], at, ""))
            yield _ended(name, began, at, text + resumed["rest"])
        elif rest.endswith(_UNFINISHED):
            open_calls[thread] = (rest.partition("(")[0], at, rest.removesuffix(_UNFINISHED))
        elif "(" in rest:
            yield _ended(rest.partition("(")[0], at, at, rest)


def _ended(name: str, began: float, ended: float, text: str) -> Call:
    words, _, result = text.rpartition(" = ")
    return Call(name, began, ended, words, result.strip())
