"""The verbs about what proved true: truth takes it in from files, join says how much of it fits the predictions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from model import raw
from model.errors import DataError, Failure, bounded
from model.store import Store
from model.tasks.job import Job, Summary
from model.truth import Joined, Recorded, Window

if TYPE_CHECKING:
    from pathlib import Path

    from model.steps.truth import TruthRows


def truth(job: Job) -> Summary:
    """Store what the files say; nothing of it while one of them breaks a rule. Reading them again changes nothing."""
    read = [_read(job, path) for path in _paths(job)]
    failures = [failure for rows in read for failure in rows.failures]
    if failures:
        raise DataError(f"the truth breaks contract {job.contract.name!r}: nothing of it was stored", failures)
    return _store(job, read)


def truth_of_good_files(job: Job) -> Summary:
    """The same where nobody looks on: a file that breaks a rule is left out and told of, and the others are stored.

    It stays where it is, so that it is read again once it is mended, or has been written to its end.
    """
    read = [_read(job, path) for path in _paths(job)]
    good, bad = ([rows for rows in read if bool(rows.failures) is broken] for broken in (False, True))
    failures = [failure for rows in bad for failure in rows.failures]
    if failures:
        names = bounded(", ".join(rows.file for rows in bad))
        job.report(
            str(DataError(f"left out {len(bad)} files of truth, mend them or take them away: {names}", failures))
        )
    return _store(job, good) | {"left_out": len(bad)}


def _store(job: Job, read: list[TruthRows]) -> Summary:
    recorded = Recorded()
    with Store(job.settings.database_url.get_secret_value(), job.contract) as store:
        for rows in read:
            of_file = store.add_truths(rows.statements())
            recorded += of_file
            job.report(f"{rows.file}: {len(rows)} rows with a truth ({of_file}), {rows.without} without")
    without = sum(rows.without for rows in read)
    job.report(f"{len(read)} files: {recorded}; {without} rows have no truth yet")
    counts = {"new": recorded.new, "repeated": recorded.repeated, "contradicting": recorded.contradicting}
    return {"files": len(read), **counts, "without": without}


def _paths(job: Job) -> list[Path]:
    place = job.settings.truth_from or job.assets.truth_dir
    if place.is_file():
        return [place]
    if job.settings.truth_from is not None and not place.is_dir():
        raise DataError("there is no truth", [Failure("file", "no such file or folder: name another", str(place))])
    found = sorted(path for path in place.glob("*.csv") if not path.name.startswith("."))
    job.report(f"{len(found)} files in {place}")
    return found


def _read(job: Job, path: Path) -> TruthRows:
    from model.steps.truth import truth_rows  # noqa: PLC0415 - pandera costs two seconds, and only steps need it

    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return truth_rows(job.contract, raw.read(job.contract, raw.truth_source(job.contract), path), written)


def join(job: Job) -> Summary:
    """Count predictions with and without a truth, by version and origin, and the truth that fits none."""
    window = _window(job)
    with Store(job.settings.database_url.get_secret_value(), job.contract) as store:
        counts, rest = store.joined_counts(window), store.unjoined(window)
    for count in counts:
        job.report(f"{count.version} {count.origin}: {_told(count)}")
    total = Joined("", "", sum(one.predictions for one in counts), sum(one.with_truth for one in counts))
    job.report(f"all: {_told(total)}")
    job.report(
        f"truth is known of {rest.subjects} keys and ids: {rest.unmatched} of them have no prediction (yet), "
        f"of {rest.contradicting} different values were said, of which the latest counts"
    )
    each = [count._asdict() for count in counts]
    whole = {"predictions": total.predictions, "with_truth": total.with_truth}
    return {**whole, "unmatched": rest.unmatched, "contradicting": rest.contradicting, "counts": each}


def _window(job: Job) -> Window:
    settings = job.settings
    since = job.clock() - timedelta(days=settings.join_days) if settings.join_days else None
    return Window(since, None, settings.join_version or None, settings.join_origin or None)


def _told(count: Joined) -> str:
    share = f" ({count.with_truth / count.predictions:.1%})" if count.predictions else ""
    return f"{count.predictions} predictions, {count.with_truth} with a truth{share}"
