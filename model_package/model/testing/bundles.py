"""A small real bundle for tests of what uses bundles: trained in a second, on rows drawn at random."""

from __future__ import annotations

import hashlib
import os
import pickle
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from model import bundle
from model.contract import Contract
from model.derived import frame
from model.registry import Registry
from model.signature import signer
from model.steps import folds, training
from model.steps.pipeline import unfitted_pipeline
from model.testing.good_rows import good_rows
from model.testing.tracer import unmeasured

QUICK_PLAN = folds.Plan(folds=2, repeats=1, bootstrap_samples=100)
ROWS = 240
FOLDER = "TRAINED_ONCE"


def good_frame(contract: Contract, count: int, seed: int = 0) -> pd.DataFrame:
    """`good_rows` as the typed, labelled frame that the steps take."""
    kinds = {contract.key.name: "str"} | {column.name: frame.dtype(column) for column in contract.columns}
    kinds[contract.target.name] = frame.target_dtype(contract.target)
    return pd.DataFrame(good_rows(contract, count, seed)).astype(kinds)


def quick_training(contract: Contract, seed: int = 0, *, compiled: bool = True) -> training.Trained:
    """`fresh_training`, once for equal arguments: the same rows and seed give the same bytes."""
    trained = _kept(contract.to_json(), seed, compiled=compiled)
    return replace(trained, parts=dict(trained.parts))


@cache
def _kept(contract: str, seed: int, *, compiled: bool) -> training.Trained:
    """From the folder TRAINED_ONCE, where it is set: there the processes of one run keep what they have trained."""
    folder = os.environ.get(FOLDER)
    name = hashlib.sha256(f"{seed} {compiled} {contract}".encode()).hexdigest()
    path = Path(folder, name) if folder else None
    if path is not None and path.exists():
        kept: training.Trained = pickle.loads(path.read_bytes())  # noqa: S301 - this run's own, in its own folder
        return kept
    with unmeasured():  # the tests of training measure it
        trained = fresh_training(Contract.from_json(contract), seed, compiled=compiled)
    if path is not None:
        whole = path.with_suffix(f".{os.getpid()}")
        whole.write_bytes(pickle.dumps(trained))
        whole.rename(path)
    return trained


def fresh_training(contract: Contract, seed: int = 0, *, compiled: bool = True) -> training.Trained:
    """Train twelve trees (or neighbours, which have no compiled form) on random rows that keep the contract."""
    pipeline = unfitted_pipeline(contract, _estimator(contract, seed, compiled=compiled))
    rows = good_frame(contract, ROWS, seed)
    parts = (rows.iloc[: ROWS * 3 // 4].reset_index(drop=True), rows.iloc[ROWS * 3 // 4 :].reset_index(drop=True))
    return training.train(contract, pipeline, parts, QUICK_PLAN, None, lambda _: None)


def _estimator(contract: Contract, seed: int, *, compiled: bool) -> object:
    regression = contract.target.task == "regression"
    if not compiled:
        return (KNeighborsRegressor if regression else KNeighborsClassifier)(n_neighbors=7)
    kind = ExtraTreesRegressor if regression else ExtraTreesClassifier
    return kind(n_estimators=12, min_samples_leaf=3, random_state=seed)


def quick_facts(trained: training.Trained, seed: int = 0) -> bundle.Facts:
    """Facts that fit, with fingerprints of nothing."""
    nothing = "0" * 64
    return bundle.Facts(
        threshold=trained.threshold,
        seed=seed,
        data=nothing,
        code=nothing,
        libraries={"scikit-learn": metadata.version("scikit-learn")},
        served_by="pipeline" if trained.not_compiled else "compiled",
        not_compiled=trained.not_compiled,
    )


def quick_bundle(
    contract: Contract, artifacts_dir: Path, *, seed: int = 0, compiled: bool = True, key: Path | None = None
) -> str:
    """Train, write (signed with the private `key`, if any) and promote a small bundle; returns its version."""
    trained = quick_training(contract, seed, compiled=compiled)
    registry = Registry(artifacts_dir, contract.name)
    sign = signer(key) if key else None
    version = bundle.write(registry.root, trained.parts, contract, quick_facts(trained, seed), sign=sign)
    registry.promote(version, who="tests", why=f"seed {seed}")
    return version
