"""Change points, on seeded histories; their rates are measured by tests/support/change_rates.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.results.judge.change_points import (
    MIN_CHANGE,
    MIN_HISTORY,
    MIN_SEGMENT,
    Change,
    exact_changes,
    levels_of,
    relative,
    sampled_changes,
)
from tests.support.change_rates import LEVEL, NEAR, NOISES, SIGMA, history

SEEDS = range(3)


def test_an_exact_number_that_is_another_one_has_changed() -> None:
    assert exact_changes([7, 7, 8, 8, 7]) == [Change(2, 7, 8), Change(4, 8, 7)]
    assert exact_changes([7]) == exact_changes([]) == []
    assert exact_changes([1e9, 1e9 + 1])[0].relative == pytest.approx(1e-9)


def test_relative_to_nothing_is_infinite() -> None:
    assert (relative(0, 3), relative(0, -3), relative(0, 0)) == (np.inf, -np.inf, 0)
    assert (relative(-2, -1), relative(2, 1)) == (0.5, -0.5)


@pytest.mark.parametrize("noise", [name for name in NOISES if "50:50" not in name])
def test_noise_is_no_change(noise: str) -> None:
    seen = [seed for seed in range(5) if sampled_changes(history(NOISES[noise], 60, seed).tolist())]
    assert len(seen) <= 1


@pytest.mark.parametrize("noise", ["Gaussian", "heavy tails (Student, 3)", "whole numbers"])
@pytest.mark.parametrize(("nights", "after"), [(25, MIN_SEGMENT), (60, 10), (120, 60)])
def test_a_step_is_found_where_it_is(noise: str, nights: int, after: int) -> None:
    for seed in SEEDS:
        values = history(NOISES[noise], nights, seed)
        values[-after:] += 10 * SIGMA
        found = sampled_changes(values.tolist())
        change = max(found, key=lambda change: abs(change.relative))
        assert abs(change.index - (nights - after)) <= NEAR
        assert change.after - change.before == pytest.approx(10 * SIGMA, abs=3 * SIGMA)


def test_steps_up_and_down_are_two() -> None:
    values = history(NOISES["Gaussian"], 90, seed=1)
    values[30:60] += 8 * SIGMA
    assert [round(change.index, -1) for change in sampled_changes(values.tolist())] == [30, 60]


def test_fewer_nights_than_a_level_lasts_are_outliers() -> None:
    for seed in SEEDS:
        values = history(NOISES["Gaussian"], 60, seed)
        values[30 : 30 + MIN_SEGMENT // 2] += 50 * SIGMA
        assert sampled_changes(values.tolist()) == []


def test_a_step_is_found_from_the_fifth_run_after_eight_on() -> None:
    """By chance it is as clear in 1 of 644 series; after seven runs in 1 of 396, too often."""
    values = [1000.0 + each for each in range(8)]
    step = [2000.0 + each for each in range(5)]
    assert [change.index for change in sampled_changes(values + step)] == [8]
    assert sampled_changes(values[1:] + step) == []


def test_a_drift_becomes_a_change() -> None:
    values = history(NOISES["Gaussian"], 200, seed=2) + np.linspace(0, 10 * SIGMA, 200)
    changes = sampled_changes(values.tolist())
    assert changes
    assert all(change.after > change.before for change in changes)


def test_a_history_that_is_too_short_says_nothing() -> None:
    assert sampled_changes([1.0, 9.0] * (MIN_HISTORY // 2 - 1)) == []
    assert sampled_changes([]) == []
    assert levels_of([]) == []


def test_a_constant_has_no_change_and_may_have_a_step() -> None:
    assert sampled_changes([5.0] * 50) == []
    assert sampled_changes([5.0] * 20 + [9.0] + [5.0] * 20) == []
    assert sampled_changes([5.0] * 20 + [6.0] * 20) == [Change(20, 5.0, 6.0)]


def test_a_step_of_the_least_magnitude_is_a_change() -> None:
    assert sampled_changes([1000.0] * 20 + [1010.0] * 20) == [Change(20, 1000.0, 1010.0)]
    assert sampled_changes([1000.0] * 20 + [1009.0] * 20) == []


def test_a_step_below_the_least_magnitude_is_none() -> None:
    small = LEVEL * (1 + MIN_CHANGE / 2)
    assert sampled_changes([LEVEL] * 20 + [small] * 20) == []


@settings(max_examples=20)
@given(st.lists(st.floats(-1e9, 1e9), max_size=40))
def test_every_run_is_of_one_level(values: list[float]) -> None:
    levels = levels_of(values)
    assert len(levels) == len(values)
    for level, value in zip(levels, values, strict=True):
        assert level.minimum <= value <= level.maximum
        assert level.minimum <= level.median <= level.maximum
    for change in sampled_changes(values):
        assert MIN_SEGMENT <= change.index <= len(values) - MIN_SEGMENT
        assert abs(change.relative) >= MIN_CHANGE


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2.0, 1024.0]))
def test_another_unit_gives_the_same_changes(seed: int, scale: float) -> None:
    values = history(NOISES["Gaussian"], 40, seed)
    values[25:] += 6 * SIGMA
    one, other = (sampled_changes((values * factor).tolist()) for factor in (1.0, scale))
    assert [change.index for change in one] == [change.index for change in other]
