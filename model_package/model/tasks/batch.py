"""The verbs that predict a batch: create_batch_data and predict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model import assets, bundle
from model.bundle import Bundle
from model.contract import Contract
from model.errors import ContractError, StepOrderError
from model.store import Store
from model.tasks.job import Job, Summary

if TYPE_CHECKING:
    import pandas as pd

BATCH_ORIGIN = "batch"
ROWS_AT_ONCE = 100_000


def create_batch_data(job: Job) -> Summary:
    """The batch as the model takes it: encoded features with the key."""
    from model.derived.frame import encode_frame  # noqa: PLC0415

    collected = assets.read_table(job.assets.batch_collected, "collect --batch")
    features = encode_frame(job.contract, collected)
    key = job.contract.key.name
    assets.write_table(job.assets.batch_features, features.assign(**{key: collected[key].to_numpy()}))
    job.report(f"{len(features)} rows of {features.shape[1]} features wait in {job.assets.batch_features}")
    return {"rows": len(features)}


def predict(job: Job) -> Summary:
    """Predict the batch: one Parquet and one CSV file, and one row in the store for each row; a rerun adds none."""
    served = (
        job.registry.load(job.settings.batch_version) if job.settings.batch_version else job.registry.load_champion()
    )
    if served.contract.columns != job.contract.columns:
        raise ContractError(f"bundle {served.version} was trained under other columns: train again, or name a version")
    features = assets.read_table(job.assets.batch_features, "create-batch-data")
    collected = assets.read_table(job.assets.batch_collected, "collect --batch")
    if not features[job.contract.key.name].equals(collected[job.contract.key.name]):
        raise StepOrderError("the batch has been collected anew: run `python -m model create-batch-data` first")
    job.report(f"predicting {len(features)} rows with {served.version}")
    path = _write_predictions(job, served, collected, _predictions(job, served, collected, features))
    with Store(job.settings.database_url.get_secret_value(), job.contract) as store:
        added = store.add(_records(job.contract, assets.read_table(path, "predict")))
        stored = store.count()
    job.report(f"wrote {path} and its .csv; {added} new rows in the store, {stored} in all")
    files = assets.read_json(job.assets.batch_validation, "validate --batch")["files"]
    assets.write_json(job.assets.batch_predicted, {"version": served.version, "files": files})
    return {"rows": len(features), "added": added, "version": served.version, "path": str(path)}


def idle(job: Job) -> str:
    """Why a run by the clock has nothing to predict; empty when it has. Files count by their content."""
    found = sorted(path for path in job.assets.batch_dir.glob(job.settings.batch_files) if path.is_file())
    if not found:
        return f"no {job.settings.batch_files} waits in {job.assets.batch_dir}"
    version = job.settings.batch_version or job.registry.champion_or_none()
    said = {"version": version, "files": {path.name: assets.digest(path) for path in found}}
    known = job.assets.batch_predicted
    if known.exists() and json.loads(known.read_bytes()) == said:
        return f"the files in {job.assets.batch_dir} are those that {version} predicted last"
    return ""


def _predictions(job: Job, served: Bundle, collected: pd.DataFrame, features: pd.DataFrame) -> dict[str, list[Any]]:
    names = list(job.contract.feature_names)
    labels: list[Any] = []
    scores: list[float] = []
    for begin in range(0, len(features), ROWS_AT_ONCE):
        answered = served.predict(features[names].iloc[begin : begin + ROWS_AT_ONCE].to_numpy())
        labels += answered.labels
        scores += answered.scores.tolist()
        job.report(f"predicted {begin + len(answered.labels)} of {len(features)} rows")
    return {"prediction_id": _identities(job.contract, served.version, collected), "label": labels, "score": scores}


def _identities(contract: Contract, version: str, collected: pd.DataFrame) -> list[str]:
    """The same row predicted by the same version has the same identity, whatever else stands in the batch."""
    names = [contract.key.name, *contract.column_names]
    lines = collected[names].to_json(orient="values", lines=False, date_format="iso", double_precision=15)
    rows = json.loads(lines) if lines else []
    said = (json.dumps([BATCH_ORIGIN, version, *row], separators=(",", ":")) for row in rows)
    return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in said]


def _write_predictions(job: Job, served: Bundle, collected: pd.DataFrame, answers: dict[str, list[Any]]) -> Path:
    batch = hashlib.sha256("".join(answers["prediction_id"]).encode()).hexdigest()[:8]
    path = job.assets.batch_predictions_dir / f"{served.version}-{batch}.parquet"
    if path.exists():
        job.report("this batch has been predicted by this version before: its files stay as they are")
        return path
    own = {"version": served.version, "contract_fingerprint": served.contract.fingerprint}
    frame = collected.assign(**answers, created_at=job.clock(), origin=BATCH_ORIGIN, **own)
    bundle.replace_file(path.with_suffix(".csv"), frame.to_csv(index=False).encode())
    assets.write_table(path, frame)
    return path


def _records(contract: Contract, frame: pd.DataFrame) -> Iterator[dict[Any, Any]]:
    from model.derived.tables import input_name  # noqa: PLC0415

    inputs = {column.name: input_name(column) for column in contract.columns}
    renamed = frame.rename(columns=inputs | {contract.key.name: "key"})
    for begin in range(0, len(renamed), ROWS_AT_ONCE):
        some = renamed.iloc[begin : begin + ROWS_AT_ONCE].astype(object)
        yield from some.where(some.notna(), None).to_dict(orient="records")
