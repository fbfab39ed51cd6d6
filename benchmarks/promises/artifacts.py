"""Bundles for the measurements: made once a run, copied for each service that may change them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from model import bundle
from model.contracts import find
from model.registry import Registry
from model.steps import folds, training
from model.steps.pipeline import unfitted_pipeline
from model.testing.bundles import good_frame, quick_bundle

ROWS = 400
PLAN = folds.Plan(folds=2, repeats=1, bootstrap_samples=100)


@cache
def _workshop() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="promises-bundles-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def made(name: str) -> Path:
    """A folder of artifacts with two small versions of a shipped contract, one the champion. Not to be changed."""
    folder = _workshop() / "small"
    for seed in (1, 0):
        quick_bundle(find(name).contract, folder, seed=seed)
    return folder


@cache
def made_as_shipped(name: str) -> Path:
    """A folder of artifacts whose champion is the contract's own estimator: as much work a row as in earnest."""
    problem = find(name)
    assert problem.estimator is not None  # noqa: S101 - the shipped contracts that are asked for have one
    rows = good_frame(problem.contract, ROWS)
    split = ROWS * 3 // 4
    parts = (rows.iloc[:split].reset_index(drop=True), rows.iloc[split:].reset_index(drop=True))
    pipeline = unfitted_pipeline(problem.contract, problem.estimator())
    trained = training.train(problem.contract, pipeline, parts, PLAN, None, lambda _: None)
    nothing = "0" * 64
    facts = bundle.Facts(threshold=trained.threshold, seed=0, data=nothing, code=nothing, libraries={})
    registry = Registry(_workshop() / "shipped", name)
    version = bundle.write(registry.root, trained.parts, problem.contract, facts)
    registry.promote(version, who="promises", why="the shipped estimator")
    return _workshop() / "shipped"


def copied(source: Path, target: Path) -> Path:
    """Artifacts that may be changed."""
    return Path(shutil.copytree(source, target))
