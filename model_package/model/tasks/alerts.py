"""Who wants to know is told once that something is wrong, and once that it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from model.errors import bounded
from model.incident import Incident
from model.incidents import Event, Incidents
from model.webhook import WebhookError, post

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from model.measured import Measured
    from model.steps.policy import Policy
    from model.tasks.job import Job

LONGEST_TEXT: Final = 2_000
MOST_TOLD: Final = 20  # in one run


def look(job: Job, incidents: Incidents, version: str, history: Iterable[Measured], policy: Policy) -> int:
    """Compare what is wrong with `version` now with what was known, and tell; returns how many incidents last."""
    from model.steps import incidents as step  # noqa: PLC0415 - `--help` costs no pandas
    from model.steps.policy import evidence  # noqa: PLC0415

    now = job.clock()
    found, known = evidence(history, now, policy), incidents.lasting()
    over, new = step.ended(known, version, found, now), step.begun(known, version, found, now)
    incidents.end(over)
    incidents.begin(new)
    for one in new:
        job.report(f"incident: {one.kind}: {one.why}")
    for one in over:
        job.report(f"over: {one.kind} since {one.began_at:%Y-%m-%d %H:%M} UTC: {one.ended_why}")
    tell(job, incidents, now)
    return len(known) - len(over) + len(new)


def tell(job: Job, incidents: Incidents, now: datetime) -> None:
    """Post what nobody has been told yet. What is not taken is tried again by the next run, and fails nothing here."""
    url = job.settings.alert_webhook.get_secret_value()
    waiting: list[tuple[Event, Incident]] = [("ended", one) for one in incidents.untold("ended", now)]
    waiting += [("begun", one) for one in incidents.untold("begun", now)]
    for event, one in waiting[:MOST_TOLD] if url else ():
        try:
            post(url, message(job.contract.name, event, one))
        except WebhookError as error:
            job.report(f"nobody could be told: {error}; the next run tries again")
            return
        incidents.told(one, event, now)


def message(contract: str, event: Event, one: Incident) -> dict[str, Any]:
    """What is posted. `text` is what chat services show; the rest is for programs."""
    said = f"began: {one.why}" if event == "begun" else f"is over: {one.ended_why}"
    ended = one.ended_at and one.ended_at.isoformat()
    return {
        "text": bounded(f"{contract}: {one.kind} incident {said}", LONGEST_TEXT),
        "event": event,
        "incident": one.identity,
        "contract": contract,
        "version": one.version,
        "kind": one.kind,
        "began_at": one.began_at.isoformat(),
        "ended_at": ended,
        "why": one.why if event == "begun" else one.ended_why,
    }
