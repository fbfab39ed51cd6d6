"""Decide from what was measured whether to train again: values in, an action and its reasons out.

Evidence: quality that surely fell below training's, in the latest window whose truth has come; the same drift, or an
estimate that surely lost more than it may, in several windows in a row; age. What a training has been decided on is no
evidence for another one: only windows that ended later are. Drift of missing or forbidden values asks for a look at the
source of the data, which no training mends. A person's asking needs no evidence, and waits for the cool-down unless it
is urgent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from model.asking import Asking
from model.incident import KINDS, Kind
from model.measured import DRIFT, FAULTS, Action, Measured, Span
from model.steps.quality import HIGHER_IS_BETTER

QUALITY: Final = frozenset({*HIGHER_IS_BETTER, "concept", "calibration_error"})
ESTIMATES: Final = frozenset({"estimated_average_precision", "estimated_accuracy"})  # of the measures that decide
MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Policy:
    """When to train again; `model.settings.Settings` describes each (`retrain_...`).

    age: from which a model is trained anew; None: at no age.
    """

    may_retrain: bool = True
    after_windows: int = 3
    least_rows: int = 200
    estimated_loss: float = 0.1
    age: timedelta | None = timedelta(days=90)
    cool_down: timedelta = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Trainings:
    """What is known of trainings: the latest decision to retrain, the newest bundle, and how old the champion is.

    asked: by a person, if anybody asked.
    """

    champion_made: datetime
    newest_bundle: datetime | None = None
    decided: datetime | None = None
    asked: Asking | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and why: at least one sentence. windows: those that were looked at, the latest one last."""

    action: Action
    reasons: tuple[str, ...]
    windows: tuple[Span, ...] = ()


def decide(history: Iterable[Measured], trainings: Trainings, now: datetime, policy: Policy) -> Verdict:
    """Whether to train again.

    history: figures of the champion, of any windows, in any order; windows that have not ended are not looked at.
    now: an aware moment, as all others are.
    """
    windows = _counting(history, trainings.decided, now, policy)
    spans = tuple(span for span, _ in windows)
    found = [*_quality(windows, policy), *_estimated(windows, policy), *_drift(windows, policy)]
    found += _age(trainings, now, policy)
    faults = _faults(windows)
    asking = open_asking(trainings)
    found[:0] = [] if asking is None else [str(asking)]
    if not found:
        return Verdict("keep", (_quiet(len(windows), policy), *faults), spans)
    hindrance = _hindrance(trainings, now, policy, asking)
    if hindrance:
        return Verdict("keep", (hindrance, *found, *faults), spans)
    return Verdict("retrain", (*found, *faults), spans)


def evidence(history: Iterable[Measured], now: datetime, policy: Policy) -> dict[Kind, tuple[str, ...] | None]:
    """What is wrong now, by kind, whatever has been decided about it: sentences, none, or None where nobody can say."""
    windows = _counting(history, None, now, policy)
    if not windows:
        return dict.fromkeys(KINDS)
    said: dict[Kind, tuple[str, ...] | None] = {
        "estimate": tuple(_estimated(windows, policy)),
        "drift": tuple(_drift(windows, policy)),
        "data": tuple(_faults(windows)),
    }
    return said | {"quality": tuple(_quality(windows, policy)) if _judged(windows, policy) else None}


Windows = Sequence[tuple[Span, list[Measured]]]


def _counting(history: Iterable[Measured], after: datetime | None, now: datetime, policy: Policy) -> Windows:
    """The windows that have ended, since the last decision to retrain, with enough predictions; the latest one last."""
    ended = [one for one in history if one.span.until <= now and (after is None or one.span.until > after)]
    ordered = sorted(ended, key=lambda one: (one.span.until, one.span.since))
    windows = [(span, list(figures)) for span, figures in groupby(ordered, key=lambda one: one.span)]
    return [(span, figures) for span, figures in windows if _predictions(figures) >= policy.least_rows]


def _predictions(figures: Iterable[Measured]) -> int:
    return max((one.rows for one in figures if one.measure == "rows"), default=0)


def _quality(windows: Windows, policy: Policy) -> Iterator[str]:
    """Of the latest window whose truth has come: an earlier one's may have been said before it was complete."""
    alarming = [one for one in _judged(windows, policy) if one.alarm]
    yield from (f"Quality fell beyond its interval, {one.span}: {one.why}." for one in alarming[:MOST_NAMED])


def _judged(windows: Windows, policy: Policy) -> list[Measured]:
    for _, figures in reversed(windows):
        judged = [one for one in figures if one.measure in QUALITY and one.rows >= policy.least_rows]
        if judged:
            return judged
    return []


def _estimated(windows: Windows, policy: Policy) -> Iterator[str]:
    def is_low(one: Measured) -> bool:
        bound = one.expected * (1 - policy.estimated_loss)
        return one.measure in ESTIMATES and not one.subject and one.high < bound

    for one in _in_a_row(windows, policy, is_low)[:MOST_NAMED]:
        yield (
            f"Estimated quality was more than {policy.estimated_loss:.0%} below training's {one.expected:.3g} "
            f"in {_times(policy)}: {one.why}."
        )


def _drift(windows: Windows, policy: Policy) -> Iterator[str]:
    drifting = _in_a_row(windows, policy, lambda one: one.measure in DRIFT and one.alarm)
    names = list(dict.fromkeys(one.subject or one.measure for one in drifting))
    if names:
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        shown = ", ".join(names[:MOST_NAMED])
        yield f"Drift crossed its bound in {_times(policy)}: {shown}{more}. {drifting[0].why}."


def _in_a_row(windows: Windows, policy: Policy, holds: Callable[[Measured], bool]) -> list[Measured]:
    """The figures of the latest window for which something holds, as it did in each window of the row."""
    row = windows[-policy.after_windows :]
    if len(row) < policy.after_windows:
        return []
    every = [{(one.measure, one.subject) for one in figures if holds(one)} for _, figures in row]
    common = set.intersection(*every)
    return [one for one in row[-1][1] if (one.measure, one.subject) in common]


def _times(policy: Policy) -> str:
    return "the latest window" if policy.after_windows == 1 else f"{policy.after_windows} windows in a row"


def _age(trainings: Trainings, now: datetime, policy: Policy) -> list[str]:
    age = now - trainings.champion_made
    if policy.age is None or age <= policy.age:
        return []
    return [f"The model is {_days(age)} old, and {_days(policy.age)} is the most it may be."]


def _faults(windows: Windows) -> list[str]:
    figures = windows[-1][1] if windows else []
    broken = [one for one in figures if one.measure in FAULTS and one.alarm]
    return [f"Look at the source of the data, training does not mend this: {one.why}." for one in broken[:MOST_NAMED]]


def open_asking(trainings: Trainings) -> Asking | None:
    """What a person asked for, until a training has been decided on or made since."""
    asking, since = trainings.asked, (trainings.decided, trainings.newest_bundle)
    if asking is None or any(moment is not None and moment >= asking.at for moment in since):
        return None
    return asking


def _hindrance(trainings: Trainings, now: datetime, policy: Policy, asking: Asking | None) -> str:
    """Why no training may be decided on now; empty when one may."""
    if asking is not None and asking.urgent:
        return ""
    if not policy.may_retrain and asking is None:
        return "Training is not to be started by evidence (MODEL_RETRAIN=never); there would be reason to."
    if _recent(trainings.decided, now, policy):
        return f"A training was decided at {_moment(trainings.decided)}: no other one for {_hours(policy)}."
    if _recent(trainings.newest_bundle, now, policy):
        return f"A bundle was trained at {_moment(trainings.newest_bundle)}: no other one for {_hours(policy)}."
    return ""


def _recent(moment: datetime | None, now: datetime, policy: Policy) -> bool:
    # A moment of the future, by another machine's clock, is recent too.
    return moment is not None and now - moment < policy.cool_down


def _quiet(windows: int, policy: Policy) -> str:
    if not windows:
        return f"There is no new window of at least {policy.least_rows:,} predictions to judge by."
    return f"Nothing asks for a training: {windows} windows were looked at."


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "no time"


def _hours(policy: Policy) -> str:
    hours = policy.cool_down / timedelta(hours=1)
    return f"{hours:g} hours" if hours >= 1 else f"{hours * 60:g} minutes"


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.0f} days"
