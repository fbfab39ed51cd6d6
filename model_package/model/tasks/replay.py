"""The verb that asks again: replay."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from model import assets, bundle
from model.store import Store
from model.tasks.job import Job, Summary
from model.truth import Window

if TYPE_CHECKING:
    from model.bundle import Bundle
    from model.steps.replay import Replay

ROWS_BETWEEN_LINES = 100_000


def replay(job: Job) -> Summary:
    """Ask a version again what is stored, compare with what was answered, and leave a report and a picture."""
    settings = job.settings
    version = settings.replay_version
    with closing(job.registry.load(version) if version else job.registry.load_champion()) as served:
        done = _replayed(job, served)
    window = {"since": settings.replay_since, "until": settings.replay_until, "recorded": settings.replay_recorded}
    asked = {
        "contract": job.contract.name,
        "version": served.version,
        "window": window,
        "origin": settings.replay_origin,
    }
    report = asked | done.said()
    path = assets.reports_dir(settings.artifacts_dir, job.contract.name) / f"replay-{served.version}.json"
    assets.write_json(path, report)
    _draw(job, served.version, done, path.with_suffix(".png"))
    _tell(job, report)
    whole = report["all"]
    return {name: whole[name] for name in ("rows", "agreed", "identical")} | {
        "version": served.version,
        "skipped": sum(report["skipped"].values()),
        "path": str(path),
    }


def _replayed(job: Job, served: Bundle) -> Replay:
    from model.steps.replay import Replay  # noqa: PLC0415

    settings = job.settings
    window = Window(
        settings.replay_since, settings.replay_until, settings.replay_recorded or None, settings.replay_origin or None
    )
    done = Replay(served.contract, served.threshold, served.scorer.score)
    job.report(f"asking {served.version} again")
    # The model's own contract: its columns are the ones that are needed.
    with Store(settings.database_url.get_secret_value(), served.contract) as store:
        for some in store.inputs(window):
            before = done.rows // ROWS_BETWEEN_LINES
            done.add(some)
            if done.rows // ROWS_BETWEEN_LINES > before:
                job.report(f"replayed {done.rows} rows")
    return done


def _draw(job: Job, version: str, done: Replay, path: Any) -> None:  # noqa: ANN401 - a Path
    from model.steps.replay_picture import replay_picture  # noqa: PLC0415 - it costs matplotlib

    whole = done.whole()
    if whole.rows:
        bundle.replace_file(path, replay_picture(version, whole))
        job.report(f"wrote {path} and its .json")
    else:
        path.unlink(missing_ok=True)
        job.report("there is no stored prediction that could be replayed: nothing is drawn")


def _tell(job: Job, report: dict[str, Any]) -> None:
    whole, others = report["all"], report["other_contract"]
    if others["rows"]:
        job.report(
            f"{others['rows']} rows were recorded under another contract, {others['scored']} of them fit this one"
        )
    for reason, count in sorted(report["skipped"].items(), key=lambda found: -found[1])[:10]:
        job.report(f"skipped {count} rows: {reason}")
    for flip in whole["flips"][:10]:
        job.report(f"{flip['rows']} rows went from {flip['then']!r} to {flip['now']!r}")
    if whole["rows"]:
        job.report(f"{whole['agreed']} of {whole['rows']} rows agree, {whole['identical']} to the bit of the score")
