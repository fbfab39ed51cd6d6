"""What runs unmeasured has no tracer of coverage's, what comes after it has; and a debugger keeps its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from model.contracts import find
from model.testing import bundles
from model.testing.exhaustive import times
from model.testing.tracer import unmeasured
from model.testing.unmeasured import of_all


class Tracer:
    """As coverage's: it can be stopped and started."""

    __module__ = "coverage"

    def __call__(self, *_: Any) -> None:
        """Look away."""

    def start(self) -> None:
        """Trace this thread."""
        sys.settrace(self)

    def stop(self) -> None:
        """Trace it no longer."""
        sys.settrace(None)


def traced_by(tracer: Callable[..., None]) -> list[bool]:
    """Whether it traces before, inside and after, in a thread of its own, which has no other tracer to lose."""

    def look() -> list[bool]:
        usual = sys.gettrace()
        sys.settrace(tracer)
        try:
            found = [sys.gettrace() is tracer]
            with unmeasured():
                found.append(sys.gettrace() is tracer)
                with unmeasured():
                    pass
            return [*found, sys.gettrace() is tracer]
        finally:
            sys.settrace(usual)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(look).result()


def test_coverage_is_stopped_inside_and_goes_on_after_it() -> None:
    assert traced_by(Tracer()) == [True, False, True]


def test_a_debugger_is_left_alone() -> None:
    assert traced_by(lambda *_: None) == [True, True, True]


def test_of_all_cases_only_those_named_are_measured() -> None:
    parameters = of_all(["a", "b", ("c", 1)], measured=["b"])
    assert [one.values for one in parameters] == [("a",), ("b",), ("c", 1)]
    assert [[mark.name for mark in one.marks] for one in parameters] == [["unmeasured"], [], ["unmeasured"]]


@pytest.mark.unmeasured
def test_a_marked_test_runs_without_coverage() -> None:
    assert not type(sys.gettrace()).__module__.startswith("coverage")


@pytest.mark.parametrize(("said", "expected"), [("1", 100), ("", 7)])
def test_a_short_run_draws_few_examples(monkeypatch: pytest.MonkeyPatch, said: str, expected: int) -> None:
    monkeypatch.setenv("EXHAUSTIVE", said)
    assert times(7, at_most=100) == expected


def test_what_one_process_trained_another_one_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("trained")
    monkeypatch.setenv(bundles.FOLDER, str(folder))
    asked = find("diabetes").contract.to_json(), 3
    first = bundles._kept.__wrapped__(*asked, compiled=True)
    (kept,) = folder.iterdir()
    written = kept.stat().st_mtime_ns
    again = bundles._kept.__wrapped__(*asked, compiled=True)
    assert again == first
    assert kept.stat().st_mtime_ns == written
    assert first.parts == bundles.fresh_training(find("diabetes").contract, 3).parts
