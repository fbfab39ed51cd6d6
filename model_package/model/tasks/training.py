"""The verbs that make a model: preprocess and train."""

from __future__ import annotations

import hashlib
import io
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import model
from model import assets, bundle
from model.bundle import Bundle
from model.errors import BundleDamaged, BundleError, TrainingError, bounded
from model.pipeline_process import PipelineProcess
from model.signature import signer
from model.tasks.job import Job, Summary

if TYPE_CHECKING:
    import pandas as pd

    from model.steps.gate import Champion
    from model.steps.training import Trained


def preprocess(job: Job) -> Summary:
    """Draw the hold-out first; then the pipeline that will be fitted on the training part only."""
    collected = assets.read_table(job.assets.collected, "collect")
    import joblib  # noqa: PLC0415

    from model.steps import data  # noqa: PLC0415
    from model.steps.pipeline import unfitted_pipeline  # noqa: PLC0415

    arrivals = _arrivals(job)
    keys = arrivals[job.contract.key.name] if arrivals is not None else ()
    train_part, holdout = data.split(job.contract, collected, seed=job.settings.seed, arrived=keys)
    estimator = job.problem.estimator() if job.problem.estimator else None
    buffer = io.BytesIO()
    joblib.dump(unfitted_pipeline(job.contract, estimator), buffer)
    assets.write_table(job.assets.train, train_part)
    assets.write_table(job.assets.holdout, holdout)
    bundle.replace_file(job.assets.pipeline, buffer.getvalue())
    job.report(f"{len(train_part)} rows to train on, {len(holdout)} held out (split: {job.contract.split.by})")
    return {"train": len(train_part), "holdout": len(holdout)}


def _arrivals(job: Job) -> pd.DataFrame | None:
    """The keys of the rows that were predictions, and when these were made."""
    path = job.assets.arrivals
    return assets.read_table(path, "collect") if path.exists() else None


def train(job: Job) -> Summary:
    """Train, judge once on the hold-out, write the bundle, and promote it when it is better than the champion."""
    parts = (assets.read_table(job.assets.train, "preprocess"), assets.read_table(job.assets.holdout, "preprocess"))
    assets.require(job.assets.pipeline, "preprocess")
    import joblib  # noqa: PLC0415

    from model.steps import training as step  # noqa: PLC0415
    from model.steps.folds import Plan  # noqa: PLC0415

    settings = job.settings
    plan = Plan(settings.seed, settings.folds, settings.cv_repeats, settings.bootstrap_samples)
    champion = _champion(job)
    arrivals = _arrivals(job)
    trained = step.train(
        job.contract,
        joblib.load(job.assets.pipeline),
        parts,
        plan,
        _to_beat(job, champion, parts[1], arrivals) if champion else None,
        job.report,
        require_compiled=settings.require_compiled,
    )
    _check_servable(job, trained)
    facts = bundle.Facts(
        threshold=trained.threshold,
        seed=plan.seed,
        data=step.data_fingerprint(*parts),
        code=code_fingerprint(),
        libraries=_libraries(),
        served_by="compiled" if trained.not_compiled is None else "pipeline",
        not_compiled=trained.not_compiled,
        parent=champion.version if champion else None,
        comparison=trained.comparison,
        learned=_learned(arrivals, sum(map(len, parts))),
    )
    sign = signer(Path(settings.signing_key)) if settings.signing_key else None
    version = bundle.write(job.registry.root, trained.parts, job.contract, facts, sign=sign, created=job.clock())
    signed = f", signed with {settings.signing_key}" if sign else ""
    job.report(f"bundle {version} stands in {job.registry.root / version}{signed}")
    if trained.comparison:
        job.report(_against(champion, trained.comparison))
    promoted = _promote(job, version, trained)
    chief = trained.metrics["primary"]
    return {"version": version, "promoted": promoted, chief: trained.metrics["holdout"][chief]["value"]}


def _check_servable(job: Job, trained: Trained) -> None:
    """A pipeline that has to serve itself must be readable by the process that will: better known now than then."""
    if trained.not_compiled is None:
        return
    job.report("starting the process that would serve it")
    try:
        PipelineProcess(trained.parts["pipeline.joblib"], len(job.contract.feature_names)).close()
    except BundleDamaged as error:
        raise TrainingError(
            f"the estimator has no compiled form ({trained.not_compiled}), and its pipeline cannot be served: "
            f"{bounded(error)}. Classes of your own must come from an installed package, not from the contract file"
        ) from error


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
    fresh = f"{float(found['rows']):.0f} of them predicted since it was made" if "rows" in found else ""
    worse = f"; surely worse on {found['worse_on']}" if "worse_on" in found else ""
    return (
        f"against {champion.version if champion else ''} on the same held-out rows{fresh and f' ({fresh})'}: "
        f"{found['measure']} better by {gained} [{low}, {high}], better in {float(found['confidence']):.0%} of "
        f"paired resamples{worse}"
    )


def _to_beat(job: Job, champion: Bundle, holdout: pd.DataFrame, arrivals: pd.DataFrame | None) -> Champion:
    from model.steps.evaluation import Answers  # noqa: PLC0415
    from model.steps.gate import Champion  # noqa: PLC0415

    key = job.contract.key.name
    moments = None if arrivals is None else holdout[key].map(arrivals.set_index(key)["predicted_at"])
    made = bundle.read_manifest(champion.folder).created_at
    return Champion(lambda rows: Answers(champion.scorer.score(rows), champion.threshold), made, moments)


def _learned(arrivals: pd.DataFrame | None, rows: int) -> bundle.Learned | None:
    if arrivals is None:
        return None
    moments, count = arrivals["predicted_at"], len(arrivals)
    return bundle.Learned(files=rows - count, truth=count, since=moments.min(), until=moments.max())


def _promote(job: Job, version: str, trained: Trained) -> bool:
    before = job.registry.champion_or_none()
    wanted = {"always": True, "never": False, "when_better": trained.is_better}[job.settings.promote]
    if version == before:
        job.report(f"{version} is the champion already: the same data, code and seed give the same bundle")
        return False
    if not wanted:
        job.report(
            f"{version} is not promoted (promote={job.settings.promote}{_veto(trained)}): "
            f"{before or 'no bundle'} stays champion"
        )
        if job.settings.shadow_unpromoted and before is not None:
            _shadow(job, version)
        return False
    job.registry.promote(version, who=job.who, why=job.settings.reason or _why(before, trained))
    job.report(f"{version} is the champion now")
    return True


def _veto(trained: Trained) -> str:
    worse = (trained.comparison or {}).get("worse_on")
    return f"; surely worse on {worse}" if worse else ""


def _shadow(job: Job, version: str) -> None:
    """Have it answer beside the champion; a model of another question cannot, and was trained well all the same."""
    try:
        job.registry.shadow(version, who=job.who, why=job.settings.reason or "trained, and not promoted")
    except BundleError as error:
        job.report(f"it does not shadow: {error}")
    else:
        job.report(f"{version} answers beside the champion from now on")


def _why(before: str | None, trained: Trained) -> str:
    if before is None:
        return "first champion"
    if trained.comparison is None:
        return f"not comparable with {before}: its features or target differ"
    if not trained.is_better:
        return f"always promoted; not better than {before} on the same held-out rows"
    return f"better than {before} on the same held-out rows"


def code_fingerprint() -> str:
    """sha256 over this package's source files: which code trained a bundle."""
    root = Path(str(model.__file__)).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _libraries() -> dict[str, str]:
    names = ("numpy", "onnx", "onnxruntime", "pandas", "scikit-learn", "scipy")
    return {name: metadata.version(name) for name in names}
