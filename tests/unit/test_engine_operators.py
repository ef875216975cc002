"""Every operator on random graphs, in the engine's C on this machine, against TFLM.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says.
"""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import (
    campaign,
    constant_sources,
    operator_parts,
    operators,
    operators_custom,
    operators_float32,
    operators_float32_layers,
    operators_int16,
)
from tests.support.engine_host import NN, Host
from tests.support.graphs import Builder
from tests.support.operators_elementwise import TOLERANCES

EXACT = (0.0, 0.0)


@pytest.mark.timeout(campaign.TIMEOUT)
@pytest.mark.parametrize("kind", operators.MAKERS)
def test_any_graph_of_an_operator_equals_tflm(host: Host, kind: str) -> None:
    campaign.check(host, kind, operators.build, TOLERANCES.get(kind, EXACT))


@settings(max_examples=40, derandomize=True)
@given(data=st.data(), kind=st.sampled_from(sorted(operators.MAKERS)))
def test_any_graph_that_hypothesis_finds_equals_tflm(
    host: Host, data: st.DataObject, kind: str
) -> None:
    model = operators.build(kind, lambda low, high: data.draw(st.integers(low, high)))
    host.check_all({kind: model}, TOLERANCES.get(kind, EXACT))


def test_chains_of_all_operators_equal_tflm(host: Host) -> None:
    used = set[str]()
    families = (
        operators,
        operators_int16,
        operators_custom,
        operators_float32,
        operators_float32_layers,
    )
    for family in families:
        host.check(family.every_operator())
        generated = host.directory / str(host.count) / "model.cmake"
        used.update(re.findall(r"nn_\w+\.c", generated.read_text()))
    assert used == {path.name for path in NN.glob("*.c")}


def test_a_constant_may_be_the_input_of_any_operator_of_float32(host: Host) -> None:
    for exact in (True, False):
        models = {
            f"{kind}, seed {seed}": constant_sources.build(kind, seed)
            for kind in constant_sources.KINDS
            for seed in (0, 1)
            if (kind not in TOLERANCES) is exact
        }
        host.check_all(models, EXACT if exact else (1e-6, 1e-6))


def test_constants_may_be_all_that_an_operator_reads(host: Host) -> None:
    """Weights that a converter stored in int8 for a layer that computes with float32."""
    b = Builder()
    source, result = (b.tensor((1, 4, 4, 3), dtype=np.float32) for _ in range(2))
    weights, real = b.weights((3, 2, 2, 3), None), b.tensor((3, 2, 2, 3), dtype=np.float32)
    b.operator("DEQUANTIZE", [weights], [real], "DequantizeOptions")
    one, two = (operator_parts.bytes_of(b, (3,), 0.1, 4) for _ in range(2))
    total, bias = b.activation((3,), 0.2, 0), b.tensor((3,), dtype=np.float32)
    b.operator("ADD", [one, two], [total], "AddOptions")
    b.operator("DEQUANTIZE", [total], [bias], "DequantizeOptions")
    strides = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    b.operator("CONV_2D", [source, real, bias], [result], "Conv2DOptions", **strides)
    host.check(b.build([source], [result]))


def test_a_layer_without_a_bias_compiles_where_cmsis_nn_is_not_needed(host: Host) -> None:
    b = Builder()
    source = b.activation((1, 3, 3, 2), 0.1, 4)
    weights = b.weights((3, 2, 2, 2), 0)
    result = b.activation((1, 6, 6, 3), 0.02, -9)
    inputs = [operator_parts.numbers(b, (1, 6, 6, 3)), weights, source]
    b.operator("TRANSPOSE_CONV", inputs, [result], "TransposeConvOptions", StrideH=2, StrideW=2)
    host.check(b.build([source], [result]))


@pytest.mark.parametrize("kind", ["MAXIMUM", "MINIMUM", "MUL"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_a_constant_of_zeros_may_have_scale_0(host: Host, kind: str, dtype: type[np.int8]) -> None:
    """The state before the first step of a recurrent layer, as the converter writes it."""
    b = Builder()
    source = b.tensor((1, 6), scale=0.1, zero_point=0, dtype=dtype)
    zeros = b.tensor((1, 6), scale=0.0, zero_point=0, data=np.zeros((1, 6), dtype))
    result = b.tensor((1, 6), scale=0.1, zero_point=0, dtype=dtype)
    b.operator(kind, [source, zeros], [result], "MulOptions" if kind == "MUL" else None)
    host.check(b.build([source], [result]))


def long_row(kind: str, size: int, result: int, scale: float, zero_point: int) -> bytes:
    """Return a model of the values of one row; the longest rows that the engine takes."""
    b = Builder()
    source = b.activation((1, size), 1e-3, 0)
    dtype = (np.int8, np.int16)[result]
    ends = [b.tensor((1, size), scale=scale, zero_point=zero_point, dtype=dtype)]
    options = {"SOFTMAX": "SoftmaxOptions", "LOG_SOFTMAX": "LogSoftmaxOptions"}[kind]
    b.operator(kind, [source], ends, options, **({"Beta": 1.0} if kind == "SOFTMAX" else {}))
    return b.build([source], ends)


def end_of_int32(kind: str, value: int) -> bytes:
    """Return a model whose bias has the value; its scale keeps the sums as they are."""
    b = Builder()
    scale = float(np.float32(2.0**-15))
    source = b.activation((1, 2, 2, 4), scale, -128)
    weights = {
        "CONV_2D": (2, 1, 1, 2),
        "FULLY_CONNECTED": (2, 16),
        "TRANSPOSE_CONV": (2, 1, 1, 4),
    }[kind]
    data = b.rng.integers(-127, 128, weights).astype(np.int8)
    point = 3 if kind == "FULLY_CONNECTED" else 0
    constant = b.tensor(weights, scale=scale, zero_point=point, data=data)
    bias = b.tensor((2,), scale=scale**2, zero_point=0, data=np.full(2, value, np.int32))
    sizes = (1, 2) if kind == "FULLY_CONNECTED" else (1, 2, 2, 2)
    result = b.activation(sizes, scale**2, 100 if value > 0 else -100)
    inputs = [source, constant, bias]
    options = {"StrideH": 1, "StrideW": 1} if kind != "FULLY_CONNECTED" else {}
    table = {"CONV_2D": "Conv2DOptions", "FULLY_CONNECTED": "FullyConnectedOptions"}
    if kind == "TRANSPOSE_CONV":
        inputs = [operator_parts.numbers(b, sizes), constant, source, bias]
    b.operator(kind, inputs, [result], table.get(kind, "TransposeConvOptions"), **options)
    return b.build([source], [result])


def test_the_longest_rows_and_sums_beyond_int32_equal_tflm(host: Host) -> None:
    ends = (-(1 << 31), 1 - (1 << 31), (1 << 31) - 1)
    host.check_all(
        {
            "softmax to int16": long_row("SOFTMAX", 8191, 1, 1 / 65536, -32768),
            "log_softmax": long_row("LOG_SOFTMAX", 4095, 0, 1 / 16, 127),
        }
        | {
            f"{kind}, bias {value}": end_of_int32(kind, value)
            for kind in ("CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
            for value in ends
        }
    )
