"""Training is honest: fitted on the training part only, judged once, and the same each time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from model import Contract, Number, Target
from model.contracts import find
from model.decision import decide
from model.derived.encoding import Floats
from model.derived.frame import encode_frame
from model.errors import CannotCompile, TrainingError
from model.scoring import Scorer
from model.steps import evaluation, folds, training
from model.steps.pipeline import unfitted_pipeline
from model.steps.reference import Reference
from model.steps.splitting import units
from model.testing.bundles import QUICK_PLAN, ROWS, fresh_training, good_frame, quick_training


def parts_of(contract: Contract, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = good_frame(contract, ROWS, seed)
    return rows.iloc[:180].reset_index(drop=True), rows.iloc[180:].reset_index(drop=True)


def test_the_same_rows_and_seed_give_the_same_bytes(contract: Contract) -> None:
    assert fresh_training(contract).parts == quick_training(contract).parts


def test_another_seed_gives_another_model() -> None:
    tracks = find("reggaeton").contract
    assert quick_training(tracks).parts["model.onnx"] != quick_training(tracks, 1).parts["model.onnx"]


def test_the_files_of_a_bundle_say_the_same_as_the_pipeline(contract: Contract) -> None:
    trained = quick_training(contract)
    fitted = joblib.load(io.BytesIO(trained.parts["pipeline.joblib"]))
    rows = encode_frame(contract, good_frame(contract, 50, seed=9))
    output = Scorer(trained.parts["model.onnx"]).score(rows.to_numpy())
    wanted = fitted.predict_proba(rows) if contract.target.labels else fitted.predict(rows)
    np.testing.assert_allclose(output, wanted, rtol=1e-12, atol=1e-12)
    selftest = json.loads(trained.parts["selftest.json"])
    again = decide(
        contract, trained.threshold, Scorer(trained.parts["model.onnx"]).score(np.array(selftest["rows"], dtype=float))
    )
    assert again.labels == selftest["labels"]


def test_figures_stand_beside_intervals_baseline_and_counts(contract: Contract) -> None:
    trained = quick_training(contract)
    metrics = json.loads(trained.parts["metrics.json"])
    assert metrics["rows"]["train"] == 180
    assert metrics["rows"]["holdout"] == 60
    for figure in metrics["holdout"].values():
        assert figure["low"] <= figure["value"] <= figure["high"]
    limits = {measure.name: measure.limits for measure in evaluation.MEASURES[contract.target.task]}
    for name, figure in metrics["cross_validation"]["measures"].items():
        assert limits[name][0] <= figure["low"] <= figure["value"] <= figure["high"] <= limits[name][1]
    assert set(metrics["baseline"]) == set(metrics["holdout"])
    assert trained.comparison is None
    assert trained.is_better
    card = trained.parts["card.md"].decode()
    assert all(name in card for name in metrics["holdout"])
    pictures = [name for name in trained.parts if name.endswith(".png")]
    assert pictures
    assert all(trained.parts[name].startswith(b"\x89PNG") for name in pictures)


def test_a_no_skill_model_is_worse_than_one_that_learned() -> None:
    metrics = json.loads(quick_training(find("reggaeton").contract).parts["metrics.json"])
    assert metrics["baseline"]["roc_auc"] == 0.5
    assert metrics["holdout"]["roc_auc"]["value"] > 0.7
    assert metrics["baseline"]["average_precision"] == pytest.approx(0.5)
    assert metrics["holdout"]["log_loss"]["value"] < metrics["baseline"]["log_loss"]


def test_the_threshold_has_the_best_f1_of_all_out_of_fold() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 120)
    scores = (truth * 0.3 + rng.random(120) * 0.7).round(2)
    found = folds.Folds(truth, np.column_stack([1 - scores, scores]), np.ones(120, bool), {}, 0.2)
    chosen = folds.choose_threshold("binary", found)

    def f1(threshold: float) -> float:
        answered = scores >= threshold
        return float(2 * (answered & (truth == 1)).sum() / (answered.sum() + (truth == 1).sum()))

    assert chosen is not None
    assert f1(chosen) == max(map(f1, np.unique(scores)))
    assert chosen not in scores
    assert folds.choose_threshold("multiclass", found) is None


def test_rows_with_equal_features_never_stand_in_two_folds() -> None:
    tracks = find("reggaeton").contract
    rows = good_frame(tracks, 60)
    doubled = pd.concat([rows, rows.assign(id_new=rows.id_new + "b")], ignore_index=True)
    truth = doubled.target.to_numpy(int)
    groups = units(tracks, doubled)
    for pairs in folds._repeats(tracks, doubled, truth, folds.Plan(folds=3, repeats=2)):
        for fit, test in pairs:
            assert not set(groups[fit]) & set(groups[test])


def test_a_split_by_time_tests_only_on_what_comes_later() -> None:
    from model import Integer, Key, Source, Split

    timed = Contract(
        name="timed",
        key=Key("id"),
        target=Target("y", labels=(0, 1)),
        sources=(Source("a.csv"),),
        columns=(Number("x", 0, 1), Integer("day", 0, 10_000)),
        split=Split("time", column="day"),
    )
    rows = good_frame(timed, 120)
    truth = rows.y.to_numpy(int)
    blocks = [pair for pairs in folds._repeats(timed, rows, truth, folds.Plan()) for pair in pairs]
    assert len(blocks) == 5
    for fit, test in blocks:
        assert rows.day.iloc[fit].max() <= rows.day.iloc[test].min()
    pipeline = unfitted_pipeline(timed, ExtraTreesClassifier(8, min_samples_leaf=3, random_state=0))
    trained = training.train(timed, pipeline, (rows.iloc[:90], rows.iloc[90:]), QUICK_PLAN, None, lambda _: None)
    assert trained.metrics["cross_validation"]["fits"] == 2


def test_a_user_s_pipeline_is_taken_whole_and_an_estimator_is_prepared_for() -> None:
    wine = find("wine").contract
    whole = Pipeline([("scale", StandardScaler()), ("logistic", LogisticRegression())])
    assert unfitted_pipeline(wine, whole) is whole
    prepared = unfitted_pipeline(wine, LogisticRegression())
    assert [name for name, _ in prepared.steps] == ["prepare", "estimator"]


def test_without_an_estimator_categories_and_gaps_are_taken_as_they_are(contract: Contract) -> None:
    pipeline = unfitted_pipeline(contract)
    rows = good_frame(contract, ROWS)
    trained = training.train(contract, pipeline, (rows.iloc[:180], rows.iloc[180:]), QUICK_PLAN, None, lambda _: None)
    assert type(pipeline.steps[-1][1]).__name__.startswith("HistGradientBoosting")
    assert trained.metrics["holdout"]


def test_a_forest_too_large_to_compile_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.compiled.trees.MOST_NODES", 100)
    tracks = find("reggaeton").contract
    pipeline = unfitted_pipeline(tracks, ExtraTreesClassifier(5, random_state=0))
    with pytest.raises(CannotCompile, match="raise min_samples_leaf"):
        training.train(tracks, pipeline, parts_of(tracks), QUICK_PLAN, None, lambda _: None, require_compiled=True)


def test_an_estimator_without_a_compiled_form_is_refused_by_name_where_one_is_required() -> None:
    tracks = find("reggaeton").contract
    pipeline = unfitted_pipeline(tracks, KNeighborsClassifier(7))
    with pytest.raises(CannotCompile, match="KNeighborsClassifier"):
        training.train(tracks, pipeline, parts_of(tracks), QUICK_PLAN, None, lambda _: None, require_compiled=True)


def test_an_estimator_without_a_compiled_form_is_judged_by_its_pipeline_and_says_so() -> None:
    tracks = find("reggaeton").contract
    said: list[str] = []
    pipeline = unfitted_pipeline(tracks, KNeighborsClassifier(7))
    trained = training.train(tracks, pipeline, parts_of(tracks), QUICK_PLAN, None, said.append)
    assert "model.onnx" not in trained.parts
    assert "KNeighborsClassifier" in str(trained.not_compiled)
    assert any("served by its pipeline, in a process of its own" in line for line in said)
    assert "Served by the pipeline itself" in trained.parts["card.md"].decode()
    fitted = joblib.load(io.BytesIO(trained.parts["pipeline.joblib"]))
    selftest = json.loads(trained.parts["selftest.json"])
    rows = pd.DataFrame(selftest["rows"], columns=list(tracks.feature_names), dtype=float)
    assert fitted.predict_proba(rows)[:, 1].tolist() == selftest["scores"]


def test_a_compiled_form_is_said_on_the_card() -> None:
    trained = quick_training(find("reggaeton").contract)
    assert trained.not_compiled is None
    assert "Served by its compiled form" in trained.parts["card.md"].decode()


def test_an_estimator_that_cannot_be_fitted_is_refused_by_name() -> None:
    wine = find("wine").contract  # has missing values, which a bare logistic regression does not take
    pipeline = Pipeline([("estimator", LogisticRegression())])
    with pytest.raises(TrainingError, match="LogisticRegression cannot be fitted"):
        training.train(wine, pipeline, parts_of(wine), QUICK_PLAN, None, lambda _: None)


def test_a_challenger_must_win_in_95_of_100_paired_resamples() -> None:
    from model.steps.evaluation import Answers
    from model.steps.gate import Champion

    tracks = find("reggaeton").contract
    pipeline = unfitted_pipeline(tracks, ExtraTreesClassifier(20, min_samples_leaf=3, random_state=0))

    def against(answers: Callable[[Floats], Answers]) -> training.Trained:
        return training.train(tracks, pipeline, parts_of(tracks), QUICK_PLAN, Champion(answers), lambda _: None)

    hopeless = against(lambda rows: Answers(np.full((len(rows), 2), 0.5), 0.5))
    assert hopeless.is_better
    assert hopeless.comparison is not None
    assert float(hopeless.comparison["confidence"]) > 0.95
    twin = Scorer(hopeless.parts["model.onnx"])
    same = against(lambda rows: Answers(twin.score(rows), hopeless.threshold))
    assert not same.is_better
    assert same.parts == hopeless.parts


def test_the_reference_remembers_shares_that_add_up_to_one(contract: Contract) -> None:
    reference = Reference.from_json(quick_training(contract).parts["reference.json"])
    assert set(reference.columns) == set(contract.column_names)
    for profile in [*reference.columns.values(), reference.scores]:
        if profile.statistic == "none":
            assert not profile.shares
        else:
            assert sum(profile.shares) == pytest.approx(1)
            assert len(profile.shares) == (len(profile.values) or len(profile.edges) + 1)


def test_the_data_fingerprint_changes_with_any_cell() -> None:
    rows = good_frame(find("reggaeton").contract, 20)
    assert training.data_fingerprint(rows) == training.data_fingerprint(rows.copy())
    assert training.data_fingerprint(rows) != training.data_fingerprint(rows.assign(tempo=rows.tempo + 1e-9))
    assert training.data_fingerprint(rows) != training.data_fingerprint(rows.rename(columns={"tempo": "beat"}))
