"""Boards for whoever draws them: a month with a promotion and a drift that begins, an empty one, one with trouble.

The figures are invented, by a generator with a fixed seed, and like those that `measure` gives. Costs no store.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from model.board import (
    LATENCY_EDGES_MS,
    SCORE_BINS,
    Board,
    Change,
    HourOfTraffic,
    Recent,
    Reliability,
    Shares,
    VersionOfModel,
)
from model.challenger import Shadowing
from model.derived.request import example_request
from model.measured import Decision, Measured, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.contract import Contract

NOW: Final = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
DAYS: Final = 30
OLD, NEW, CHALLENGER = "20261023T162000Z-7c1f40aa", "20261110T020000Z-792fe466", "20261121T020000Z-0b5ce3d1"
PROMOTED: Final = datetime(2026, 11, 10, 2, 20, tzinfo=UTC)
SHADOWED: Final = datetime(2026, 11, 21, 2, 20, tzinfo=UTC)
DRIFT_BEGAN: Final = datetime(2026, 11, 14, tzinfo=UTC)
TRUTH_IS_LATE: Final = timedelta(days=4)
THRESHOLD: Final = 0.011
NAN: Final = math.nan
# How far each column drifts by the end, in standard deviations; the order of columns decides who does.
DRIFTS: Final = (0.05, 0.04, 0.78, 0.03, 0.60, 0.02, 0.04, 0.71, 0.24, 0.16, 0.13, 0.32, 0.03)


def month(contract: Contract, *, now: datetime = NOW, days: int = DAYS) -> Board:
    """A board of `days` days: two versions and a challenger, a promotion, drift since some days, decisions."""
    shift, since = now - NOW, now - timedelta(days=days)
    chance = random.Random(7)  # noqa: S311 - invented figures, the same each time
    figures = [one for span in _windows() for one in _window(contract, span, chance)]
    return Board(
        contract,
        now,
        since,
        NEW,
        traffic=[
            replace(one, hour=one.hour + shift) for one in _traffic(contract, chance) if one.hour + shift >= since
        ],
        figures=[moved for one in figures if (moved := _moved(one, shift)).span.until > since],
        decisions=[replace(one, at=one.at + shift) for one in _decisions()],
        versions=_versions(contract),
        changes=[replace(one, at=one.at + shift) for one in _changes()],
        recent=[replace(one, at=one.at + shift) for one in _recent(contract, chance)],
        shares=list(_shares(contract)),
        reliability=_reliability(contract, shift),
        challenger=Shadowing(CHALLENGER, SHADOWED + shift, 1_204, 3, now - timedelta(minutes=1)),
    )


def empty(contract: Contract, *, now: datetime = NOW) -> Board:
    """Right after the first training: a champion, nothing asked, nothing measured."""
    first = replace(_versions(contract)[-1], is_champion=True)
    change = _changes()[-1]
    return Board(contract, now, now - timedelta(days=1), OLD, versions=[first], changes=[change])


def troubled(contract: Contract, *, now: datetime = NOW) -> Board:
    """The store does not answer: what the registry knows, and a sentence that says so."""
    whole = month(contract, now=now)
    trouble = ("The prediction store does not answer: traffic, figures and decisions are missing.",)
    return replace(whole, traffic=[], figures=[], decisions=[], recent=[], shares=[], reliability=None, trouble=trouble)


def _moved(one: Measured, shift: timedelta) -> Measured:
    return replace(one, span=Span(one.span.since + shift, one.span.until + shift))


def _version(at: datetime) -> str:
    return OLD if at < PROMOTED else NEW


# ----------------------------------------------------------------------------------------- traffic


def _traffic(contract: Contract, chance: random.Random) -> Iterator[HourOfTraffic]:
    for ago in range(DAYS * 24, 0, -1):
        hour = NOW - timedelta(hours=ago)
        day = 0.6 + 0.4 * math.sin((hour.hour - 9) / 24 * 2 * math.pi)
        weekend = 0.6 if hour.weekday() >= 5 else 1.0  # noqa: PLR2004 - Saturday
        rows = int(110 * day * weekend * chance.uniform(0.75, 1.25))
        yield _hour(contract, hour, "service", rows, chance)
        if hour.hour == 3:  # noqa: PLR2004 - the nightly batch
            yield _hour(contract, hour, "batch", 400, chance)


def _hour(contract: Contract, hour: datetime, origin: str, rows: int, chance: random.Random) -> HourOfTraffic:
    task, drifting = contract.target.task, max(0.0, (hour - DRIFT_BEGAN) / timedelta(days=9))
    rate = 0.031 + 0.02 * drifting
    positives = sum(chance.random() < rate for _ in range(rows)) if task == "binary" else 0
    scores = [0] * SCORE_BINS
    for _ in range(rows):
        score = chance.betavariate(1.2, 9 - 3 * drifting) if chance.random() > rate else chance.betavariate(5, 3)
        scores[min(SCORE_BINS - 1, int(score * SCORE_BINS))] += 1
    return HourOfTraffic(
        hour,
        _version(hour),
        origin,
        rows,
        positives,
        () if task == "regression" else tuple(scores),
        () if origin == "batch" else _latencies(rows, chance, slow=hour < PROMOTED),
    )


def _latencies(rows: int, chance: random.Random, *, slow: bool) -> tuple[int, ...]:
    counts = [0] * (len(LATENCY_EDGES_MS) + 1)
    for _ in range(rows):
        took = chance.lognormvariate(math.log(2.4 if slow else 0.7), 0.45)
        counts[sum(took >= edge for edge in LATENCY_EDGES_MS)] += 1
    return tuple(counts)


# ----------------------------------------------------------------------------------------- figures


def _windows() -> list[Span]:
    last = NOW.replace(hour=0)
    return [Span(last - timedelta(days=ago), last - timedelta(days=ago - 1)) for ago in range(DAYS, 0, -1)]


def _window(contract: Contract, span: Span, chance: random.Random) -> Iterator[Measured]:
    version = _version(span.since + timedelta(hours=12))
    rows = int(chance.uniform(1100, 1800))

    def said(measure: str, subject: str, value: float, **more: Any) -> Measured:  # noqa: ANN401 - of Measured
        rest: dict[str, Any] = {"low": NAN, "high": NAN, "expected": NAN, "threshold": NAN, "alarm": False, "why": ""}
        return Measured(version, span, measure, subject, value, rows=rows, **(rest | more))

    yield said("rows", "", rows, why=f"{rows:,} predictions")
    began = max(0.0, min(1.0, (span.until - DRIFT_BEGAN) / timedelta(days=6)))
    for place, column in enumerate(contract.columns):
        shift = DRIFTS[place % len(DRIFTS)] * began
        value = max(-0.003, shift**2 + chance.gauss(0, 0.0016))
        measure = "jensen_shannon" if column.kind == "category" else "psi"
        value, limit = (value / 8, THRESHOLD / 8) if column.kind == "category" else (value, THRESHOLD)
        beyond = "beyond" if value > limit else "within"
        why = f"{column.name} drifted by {measure.replace('_', ' ')} {value:.3f}, {beyond} {limit:.3f}"
        yield said(measure, column.name, value, expected=0.0, threshold=limit, alarm=value > limit, why=why)
    yield said("psi", "scores", 0.12 * began**2, expected=0.0, threshold=THRESHOLD, alarm=began > 0.4)  # noqa: PLR2004
    yield from _quality(contract, span, said, began, chance)


def _quality(contract: Contract, span: Span, said: Any, began: float, chance: random.Random) -> Iterator[Measured]:  # noqa: ANN401
    name, level = {
        "binary": ("average_precision", 0.64 if said("", "", 0).version == OLD else 0.74),
        "multiclass": ("accuracy", 0.93),
        "regression": ("rmse", 54.0),
    }[contract.target.task]
    size = level / 10
    if contract.target.labels:
        value = level - size * 0.55 * began + chance.gauss(0, size / 8)
        why = f"{name} is likely to be {value:.2f} over all rows, if the concept has not changed"
        yield said(
            f"estimated_{name}", "", value, low=value - 1.1 * size, high=value + 1.1 * size, expected=level, why=why
        )
    truth_came = span.until <= NOW - TRUTH_IS_LATE
    yield said("joined", "", 0.83 if truth_came else 0.0)
    if truth_came:
        value = level - size * 0.6 * began + chance.gauss(0, size / 3)
        why = f"{name} is {value:.3f} over 1,204 rows, {level:.3f} in training"
        bounds = {"low": value - size, "high": value + size}
        yield said(name, "", value, **bounds, expected=level, threshold=level - 1.4 * size, why=why)
        if contract.target.labels:
            off = abs(chance.gauss(0.008, 0.003)) + 0.012 * began
            yield said(
                "calibration_error", "", off, expected=0.009, why=f"scores miss the observed shares by {off:.3f}"
            )
            yield said(
                "concept",
                "scores",
                0.004 * began,
                expected=0.0,
                threshold=0.02,
                why="the truth by score differs from training by 0.004, within 0.02",
            )


def _reliability(contract: Contract, shift: timedelta) -> Reliability | None:
    """Scores that promise too much at the upper end."""
    if contract.target.task == "regression":
        return None
    scores = (0.334, 0.089, 0.037, 0.019, 0.011, 0.006, 0.004, 0.002, 0.001, 0.0004)
    shares = (0.243, 0.074, 0.034, 0.027, 0.0, 0.007, 0.0, 0.0, 0.0, 0.0)
    until = NOW.replace(hour=0) - TRUTH_IS_LATE + shift
    return Reliability(NEW, Span(until - timedelta(days=1), until), 1_480, scores, shares)


def _shares(contract: Contract) -> Iterator[Shares]:
    for place, column in enumerate(contract.columns):
        shift = DRIFTS[place % len(DRIFTS)]
        names = tuple(map(str, getattr(column, "values", ())[:12])) or tuple(
            f"up to the {n}0 % mark" for n in range(1, 11)
        )
        training = [1 / len(names)] * len(names)
        way = -1 if place % 4 == 2 else 1  # noqa: PLR2004 - some fall
        weights = [math.exp(1.6 * way * shift * (n / max(1, len(names) - 1) - 0.5) * 2) for n in range(len(names))]
        now = tuple(weight / sum(weights) for weight in weights)
        yield Shares(column.name, names, tuple(training), now)
    names = tuple(f"{n / 10:.1f} to {(n + 1) / 10:.1f}" for n in range(10))
    yield Shares(
        "scores",
        names,
        (0.62, 0.2, 0.08, 0.03, 0.02, 0.015, 0.013, 0.012, 0.007, 0.003),
        (0.5, 0.25, 0.11, 0.05, 0.03, 0.02, 0.015, 0.013, 0.008, 0.004),
    )


# ------------------------------------------------------------------------- versions, changes, decisions


def _versions(contract: Contract) -> list[VersionOfModel]:
    made = (
        datetime(2026, 11, 21, 2, tzinfo=UTC),
        datetime(2026, 11, 10, 2, tzinfo=UTC),
        datetime(2026, 10, 23, 16, 20, tzinfo=UTC),
    )
    values = {
        "binary": ("average_precision", (0.741, 0.749, 0.638)),
        "multiclass": ("accuracy", (0.93, 0.95, 0.90)),
        "regression": ("rmse", (55.1, 53.8, 58.2)),
    }
    name, levels = values[contract.target.task]
    kinds = ("ExtraTreesClassifier", "ExtraTreesClassifier", "GradientBoostingClassifier")
    card = (
        f"# {contract.name}\n\n{contract.description}\n\nTrained on `airflow/data/raw`; the hold-out was drawn first.\n"
    )
    return [
        VersionOfModel(
            version,
            at,
            kind,
            "compiled",
            {
                name: (value, value * 0.87, value * 1.11),
                "roc_auc": (0.971, 0.95, 0.988),
                "brier": (0.0155, 0.012, 0.019),
            },
            version == NEW,
            card,
        )
        for version, at, kind, value in zip((CHALLENGER, NEW, OLD), made, kinds, levels, strict=True)
    ]


def _changes() -> list[Change]:
    reason = "Better in 98.2 % of paired resamples: average precision 0.749 against 0.638"
    return [
        Change(PROMOTED, "promote", NEW, OLD, "airflow", reason),
        Change(datetime(2026, 10, 23, 16, 30, tzinfo=UTC), "promote", OLD, None, "ana", "The first model"),
    ]


def _decisions() -> list[Decision]:
    quiet = ("Nothing asks for a training: 7 windows were looked at.",)
    found = []
    for ago in range(DAYS):
        at = NOW.replace(hour=2) - timedelta(days=ago)
        span = Span(at - timedelta(hours=26), at - timedelta(hours=2))
        action, reasons = _reasons(at, quiet)
        found.append(Decision(f"run-{ago}", at, _version(at), action, reasons, "airflow", span))
    return found


def _reasons(at: datetime, quiet: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    drift = "Drift crossed its bound in 3 windows in a row: energy, loudness, acousticness and 3 more."
    if at.date() == (NOW - timedelta(days=1)).date():
        return "retrain", (drift,)
    if at.date() == NOW.date():
        return "keep", ("A training was decided at 2026-11-21 02:00 UTC: no other one for 72 hours.", drift)
    if at.date() == PROMOTED.date():
        return "retrain", ("ana asked for a training at 2026-11-09 15:12 UTC: 400 newly labelled tracks.",)
    return "keep", quiet


def _recent(contract: Contract, chance: random.Random) -> list[Recent]:
    return [_prediction(contract, place, chance) for place in range(40)]


def _prediction(contract: Contract, place: int, chance: random.Random) -> Recent:
    at = NOW - timedelta(minutes=1 + place * 4, seconds=chance.randrange(60))
    inputs = {name: values[0] for name, values in example_request(contract)["data"].items()}
    for column in contract.columns:
        bounds = getattr(column, "minimum", None), getattr(column, "maximum", None)
        if column.kind == "number" and None not in bounds:
            inputs[column.name] = round(chance.uniform(float(bounds[0] or 0), float(bounds[1] or 0)), 3)
    classes, score = contract.target.classes, round(chance.betavariate(0.5, 3), 3)
    label = classes[-1 if score > 0.3 else 0] if classes else round(100 + 90 * score, 1)  # noqa: PLR2004 - a threshold
    truth = (label if chance.random() < 0.85 else classes[0] if classes else label) if place % 3 == 2 else None  # noqa: PLR2004
    ident = f"{chance.getrandbits(128):032x}"
    return Recent(
        ident,
        at,
        NEW,
        "service",
        str(1000 + place),
        label,
        score,
        round(chance.lognormvariate(-0.4, 0.4), 2),
        inputs,
        truth,
    )
