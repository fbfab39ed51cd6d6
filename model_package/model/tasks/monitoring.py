"""The verbs that watch: join_truth, measure and decide."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from model import assets
from model.askings import asked
from model.bundle import read_manifest
from model.contract import Contract
from model.errors import BundleError, ContractError, bounded
from model.findings import Findings
from model.incidents import Incidents
from model.measured import Decision, Measured, Span
from model.store import Store
from model.tasks import alerts, truth
from model.tasks.job import Job, Summary
from model.truth import Window

if TYPE_CHECKING:
    from model.steps.monitor import Reference, Shares
    from model.steps.monitor import Window as MeasuredWindow
    from model.steps.policy import Policy, Trainings, Verdict

    Remembered = tuple[Contract, Reference]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
OF_ANSWERS: Final = ("label", "score", "truth", "latency_ms")
MOST_FIGURES: Final = 500  # a version, in the file that the service shows
MOST_VERSIONS: Final = 3
MOST_ALARMS_TOLD: Final = 20
MOST_REASON: Final = 500  # what the audit keeps of it


def join_truth(job: Job) -> Summary:
    """Take in what proved true from the files, and say how much of it fits the predictions.

    A file that breaks the contract is told of and left out: it must not stop what watches the model.
    """
    taken = truth.truth_of_good_files(job)
    return truth.join(job) | {"files": taken["files"], "left_out": taken["left_out"]}


# -------------------------------------------------------------------------------------------- measure


def measure(job: Job) -> Summary:
    """Measure every window and version that has predictions, in place of what was measured of it before."""
    spans = spans_of(job, job.clock())
    total = alarming = 0
    with Store(job.settings.database_url.get_secret_value(), job.contract) as store:
        _count_earlier(job, store)
        findings = Findings(store, job.contract)
        remembered = cache(partial(_remembered, job))
        for span in spans:
            for version in _versions(job, store, span):
                known = remembered(version)
                if known is not None:
                    found = _measured(job, store, (span, version), known)
                    total += findings.replace(version, span, found)
                    alarming += _tell(job, span, version, found)
        _show(job, findings)
    job.report(f"{total} figures of {len(spans)} windows, {alarming} alarm")
    return {"figures": total, "alarms": alarming, "windows": len(spans)}


def _count_earlier(job: Job, store: Store) -> None:
    """Once, for a database that is older than its counts of traffic."""
    counted = sum(store.count_earlier())
    if counted:
        job.report(f"counted {counted:,} predictions of before there were counts by hour")


def spans_of(job: Job, now: datetime) -> list[Span]:
    """The window that the settings name, or the latest complete ones: they begin at multiples of their length."""
    settings = job.settings
    if settings.monitor_since is not None and settings.monitor_until is not None:
        named = Span(settings.monitor_since.astimezone(UTC), settings.monitor_until.astimezone(UTC))
        if named.hours <= 0:
            raise ContractError(f"the window ends before it begins: {named}")
        return [named]
    if settings.monitor_since is not None or settings.monitor_until is not None:
        raise ContractError("a window needs both ends: MODEL_MONITOR_SINCE and MODEL_MONITOR_UNTIL")
    length = timedelta(hours=settings.monitor_window_hours)
    last = (now - EPOCH) // length
    return [
        Span(EPOCH + number * length, EPOCH + (number + 1) * length)
        for number in range(max(0, last - settings.monitor_windows), last)
    ]


def _inside(job: Job, span: Span, version: str | None = None) -> Window:
    return Window(span.since, span.until, version, job.settings.monitor_origin or None)


def _versions(job: Job, store: Store, span: Span) -> list[str]:
    return sorted({one.version for one in store.joined_counts(_inside(job, span))})


def _remembered(job: Job, version: str) -> Remembered | None:
    """What a version's bundle knows of its training; None, and told, when the bundle cannot be used."""
    from model.steps.monitor import Reference  # noqa: PLC0415 - `--help` costs no pandas

    try:
        with contextlib.closing(job.registry.load(version)) as checked:
            text = (checked.folder / "reference.json").read_bytes()
            return checked.contract, Reference.from_json(text)
    except BundleError as error:
        job.report(f"{version}: cannot be measured: {error}")
        return None


def _measured(job: Job, store: Store, of: tuple[Span, str], known: Remembered) -> list[Measured]:
    from model.steps import monitor  # noqa: PLC0415 - `--help` costs no pandas

    (span, version), (contract, reference) = of, known
    window = _drawn(job, store, _inside(job, span, version), span.hours)
    frame, shares = monitor.measure_all(contract, reference, window)
    rows: list[dict[str, Any]] = frame.to_dict(orient="records")  # type: ignore[assignment]  # its keys are texts
    return [_with_shares(Measured(version=version, span=span, **row), shares) for row in rows]


def _with_shares(one: Measured, shares: Shares) -> Measured:
    found = shares.get((one.measure, one.subject))
    return one if found is None else replace(one, shares=found)


def _drawn(job: Job, store: Store, inside: Window, hours: float) -> MeasuredWindow:
    """The predictions of a window with their truth, or as many of them as memory is meant to hold."""
    from model.steps.monitor import Window as MeasuredWindow  # noqa: PLC0415
    from model.steps.sample import Sample  # noqa: PLC0415

    sample = Sample(job.settings.monitor_most_rows)
    for some in store.joined(inside):
        sample.add(some.frame["prediction_id"], some.frame[list(OF_ANSWERS)], some.inputs)
    own, inputs = sample.frames()
    label, score, truth_of, latency = (own[name] for name in OF_ANSWERS)
    return MeasuredWindow(inputs, label, score, truth_of, latency, hours, sample.total)


def _tell(job: Job, span: Span, version: str, found: Iterable[Measured]) -> int:
    said = {one.measure: one for one in found if not one.subject}
    alarming = [one for one in found if one.alarm]
    known = f", {said['joined'].why}" if "joined" in said else ""
    verdict = f"{len(alarming)} alarms" if alarming else "nothing alarms"
    job.report(f"{span}, {version}: {said['rows'].why}{known}: {verdict}")
    for one in alarming[:MOST_ALARMS_TOLD]:
        job.report(f"  {one.measure} {one.subject}: {one.why}")
    return len(alarming)


def _show(job: Job, findings: Findings) -> None:
    """The latest figures of the latest versions, for the service, which knows no SQL."""
    windows = [_latest(findings.of(version, 1)) for version in findings.latest_versions(MOST_VERSIONS)]
    assets.write_json(job.registry.monitoring_file, {"contract": job.contract.name, "windows": windows})


def _latest(figures: list[Measured]) -> dict[str, Any]:
    version, span = figures[0].version, figures[0].span
    moments = {"since": span.since.timestamp(), "until": span.until.timestamp()}
    return {"version": version, **moments, "figures": [_shown(one) for one in figures[:MOST_FIGURES]]}


def _shown(one: Measured) -> dict[str, Any]:
    numbers = {name: getattr(one, name) for name in ("value", "expected", "threshold")}
    said = {"measure": one.measure, "subject": one.subject, "alarm": one.alarm}
    return said | {name: number if math.isfinite(number) else None for name, number in numbers.items()}


# --------------------------------------------------------------------------------------------- decide


def decide(job: Job) -> Summary:
    """Decide whether to train again, and keep the decision with its reasons. A run that is tried again decides once."""
    version = job.registry.champion_or_none()
    if version is None:
        job.report("keep: there is no champion to judge; train one with DAG 1_training_pipeline")
        return {"action": "keep", "retrain": False, "reason": "no champion"}
    with _alone(job), Store(job.settings.database_url.get_secret_value(), job.contract) as store:
        findings = Findings(store, job.contract)
        decision = findings.decision(_identity(job)) or _decided(job, findings, version)
        is_open = _is_open(job, findings, decision)
        lasting = alerts.look(
            job, Incidents(store, job.contract), version, _history(job, findings, version), policy_of(job)
        )
    for reason in decision.reasons:
        job.report(f"{decision.action}: {reason}")
    if decision.action == "retrain" and not is_open:
        job.report("this run decided so before, and the training has been made or its time is over")
    summary = {"action": decision.action, "retrain": is_open, "version": version, "incidents": lasting}
    return summary | {"reason": bounded(" ".join(decision.reasons), MOST_REASON)}


def _identity(job: Job) -> str:
    run = job.settings.run or secrets.token_hex(16)
    return hashlib.sha256(run.encode(errors="surrogatepass")).hexdigest()


def _is_open(job: Job, findings: Findings, decision: Decision) -> bool:
    """Whether a training is still to be made: a run that is cleared weeks later must not start another one."""
    trainings = _trainings(job, findings, job.registry.champion())
    is_last = trainings.decided == decision.at and (trainings.newest_bundle or decision.at) <= decision.at
    return decision.action == "retrain" and is_last and job.clock() - decision.at < policy_of(job).cool_down


def _decided(job: Job, findings: Findings, version: str) -> Decision:
    from model.steps import policy as step  # noqa: PLC0415

    now, policy = job.clock(), policy_of(job)
    trainings = _trainings(job, findings, version)
    verdict = step.decide(_history(job, findings, version), trainings, now, policy)
    decision = Decision(
        _identity(job),
        now,
        version,
        verdict.action,
        verdict.reasons,
        job.who,
        verdict.windows[-1] if verdict.windows else None,
        _facts(trainings, verdict, policy),
    )
    findings.add(decision)
    return decision


def _history(job: Job, findings: Findings, version: str) -> list[Measured]:
    return findings.of(version, max(policy_of(job).after_windows, job.settings.monitor_windows))


def policy_of(job: Job) -> Policy:
    """The settings as the policy takes them."""
    from model.steps.policy import Policy  # noqa: PLC0415

    settings = job.settings
    return Policy(
        may_retrain=settings.retrain == "when_needed",
        after_windows=settings.retrain_after_windows,
        least_rows=settings.retrain_least_rows,
        estimated_loss=settings.retrain_estimated_loss,
        age=timedelta(days=settings.retrain_age_days) if settings.retrain_age_days else None,
        cool_down=timedelta(hours=settings.retrain_cool_down_hours),
    )


def _trainings(job: Job, findings: Findings, version: str) -> Trainings:
    from model.steps.policy import Trainings  # noqa: PLC0415

    made = dict(_made(job, version))
    decided = findings.decisions(1, "retrain")
    latest = decided[0].at if decided else None
    return Trainings(made[version], max(made.values()), latest, asked(job.registry.retraining_file))


def _made(job: Job, champion: str) -> Iterator[tuple[str, datetime]]:
    """When each bundle was made. One that cannot be read any more is nobody's evidence, unless it is the champion."""
    for version in job.registry.versions():
        try:
            yield version, read_manifest(job.registry.root / version).created_at
        except BundleError:
            if version == champion:
                raise
            job.report(f"{version}: its manifest cannot be read, it is not counted among the trainings")


def _facts(trainings: Trainings, verdict: Verdict, policy: Policy) -> dict[str, Any]:
    moments = {name: getattr(trainings, name) for name in ("champion_made", "newest_bundle", "decided")}
    said: dict[str, Any] = {name: moment and moment.isoformat() for name, moment in moments.items()}
    asking = trainings.asked
    said["asked"] = asking and {"at": asking.at.isoformat(), "who": asking.who, "why": asking.why}
    return said | {
        "windows": [[span.since.isoformat(), span.until.isoformat()] for span in verdict.windows],
        "after_windows": policy.after_windows,
        "least_rows": policy.least_rows,
        "cool_down_hours": policy.cool_down / timedelta(hours=1),
    }


@contextlib.contextmanager
def _alone(job: Job) -> Iterator[None]:
    """One decision at a time, whoever makes it: the next one sees it."""
    with (job.registry.root / ".deciding").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
