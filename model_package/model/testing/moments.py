"""The moments at which a run can be cut off: its system calls, as strace logs them and counts them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

# A system call's name, and its place among the calls of that name in its thread: what `inject=` takes.
Moment = tuple[str, int]


def moments(log: Path) -> list[Moment]:
    """Every moment of a run that `strace -f -o log` watched, in order of name and place."""
    made = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE))
    return sorted({(name, at) for (_, name), count in made.items() for at in range(1, count + 1)})


def some(every: Sequence[Moment], step: int) -> list[Moment]:
    """Of each call's moments the last one and each `step`-th before it: with a step of 1, all."""
    by_name = (list(group) for _, group in groupby(every, key=lambda moment: moment[0]))
    return [moment for group in by_name for moment in group[(len(group) - 1) % step :: step]]
