"""Training, pure: typed frames in, the parts of a bundle and the figures that judge it out."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from model.compiled import adversarial_rows, compile_pipeline, prove_equal
from model.contract import Contract
from model.decision import Predictions, decide
from model.derived.encoding import Floats
from model.derived.frame import encode_frame, target_codes
from model.errors import CannotCompile, bounded
from model.pipeline_worker import answer
from model.scoring import Scorer
from model.steps import evaluation, gate
from model.steps.card import card
from model.steps.folds import Folds, Plan, Report, choose_threshold, cross_validate, summarize_folds
from model.steps.importance import Score, importance
from model.steps.pictures import importance_picture, pictures
from model.steps.pipeline import fit
from model.steps.profile import remember

SELFTEST_ROWS = 32
PROOF_ROWS = 20_000
ONE_THREAD_CELLS = 2_000_000
MOST_REASON = 300


@dataclass(frozen=True, slots=True)
class Trained:
    """What training gives: the bundle's files, the threshold, the figures, and whether it beats the champion.

    comparison: `gate.judge` against the champion on the same hold-out; None when there is no champion.
    not_compiled: why there is no compiled form, so that the pipeline itself has to serve; None when there is one.
    """

    parts: dict[str, bytes]
    threshold: float | None
    metrics: dict[str, Any]
    comparison: gate.Comparison | None
    not_compiled: str | None

    @property
    def is_better(self) -> bool:
        """First, or better than the champion as `gate.is_better` says."""
        return self.comparison is None or gate.is_better(self.comparison)


def train(
    contract: Contract,
    pipeline: Pipeline,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    plan: Plan,
    champion: gate.Champion | None,
    report: Report,
    *,
    require_compiled: bool = False,
) -> Trained:
    """Fit on the training part, choose the threshold inside its folds, evaluate once on the hold-out, and compile.

    Small tables are worked on by one thread: more would cost more than they bring, and the order in which they add
    up would change the last bits, and so the content hash, from machine to machine.

    parts: the typed training and hold-out frames.
    champion: the model that serves; None when there is none.
    require_compiled: refuse what has no exact compiled form, instead of leaving it to be served by the pipeline.

    Raises:
        TrainingError: the estimator cannot be fitted.
        CannotCompile: the fitted pipeline has no exact compiled form, and one is required.
    """
    with threadpool_limits(1 if parts[0].size < ONE_THREAD_CELLS else None):
        return _train(contract, pipeline, parts, plan, champion, report, require_compiled=require_compiled)


def _train(
    contract: Contract,
    pipeline: Pipeline,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    plan: Plan,
    champion: gate.Champion | None,
    report: Report,
    *,
    require_compiled: bool,
) -> Trained:
    train_part, holdout = parts
    task = contract.target.task
    truth = target_codes(contract, holdout)
    folds = cross_validate(contract, pipeline, train_part, plan, report)
    threshold = choose_threshold(task, folds)
    report(f"fitting on {len(train_part)} rows")
    fitted = fit(pipeline, encode_frame(contract, train_part), target_codes(contract, train_part))
    model, not_compiled = _compile(contract, fitted, train_part, plan.seed, report, required=require_compiled)
    rows = encode_frame(contract, holdout).to_numpy()
    score: Score = Scorer(model).score if model else partial(answer, fitted)
    ours = evaluation.Answers(score(rows), threshold)
    report(f"evaluating on the {len(holdout)} held-out rows, {plan.bootstrap_samples} resamples")
    metrics = {"estimator": _name(fitted)} | _metrics(contract, (train_part, holdout), folds, ours, plan)
    metrics["importance"] = importance(task, contract.feature_names, rows, truth, score, threshold, seed=plan.seed)
    answered = decide(contract, threshold, ours.output)
    remembered = remember(contract, train_part, folds, (truth, answered), threshold, seed=plan.seed)
    files = {
        "pipeline.joblib": _stored(fitted),
        **({"model.onnx": model} if model else {}),
        "contract.json": contract.to_json().encode(),
        "metrics.json": _json(metrics),
        "selftest.json": _selftest(rows, answered),
        "reference.json": remembered.to_json().encode(),
        **pictures(contract, truth, ours, folds.output),
        "pictures/importance.png": importance_picture(metrics["importance"], metrics["primary"]),
    }
    files["card.md"] = card(contract, metrics, not_compiled).encode()
    comparison = gate.judge(contract, holdout, rows, ours, champion, plan) if champion else None
    return Trained(files, threshold, metrics, comparison, not_compiled)


def _compile(
    contract: Contract, fitted: Pipeline, frame: pd.DataFrame, seed: int, report: Report, *, required: bool
) -> tuple[bytes | None, str | None]:
    """The compiled form, or why there is none."""
    report("compiling, and proving that the compiled form answers as the pipeline does")
    try:
        return _proven(contract, fitted, encode_frame(contract, frame).to_numpy(), seed), None
    except CannotCompile as refusal:
        if required:
            raise
        reason = bounded(refusal, MOST_REASON)
        report(f"no compiled form: {reason}")
        report("it will be served by its pipeline, in a process of its own: milliseconds a row instead of microseconds")
        return None, reason


def _proven(contract: Contract, fitted: Pipeline, rows: Floats, seed: int) -> bytes:
    model: bytes = compile_pipeline(fitted, contract.feature_names)
    hard = adversarial_rows(fitted, rows, count=PROOF_ROWS, seed=seed)
    prove_equal(fitted, model, np.vstack([rows, hard]), contract.feature_names)
    return model


def _name(pipeline: Pipeline) -> str:
    """Of the class that learns."""
    return type(pipeline.steps[-1][1]).__name__


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


def _metrics(
    contract: Contract,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    folds: Folds,
    ours: evaluation.Answers,
    plan: Plan,
) -> dict[str, Any]:
    train_part, holdout = parts
    task, truth = contract.target.task, target_codes(contract, holdout)
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
    truth = target_codes(contract, train_part)
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
