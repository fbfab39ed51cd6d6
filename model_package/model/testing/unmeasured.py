"""A pytest plugin: tests marked `unmeasured` run without coverage's tracer in their own thread.

On Python 3.11 the tracer makes every line of Python slower, those of libraries too: twice in a test that draws many
examples. What such a test runs of ours, others run too, and they measure it. Other threads and processes stay measured:
a test that asks a running service measures the service, and not the client.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

MARKER = "unmeasured"
# What takes long to load, in the order of use: where one is not installed, nobody will load it.
LIBRARIES = (
    *("hypothesis.strategies", "pandas", "sklearn.ensemble", "sklearn.pipeline", "sklearn.calibration", "scipy.stats"),
    *("pandera.pandas", "sqlalchemy", "fastapi", "httpx", "uvicorn", "onnxruntime", "matplotlib.figure", "typer"),
)


@contextmanager
def unmeasured() -> Iterator[None]:
    """Stop coverage's tracer in this thread; a debugger's stays."""
    tracer: Any = sys.gettrace()
    if not type(tracer).__module__.startswith("coverage"):
        yield
        return
    tracer.stop()
    try:
        yield
    finally:
        tracer.start()


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
