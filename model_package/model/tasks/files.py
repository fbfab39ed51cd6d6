"""The verbs about files: validate and collect, for raw files and for those that wait for a prediction."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from model import assets, raw
from model.errors import DataError, StepOrderError
from model.raw import RawTable
from model.store import Store
from model.tasks.job import Job, Summary
from model.truth import Window

if TYPE_CHECKING:
    import pandas as pd

    from model.steps.growth import Grown


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
    """One labelled table of the sources that `validate` passed, and of predictions whose truth has come.

    What was dropped of the sources stands in a table of its own, with the reason.
    """
    assets.require(job.assets.validation, "validate")
    tables = _passed(job, _raw_tables(job), job.assets.raw_dir, job.assets.validation, "validate")
    from model.steps import data  # noqa: PLC0415

    collected = data.collect(job.contract, tables, labelled=True)
    grown = _grown(job, collected.frame)
    frame = collected.frame if grown is None else grown.frame
    assets.write_table(job.assets.collected, frame)
    assets.write_table(job.assets.dropped, collected.dropped)
    _write_arrivals(job, grown)
    job.report(f"collected {len(frame)} rows, dropped {len(collected.dropped)} ({job.assets.dropped})")
    counts = {} if grown is None else {"truth": len(grown.arrivals), "left_out": grown.left_out}
    return {"rows": len(frame), "dropped": len(collected.dropped), **counts}


def _grown(job: Job, frame: pd.DataFrame) -> Grown | None:
    """The rows with those that were predictions whose truth has come; None where the contract wants none."""
    from model.steps.growth import grow  # noqa: PLC0415 - pandas, as above

    rule = job.contract.retraining
    if not rule.truth:
        return None
    since = job.clock() - timedelta(days=rule.oldest_days) if rule.oldest_days else None
    with Store(job.settings.database_url.get_secret_value(), job.contract) as store:
        known = store.known(Window(since, None, None, rule.origin), rule.most_rows)
        return grow(job.contract, frame, ((some.frame, some.inputs) for some in known))


def _write_arrivals(job: Job, grown: Grown | None) -> None:
    if grown is None or grown.arrivals.empty:
        job.assets.arrivals.unlink(missing_ok=True)
    else:
        assets.write_table(job.assets.arrivals, grown.arrivals)
        moments = grown.arrivals["predicted_at"]
        span = f"{moments.min():%Y-%m-%d %H:%M} to {moments.max():%Y-%m-%d %H:%M} UTC"
        job.report(f"{len(moments)} rows are predictions whose truth has come, made {span}")
        if grown.replaced:
            job.report(f"they take the place of {grown.replaced} rows of files")
    for why, count in (grown.left_out if grown else {}).items():
        job.report(f"{count} predictions whose truth has come were left out: {why}")


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
