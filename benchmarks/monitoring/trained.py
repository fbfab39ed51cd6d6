"""Models of the shipped problem, each trained as `train` does on a stream of its own, and windows that they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.contracts.reggaeton import contract, estimator, stream
from model.decision import decide
from model.derived.frame import encode_frame
from model.scoring import Scorer
from model.steps.folds import Plan
from model.steps.monitor import Reference, Window
from model.steps.pipeline import unfitted_pipeline
from model.steps.training import train

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.monitoring.scale import Report, Scale

ROWS = 2_214  # as many tracks as the example has once its repeats and empty rows are gone
HELD_OUT = 0.2
AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Model:
    """What a bundle holds that monitoring needs: the compiled form, the threshold, the reference.

    positives: how many the training part had.
    """

    scorer: Scorer
    threshold: float | None
    reference: Reference
    positives: int

    def window(self, frame: pd.DataFrame, *, truth: bool = True) -> Window:
        """A labelled stream as the store would hold its predictions, with the truth or without."""
        rows = encode_frame(contract, frame).to_numpy()
        blocks = [self.scorer.score(rows[begin : begin + AT_ONCE]) for begin in range(0, len(rows), AT_ONCE)]
        answered = decide(contract, self.threshold, np.concatenate(blocks))
        labels = np.asarray(answered.labels)
        return Window(frame, labels, answered.scores, frame["target"] if truth else None)


def trained(rows: int, seed: int, repeats: int) -> Model:
    """A model of `rows` tracks of a stream without drift, a fifth of them held out."""
    frame = stream(rows, seed=seed).drop(columns="created_at")
    inside = round(rows * (1 - HELD_OUT))
    parts = frame.iloc[:inside], frame.iloc[inside:].reset_index(drop=True)
    pipeline = unfitted_pipeline(contract, estimator())
    made = train(contract, pipeline, parts, Plan(repeats=repeats, bootstrap_samples=200), None, lambda _: None)
    reference = Reference.from_json(made.parts["reference.json"])
    return Model(Scorer(made.parts["model.onnx"]), made.threshold, reference, int((parts[0]["target"] == 1).sum()))


def small_models(scale: Scale, report: Report) -> list[Model]:
    """Models of tables of the shipped size. What is random in a reference is random in what follows from it."""
    found = []
    for number in range(scale.models):
        report(f"training model {number + 1} of {scale.models} on {ROWS:,} tracks")
        found.append(trained(ROWS, scale.seeds.small_table(number), scale.repeats))
    return found


def large_models(scale: Scale, report: Report) -> list[Model]:
    """Models of larger tables."""
    found = []
    for number, rows in enumerate(scale.many):
        report(f"training a model on {rows:,} tracks")
        found.append(trained(rows, scale.seeds.large_table(number), scale.repeats))
    return found


def judged_models(scale: Scale, report: Report) -> list[Model]:
    """Models of tables with positives enough to know average precision to what is asked of an estimate."""
    found = []
    for number, rows in enumerate(scale.judged):
        report(f"training a model on {rows:,} tracks, {scale.judged_repeats} time(s) through its folds")
        found.append(trained(rows, scale.seeds.judged_table(number), scale.judged_repeats))
    return found
