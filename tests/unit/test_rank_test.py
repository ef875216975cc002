"""The rank test against SciPy's, which is installed for the tests only."""

from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from harness.results.judge.rank_test import p_value

FLOATS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=25)
FEW = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.tuples(FLOATS, FLOATS), st.tuples(FEW, FEW)))
def test_p_is_that_of_scipy(samples: tuple[list[float], list[float]]) -> None:
    assume(len({*samples[0], *samples[1]}) > 1)  # SciPy 1.18 returns NaN for equal values
    one, other = (np.array(values) for values in samples)
    assert p_value(one, other) == pytest.approx(float(mannwhitneyu(one, other).pvalue), rel=1e-9)


def test_the_smallest_p_of_small_samples_is_one_order_in_all() -> None:
    """No value of one sample is above one of the other: 2 orders of comb(15, 5)."""
    one, other = np.arange(5.0), np.arange(10.0, 20.0)
    assert p_value(one, other) == p_value(other, one) == 2 / comb(15, 5)


def test_equal_values_say_nothing() -> None:
    assert p_value(np.ones(5), np.ones(7)) == 1.0


def test_large_samples_take_little_memory() -> None:
    one = np.arange(100_000.0)
    assert p_value(one, one + 0.5) == pytest.approx(1.0, abs=0.01)
    assert p_value(one, one + 50_000) == pytest.approx(0.0)
