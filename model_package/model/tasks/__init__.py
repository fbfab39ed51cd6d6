"""The verbs: read assets, call one pure step, write assets. The command line and the DAGs call nothing else.

training   validate -> collect -> preprocess -> train
batch      validate_batch -> collect_batch -> create_batch_data -> predict
monitoring join_truth (truth, then join) -> measure -> decide
upkeep     ship, shadow, compare, truth, join, prune, replay: no steps of a pipeline, and at any time
"""

from __future__ import annotations

from collections.abc import Callable

from model.settings import Settings
from model.tasks import batch, compare, files, monitoring, prune, replay, shadow, ship, training, truth
from model.tasks.job import Clock, Job, Report, Summary, now

__all__ = ["IDLE", "STEPS", "TASKS", "UPKEEP", "Clock", "Job", "Report", "Summary", "idle", "run"]

TASKS: dict[str, Callable[[Job], Summary]] = {
    "validate": files.validate,
    "collect": files.collect,
    "preprocess": training.preprocess,
    "train": training.train,
    "validate_batch": files.validate_batch,
    "collect_batch": files.collect_batch,
    "create_batch_data": batch.create_batch_data,
    "predict": batch.predict,
    "join_truth": monitoring.join_truth,
    "measure": monitoring.measure,
    "decide": monitoring.decide,
}
STEPS = tuple(TASKS)
UPKEEP: dict[str, Callable[[Job], Summary]] = {
    "ship": ship.ship,
    "shadow": shadow.shadow,
    "compare": compare.compare,
    "truth": truth.truth,
    "join": truth.join,
    "prune": prune.prune,
    "replay": replay.replay,
}


# Verbs that a run by the clock may leave out, with all that follows: each says why, or nothing.
IDLE: dict[str, Callable[[Job], str]] = {"validate_batch": batch.idle}


def idle(step: str, settings: Settings) -> str:
    """Why a run that nobody asked for, but the clock, has nothing to do at this verb; empty when it has."""
    return IDLE[step](Job(settings, print)) if step in IDLE else ""


def run(step: str, settings: Settings, report: Report = print, clock: Clock = now) -> Summary:
    """Run one verb; returns a small summary. Raises a ModelError, or KeyError for an unknown verb."""
    return (TASKS | UPKEEP)[step](Job(settings, report, clock))
