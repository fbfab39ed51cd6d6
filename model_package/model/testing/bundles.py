"""A small real bundle for tests of what uses bundles: trained in a second, on rows drawn at random."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from model import bundle
from model.contract import Contract
from model.derived import frame
from model.registry import Registry
from model.steps import folds, training
from model.steps.pipeline import unfitted_pipeline
from model.testing.good_rows import good_rows

QUICK_PLAN = folds.Plan(folds=2, repeats=1, bootstrap_samples=100)
ROWS = 240


def good_frame(contract: Contract, count: int, seed: int = 0) -> pd.DataFrame:
    """`good_rows` as the typed, labelled frame that the steps take."""
    kinds = {contract.key.name: "str"} | {column.name: frame.dtype(column) for column in contract.columns}
    kinds[contract.target.name] = frame.target_dtype(contract.target)
    return pd.DataFrame(good_rows(contract, count, seed)).astype(kinds)


def quick_training(contract: Contract, seed: int = 0) -> training.Trained:
    """Train twelve trees on random rows that keep the contract."""
    kind = ExtraTreesRegressor if contract.target.task == "regression" else ExtraTreesClassifier
    pipeline = unfitted_pipeline(contract, kind(n_estimators=12, min_samples_leaf=3, random_state=seed))
    rows = good_frame(contract, ROWS, seed)
    parts = (rows.iloc[: ROWS * 3 // 4].reset_index(drop=True), rows.iloc[ROWS * 3 // 4 :].reset_index(drop=True))
    return training.train(contract, pipeline, parts, QUICK_PLAN, None, lambda _: None)


def quick_bundle(contract: Contract, artifacts_dir: Path, *, seed: int = 0) -> str:
    """Train, write and promote a small bundle below `artifacts_dir`; returns its version."""
    trained = quick_training(contract, seed)
    nothing = "0" * 64
    facts = bundle.Facts(threshold=trained.threshold, seed=seed, data=nothing, code=nothing, libraries={})
    registry = Registry(artifacts_dir, contract.name)
    version = bundle.write(registry.root, trained.parts, contract, facts)
    registry.promote(version, who="tests", why=f"seed {seed}")
    return version
