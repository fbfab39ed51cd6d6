"""A pytest plugin: tests marked `exhaustive` prove at length what a short form proves too; they run if EXHAUSTIVE=1.

Proofs by many drawn examples take their number from `times`: a few in a short run, all of them if EXHAUSTIVE=1.
`pytest.ini` names it. How many were left out is said at the end of a run, and added to the file that LEFT_OUT names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

MARKER = "exhaustive"
VARIABLE = "EXHAUSTIVE"
LEFT_OUT = pytest.StashKey[int]()
_OF_A_WORKER = "left_out"


def at_length() -> bool:
    """Whether everything is to run."""
    return os.environ.get(VARIABLE) == "1"


def times(short: int, *, at_most: int) -> int:
    """How many examples or rows a proof takes: `at_most` where everything is to run, else `short`."""
    return at_most if at_length() else short


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out. Under xdist every worker does, and tells how many."""
    if at_length():
        return
    out = [item for item in items if item.get_closest_marker(MARKER)]
    items[:] = [item for item in items if not item.get_closest_marker(MARKER)]
    config.hook.pytest_deselected(items=out)
    config.stash[LEFT_OUT] = len(out)
    getattr(config, "workeroutput", {})[_OF_A_WORKER] = len(out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - xdist has no types
    """Every worker left the same ones out: each tells for all. One that crashed tells nothing."""
    told = getattr(node, "workeroutput", {})
    if _OF_A_WORKER in told:
        node.config.stash[LEFT_OUT] = told[_OF_A_WORKER]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many did not run, and how they would. Workers say it to nobody."""
    if hasattr(config, "workerinput"):
        return
    count = config.stash.get(LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(f"{count} exhaustive tests were left out: set EXHAUSTIVE=1 to run them too")
    if "LEFT_OUT" in os.environ:
        with Path(os.environ["LEFT_OUT"]).open("a", encoding="utf-8") as file:
            file.write(f"{count}\n")
