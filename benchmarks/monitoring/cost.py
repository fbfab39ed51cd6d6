"""CPU time of measuring, and whether quality is scikit-learn's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from sklearn import metrics  # noqa: TID253 - what is compared with
from threadpoolctl import threadpool_limits

from benchmarks.monitoring.goal import Row
from model.contracts.reggaeton import contract, stream
from model.steps.monitor import Window, measure
from model.steps.window import numbers

if TYPE_CHECKING:
    from benchmarks.monitoring.scale import Report, Scale
    from benchmarks.monitoring.trained import Model

TIMES = 3


def measured(model: Model, scale: Scale, report: Report) -> list[Row]:
    """Seconds of CPU for whole windows with truth; the quickest of three, since others share this machine's caches."""
    rows = []
    for count, allowed in scale.cost_rows:
        report(f"taking the CPU time of {count:,} rows")
        window = model.window(stream(count, seed=7))
        with threadpool_limits(1):
            seconds = min(_seconds(model, window) for _ in range(TIMES))
        what = f"CPU time of measuring {count:,} rows of 13 columns and scores, all with truth"
        rows.append(Row(f"cpu_{count}", what, seconds, "<=", allowed, "s"))
    return [*rows, _beside_scikit_learn(model)]


def _seconds(model: Model, window: Window) -> float:
    begun = time.process_time()
    measure(contract, model.reference, window)
    return time.process_time() - begun


def _beside_scikit_learn(model: Model) -> Row:
    """Largest difference of the five measures on one join of which a third has no truth yet."""
    window = model.window(stream(50_000, seed=8))
    truth_ = numbers(window.truth)
    truth_[::3] = np.nan
    window = Window(window.rows, window.labels, window.scores, truth_)
    frame = measure(contract, model.reference, window)
    ours = frame[frame["subject"] == ""].set_index("measure")["value"]
    here = ~np.isnan(truth_)
    truth, scores, labels = truth_[here], window.scores[here], window.labels[here]
    theirs = {
        "average_precision": metrics.average_precision_score(truth, scores),
        "roc_auc": metrics.roc_auc_score(truth, scores),
        "f1_at_threshold": metrics.f1_score(truth, labels),
        "log_loss": metrics.log_loss(truth, np.clip(scores, 1e-15, 1 - 1e-15)),
        "brier": metrics.brier_score_loss(truth, scores),
    }
    worst = max(abs(float(ours[name]) - float(value)) for name, value in theirs.items())
    return Row(
        "scikit_learn", "largest difference of a measure from scikit-learn's on the same join", worst, "<=", 1e-9
    )
