"""Any window that the table of predictions can hold is measured, and the frame is tidy."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_contract import ODD
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from model import Category, Contract, Integer, Number
from model.contracts import find, shipped
from model.decision import decide
from model.errors import BundleError
from model.steps import evaluation, monitor
from model.steps.calibration import calibrate, chances
from model.steps.figure import shown
from model.steps.folds import Folds
from model.steps.profile import of_answers, of_numbers, remember
from model.steps.quality import measured
from model.steps.reference import Expected
from model.steps.window import Joined
from model.testing.bundles import ROWS, good_frame, quick_training

CONTRACTS = {"odd": ODD, **{name: find(name).contract for name in shipped()}}
FEW = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])


@cache
def reference(name: str) -> monitor.Reference:
    """What a quickly trained model of the contract remembers."""
    return monitor.Reference.from_json(quick_training(CONTRACTS[name]).parts["reference.json"])


def window(contract: Contract, count: int, seed: int = 1) -> monitor.Window:
    """Rows as they were in training, with answers and truth."""
    rows = good_frame(contract, count, seed)
    truth = rows[contract.target.name]
    scores = np.random.default_rng(seed).random(count)
    return monitor.Window(rows, truth, scores, truth)


def cells(column: Any) -> st.SearchStrategy[Any]:
    """What the table's column can hold: also what another contract of that name once allowed, and nothing."""
    match column:
        case Number():
            return st.none() | st.floats(allow_nan=False)
        case Integer():
            return st.none() | st.integers(-(2**53), 2**53)
        case Category():
            known = st.none() | st.sampled_from(column.values)
            return known | (st.integers(0, 99) if isinstance(column.example, int) else st.text())
        case _:
            return st.none() | st.datetimes()


@st.composite
def stored(draw: st.DrawFn, contract: Contract) -> monitor.Window:
    """A window as SQL gives it: columns of objects, truth for some."""
    count = draw(st.integers(0, 12))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    rows = pd.DataFrame({one.name: pd.Series(column(cells(one)), dtype=object) for one in contract.columns})
    labels = st.sampled_from(contract.target.classes) if contract.target.labels else st.floats(allow_nan=False)
    scores = st.floats(0, 1) if contract.target.labels else st.floats(allow_nan=False)
    truth = draw(st.none() | st.just(column(st.none() | labels)))
    return monitor.Window(rows, column(labels), np.array(column(scores), dtype=np.float64), truth)


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_whatever_the_table_can_hold_is_measured(name: str) -> None:
    @FEW
    @given(stored(CONTRACTS[name]))
    def holds(found: monitor.Window) -> None:
        frame = monitor.measure(CONTRACTS[name], reference(name), found)
        assert tuple(frame.columns) == monitor.COLUMNS
        assert not frame[["measure", "subject"]].duplicated().any()
        assert not np.isinf(frame["value"]).any()
        assert frame["why"].str.len().gt(0).all()

    holds()


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_a_window_in_which_every_value_is_missing_is_measured(name: str) -> None:
    contract = CONTRACTS[name]
    labels = [contract.target.classes[0] if contract.target.labels else 1.0] * 50
    frame = monitor.measure(contract, reference(name), monitor.Window({}, labels, np.full(50, 0.5)))
    missing = frame[frame["measure"] == "missing"]
    assert set(missing["subject"]) == set(contract.column_names)
    assert (missing["value"] == 1).all()
    assert missing["alarm"].all()


def test_columns_as_arrow_or_numpy_arrays_give_the_same_figures_as_a_typed_frame() -> None:
    import pyarrow as pa

    contract = CONTRACTS["reggaeton"]
    typed = window(contract, 300)
    assert isinstance(typed.rows, pd.DataFrame)
    arrow = pa.Table.from_pandas(typed.rows)
    arrays = {name: typed.rows[name].to_numpy() for name in contract.column_names}
    expected = monitor.measure(contract, reference("reggaeton"), typed)
    for rows in ({name: arrow[name] for name in contract.column_names}, arrays):
        found = monitor.Window(rows, typed.labels, typed.scores, typed.truth)
        pd.testing.assert_frame_equal(monitor.measure(contract, reference("reggaeton"), found), expected)


def test_a_column_that_training_never_had_is_expected_to_be_missing_and_alarms_once_it_is_there() -> None:
    contract = CONTRACTS["wine"]
    known = reference("wine")
    gone = replace(known.columns["malic_acid"], shares=(), rows=0, missing=1.0, minimum=None, maximum=None)
    empty = replace(known, columns=known.columns | {"malic_acid": gone})
    found = window(contract, 200)
    nothing = found.rows.assign(malic_acid=np.nan)  # type: ignore[union-attr]  # a frame
    for rows, alarm in ((nothing, False), (found.rows, True)):
        frame = monitor.measure(contract, empty, replace(found, rows=rows))
        row = frame[(frame["measure"] == "missing") & (frame["subject"] == "malic_acid")].iloc[0]
        assert row["expected"] == 1
        assert row["alarm"] == alarm


def test_parts_of_different_lengths_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="another number of truth"):
        monitor.measure(ODD, reference("odd"), monitor.Window({}, ["yes"], np.array([0.5]), ["yes", "no"]))


def test_a_reference_goes_through_json_to_an_equal_one(contract: Contract) -> None:
    found = reference(contract.name)
    assert monitor.Reference.from_json(found.to_json()) == found


def test_a_reference_of_before_there_were_nulls_still_measures_drift() -> None:
    old = """{"rows": 1000, "scores": {"edges": [0.5], "shares": [0.5, 0.5]}, "columns": {
        "area": {"statistic": "psi", "missing": 0.1, "edges": [10, 20], "shares": [0.3, 0.3, 0.4]}}}"""
    found = monitor.Reference.from_json(old)
    assert found.columns["area"].rows == 900
    assert found.scores.rows == 1000
    assert found.scores.null is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"rows": "many"}', '{"format": 99, "rows": 1, "columns": {}, "scores": {}}']
)
def test_what_is_no_reference_is_refused_with_a_message(text: str) -> None:
    with pytest.raises(BundleError, match=r"reference\.json"):
        monitor.Reference.from_json(text)


# ------------------------------------------------------------------------------------------- quality


def values(frame: pd.DataFrame) -> dict[str, float]:
    """Value by measure, of those that have no column."""
    return {row.measure: row.value for row in frame.itertuples() if row.subject == ""}


@st.composite
def answered(draw: st.DrawFn, classes: int) -> tuple[Any, ...]:
    """Truth (missing for some), answers and scores with ties."""
    count = draw(st.integers(1, 40))
    codes = st.integers(0, classes - 1)
    truth = draw(st.lists(st.none() | codes, min_size=count, max_size=count))
    labels = draw(st.lists(codes, min_size=count, max_size=count))
    scores = np.array(draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))) / 10
    return truth, labels, scores


@FEW
@given(answered(2))
def test_quality_of_a_binary_problem_equals_scikit_learn_s_on_the_same_join(found: tuple[Any, ...]) -> None:
    truth_, labels, scores = found
    contract = CONTRACTS["reggaeton"]
    frame = monitor.measure(contract, reference("reggaeton"), monitor.Window({}, labels, scores, truth_))
    ours = values(frame)
    here = np.array([one is not None for one in truth_])
    truth, chosen, shown = (np.array(part)[here].astype(float) for part in (truth_, labels, scores))
    assert ours["joined"] == pytest.approx(here.mean())
    if not here.any():
        assert "brier" not in ours
        return
    assert ours["brier"] == pytest.approx(sk.brier_score_loss(truth, shown, pos_label=1))
    assert ours["log_loss"] == pytest.approx(sk.log_loss(truth, shown, labels=[0, 1]))
    assert ours["f1_at_threshold"] == pytest.approx(sk.f1_score(truth, chosen, zero_division=0))
    if truth.any():
        assert ours["average_precision"] == pytest.approx(sk.average_precision_score(truth, shown))
    else:
        assert np.isnan(ours["average_precision"])
    if len(set(truth)) == 2:
        assert ours["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, shown))
    else:
        assert np.isnan(ours["roc_auc"])


@FEW
@given(answered(3))
def test_quality_of_a_multiclass_problem_equals_scikit_learn_s_on_the_same_join(found: tuple[Any, ...]) -> None:
    truth_, chosen, scores = found
    contract = CONTRACTS["wine"]
    labels = [contract.target.classes[code] for code in chosen]
    true = [None if code is None else contract.target.classes[code] for code in truth_]
    ours = values(monitor.measure(contract, reference("wine"), monitor.Window({}, labels, scores, true)))
    pairs = [(one, label) for one, label in zip(true, labels, strict=True) if one is not None]
    if pairs:
        truth, answers = zip(*pairs, strict=True)
        assert ours["accuracy"] == pytest.approx(sk.accuracy_score(truth, answers))
        assert ours["macro_f1"] == pytest.approx(sk.f1_score(truth, answers, average="macro", zero_division=0))


def test_quality_of_a_regression_equals_scikit_learn_s_on_the_same_join() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(150, 50, 5_000)
    scores = truth + generator.normal(0, 20, 5_000)
    truth[::3] = np.nan
    here = ~np.isnan(truth)
    frame = monitor.measure(CONTRACTS["diabetes"], reference("diabetes"), monitor.Window({}, scores, scores, truth))
    ours = values(frame)
    assert ours["rmse"] == pytest.approx(sk.root_mean_squared_error(truth[here], scores[here]))
    assert ours["mae"] == pytest.approx(sk.mean_absolute_error(truth[here], scores[here]))
    assert ours["r2"] == pytest.approx(sk.r2_score(truth[here], scores[here]))
    quality = frame[frame["measure"].isin(["rmse", "mae", "r2"])]
    assert (quality["low"] < quality["value"]).all()
    assert (quality["value"] < quality["high"]).all()


def test_an_interval_from_a_part_is_as_wide_as_one_from_all_rows() -> None:
    generator = np.random.default_rng(0)
    truth = (generator.random(20_000) < 0.2).astype(int)
    scores = np.clip(0.25 * truth + 0.7 * generator.random(20_000), 0, 1)
    rows = Joined(truth, (scores > 0.5).astype(int), scores, np.ones(20_000, dtype=bool))
    ours = measured("binary", rows)
    output = np.column_stack([1 - scores, scores])
    for name, figure in evaluation.evaluate("binary", truth, output, 0.5, samples=200, seed=0).items():
        _, low, high = ours[name]
        assert high - low == pytest.approx(figure["high"] - figure["low"], rel=0.35)


def test_one_mistake_after_a_faultless_training_is_no_alarm_and_many_are() -> None:
    contract = CONTRACTS["wine"]
    classes = np.array(contract.target.classes)
    right = classes[np.arange(150) % 3]
    codes = np.arange(150) % 3
    faultless = measured("multiclass", Joined(codes, codes, np.full(150, 0.9), np.ones(150, dtype=bool)))
    expected = {name: Expected(*found) for name, found in faultless.items()}
    assert expected["accuracy"].low == pytest.approx(0.98)
    known = replace(reference("wine"), quality=expected)
    for mistakes, alarm in ((0, False), (1, False), (30, True)):
        labels = right.copy()
        labels[:mistakes] = classes[(np.arange(mistakes) + 1) % 3]
        frame = monitor.measure(contract, known, monitor.Window({}, labels, np.full(150, 0.9), right))
        row = frame[frame["measure"] == "accuracy"].iloc[0]
        assert row["alarm"] == alarm
        assert 0 < row["threshold"] < 1


# ------------------------------------------------------------------------- estimates and the concept


def served(truth_shift: float = 0.0, count: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, chances and badly calibrated scores: chances squared; the truth follows the chances or not."""
    generator = np.random.default_rng(seed)
    chances = generator.beta(1, 6, count)
    truth = generator.random(count) < np.clip(chances + truth_shift * (chances.mean() - chances), 0, 1)
    return truth, chances, chances**2


def of_scores(seed: int = 9) -> monitor.Reference:
    """A reference with the outcomes and the calibration of such scores."""
    truth, _, scores = served(count=4_000, seed=seed)
    rows = Joined(truth.astype(int), (scores > 0.1).astype(int), scores, np.ones(len(truth), dtype=bool))
    return replace(of_answers("binary", rows, 0), scores=of_numbers(scores, 10, 0))


def test_estimates_without_truth_are_near_what_comes_true_though_scores_are_no_chances() -> None:
    truth, _, scores = served()
    labels = (scores > 0.1).astype(int)
    found = monitor.Window({}, labels, scores, np.where(np.arange(len(truth)) % 2, truth, np.nan))
    frame = monitor.measure(CONTRACTS["reggaeton"], of_scores(), found)
    ours = values(frame)
    assert ours["estimated_average_precision"] == pytest.approx(sk.average_precision_score(truth, scores), abs=0.03)
    assert ours["estimated_roc_auc"] == pytest.approx(sk.roc_auc_score(truth, scores), abs=0.03)
    assert ours["estimated_f1_at_threshold"] == pytest.approx(sk.f1_score(truth, labels), abs=0.03)
    joined_rows = frame[frame["subject"] == "joined"].set_index("measure")
    assert (joined_rows["rows"] == len(truth) // 2).all()
    assert joined_rows["value"]["estimated_average_precision"] == pytest.approx(ours["average_precision"], abs=0.04)


def test_a_calibration_undoes_what_was_done_to_the_chances() -> None:
    truth, chances_, scores = served(count=50_000)
    fitted = calibrate(truth, scores)
    recovered = chances(np.array([fitted.weights]), scores, fitted.floor)[0]
    assert np.abs(recovered - chances_).mean() < 0.01


def test_a_calibration_learns_from_the_hold_out_as_from_the_folds() -> None:
    contract = CONTRACTS["reggaeton"]
    (truth, _, scores), (later, _, fresh) = served(count=400), served(count=100, seed=1)
    output, unseen = (np.column_stack([1 - some, some]) for some in (scores, fresh))
    found = Folds(truth.astype(int), output, np.ones(400, dtype=bool), {"roc_auc": np.full(4, 0.8)}, 0.2)
    answered = later.astype(int), decide(contract, 0.1, unseen)
    remembered = remember(contract, good_frame(contract, 400), found, answered, 0.1)
    assert remembered.calibration == calibrate(np.r_[truth, later], np.r_[scores, fresh])
    assert remembered.calibration != calibrate(truth, scores)


def test_the_calibration_error_says_how_often_the_truth_came_by_tenths_of_the_scores() -> None:
    truth, _, scores = served()
    window_ = monitor.Window({}, (scores > 0.1).astype(int), scores, truth.astype(int))
    frame, shares = monitor.measure_all(CONTRACTS["reggaeton"], of_scores(), window_)
    told = np.reshape(shares["calibration_error", ""], (10, 2))
    observed, promised = calibration_curve(truth, scores, n_bins=10, strategy="quantile")
    assert told == pytest.approx(np.column_stack([promised, observed])[::-1])
    without_noise = np.sqrt(np.mean((observed - promised) ** 2))
    row = frame[frame["measure"] == "calibration_error"].iloc[0]
    assert without_noise * 0.98 < row["value"] < without_noise
    few = monitor.Window({}, np.ones(9, dtype=int), np.full(9, 0.5), np.ones(9, dtype=int))
    assert ("calibration_error", "") not in monitor.measure_all(CONTRACTS["reggaeton"], of_scores(), few)[1]


def test_an_estimate_says_its_interval_in_its_sentence() -> None:
    _, _, scores = served(count=500)
    frame = monitor.measure(CONTRACTS["reggaeton"], of_scores(), monitor.Window({}, (scores > 0.1) * 1, scores))
    row = frame[frame["measure"] == "estimated_average_precision"].iloc[0]
    assert f"{shown(row['value'])} [{shown(row['low'])}, {shown(row['high'])}]" in row["why"]
    assert row["low"] < row["value"] < row["high"]


def test_a_changed_concept_is_found_by_its_truth_and_not_by_its_inputs() -> None:
    for shift, found in ((0.0, False), (0.8, True)):
        truth, _, scores = served(shift, count=3_000, seed=3)
        window_ = monitor.Window({}, (scores > 0.1).astype(int), scores, truth.astype(int))
        frame = monitor.measure(CONTRACTS["reggaeton"], of_scores(), window_)
        alarms = frame[frame["alarm"] & ~frame["measure"].eq("missing")]
        assert ("concept" in set(alarms["measure"])) is found
        assert not ((alarms["measure"] == "psi") & (alarms["subject"] == "scores")).any()


def test_a_regression_s_changed_concept_shows_in_its_residuals_and_nothing_is_estimated() -> None:
    contract, known = CONTRACTS["diabetes"], reference("diabetes")
    assert known.residuals is not None
    generator = np.random.default_rng(0)
    scores = generator.uniform(50, 300, 400)
    truth = scores + generator.normal(4 * (known.residuals.deviation or 0), 1, 400)
    frame = monitor.measure(contract, known, monitor.Window({}, scores, scores, truth))
    assert frame[frame["subject"] == "residuals"]["alarm"].all()
    estimated = frame[frame["measure"].str.startswith("estimated")]
    assert estimated["value"].isna().all()
    assert "wait for the truth" in estimated["why"].iloc[0]


def test_nothing_that_the_model_learned_from_alarms_against_itself() -> None:
    contract = CONTRACTS["reggaeton"]
    training_rows = good_frame(contract, ROWS, 0).iloc[: ROWS * 3 // 4]
    frame = monitor.measure(
        contract, reference("reggaeton"), monitor.Window(training_rows, [0] * 180, np.full(180, 0.5))
    )
    assert not frame[frame["alarm"] & frame["subject"].isin(contract.column_names)].size
