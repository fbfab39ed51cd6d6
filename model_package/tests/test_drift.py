"""Drift is an effect size without noise: nothing where nothing changed, the same for windows small and large."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from model.monitoring import Monitoring, Threshold
from model.steps.divergence import jensen_shannon, psi
from model.steps.drift import Judge, binned, distribution, rate, wasserstein
from model.steps.figure import Figure
from model.steps.noise import chi_square, each, noise, rate_bounds
from model.steps.profile import of_numbers
from model.steps.reference import Profile

ANY = settings(deadline=None)
COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=12).filter(any)


def judge(**words: object) -> Judge:
    return Judge(Monitoring(**words), each(0.01, 15))  # type: ignore[arg-type]  # whatever a test says


def drift(profile: Profile, values: np.ndarray, **words: object) -> Figure:
    return distribution(judge(**words), "x", profile, binned(profile, values)[0])


def normal(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, count)


# -------------------------------------------------------------------------------------- divergences


@ANY
@given(st.lists(st.integers(1, 1000), min_size=2, max_size=12), st.integers(1, 50))
def test_equal_shares_have_no_divergence(counts: list[int], times: int) -> None:
    shares = np.array(counts) / sum(counts)
    assert psi(shares, sum(counts), times * np.array(counts)) == pytest.approx(0, abs=1e-12)
    assert jensen_shannon(shares, sum(counts), times * np.array(counts)) == pytest.approx(0, abs=1e-12)


@ANY
@given(COUNTS, st.data())
def test_a_divergence_is_finite_and_never_negative(counts: list[int], data: st.DataObject) -> None:
    window = np.array(data.draw(st.lists(st.integers(0, 1000), min_size=len(counts), max_size=len(counts))))
    shares = np.array(counts) / sum(counts)
    assert 0 <= psi(shares, sum(counts), window) < math.inf
    if window.any():
        assert 0 <= jensen_shannon(shares, sum(counts), window) <= math.log(2) + 1e-12


def test_psi_is_its_textbook_formula_where_no_bin_is_empty() -> None:
    expected, found = np.array([0.2, 0.3, 0.5]), np.array([0.25, 0.25, 0.5])
    textbook = sum((q - p) * math.log(q / p) for p, q in zip(expected, found, strict=True))
    assert psi(expected, 10**9, found * 10**9) == pytest.approx(textbook, rel=1e-6)


def test_psi_of_a_shifted_normal_column_is_nearly_the_shift_squared() -> None:
    profile = of_numbers(normal(1_000_000, 0), 10, 0)
    assert drift(profile, normal(1_000_000, 1, 0.3)).value == pytest.approx(0.09, rel=0.1)


# -------------------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("rows", [200, 1_000, 20_000])
def test_noise_free_drift_is_the_same_for_windows_small_and_large(rows: int) -> None:
    profile = of_numbers(normal(20_000, 0), 10, 0)
    found = [drift(profile, normal(rows, seed, 0.5)).value for seed in range(1, 41)]
    assert np.mean(found) == pytest.approx(0.24, abs=0.03)


@pytest.mark.parametrize("rows", [50, 1_000, 200_000])
def test_without_drift_few_windows_of_any_size_alarm(rows: int) -> None:
    profiles = [of_numbers(normal(1_500, 1_000 + seed), 10, seed) for seed in range(20)]
    alarms = sum(drift(profiles[seed % 20], normal(rows, seed), smallest_shift=0).alarm for seed in range(200))
    # 200 windows at a level of 0.00067: one or two would be no wonder, five would be.
    assert alarms < 5


def test_resampled_noise_is_near_the_chi_square_where_bins_are_full() -> None:
    profile = of_numbers(normal(5_000, 3), 10, 0)
    assert profile.null is not None
    resampled, known = noise(profile.null, 10_000, 5_000, 0.001), noise(chi_square(9), 10_000, 5_000, 0.001)
    assert resampled.mean == pytest.approx(known.mean, rel=0.1)
    assert resampled.limit == pytest.approx(known.limit, rel=0.15)
    assert known.limit == pytest.approx(stats.chi2.isf(0.001, 9) * (1 / 10_000 + 1 / 5_000))


def test_a_window_however_large_cannot_prove_more_than_the_reference_knows() -> None:
    profile = of_numbers(normal(500, 0), 10, 0)
    limits = [drift(profile, normal(rows, 1)).threshold for rows in (1_000, 100_000, 1_000_000)]
    assert limits[0] > limits[1]
    assert limits[2] == pytest.approx(limits[1], rel=0.02)
    assert limits[2] > stats.chi2.isf(0.001, 9) / 500 - 9 / 500 - 0.01


@ANY
@given(st.integers(0, 500), st.integers(500, 100_000), st.integers(1, 10**6))
def test_the_bounds_of_a_rate_hold_the_rate_itself(hits: int, rows: int, window: int) -> None:
    low, high = rate_bounds(hits, rows, window, 0.001)
    assert 0 <= low <= high <= 1
    assert low <= hits / rows + 1 / window
    assert high >= hits / rows - 1 / window


def test_many_tests_share_the_false_alarms() -> None:
    assert 1 - (1 - each(0.05, 30)) ** 30 == pytest.approx(0.05)


# ------------------------------------------------------------------------------------- what is said


def test_a_small_shift_alarms_in_no_window_unless_the_contract_asks_for_it() -> None:
    profile = of_numbers(normal(1_000_000, 0), 10, 0)
    slightly = normal(1_000_000, 1, 0.05)
    assert not drift(profile, slightly).alarm
    assert drift(profile, slightly, smallest_shift=0.02).alarm


def test_a_threshold_of_the_contract_counts_and_one_of_a_column_before_it() -> None:
    profile = of_numbers(normal(5_000, 0), 10, 0)
    values = normal(5_000, 1, 0.4)
    assert drift(profile, values).alarm
    everywhere = Threshold("psi", 0.5)
    assert not drift(profile, values, thresholds=(everywhere,)).alarm
    assert drift(profile, values, thresholds=(everywhere, Threshold("psi", 0.05, column="x"))).alarm


def test_what_is_ignored_or_too_small_is_measured_and_never_alarms() -> None:
    profile = of_numbers(normal(5_000, 0), 10, 0)
    gone = drift(profile, normal(5_000, 1, 3), ignore=("x",))
    assert gone.value > 1
    assert not gone.alarm
    assert not drift(profile, normal(20, 1, 3)).alarm


def test_a_column_of_one_value_is_measured() -> None:
    profile = of_numbers(np.zeros(100), 10, 0)
    assert drift(profile, np.zeros(100)).value == 0
    assert not drift(profile, np.zeros(100)).alarm


def test_wasserstein_says_how_far_in_standard_deviations() -> None:
    profile = of_numbers(10 * normal(50_000, 0), 10, 0)
    for shift in (0.0, 0.2, 0.5):
        _, below = binned(profile, 10 * normal(50_000, 1, shift))
        found = next(wasserstein(judge(), "x", profile, below, 50_000))
        assert found.value == pytest.approx(shift, abs=0.05)
        assert not found.alarm


@ANY
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.lists(st.floats(allow_nan=False), max_size=60))
def test_every_value_falls_into_one_bin(known: list[float], found: list[float]) -> None:
    profile = of_numbers(np.array(known), 10, 0)
    counts, below = binned(profile, np.array(found))
    assert counts.sum() == len(found)
    assert len(counts) == len(profile.shares)
    expected = [sum(value < edge for value in found) / max(1, len(found)) for edge in profile.grid]
    assert below == pytest.approx(expected)


@pytest.mark.parametrize(("hits", "alarm"), [(0, True), (100, False), (110, False), (200, True)])
def test_more_missing_and_fewer_missing_than_before_both_alarm(hits: int, alarm: bool) -> None:  # noqa: FBT001
    found = rate(judge(), "missing", "x", (hits, 1_000), (1_000, 10_000), "have no value")
    assert found.alarm is alarm
