"""What a short run leaves out is said, and a short form of it takes moments of every kind, the last one among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.testing.moments import moments, some

pytest_plugins = ["pytester"]

SUITE = """
import pytest

@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_both(step): pass

@pytest.mark.exhaustive
def test_long(): pass
"""
LOG = """\
10 write(3, "a", 1) = 1
11 write(3, "b", 1) = 1
10 fsync(3 <unfinished ...>
10 <... fsync resumed>) = 0
10 write(3, "c", 1) = 1
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Three tests, two of them exhaustive."""
    monkeypatch.delenv("EXHAUSTIVE", raising=False)
    monkeypatch.delenv("LEFT_OUT", raising=False)
    pytester.makepyfile(SUITE)
    pytester.makeini("[pytest]\naddopts = -p model.testing.exhaustive\nmarkers = exhaustive: long")
    return pytester


@pytest.mark.parametrize("workers", ["0", "1"])
def test_exhaustive_tests_are_left_out_and_counted_also_under_xdist(
    suite: pytest.Pytester, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = suite.path / "left-out"
    monkeypatch.setenv("LEFT_OUT", str(counted))
    done = suite.runpytest_inprocess("-n", workers)
    done.assert_outcomes(passed=1, deselected=0 if workers == "1" else 2)
    done.stdout.fnmatch_lines(["2 exhaustive tests were left out: set EXHAUSTIVE=1 to run them too"])
    assert counted.read_text() == "2\n"


def test_all_tests_run_where_everything_is_asked_for(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHAUSTIVE", "1")
    done = suite.runpytest_inprocess()
    done.assert_outcomes(passed=3)
    done.stdout.no_fnmatch_line("*left out*")


def test_a_run_s_moments_are_its_calls_as_strace_counts_them(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(LOG)
    assert moments(log) == [("fsync", 1), ("write", 1), ("write", 2)]


def test_some_moments_are_the_last_of_each_call_and_those_a_step_apart() -> None:
    every = [("fsync", 1), *(("write", at) for at in range(1, 10))]
    assert some(every, 1) == every
    assert some(every, 4) == [("fsync", 1), ("write", 1), ("write", 5), ("write", 9)]
    assert some(every, 3) == [("fsync", 1), ("write", 3), ("write", 6), ("write", 9)]
