"""`benchmarks/exactness` in its short form: every family holds, and what does not hold is not passed over."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = ROOT / "benchmarks" / "exactness"

# The tests also run beside an installed wheel, which brings no benchmarks.
pytestmark = [
    pytest.mark.skipif(not BENCHMARK.exists(), reason="needs the checkout: its benchmarks/"),
    pytest.mark.unmeasured,
]


@pytest.fixture(scope="module")
def exactness() -> ModuleType:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("exactness_benchmark", BENCHMARK / "__main__.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_family_holds_in_the_short_form(
    exactness: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    results = tmp_path / "exactness.json"
    ended, shown = exactness.main(["--rows", "120", "--results", str(results)]), capsys.readouterr()
    assert ended == 0, shown.out
    written = json.loads(results.read_text())
    assert written["holds"] is True
    assert {family["rows"] for family in written["families"]} == {120}
    assert all(family["wrong_labels"] == 0 for family in written["families"])
    assert shown.out.count("\n") == len(written["families"]) + 1
    assert "DOES NOT HOLD" not in shown.out
    assert f"[{len(written['families'])}/{len(written['families'])}]" in shown.err


def test_the_committed_results_are_of_a_million_rows_of_each_family_and_hold(exactness: ModuleType) -> None:
    written = json.loads((ROOT / "benchmarks" / "results" / "exactness.json").read_text())
    assert written["holds"] is True
    assert {family["estimator"] for family in written["families"]} == set(exactness.families())
    assert all(family["holds"] and family["rows"] >= 1_000_000 for family in written["families"])


def test_one_wrong_label_or_a_nan_does_not_hold(exactness: ModuleType) -> None:
    good = np.array([[0.25, 0.75], [0.5, 0.5]])
    for bad in (good[:, ::-1], good + np.array([0.0, 1e-11]), good * np.nan, good[:1]):
        row = exactness.Row("made up")
        row.add(good, good, counted=2)
        assert row.holds
        row.add(good, bad, counted=2)
        assert not row.holds
        assert "DOES NOT HOLD" in exactness.table([row])


def test_a_family_that_does_not_hold_ends_with_1(
    exactness: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right = exactness.answers
    monkeypatch.setattr(exactness, "answers", lambda *asked: right(*asked) * (1 + 1e-8))
    arguments = ["--rows", "30", "--only", "ridge", "--results", str(tmp_path / "results.json")]
    assert exactness.main(arguments) == 1
    assert json.loads((tmp_path / "results.json").read_text())["holds"] is False


def test_an_unknown_family_is_answered_with_the_known_ones(
    exactness: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        exactness.main(["--only", "no such family"])
    assert ended.value.code == 2
    assert "logistic" in capsys.readouterr().err
