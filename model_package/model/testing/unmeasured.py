"""A pytest plugin: tests marked `unmeasured` run without coverage's tracer in their own thread.

On Python 3.11 the tracer makes every line of Python slower, those of libraries too: twice in a test that draws many
examples. What such a test runs of ours, others run too, and they measure it. Other threads and processes stay measured:
a test that asks a running service measures the service, and not the client.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import pytest

from model.testing.tracer import unmeasured

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable

    from _pytest.mark import ParameterSet

MARKER: Final = "unmeasured"
Case = str | tuple[Any, ...]
# What takes long to load, in the order of use: where one is not installed, nobody will load it.
LIBRARIES: Final = (
    *("hypothesis.strategies", "pandas", "sklearn.ensemble", "sklearn.pipeline", "sklearn.calibration", "scipy.stats"),
    *("pandera.pandas", "sqlalchemy", "fastapi", "httpx", "uvicorn", "onnxruntime", "matplotlib.figure", "typer"),
)


def of_all(cases: Iterable[Case], *, measured: Collection[str]) -> list[ParameterSet]:
    """A test's parameters: names, or tuples that begin with one. Only those of the names in `measured` are measured."""
    mark = getattr(pytest.mark, MARKER)
    tuples = [(case,) if isinstance(case, str) else case for case in cases]
    return [pytest.param(*case, marks=[] if case[0] in measured else [mark]) for case in tuples]


def pytest_configure(config: pytest.Config) -> None:
    """Load the libraries unmeasured, where anything is measured at all; ours are loaded later, and measured."""
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    if sys.gettrace() is None or not runs_tests:
        return
    with unmeasured():
        for name in LIBRARIES:
            try:
                importlib.import_module(name)
            except ImportError:
                continue


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """What its fixtures make here is not measured either."""
    with _as_marked(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """The test itself."""
    with _as_marked(item):
        return (yield)


def _as_marked(item: pytest.Item) -> AbstractContextManager[None]:
    return unmeasured() if item.get_closest_marker(MARKER) else nullcontext()
