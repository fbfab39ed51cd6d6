"""The verb that sets a challenger beside the champion: compare."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from model import assets, bundle
from model.errors import StepOrderError
from model.shadows import Shadows
from model.store import Store
from model.tasks.job import Job, Summary
from model.truth import Window

if TYPE_CHECKING:
    from pathlib import Path

    from model.contract import Contract
    from model.steps.duel import Duel

AXES = ("champion's score", "challenger's score")


def compare(job: Job) -> Summary:
    """Compare what a version answered as challenger with what the champions answered, and with the truth.

    Raises StepOrderError when no version is named and none shadows.
    """
    version = job.settings.compare_version or _challenger(job)
    with closing(job.registry.load(version)) as served:
        contract = served.contract
    done = _duel(job, version, contract)
    window = {"since": job.settings.compare_since, "until": job.settings.compare_until}
    report = {"contract": contract.name, "version": version, "window": window} | done.said(job.settings.seed)
    path = assets.reports_dir(job.settings.artifacts_dir, contract.name) / f"compare-{version}.json"
    assets.write_json(path, report)
    _draw(job, version, done, path.with_suffix(".png"))
    _tell(job, report)
    whole = report["all"]
    refused = sum(report["refused"].values())
    told = {"rows": whole["rows"], "agreed": whole["agreed"], "refused": refused, "with_truth": report["truth"]["rows"]}
    return {"version": version, **told, "path": str(path)}


def _challenger(job: Job) -> str:
    challenger = job.registry.challenger()
    if challenger is None:
        raise StepOrderError(
            "no version shadows: name one with --version, or set one by `python -m model shadow VERSION`"
        )
    return challenger.version


def _duel(job: Job, version: str, contract: Contract) -> Duel:
    from model.steps.duel import Duel  # noqa: PLC0415 - it costs pandas

    settings = job.settings
    done = Duel(contract)
    with Store(settings.database_url.get_secret_value(), contract) as store:
        for some in Shadows(store, contract).compared(version, Window(settings.compare_since, settings.compare_until)):
            done.add(some)
    return done


def _draw(job: Job, version: str, done: Duel, path: Path) -> None:
    from model.steps.replay_picture import replay_picture  # noqa: PLC0415 - it costs matplotlib

    whole = done.whole()
    if whole.rows:
        bundle.replace_file(path, replay_picture(version, whole, AXES))
        job.report(f"wrote {path} and its .json")
    else:
        path.unlink(missing_ok=True)
        job.report(f"there is no prediction that {version} has answered too: nothing is drawn")


def _tell(job: Job, report: dict[str, Any]) -> None:
    whole, truth = report["all"], report["truth"]
    for reason, count in sorted(report["refused"].items(), key=lambda found: -found[1])[:10]:
        job.report(f"the challenger refused {count} rows: {reason}")
    for flip in whole["flips"][:10]:
        job.report(f"{flip['rows']} rows: {flip['then']!r} by the champion, {flip['now']!r} by the challenger")
    for name, found in truth["quality"].items():
        gain = found["gain"]
        job.report(
            f"{name} of {truth['rows']} rows with truth: champion {found['champion']:.4f}, challenger "
            f"{found['challenger']:.4f}, better by {gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
        )
    if whole["rows"]:
        share = whole["agreed"] / whole["rows"]
        job.report(f"{whole['agreed']} of {whole['rows']} rows agree ({share:.2%}), {whole['identical']} to the bit")
