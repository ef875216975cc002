"""The firmware's functions of real numbers: the float nearest to the true result."""

import ctypes
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.engine_host import NN
from tests.support.host import compiler

COUNT = 4000


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    target = tmp_path_factory.mktemp("real") / "real.so"
    flags = ["-std=gnu11", "-O1", "-shared", "-fPIC", "-fsanitize=undefined"]
    command = [compiler(), *flags, str(NN / "nn_real.c"), "-o", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return ctypes.CDLL(str(Path(target)))


def numbers(seed: int) -> list[float]:
    """Return floats of all sizes, many of them near 1, and the special ones."""
    rng = np.random.default_rng(seed)
    of_all_sizes = rng.integers(0, 1 << 32, COUNT, np.uint32).view(np.float32)
    near_one = (rng.normal(0, 1, COUNT) * 2.0 ** rng.integers(-9, 7, COUNT)).astype(np.float32)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, 88.8, -103.9], np.float32)
    return [float(x) for x in np.concatenate([of_all_sizes, near_one, special])]


def logarithm(x: float) -> float:
    return -math.inf if x == 0 else math.log(x)


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("exp", math.exp),
        ("expm1", math.expm1),
        ("log", logarithm),
        ("sin", math.sin),
        ("cos", math.cos),
        ("tanh", math.tanh),
        ("sqrt", math.sqrt),
    ],
)
def test_a_function_gives_the_nearest_float(
    library: ctypes.CDLL, name: str, exact: Callable[[float], float]
) -> None:
    function = library[f"nn_{name}"]
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
    for x in numbers(1):
        expected = nearest(exact, x)
        found = function(x)
        assert same(found, expected), x.hex()


def same(found: float, expected: float) -> bool:
    """Whether both are the same number, with the sign of 0, or both are not a number."""
    if math.isnan(expected):
        return math.isnan(found)
    return found == expected and math.copysign(1, found) == math.copysign(1, expected)


def nearest(exact: Callable[[float], float], x: float) -> float:
    try:
        with np.errstate(over="ignore"):
            return float(np.float32(exact(x)))
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def test_a_remainder_is_exact(library: ctypes.CDLL) -> None:
    function = library.nn_remainder
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float] * 2
    for a, b in zip(numbers(1), numbers(2), strict=True):
        with np.errstate(invalid="ignore"):
            expected = float(np.fmod(np.float32(a), np.float32(b)))
        found = function(a, b)
        assert same(found, expected), (a.hex(), b.hex())
