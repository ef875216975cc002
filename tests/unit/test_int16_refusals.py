"""Int16 activations and int4 weights that TFLM refuses are an error that names the reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.golden import int4_unpacking, tflm_kernels
from harness.model.tflite_file import parse
from tests.support import operators_int4
from tests.support.graphs import TANH, Builder
from tests.support.interpreters import needs_tflm
from tests.support.operators_int16 import bias, constant, wide


def one(kind: str, sizes: tuple[int, ...] = (1, 4), **fields: Any) -> bytes:
    """Return a model of an operator on one int16 tensor; `fields` change tensors or options."""
    b = Builder()
    source = wide(b, sizes, fields.pop("scale", 1e-4), fields.pop("zero_point", 0))
    output = fields.pop("output", 1 / 32768)
    result = wide(b, sizes, output, fields.pop("output_zero_point", 0))
    b.operator(kind, [source], [result], fields.pop("options", None), **fields)
    return b.build([source], [result])


def pair(kind: str, zero_point: int = 0, scale: float = 1e-4, **values: int) -> bytes:
    b = Builder()
    source, other = wide(b, (1, 4), 1e-4, zero_point), constant(b, (4,), scale)
    result = wide(b, (1, 4), 1e-4)
    options = {"ADD": "AddOptions", "MUL": "MulOptions", "CONCATENATION": "ConcatenationOptions"}
    if kind == "CONCATENATION":
        other, result = constant(b, (1, 4), 1e-4), wide(b, (2, 4), 1e-4)
    b.operator(kind, [source, other], [result], options[kind], **values)
    return b.build([source], [result])


def weighted(kind: str, dtype: type | None, output: float = 1e-2) -> bytes:
    """Return a layer with weights for int16, and a bias of `dtype`."""
    b = Builder()
    source = wide(b, (1, 3, 3, 2), 1e-4)
    weights = b.weights((1, 1, 1, 2) if kind.startswith("D") else (2, 1, 1, 2), None)
    inputs = [source, weights]
    if dtype:
        inputs.append(bias(b, 2, source, weights, dtype, 12))
    options: dict[str, int] = {"StrideH": 1, "StrideW": 1}
    name = "Conv2DOptions"
    if kind == "DEPTHWISE_CONV_2D":
        name, options["DepthMultiplier"] = "DepthwiseConv2DOptions", 1
    if kind == "TRANSPOSE_CONV":
        name = "TransposeConvOptions"
        shape = b.tensor((4,), data=np.array((1, 3, 3, 2), np.int32))
        inputs = [shape, weights, source, *inputs[2:]]
    result = wide(b, (1, 3, 3, 2), output)
    b.operator(kind, inputs, [result], name, **options)
    return b.build([source], [result])


def computed_weights() -> bytes:
    b = Builder()
    source, weights = wide(b, (1, 4), 1e-4), b.activation((3, 4), 0.1, 0)
    result = wide(b, (1, 3), 1e-2)
    b.operator("FULLY_CONNECTED", [source, weights], [result], "FullyConnectedOptions")
    return b.build([source, weights], [result])


def int4(kind: str, dtype: type = np.int8) -> bytes:
    """Return a layer with int4 weights, on activations of `dtype`."""
    b = Builder()
    source, result = (
        b.tensor((1, 2, 2, 2), scale=0.1, zero_point=0, dtype=dtype) for _ in range(2)
    )
    weights = b.weights((2, 1, 1, 2), 0)
    operators_int4.pack(b, weights)
    options = {"CONV_2D": "Conv2DOptions", "TRANSPOSE_CONV": "TransposeConvOptions"}[kind]
    inputs = [source, weights]
    if kind == "TRANSPOSE_CONV":
        inputs.insert(0, b.tensor((4,), data=np.array((1, 2, 2, 2), np.int32)))
        inputs[1:] = [weights, source]
    b.operator(kind, inputs, [result], options, StrideH=1, StrideW=1)
    return b.build([source], [result])


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "logistic, output scale": (
        lambda: one("LOGISTIC", output=1 / 256),
        "TFLM requires scale 1/32768",
    ),
    "logistic, zero point": (lambda: one("LOGISTIC", zero_point=3), "requires zero point 0"),
    "tanh, scale": (lambda: one("TANH", scale=1e6), "is too large for TFLM"),
    "softmax, zero point": (
        lambda: one("SOFTMAX", options="SoftmaxOptions", output_zero_point=1),
        "requires zero point 0",
    ),
    "softmax, output scale": (
        lambda: one("SOFTMAX", options="SoftmaxOptions", output=1 / 256),
        "TFLM requires scale 1/32768",
    ),
    "softmax, depth": (
        lambda: one("SOFTMAX", (1, 65536), options="SoftmaxOptions"),
        "1 to 65535 values",
    ),
    "relu, zero point": (lambda: one("RELU", zero_point=1), "requires zero point 0"),
    "mul, zero point": (lambda: pair("MUL", 5), "requires zero point 0"),
    "mul, activation": (
        lambda: pair("MUL", FusedActivationFunction=TANH),
        "activation TANH is not supported",
    ),
    "add, scales": (lambda: pair("ADD", scale=1e9), "too far apart"),
    "concatenation, zero point": (lambda: pair("CONCATENATION", 5), "has a zero point"),
    "depthwise, bias": (
        lambda: weighted("DEPTHWISE_CONV_2D", np.int32),
        "the bias has type int32, which TFLM reads as int64; it takes int64",
    ),
    "transposed convolution, bias": (
        lambda: weighted("TRANSPOSE_CONV", np.int32),
        "the bias has type int32, which TFLM reads as int64; it takes int16 or int64",
    ),
    "convolution, bias": (
        lambda: weighted("CONV_2D", np.int16),
        "the bias has type int16, which TFLM reads as int64; it takes int32 or int64",
    ),
    "convolution, scales": (lambda: weighted("CONV_2D", None, 1e-12), "too far apart"),
    "computed weights": (computed_weights, "must be constant"),
    "int4, int16": (lambda: int4("CONV_2D", np.int16), "with int8 activations"),
    "int4, operator": (lambda: int4("TRANSPOSE_CONV"), "TFLM takes weights of CONV_2D"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_tflm_refuses_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    make, message = CASES[name]
    graph = parse(make(), where="models/bad.tflite")
    with pytest.raises(InputError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
    assert "layer 0" in caught.value.what
    assert message in caught.value.what
    assert caught.value.remedy


def dense_int4(*, per_channel: bool) -> bytes:
    b = Builder()
    source = b.activation((1, 5), 0.1, 3)
    result = b.dense(source, 3, per_channel=per_channel, bias=False)
    operators_int4.pack(b, b.operators[-1][1][1])
    return b.build([source], [result])


@needs_tflm
def test_int4_weights_that_tflm_refuses_are_unpacked_and_its_golden_says_so() -> None:
    graph = parse(dense_int4(per_channel=True), where="test.tflite")
    assert int4_unpacking.note(graph) == "int4 weights unpacked to int8"
    unpacked = parse(int4_unpacking.unpacked(graph), where="test.tflite")
    before, after = graph.tensors[1], unpacked.tensors[1]
    assert (before.int4, after.int4) == (True, False)
    np.testing.assert_array_equal(after.data, before.data)
    inputs = np.arange(5, dtype=np.int8).reshape(1, 1, 5)
    golden, again = (
        tflm_kernels.compute(each.source, [inputs], [])[0] for each in (graph, unpacked)
    )
    np.testing.assert_array_equal(golden, again)


@needs_tflm
@pytest.mark.parametrize("refused", [(True, True), (True, False), (False, True)])
def test_int4_weights_of_a_branch_are_unpacked(refused: tuple[bool, bool]) -> None:
    in_network, in_branch = refused
    b = Builder()
    flag = b.tensor((1,), dtype=np.bool_)
    source = b.activation((1, 8), 0.1, 3)
    number, part = b.part()
    given = part.activation((1, 8), 0.1, 3)
    inner = part.dense(given, 5, per_channel=in_branch, bias=False)
    operators_int4.pack(part, part.operators[-1][1][1])
    part.ends = ([given], [inner])
    now = b.dense(source, 8, per_channel=in_network, bias=False)
    operators_int4.pack(b, b.operators[-1][1][1])
    result = b.activation((1, 5), 0.1, 0)
    options = {"ThenSubgraphIndex": number, "ElseSubgraphIndex": number}
    b.operator("IF", [flag, now], [result], "IfOptions", **options)
    graph = parse(b.build([flag, source], [result]), where="test.tflite")
    assert int4_unpacking.note(graph)
    unpacked = parse(int4_unpacking.unpacked(graph), where="test.tflite")
    for before, after in zip(graph.tensors, unpacked.tensors, strict=True):
        assert not after.int4
        assert (before.data is None) == (after.data is None)
        if before.data is not None:
            np.testing.assert_array_equal(after.data, before.data)
    inputs = [np.ones((1, 1), np.bool_), np.ones((1, 1, 8), np.int8)]
    assert tflm_kernels.compute(graph.source, inputs, [])[0].shape == (1, 1, 5)


def test_int4_weights_that_tflm_unpacks_stay_as_they_are() -> None:
    assert int4_unpacking.note(parse(dense_int4(per_channel=False), where="test.tflite")) == ""


def test_int4_constants_hold_the_first_value_in_the_low_half() -> None:
    b = Builder()
    index = b.tensor((3,), scale=1.0, zero_point=0, data=np.array((16, -128, 112), np.int8))
    operators_int4.pack(b, index)
    source = b.activation((1, 3), 1.0, 0)
    graph = parse(b.build([source], [source]), where="test.tflite")
    assert np.asarray(graph.tensors[index].data).tolist() == [1, -8, 7]
