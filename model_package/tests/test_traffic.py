"""The counts by hour are those of a recount, whatever was stored, how often, by whom, and however old the database."""

from __future__ import annotations

import bisect
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from model import Contract, arrivals, traffic
from model.board import LATENCY_EDGES_MS, SCORE_BINS, HourOfTraffic
from model.contracts import find
from model.derived.tables import input_name, predictions
from model.errors import StoreError
from model.store import Store
from model.stored import in_utc
from model.testing import good_rows

TRACKS, WINE, DIABETES = (find(name).contract for name in ("reggaeton", "wine", "diabetes"))
SINCE, UNTIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)
SCORES = (0.0, 0.05, 0.1, 0.15, 0.3, 0.35, 0.6, 0.7, 0.95, 1.0, *(0.013 * place for place in range(70)))
LATENCIES = (None, 0.0, 0.25, 0.3, 64.0, 511.9, 512.0, 1e6)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind, with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/predictions.db"
        return
    found = str(request.getfixturevalue("postgres_url"))
    drop(found, "")
    yield found
    drop(found, "")


def drop(url: str, beginning: str) -> None:
    """Drop the tables whose names begin so."""
    engine, existing = sa.create_engine(url), sa.MetaData()
    existing.reflect(engine, only=lambda name, _: name.startswith(beginning))
    existing.drop_all(engine)
    engine.dispose()


def records(contract: Contract, numbers: list[int]) -> list[dict[str, Any]]:
    """The same number is the same prediction, always."""
    rows = good_rows(contract, 50, 0)
    return [
        {
            "prediction_id": f"p{number:06}",
            "created_at": SINCE + timedelta(minutes=number * 7_919 % (8 * 24 * 60)),
            "origin": ("online", "batch")[number % 2],
            "version": f"v{number % 3}",
            "contract_fingerprint": "0" * 64,
            "label": rows[contract.target.name][number % 50],
            "score": SCORES[number % len(SCORES)],
            "latency_ms": LATENCIES[number % len(LATENCIES)] if number % 2 == 0 else None,
            **{input_name(column): rows[column.name][number % 50] for column in contract.columns},
        }
        for number in numbers
    ]


def recounted(url: str, contract: Contract) -> list[HourOfTraffic]:
    """From the predictions themselves, one by one."""
    table, engine = predictions(contract, sa.MetaData()), sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table)).all()
    engine.dispose()
    hours: dict[tuple[datetime, str, str], Counter[Any]] = {}
    for row in rows:
        hour = in_utc(row.created_at).replace(minute=0, second=0, microsecond=0)
        count = hours.setdefault((hour, row.version, row.origin), Counter())
        count["rows"] += 1
        count["positives"] += contract.target.task == "binary" and row.label == contract.target.classes[-1]
        count["score", bisect.bisect_right([place / 20 for place in range(1, 20)], row.score)] += 1
        if row.latency_ms is not None:
            count["latency", bisect.bisect_right(LATENCY_EDGES_MS, row.latency_ms)] += 1
    return [_hour(contract, key, hours[key]) for key in sorted(hours)]


def _hour(contract: Contract, key: tuple[datetime, str, str], count: Counter[Any]) -> HourOfTraffic:
    scores = tuple(count["score", place] for place in range(SCORE_BINS)) if contract.target.labels else ()
    latencies = tuple(count["latency", place] for place in range(len(LATENCY_EDGES_MS) + 1))
    return HourOfTraffic(*key, count["rows"], count["positives"], scores, latencies if any(latencies) else ())


@pytest.mark.services
@pytest.mark.parametrize("contract", [TRACKS, WINE, DIABETES], ids=lambda contract: str(contract.name))
def test_counts_are_those_of_a_recount_after_random_batches_with_repeats(contract: Contract, url: str) -> None:
    draw = random.Random(contract.name)  # noqa: S311 - no secret
    with Store(url, contract) as store:
        known: set[int] = set()
        for size in (1, 40, 700, 3, 900):
            numbers = [draw.randrange(1_500) for _ in range(size)]
            assert store.add(records(contract, numbers)) == len(set(numbers) - known)
            known |= set(numbers)
        found = store.traffic(SINCE, UNTIL)
        assert found == recounted(url, contract)
        assert sum(hour.rows for hour in found) == len(known) == store.count()
        assert sum(hour.positives for hour in found) > 0 or contract is not TRACKS
        half = SINCE + timedelta(days=4, minutes=30)
        assert store.traffic(half, UNTIL) == [hour for hour in found if hour.hour >= half]
        whole = half.replace(hour=12)
        assert store.traffic(SINCE, UNTIL, half + timedelta(hours=14)) == [
            *by_quarters_of_a_day(hour for hour in found if hour.hour < whole),
            *(hour for hour in found if hour.hour >= whole),
        ]


def by_quarters_of_a_day(hours: Iterable[HourOfTraffic]) -> Iterator[HourOfTraffic]:
    """Added up in Python."""

    def added(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
        return tuple(map(sum, zip(*filter(None, counts), strict=True)))

    parts = defaultdict(list)
    for one in hours:
        parts[one.hour.replace(hour=one.hour.hour // 6 * 6), one.version, one.origin].append(one)
    for key, of in sorted(parts.items()):
        counts = added((one.rows, one.positives) for one in of)
        yield HourOfTraffic(*key, *counts, added(one.scores for one in of), added(one.latencies for one in of))


@pytest.mark.services
def test_a_batch_that_fails_halfway_counts_nothing(url: str) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from records(TRACKS, list(range(600)))
        raise KeyboardInterrupt

    with Store(url, TRACKS) as store:
        with pytest.raises(KeyboardInterrupt):
            store.add(broken())
        assert store.traffic(SINCE, UNTIL) == []
        assert store.add(records(TRACKS, [1])) == 1
        assert [hour.rows for hour in store.traffic(SINCE, UNTIL)] == [1]


@pytest.mark.services
def test_what_is_deleted_has_been_counted_all_the_same(url: str) -> None:
    with Store(url, TRACKS) as store:
        store.add(records(TRACKS, list(range(300))))
        before = store.traffic(SINCE, UNTIL)
        assert sum(store.prune(UNTIL)) == 300
        store.add(records(TRACKS, [1_000]))
        after = store.traffic(SINCE, UNTIL)
        assert sum(hour.rows for hour in after) == sum(hour.rows for hour in before) + 1


@pytest.mark.services
def test_an_old_database_is_counted_in_steps_beside_what_comes_meanwhile(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "ROWS_A_STEP", 100)
    with Store(url, TRACKS) as store:
        store.add(records(TRACKS, list(range(1_000))))
    for beginning in ("traffic_", "counted_"):
        drop(url, beginning)
    with Store(url, TRACKS) as store:
        assert store.traffic(SINCE, UNTIL) == []
        assert store.counted_since() is not None
        late, number = [], 1_000
        for counted in store.count_earlier():
            late.append(counted)
            store.add(records(TRACKS, list(range(number - 20, number + 30))))  # some are known, all of any hour
            number += 30
        assert len(late) >= 10
        assert max(late) < 130  # a step, and those of the same moment as its last
        assert store.counted_since() is None
        assert store.traffic(SINCE, UNTIL) == recounted(url, TRACKS)
        assert list(store.count_earlier()) == []
    with Store(url, TRACKS) as store:
        assert store.counted_since() is None


@pytest.mark.services
def test_writers_of_the_same_predictions_at_once_neither_block_each_other_for_good_nor_count_twice(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "ROWS_A_STEP", 50)
    drop(postgres_url, "")
    with Store(postgres_url, TRACKS) as store:
        store.add(records(TRACKS, list(range(500))))
    drop(postgres_url, "traffic_")
    drop(postgres_url, "counted_")
    added: list[int] = []
    failed: list[BaseException] = []

    def write(seed: int) -> None:
        draw = random.Random(seed)  # noqa: S311 - no secret
        try:
            with Store(postgres_url, TRACKS) as store:
                for _ in range(12):
                    numbers = [draw.randrange(1_200) for _ in range(150)]
                    added.append(store.add(records(TRACKS, numbers)))
                sum(store.count_earlier())
        except (StoreError, sa.exc.SQLAlchemyError) as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    with Store(postgres_url, TRACKS) as store:
        assert store.count() == 500 + sum(added)
        assert store.traffic(SINCE, UNTIL) == recounted(postgres_url, TRACKS)
    drop(postgres_url, "")


@pytest.mark.services
def test_without_copy_postgresql_counts_the_same(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(postgres_url, "")
    monkeypatch.setattr(arrivals._Rows, "_can_copy", False)
    with Store(postgres_url, TRACKS) as store:
        assert store.add(records(TRACKS, [*range(700), *range(20)])) == 700
        assert store.traffic(SINCE, UNTIL) == recounted(postgres_url, TRACKS)
    drop(postgres_url, "")
