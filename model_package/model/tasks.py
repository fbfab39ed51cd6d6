"""The verbs: read assets, call one pure step, write assets. The command line and the DAGs call nothing else.

training   validate -> collect -> preprocess -> train
batch      validate_batch -> collect_batch -> create_batch_data -> predict
"""

from __future__ import annotations

import getpass
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model import assets, bundle, raw
from model.assets import Assets
from model.contracts import Problem, find
from model.errors import ContractError, DataError, StepOrderError
from model.registry import Registry
from model.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from model.bundle import Bundle
    from model.contract import Contract
    from model.raw import RawTable
    from model.settings import Settings

Report = Callable[[str], None]
Summary = dict[str, Any]
BATCH_ORIGIN = "batch"
ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class Job:
    """One run of one task: what it is about, where things lie, and whom to tell."""

    settings: Settings
    report: Report

    @cached_property
    def problem(self) -> Problem:
        """The contract and what came with it."""
        return find(self.settings.contract)

    @property
    def contract(self) -> Contract:
        """The contract."""
        return self.problem.contract

    @property
    def assets(self) -> Assets:
        """The contract's paths."""
        return Assets(self.settings.data_dir, self.contract.name)

    @property
    def registry(self) -> Registry:
        """The contract's bundles."""
        return Registry(self.settings.artifacts_dir, self.contract.name)

    @property
    def who(self) -> str:
        """Who is written into the audit."""
        return self.settings.who or getpass.getuser()


def run(step: str, settings: Settings, report: Report = print) -> Summary:
    """Run one verb; returns a small summary. Raises a ModelError, or KeyError for an unknown verb."""
    return TASKS[step](Job(settings, report))


# ------------------------------------------------------------------------------- validate, collect


def validate(job: Job) -> Summary:
    """Check the raw files against the contract, as text first; nothing is trained on what fails here."""
    return _validate(job, _raw_tables(job), job.assets.raw_dir, job.assets.validation, labelled=True)


def validate_batch(job: Job) -> Summary:
    """The same for the files that wait for a prediction."""
    return _validate(job, _batch_tables(job), job.assets.batch_dir, job.assets.batch_validation, labelled=False)


def _raw_tables(job: Job) -> list[RawTable]:
    job.report(f"reading {', '.join(source.file for source in job.contract.sources)} in {job.assets.raw_dir}")
    return raw.read_folder(job.contract, job.assets.raw_dir)


def _batch_tables(job: Job) -> list[RawTable]:
    job.report(f"reading {job.settings.batch_files} in {job.assets.batch_dir}")
    return raw.read_batch(job.contract, job.assets.batch_dir, job.settings.batch_files)


def _validate(job: Job, tables: list[RawTable], folder: Path, target: Path, *, labelled: bool) -> Summary:
    from model.steps import data  # noqa: PLC0415 - pandera costs two seconds, and only steps need it

    found = data.validate(job.contract, tables, labelled=labelled)
    passed = not found.failures
    said = {"passed": passed, "contract": job.contract.fingerprint, "files": _digests(folder, tables)}
    assets.write_json(target, said | {"report": json.loads(found.to_json())})
    if not passed:
        raise DataError(f"the data breaks contract {job.contract.name!r} (report: {target})", found.failures)
    job.report(str(found))
    return {"rows": sum(map(len, tables)), "findings": len(found.findings)}


def _digests(folder: Path, tables: list[RawTable]) -> dict[str, str]:
    return {table.file: assets.digest(folder / table.file) for table in tables}


def collect(job: Job) -> Summary:
    """One labelled table from the sources that `validate` passed, with what was dropped and why."""
    assets.require(job.assets.validation, "validate")
    tables = _passed(job, _raw_tables(job), job.assets.raw_dir, job.assets.validation, "validate")
    from model.steps import data  # noqa: PLC0415

    collected = data.collect(job.contract, tables, labelled=True)
    assets.write_table(job.assets.collected, collected.frame)
    assets.write_table(job.assets.dropped, collected.dropped)
    job.report(f"collected {len(collected.frame)} rows, dropped {len(collected.dropped)} ({job.assets.dropped})")
    return {"rows": len(collected.frame), "dropped": len(collected.dropped)}


def collect_batch(job: Job) -> Summary:
    """One unlabelled table from the batch files that `validate --batch` passed."""
    tables = _passed(job, _batch_tables(job), job.assets.batch_dir, job.assets.batch_validation, "validate --batch")
    from model.steps import data  # noqa: PLC0415

    collected = data.collect(job.contract, tables, labelled=False)
    assets.write_table(job.assets.batch_collected, collected.frame)
    job.report(f"collected {len(collected.frame)} rows, dropped {len(collected.dropped)}")
    return {"rows": len(collected.frame), "dropped": len(collected.dropped)}


def _passed(job: Job, tables: list[RawTable], folder: Path, report: Path, verb: str) -> list[RawTable]:
    said = assets.read_json(report, verb)
    same = said["files"] == _digests(folder, tables) and said["contract"] == job.contract.fingerprint
    if not (said["passed"] and same):
        state = "did not pass" if same else "has changed since it was validated"
        raise StepOrderError(f"the data in {folder} {state}: run `python -m model {verb}` first")
    return tables


# -------------------------------------------------------------------------------- preprocess, train


def preprocess(job: Job) -> Summary:
    """Draw the hold-out first; then the pipeline that will be fitted on the training part only."""
    collected = assets.read_table(job.assets.collected, "collect")
    import joblib  # noqa: PLC0415

    from model.steps import data  # noqa: PLC0415
    from model.steps.model import unfitted_pipeline  # noqa: PLC0415

    train_part, holdout = data.split(job.contract, collected, seed=job.settings.seed)
    estimator = job.problem.estimator() if job.problem.estimator else None
    buffer = io.BytesIO()
    joblib.dump(unfitted_pipeline(job.contract, estimator), buffer)
    assets.write_table(job.assets.train, train_part)
    assets.write_table(job.assets.holdout, holdout)
    bundle.replace_file(job.assets.pipeline, buffer.getvalue())
    job.report(f"{len(train_part)} rows to train on, {len(holdout)} held out (split: {job.contract.split.by})")
    return {"train": len(train_part), "holdout": len(holdout)}


def train(job: Job) -> Summary:
    """Train, judge once on the hold-out, write the bundle, and promote it when it is better than the champion."""
    parts = (assets.read_table(job.assets.train, "preprocess"), assets.read_table(job.assets.holdout, "preprocess"))
    assets.require(job.assets.pipeline, "preprocess")
    import joblib  # noqa: PLC0415

    from model.steps import model as step  # noqa: PLC0415

    settings = job.settings
    plan = step.Plan(settings.seed, settings.folds, settings.cv_repeats, settings.bootstrap_samples)
    champion = _champion(job)
    trained = step.train(
        job.contract,
        joblib.load(job.assets.pipeline),
        parts,
        plan,
        _answers(champion) if champion else None,
        job.report,
    )
    facts = bundle.Facts(
        threshold=trained.threshold,
        seed=plan.seed,
        data=step.data_fingerprint(*parts),
        code=code_fingerprint(),
        libraries=_libraries(),
        parent=champion.version if champion else None,
        comparison=trained.comparison,
    )
    version = bundle.write(job.registry.root, trained.parts, job.contract, facts)
    job.report(f"bundle {version} stands in {job.registry.root / version}")
    if trained.comparison:
        job.report(_against(champion, trained.comparison))
    promoted = _promote(job, version, trained.is_better)
    chief = trained.metrics["primary"]
    return {"version": version, "promoted": promoted, chief: trained.metrics["holdout"][chief]["value"]}


def _champion(job: Job) -> Bundle | None:
    version = job.registry.champion_or_none()
    if version is None:
        return None
    champion = job.registry.load(version)
    if (
        champion.contract.feature_names == job.contract.feature_names
        and champion.contract.target == job.contract.target
    ):
        return champion
    job.report(f"champion {version} answers another question (features or target differ): no comparison")
    return None


def _against(champion: Bundle | None, found: dict[str, float | str]) -> str:
    gained, low, high = (f"{float(found[name]):.3f}" for name in ("gain", "low", "high"))
    return (
        f"against {champion.version if champion else ''} on the same held-out rows: {found['measure']} better by "
        f"{gained} [{low}, {high}], better in {float(found['confidence']):.0%} of paired resamples"
    )


def _answers(champion: Bundle) -> Callable[[Any], Any]:
    from model.steps.evaluation import Answers  # noqa: PLC0415

    return lambda rows: Answers(champion.scorer.score(rows), champion.threshold)


def _promote(job: Job, version: str, is_better: bool) -> bool:  # noqa: FBT001 - one private caller
    before = job.registry.champion_or_none()
    wanted = {"always": True, "never": False, "when_better": is_better}[job.settings.promote]
    if version == before:
        job.report(f"{version} is the champion already: the same data, code and seed give the same bundle")
        return False
    if not wanted:
        job.report(
            f"{version} is not promoted (promote={job.settings.promote}): {before or 'no bundle'} stays champion"
        )
        return False
    why = job.settings.reason or ("first champion" if before is None else f"better than {before} on its hold-out")
    job.registry.promote(version, who=job.who, why=why)
    job.report(f"{version} is the champion now")
    return True


def code_fingerprint() -> str:
    """sha256 over this package's source files: which code trained a bundle."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _libraries() -> dict[str, str]:
    names = ("numpy", "onnx", "onnxruntime", "pandas", "scikit-learn", "scipy")
    return {name: metadata.version(name) for name in names}


# --------------------------------------------------------------------------------------------- batch


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
    return {"rows": len(features), "added": added, "version": served.version, "path": str(path)}


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
    frame = collected.assign(**answers, created_at=datetime.now(UTC), origin=BATCH_ORIGIN, **own)
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


TASKS: dict[str, Callable[[Job], Summary]] = {
    "validate": validate,
    "collect": collect,
    "preprocess": preprocess,
    "train": train,
    "validate_batch": validate_batch,
    "collect_batch": collect_batch,
    "create_batch_data": create_batch_data,
    "predict": predict,
}
STEPS = tuple(TASKS)
