"""The verb that forgets: prune."""

from __future__ import annotations

from datetime import timedelta

from model.derived.shadowing import ORIGIN
from model.shadows import Shadows
from model.store import Store
from model.tasks.job import Job, Summary


def prune(job: Job) -> Summary:
    """Delete the contract's predictions that are older than `keep_days`, some thousands a transaction.

    Of every origin: what was said to be true then as well. Challengers' answers go with the online ones.
    """
    settings = job.settings
    if not settings.keep_days:
        job.report("nothing is deleted: say how old with --older-than DAYS or MODEL_KEEP_DAYS")
        return {"deleted": 0}
    before = job.clock() - timedelta(days=settings.keep_days)
    deleted = 0
    with Store(settings.database_url.get_secret_value(), job.contract) as store:
        for some in store.prune(before, settings.prune_origin or None):
            deleted += some
            job.report(f"deleted {deleted} predictions made before {before:%Y-%m-%d %H:%M} UTC")
        truths = 0 if settings.prune_origin else sum(store.prune_truths(before))
        online = settings.prune_origin in {"", ORIGIN}
        shadows = sum(Shadows(store, job.contract).prune(before)) if online else 0
        left = store.count()
    if truths:
        job.report(f"deleted {truths} statements of what was true before that moment")
    if shadows:
        job.report(f"deleted {shadows} answers of challengers to such predictions")
    job.report(f"{left} predictions of {job.contract.name} are left")
    return {"deleted": deleted, "deleted_truths": truths, "deleted_shadows": shadows, "left": left}
