"""The policy asks for a training when there is evidence, never twice in a cool-down, and always says why."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.asking import Asking
from model.measured import DRIFT, FAULTS, Measured, Span
from model.steps.policy import QUALITY, Policy, Trainings, decide

NOW = datetime(2026, 6, 30, tzinfo=UTC)
OLD = Trainings(NOW - timedelta(days=30), NOW - timedelta(days=30))
POLICY = Policy()


def figure(days_ago: int, measure: str, subject: str = "", *, rows: int = 1000, **more: float) -> Measured:
    until = NOW - timedelta(days=days_ago)
    nothing = dict.fromkeys(("value", "low", "high", "expected", "threshold"), math.nan) | more
    alarm = bool(nothing.pop("alarm", False))
    span = Span(until - timedelta(days=1), until)
    return Measured("v1", span, measure, subject, rows=rows, alarm=alarm, why=f"{measure} {subject} moved", **nothing)


def window(days_ago: int, *figures: Measured, rows: int = 1000) -> list[Measured]:
    return [figure(days_ago, "rows", rows=rows), *figures]


def drifting(days: int, subject: str = "tempo") -> list[Measured]:
    return [one for day in range(days) for one in window(day, figure(day, "psi", subject, alarm=True))]


def low(days: int, high: float) -> list[Measured]:
    said = {"high": high, "expected": 0.8}
    return [one for day in range(days) for one in window(day, figure(day, "estimated_average_precision", **said))]


def test_nothing_measured_or_nothing_alarming_keeps_the_model_and_says_so() -> None:
    for history in ([], window(0), window(0, figure(0, "psi", "tempo"))):
        verdict = decide(history, OLD, NOW, POLICY)
        assert verdict.action == "keep"
        assert len(verdict.reasons) == 1


def test_quality_beyond_its_interval_in_one_window_is_enough() -> None:
    history = window(1, figure(1, "average_precision", alarm=True, rows=300)) + window(0)
    verdict = decide(history, OLD, NOW, POLICY)
    assert verdict.action == "retrain"
    assert "average_precision" in verdict.reasons[0]
    assert verdict.windows[-1].until == NOW


def test_the_latest_window_with_truth_says_how_good_the_model_is() -> None:
    good = window(0, figure(0, "average_precision", rows=300))
    history = window(1, figure(1, "average_precision", alarm=True, rows=300)) + good
    assert decide(history, OLD, NOW, POLICY).action == "keep"


def test_quality_on_too_few_rows_says_nothing() -> None:
    history = window(0, figure(0, "average_precision", alarm=True, rows=POLICY.least_rows - 1))
    assert decide(history, OLD, NOW, POLICY).action == "keep"


@pytest.mark.parametrize(("days", "action"), [(2, "keep"), (3, "retrain"), (4, "retrain")])
def test_drift_and_low_estimates_count_when_seen_in_three_windows_in_a_row(days: int, action: str) -> None:
    assert decide(drifting(days), OLD, NOW, POLICY).action == action
    assert decide(low(days, 0.7), OLD, NOW, POLICY).action == action


def test_an_estimate_that_may_be_as_good_as_the_bound_is_not_surely_low() -> None:
    assert decide(low(3, 0.73), OLD, NOW, POLICY).action == "keep"
    assert decide(low(3, 0.73), OLD, NOW, replace(POLICY, estimated_loss=0.05)).action == "retrain"


def test_drift_of_another_column_in_each_window_is_no_row_and_small_windows_are_left_out() -> None:
    every = [one for day in range(3) for one in window(day, figure(day, "psi", f"column {day}", alarm=True))]
    assert decide(every, OLD, NOW, POLICY).action == "keep"
    assert decide([*drifting(3), *window(3, rows=5)], OLD, NOW, POLICY).action == "retrain"
    assert decide([replace(one, rows=5) for one in drifting(3)], OLD, NOW, POLICY).action == "keep"


def test_missing_and_forbidden_values_ask_for_a_look_and_not_for_a_training() -> None:
    every = [one for day in range(3) for one in window(day, figure(day, "missing", "tempo", alarm=True))]
    verdict = decide(every, OLD, NOW, POLICY)
    assert verdict.action == "keep"
    assert "source" in verdict.reasons[-1]


def test_an_old_model_is_trained_again_unless_no_age_is_too_old() -> None:
    made = NOW - timedelta(days=91)
    verdict = decide([], Trainings(made, made), NOW, POLICY)
    assert (verdict.action, verdict.reasons) == (
        "retrain",
        ("The model is 91 days old, and 90 days is the most it may be.",),
    )
    assert decide([], Trainings(made, made), NOW, replace(POLICY, age=None)).action == "keep"


def test_a_window_that_has_not_ended_or_was_acted_upon_is_no_evidence() -> None:
    history = window(0, figure(0, "average_precision", alarm=True))
    assert decide(history, OLD, NOW - timedelta(hours=1), POLICY).action == "keep"
    acted = replace(OLD, decided=NOW)
    assert decide(history, acted, NOW + timedelta(days=30), POLICY).action == "keep"


def test_who_forbids_it_is_told_that_there_would_be_reason() -> None:
    verdict = decide(drifting(3), OLD, NOW, replace(POLICY, may_retrain=False))
    assert verdict.action == "keep"
    assert "MODEL_RETRAIN=never" in verdict.reasons[0]
    assert "tempo" in verdict.reasons[1]


# --------------------------------------------------------------------------------------- for all histories

MEASURES = st.sampled_from(sorted(DRIFT | FAULTS | QUALITY | {"estimated_accuracy", "rows", "joined"}))
NUMBER = st.floats(allow_infinity=False) | st.just(math.nan)


@st.composite
def figures(draw: st.DrawFn) -> Measured:
    numbers = {name: draw(NUMBER) for name in ("value", "low", "high", "expected", "threshold")}
    alarm, rows = draw(st.booleans()), draw(st.integers(0, 1000))
    return figure(
        draw(st.integers(-2, 20)),
        draw(MEASURES),
        draw(st.sampled_from(["", "tempo", "mode"])),
        rows=rows,
        alarm=alarm,
        **numbers,
    )


HOURS = st.integers(-10, 2000)
POLICIES = st.builds(
    Policy,
    may_retrain=st.booleans(),
    after_windows=st.integers(1, 5),
    least_rows=st.integers(1, 500),
    age=st.none() | st.integers(0, 50).map(lambda days: timedelta(days=days)),
    cool_down=st.integers(1, 500).map(lambda hours: timedelta(hours=hours)),
)


@given(st.lists(figures(), max_size=20), HOURS, HOURS, st.none() | HOURS, POLICIES)
def test_whatever_was_measured_there_are_reasons_and_the_cool_down_holds(
    history: list[Measured], champion: int, newest: int, decided: int | None, policy: Policy
) -> None:
    past = {
        name: NOW - timedelta(hours=hours) for name, hours in (("champion_made", champion), ("newest_bundle", newest))
    }
    trainings = Trainings(**past, decided=None if decided is None else NOW - timedelta(hours=decided))
    verdict = decide(history, trainings, NOW, policy)
    assert verdict.reasons
    assert all(reason.strip() and "\n" not in reason for reason in verdict.reasons)
    last = [moment for moment in (trainings.newest_bundle, trainings.decided) if moment is not None]
    if verdict.action == "retrain":
        assert policy.may_retrain
        assert all(NOW - moment >= policy.cool_down for moment in last)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 200))
def test_hours_of_evidence_start_one_training_a_cool_down(evidence: list[bool], cool_down: int) -> None:
    policy = replace(POLICY, after_windows=1, cool_down=timedelta(hours=cool_down))
    decided: list[datetime] = []
    for hour, drifts in enumerate(evidence):
        now = NOW + timedelta(hours=hour)
        history = [replace(one, span=Span(now - timedelta(hours=1), now)) for one in drifting(1)] if drifts else []
        if decide(history, replace(OLD, decided=decided[-1] if decided else None), now, policy).action == "retrain":
            decided.append(now)
    assert bool(decided) == any(evidence)
    assert all(after - before >= policy.cool_down for before, after in pairwise(decided))


# ------------------------------------------------------------------------------------ what a person asks for


def asking(days_ago: float, *, urgent: bool = False) -> Trainings:
    return replace(OLD, asked=Asking(NOW - timedelta(days=days_ago), "ana", "new labels came", urgent))


def test_what_a_person_asks_for_needs_no_evidence_and_its_reason_is_the_decisions() -> None:
    verdict = decide(window(0), asking(0.5), NOW, POLICY)
    assert verdict.action == "retrain"
    assert "ana asked for a training" in verdict.reasons[0]
    assert "new labels came" in verdict.reasons[0]


def test_an_asking_is_honoured_also_where_evidence_may_start_no_training() -> None:
    never = replace(POLICY, may_retrain=False)
    assert decide(window(0), asking(0.5), NOW, never).action == "retrain"
    assert decide(drifting(3), OLD, NOW, never).action == "keep"


@pytest.mark.parametrize("field", ["decided", "newest_bundle"])
def test_an_asking_is_over_once_a_training_was_decided_on_or_made_since(field: str) -> None:
    answered = replace(asking(20), **{field: NOW - timedelta(days=10)})
    assert decide(window(0), answered, NOW, POLICY).action == "keep"


@pytest.mark.parametrize("field", ["decided", "newest_bundle"])
def test_an_asking_waits_for_the_cool_down_unless_it_is_urgent(field: str) -> None:
    recent = {field: NOW - timedelta(hours=5)}
    waiting = decide(window(0), replace(asking(0.1), **recent), NOW, POLICY)
    assert waiting.action == "keep"
    assert any("ana asked" in reason for reason in waiting.reasons)
    assert decide(window(0), replace(asking(0.1, urgent=True), **recent), NOW, POLICY).action == "retrain"
