"""Binary segmentation against the library ruptures, where that can be installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.results.judge.segmentation import Values, segment
from tests.support.change_rates import NOISES, SIGMA, history


def ruptures_cuts(series: Values, min_size: int, penalty: float) -> list[int]:
    binseg = pytest.importorskip("ruptures", reason="ruptures has no wheel for this Python").Binseg
    search = binseg(model="l1", min_size=min_size, jump=1).fit(series)
    return [int(cut) for cut in search.predict(pen=penalty)[:-1]]


@pytest.mark.parametrize("noise", list(NOISES))
def test_the_cuts_are_those_of_ruptures(noise: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        nights = int(rng.integers(10, 90))
        series: Values = history(NOISES[noise], nights, seed).astype(np.float64)
        for start in rng.integers(0, len(series), 3):
            series[start:] += rng.normal() * 10 * SIGMA
        penalty = float(rng.uniform(0.5, 8)) * SIGMA
        assert segment(series, min_size=5, penalty=penalty) == ruptures_cuts(series, 5, penalty)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=10, max_size=30))
def test_ties_are_broken_as_in_ruptures(values: list[int]) -> None:
    series = np.array(values, dtype=np.float64)
    assert segment(series, min_size=3, penalty=1.0) == ruptures_cuts(series, 3, 1.0)


def test_a_step_is_cut_if_it_lowers_the_cost_by_more_than_the_penalty() -> None:
    series = np.array([0.0] * 6 + [1.0] * 6)  # its cost is 6, that of the parts 0
    assert segment(series, min_size=5, penalty=5.9) == [6]
    assert segment(series, min_size=5, penalty=6.0) == []
    assert segment(series, min_size=7, penalty=0.1) == []


def test_two_steps_are_two_cuts_in_order() -> None:
    series = np.array([0.0] * 6 + [9.0] * 6 + [4.0] * 6)
    assert segment(series, min_size=2, penalty=1.0) == [6, 12]


def test_what_is_too_short_to_cut_is_one_segment() -> None:
    assert segment(np.array([]), min_size=1, penalty=0.0) == []
    assert segment(np.array([1.0, 9.0]), min_size=2, penalty=0.0) == []
