"""Training, pure: typed frames in, the parts of a bundle and the figures that judge it out."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, TimeSeriesSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from model.compiled import adversarial_rows, compile_pipeline, prove_equal
from model.contract import Category, Contract, Task
from model.decision import Predictions, decide
from model.derived.encoding import Floats
from model.derived.frame import class_codes, encode_frame
from model.errors import TrainingError, bounded
from model.scoring import Scorer
from model.steps import evaluation
from model.steps.card import card
from model.steps.pictures import pictures
from model.steps.reference import reference

Report = Callable[[str], None]
SELFTEST_ROWS = 32
PROOF_ROWS = 20_000
ONE_THREAD_CELLS = 2_000_000
PROMOTE_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers a training run is made with."""

    seed: int = 0
    folds: int = 5
    repeats: int = 5
    bootstrap_samples: int = 1000


@dataclass(frozen=True, slots=True)
class Trained:
    """What training gives: the bundle's files, the threshold, the figures, and whether it beats the champion.

    comparison: `evaluation.gain` over the champion on the same hold-out; None when there is no champion.
    """

    parts: dict[str, bytes]
    threshold: float | None
    metrics: dict[str, Any]
    comparison: dict[str, float | str] | None

    @property
    def is_better(self) -> bool:
        """First, or better than the champion in at least 95 % of paired resamples of the hold-out."""
        return self.comparison is None or float(self.comparison["confidence"]) >= PROMOTE_CONFIDENCE


# ------------------------------------------------------------------------------------------ pipeline


def unfitted_pipeline(contract: Contract, estimator: object | None = None) -> Pipeline:
    """The pipeline that is fitted on the training part only.

    A user's `Pipeline` is taken whole; any other estimator stands behind the usual preparation: medians for missing
    numbers, one column per value for categories. It is fed float64 columns named like the features.
    """
    if isinstance(estimator, Pipeline):
        return estimator
    chosen = _default(contract.target.task) if estimator is None else estimator
    return Pipeline([("prepare", _preparation(contract)), ("estimator", chosen)])


def _preparation(contract: Contract) -> ColumnTransformer:
    categories = [column for column in contract.features if isinstance(column, Category)]
    numbers = [column.name for column in contract.features if not isinstance(column, Category)]
    codes = [np.arange(len(column.values), dtype=np.float64) for column in categories]
    one_hot = OneHotEncoder(categories=codes, handle_unknown="ignore", sparse_output=False)
    steps = [
        ("numbers", SimpleImputer(strategy="median", keep_empty_features=True), numbers),
        ("categories", one_hot, [column.name for column in categories]),
    ]
    return ColumnTransformer([step for step in steps if step[2]], verbose_feature_names_out=False)


def _default(task: Task) -> ExtraTreesClassifier | ExtraTreesRegressor:
    kind = ExtraTreesRegressor if task == "regression" else ExtraTreesClassifier
    return kind(n_estimators=300, min_samples_leaf=2, random_state=0)


# ------------------------------------------------------------------------------------------ training


def train(
    contract: Contract,
    pipeline: Pipeline,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    plan: Plan,
    champion: Callable[[Floats], evaluation.Answers] | None,
    report: Report,
) -> Trained:
    """Fit on the training part, choose the threshold inside its folds, evaluate once on the hold-out, and compile.

    Small tables are worked on by one thread: more would cost more than they bring, and the order in which they add
    up would change the last bits, and so the content hash, from machine to machine.

    parts: the typed training and hold-out frames.
    champion: answers encoded rows as the serving model does; None when there is none.

    Raises:
        TrainingError: the estimator cannot be fitted.
        CannotCompile: the fitted pipeline has no exact compiled form.
    """
    with threadpool_limits(1 if parts[0].size < ONE_THREAD_CELLS else None):
        return _train(contract, pipeline, parts, plan, champion, report)


def _train(
    contract: Contract,
    pipeline: Pipeline,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    plan: Plan,
    champion: Callable[[Floats], evaluation.Answers] | None,
    report: Report,
) -> Trained:
    train_part, holdout = parts
    task = contract.target.task
    truth = class_codes(contract.target, holdout[contract.target.name])
    folds = cross_validate(contract, pipeline, train_part, plan, report)
    threshold = choose_threshold(task, folds)
    report(f"fitting on {len(train_part)} rows")
    fitted = _fit(pipeline, encode_frame(contract, train_part), _targets(contract, train_part))
    model = _compile(contract, fitted, train_part, plan.seed, report)
    rows = encode_frame(contract, holdout).to_numpy()
    ours = evaluation.Answers(Scorer(model).score(rows), threshold)
    report(f"evaluating on the {len(holdout)} held-out rows, {plan.bootstrap_samples} resamples")
    metrics = _metrics(contract, (train_part, holdout), folds, ours, plan)
    answered = decide(contract, threshold, ours.output)
    files = {
        "pipeline.joblib": _stored(fitted),
        "model.onnx": model,
        "contract.json": contract.to_json().encode(),
        "metrics.json": _json(metrics),
        "selftest.json": _selftest(rows, answered),
        "reference.json": _json(reference(contract, train_part, folds.scores(contract))),
        **pictures(contract, truth, ours, folds.output),
    }
    files["card.md"] = card(contract, metrics).encode()
    return Trained(files, threshold, metrics, champion and _gain(task, truth, ours, champion(rows), plan))


def _gain(
    task: Task, truth: NDArray[Any], ours: evaluation.Answers, theirs: evaluation.Answers, plan: Plan
) -> dict[str, float | str]:
    return evaluation.gain(task, truth, ours, theirs, samples=plan.bootstrap_samples, seed=plan.seed)


def _targets(contract: Contract, frame: pd.DataFrame) -> NDArray[Any]:
    return class_codes(contract.target, frame[contract.target.name])


def _fit(pipeline: Pipeline, features: pd.DataFrame, target: NDArray[Any]) -> Pipeline:
    try:
        with warnings.catch_warnings():
            # A model that has not converged is judged by its figures like any other.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return clone(pipeline).fit(features, target)
    except (ValueError, TypeError) as error:
        name = type(pipeline.steps[-1][1]).__name__
        raise TrainingError(f"{name} cannot be fitted on {len(features)} rows: {bounded(error, 400)}") from error


def _compile(contract: Contract, fitted: Pipeline, frame: pd.DataFrame, seed: int, report: Report) -> bytes:
    report("compiling, and proving that the compiled form answers as the pipeline does")
    model: bytes = compile_pipeline(fitted, contract.feature_names)
    rows = encode_frame(contract, frame).to_numpy()
    hard = adversarial_rows(fitted, rows, count=PROOF_ROWS, seed=seed)
    prove_equal(fitted, model, np.vstack([rows, hard]), contract.feature_names)
    return model


def _stored(pipeline: Pipeline) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer, compress=3)
    return buffer.getvalue()


def _selftest(rows: Floats, answered: Predictions) -> bytes:
    some = [[None if np.isnan(value) else value for value in row] for row in rows[:SELFTEST_ROWS].tolist()]
    labels, scores = answered.labels[:SELFTEST_ROWS], answered.scores[:SELFTEST_ROWS].tolist()
    return _json({"rows": some, "labels": labels, "scores": scores})


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, allow_nan=False).encode()


# ---------------------------------------------------------------------------------- cross-validation


@dataclass(frozen=True, slots=True)
class Folds:
    """Out-of-fold output inside the training part.

    truth: class codes or values [n]; output: mean over repeats of the out-of-fold output, [n, classes] or [n];
    tested: rows that were ever tested (all but the first block when split by time); figures: measure -> [fits].
    """

    truth: NDArray[Any]
    output: Floats
    tested: NDArray[np.bool_]
    figures: dict[str, Floats]
    test_share: float

    def scores(self, contract: Contract) -> Floats:
        """Out-of-fold scores, as predictions report them, of the rows that were tested."""
        return decide(contract, 0.5 if contract.target.task == "binary" else None, self.output[self.tested]).scores


def cross_validate(contract: Contract, pipeline: Pipeline, frame: pd.DataFrame, plan: Plan, report: Report) -> Folds:
    """Repeated cross-validation inside the training part; rows with equal features never stand on both sides."""
    features, truth = encode_frame(contract, frame), _targets(contract, frame)
    task, classes = contract.target.task, len(contract.target.classes)
    total = np.zeros((len(frame), classes) if classes else len(frame))
    times = np.zeros(len(frame))
    figures: dict[str, list[float]] = {}
    tested = 0
    for repeat, pairs in enumerate(_repeats(contract, frame, features, truth, plan)):
        report(f"cross-validation {repeat + 1} of {plan.repeats}")
        for fit, test in pairs:
            fitted = _fit(pipeline, features.iloc[fit], truth[fit])
            output = _output(fitted, features.iloc[test], classes)
            total[test] += output
            times[test] += 1
            tested += len(test)
            for name, value in evaluation.point(task, truth[test], output, None).items():
                figures.setdefault(name, []).append(value)
    figures.pop("f1_at_threshold", None)  # there is no threshold yet: it is chosen from these very folds
    seen = times > 0
    mean = total / np.maximum(times, 1).reshape(-1, *[1] * (total.ndim - 1))
    arrays = {name: np.array(values) for name, values in figures.items()}
    fits = len(next(iter(arrays.values())))
    return Folds(truth, mean, seen, arrays, tested / fits / len(frame))


def _output(fitted: Pipeline, features: pd.DataFrame, classes: int) -> Floats:
    if not classes:
        return np.asarray(fitted.predict(features), dtype=np.float64)
    output = np.zeros((len(features), classes))
    output[:, fitted.classes_.astype(int)] = fitted.predict_proba(features)
    return output


Pairs = list[tuple[NDArray[Any], NDArray[Any]]]


def _repeats(
    contract: Contract, frame: pd.DataFrame, features: pd.DataFrame, truth: NDArray[Any], plan: Plan
) -> Iterator[Pairs]:
    if contract.split.by == "time":
        order = np.argsort(frame[contract.split.column].to_numpy(), kind="stable")
        yield [(order[fit], order[test]) for fit, test in TimeSeriesSplit(plan.folds).split(order)]
        return
    groups = _groups(contract, frame, features)
    for repeat in range(plan.repeats):
        folds = _folds(contract.target.task, plan.folds, plan.seed + repeat)
        yield list(folds.split(features, truth, groups))


def _folds(task: Task, count: int, seed: int) -> KFold | GroupKFold | StratifiedGroupKFold:
    if task == "regression":
        return GroupKFold(count, shuffle=True, random_state=seed)
    return StratifiedGroupKFold(count, shuffle=True, random_state=seed)


def _groups(contract: Contract, frame: pd.DataFrame, features: pd.DataFrame) -> NDArray[Any]:
    if contract.split.column is not None:
        return pd.factorize(frame[contract.split.column])[0]
    return np.asarray(features.groupby(list(features.columns), dropna=False, sort=False).ngroup())


def choose_threshold(task: Task, folds: Folds) -> float | None:
    """The threshold with the best F1 on out-of-fold probabilities; halfway to the next score, so that it is stable."""
    if task != "binary":
        return None
    truth, scores = folds.truth[folds.tested], folds.output[folds.tested, 1]
    candidates = np.unique(scores)
    order = np.argsort(scores)
    positives_below = np.r_[0, np.cumsum(truth[order] == 1)][np.searchsorted(scores[order], candidates)]
    chosen = len(scores) - np.searchsorted(scores[order], candidates)
    hits = (truth == 1).sum() - positives_below
    best = int(np.argmax(2 * hits / (chosen + (truth == 1).sum())))
    below = candidates[best - 1] if best else 0.0
    return float((candidates[best] + below) / 2)


def summarize_folds(task: Task, folds: Folds) -> dict[str, dict[str, float]]:
    """Mean over all fits with the corrected resampled t interval (Nadeau and Bengio 2003): fits share rows."""
    ranges = {measure.name: measure.limits for measure in evaluation.MEASURES[task]}
    return {name: _t_interval(values, folds.test_share, ranges[name]) for name, values in folds.figures.items()}


def _t_interval(values: Floats, test_share: float, limits: tuple[float, float]) -> dict[str, float]:
    count, mean = len(values), float(values.mean())
    variance = float(values.var(ddof=1)) * (1 / count + test_share / (1 - test_share))
    half = float(stats.t.ppf(0.975, count - 1)) * variance**0.5
    # The t interval does not know that a measure ends, e.g. at 1.
    return {"value": mean, "low": max(mean - half, limits[0]), "high": min(mean + half, limits[1])}


# ------------------------------------------------------------------------------------------- figures


def _metrics(
    contract: Contract,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    folds: Folds,
    ours: evaluation.Answers,
    plan: Plan,
) -> dict[str, Any]:
    train_part, holdout = parts
    task, truth = contract.target.task, _targets(contract, holdout)
    baseline = evaluation.Answers(_no_skill(contract, train_part, len(holdout)), ours.threshold)
    sure = {"samples": plan.bootstrap_samples, "seed": plan.seed}
    return {
        "task": task,
        "primary": evaluation.primary(task).name,
        "threshold": ours.threshold,
        "rows": {"train": len(train_part), "holdout": len(holdout), **_class_counts(contract, parts)},
        "cross_validation": {
            "folds": plan.folds,
            "repeats": 1 if contract.split.by == "time" else plan.repeats,
            "fits": len(next(iter(folds.figures.values()))),
            "measures": summarize_folds(task, folds),
        },
        "holdout": evaluation.evaluate(task, truth, ours.output, ours.threshold, **sure),
        "baseline": evaluation.point(task, truth, baseline.output, baseline.threshold),
    }


def _no_skill(contract: Contract, train_part: pd.DataFrame, rows: int) -> Floats:
    """What a model without skill answers for every row: the training part's class shares, or its mean."""
    truth = _targets(contract, train_part)
    if not contract.target.classes:
        return np.full(rows, truth.mean())
    shares = np.bincount(truth, minlength=len(contract.target.classes)) / len(truth)
    return np.tile(shares, (rows, 1))


def _class_counts(contract: Contract, parts: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, Any]:
    if not contract.target.classes:
        return {}
    names = ("train_by_class", "holdout_by_class")
    return {
        name: {str(label): int((part[contract.target.name] == label).sum()) for label in contract.target.classes}
        for name, part in zip(names, parts, strict=True)
    }


def data_fingerprint(*frames: pd.DataFrame) -> str:
    """sha256 over the rows of typed frames: the same rows in the same order give the same one."""
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(json.dumps([list(map(str, frame.columns)), list(map(str, frame.dtypes))]).encode())
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()
