"""benchmarks/monitoring in short: every figure is measured, and those that need no luck and no quiet machine hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("needs the checkout: its benchmarks/", allow_module_level=True)
sys.path.append(str(ROOT))  # at the end: `app/` and `airflow/` are no packages

from benchmarks.monitoring import command, page  # noqa: E402 - found only now
from benchmarks.monitoring.goal import Row  # noqa: E402
from benchmarks.monitoring.scale import FULL, SHORT, Scale  # noqa: E402
from benchmarks.monitoring.seeds import JUDGING, SPENT, TUNING, Seeds  # noqa: E402

pytestmark = pytest.mark.unmeasured  # benchmarks are no part of what ships

TINY = Scale(
    models=1,
    repeats=1,
    many=(3_000,),
    judged=(3_000,),
    judged_repeats=1,
    windows=5,
    sizes=(200, 3_000),
    trials=3,
    estimate_rows=(10_000,),
    interval_rows=(2_000,),
    cost_rows=((2_000, 60.0),),
)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """A run of some seconds."""
    return command.measured(TINY, lambda _: None)


def test_drift_is_found_in_every_column_and_a_concept_once_its_truth_has_come(results: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in results["rows"]}
    for name in ("shift", "inputs", "concept", "concept_before", "scikit_learn", "roc_auc_judged"):
        assert rows[name]["holds"], rows[name]["shown"]
    assert set(rows["shift"]["detail"]["columns"]) > {"popularity", "tempo"}
    assert rows["false_alarms"]["measured"] <= 0.2


def test_the_page_has_a_line_for_every_figure_and_a_picture(results: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    page.write(results, path)
    text = path.read_text()
    assert all(f"| {row['what']} |" in text for row in results["rows"])
    assert (tmp_path / page.PICTURE).read_bytes().startswith(b"\x89PNG")
    assert all(row["what"] in command.table(results) for row in results["rows"])


def test_a_goal_holds_when_the_number_is_on_its_side_and_a_nan_never_does() -> None:
    assert Row("a", "a", 0.04, "<=", 0.05, "%").holds
    assert not Row("a", "a", 0.06, "<=", 0.05, "%").holds
    assert not Row("a", "a", 0.94, ">=", 0.95, "%").holds
    assert not Row("a", "a", float("nan"), "<=", 0.05).holds
    assert Row("a", "a", 0.5, unit="s").holds
    assert Row("a", "a", 0.06, "<=", 0.05, "%").shown() == ("a", "<= 5.0 %", "6.0 %, MISSED")


def drawn(seeds: Seeds, scale: Scale) -> list[int]:
    """Every seed that a run of this scale may draw from, some more for each kind than it needs."""
    windows = 3_000 + 3_000 + scale.models * len(scale.interval_rows) * 3
    return [
        *(seeds.small_table(number) for number in range(scale.models)),
        *(seeds.large_table(number) for number in range(len(scale.many))),
        *(seeds.judged_table(number) for number in range(len(scale.judged))),
        *(seeds.quiet_window(number) for number in range(scale.windows)),
        *(seeds.moved_window(column, number) for column in range(13) for number in range(scale.trials)),
        *(seeds.tilted_window(number) for number in range(scale.trials)),
        *(seeds.changed_window(number) for number in range(scale.trials)),
        *(seeds.estimated_window(number) for number in range(windows)),
    ]


def test_no_table_or_window_that_judges_was_tuned_on_or_is_drawn_twice() -> None:
    assert FULL.seeds == SHORT.seeds == JUDGING
    assert JUDGING not in (TUNING, *SPENT)
    seeds = [seed for one in (TUNING, JUDGING, *SPENT) for seed in drawn(one, FULL)]
    assert len(seeds) == len(set(seeds))


def test_the_windows_that_judge_an_estimate_by_its_distance_tell_what_came_true_near_enough(
    results: dict[str, Any],
) -> None:
    rows = {row["name"]: row for row in results["rows"]}
    windows = rows["average_precision_judged"]["detail"]["windows"]
    assert rows["fewest_positives"]["measured"] == min(one["positives"] for one in windows)
    assert not rows["fewest_positives"]["holds"]  # 10,000 rows have some 300
    assert rows["average_precision_judged"]["goal"] == rows["realised_error"]["goal"] == 0.03


def test_the_tables_that_judge_tell_average_precision_near_enough_and_the_others_are_told_without_a_goal(
    results: dict[str, Any],
) -> None:
    rows = {row["name"]: row for row in results["rows"]}
    assert rows["known_error"]["goal"] == 0.03
    assert rows["fewest_learned"]["goal"] == rows["fewest_positives"]["goal"] == 1_500
    assert not rows["fewest_learned"]["holds"]  # 3,000 rows have some 90
    for name in ("small", "large"):
        assert rows[f"average_precision_{name}"]["goal"] is rows[f"average_precision_{name}_mean"]["goal"] is None
        assert rows[f"{name}_known"]["measured"] > 0.03
    assert {rows[f"covered_{name}"]["goal"] for name in ("small", "large", "judged")} == {0.85}
