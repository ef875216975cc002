"""Real factors as TFLM's fixed-point multipliers: rounded to nearest, to the last bit."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.quantized_multiplier import Multiplier, multiplier

ULP = 2.0**-31  # of a fraction in 0.5..1


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, Multiplier(0, 0)),
        (0.1, Multiplier(1_717_986_918, -3)),  # 1,717,986,918.4
        (0.3, Multiplier(1_288_490_189, -1)),  # 1,288,490,188.8
        (0.7, Multiplier(1_503_238_554, 0)),  # 1,503,238,553.6
        (0.5 + 0.5 * ULP, Multiplier((1 << 30) + 1, 0)),  # halves are rounded up
        (0.5 + 0.499 * ULP, Multiplier(1 << 30, 0)),
        (1 - 0.5 * ULP, Multiplier(1 << 30, 1)),  # 2^31 does not fit: the next power of two
        (1 - 0.501 * ULP, Multiplier((1 << 31) - 1, 0)),
        (2.0**-32, Multiplier(1 << 30, -31)),  # the largest shift that C defines
        (2.0**-32 * (1 - ULP), Multiplier(0, 0)),
    ],
)
def test_a_factor_is_rounded_to_the_nearest_multiplier(real: float, expected: Multiplier) -> None:
    assert multiplier(real) == expected


@given(st.floats(2.0**-31, 2.0**31))
def test_no_multiplier_is_nearer(real: float) -> None:
    value, shift = multiplier(real)
    assert 1 << 30 <= value < 1 << 31
    unit = Fraction(2) ** (shift - 31)
    assert abs(value * unit - Fraction(real)) <= unit / 2
    assert math.isclose(math.ldexp(value, shift - 31), real, rel_tol=2.0**-31)
