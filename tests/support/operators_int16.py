"""Random graphs around one operator with int16 activations, and int8 weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite

from tests.support import operators_recurrent
from tests.support.graphs import Builder, Pick, extent, from_rng
from tests.support.operator_parts import (
    Ends,
    Make,
    bytes_of,
    near,
    numbers,
    of_axis,
    scale,
    shape,
    zero_point,
)


def wide(b: Builder, sizes: Sequence[int], scale_: float, zero_point: int = 0) -> int:
    """Add an int16 activation."""
    unit = float(np.float32(scale_))
    return b.tensor(sizes, scale=unit, zero_point=zero_point, dtype=np.int16)


def activation(b: Builder, sizes: Sequence[int], pick: Pick) -> int:
    return wide(b, sizes, scale(pick) / 256)


def unit(b: Builder, index: int) -> float:
    return float(b.tensors[index].scale[0])


def constant(b: Builder, sizes: Sequence[int], scale_: float) -> int:
    data = b.rng.integers(-(1 << 15), 1 << 15, sizes).astype(np.int16)
    return b.tensor(sizes, scale=float(np.float32(scale_)), zero_point=0, data=data)


# Weights.


def bias(
    b: Builder, channels: int, source: int, weights: int, dtype: type[np.integer[Any]], bits: int
) -> int:
    """Add a bias of up to 2^`bits`."""
    scales = np.array(b.tensors[weights].scale, np.float32) * np.float32(unit(b, source))
    data = b.rng.integers(-(1 << bits), 1 << bits, channels).astype(dtype)
    points = [0] * len(scales)
    return b.tensor((channels,), scale=scales.tolist(), zero_point=points, data=data)


def spread(b: Builder, source: int, weights: int, bits: int, pick: Pick) -> float:
    """Return an output scale that spreads sums with a bias of up to 2^`bits` over int16.

    Sometimes it is too small, and most outputs saturate.
    """
    product = unit(b, source) * float(np.mean(b.tensors[weights].scale))
    few = 100 if pick(0, 5) == 0 else 1
    # RELU6 needs a scale at which six fits into 32 bits.
    return max(near(product * 2 ** (max(bits, 21) - 14) / few, pick), 1e-8)


def bias_type(pick: Pick) -> tuple[type[np.integer[Any]] | None, int]:
    """Return a type for a bias, or None for no bias, and how many bits it has."""
    bits = (12, 20, 24, 30, 38, 45)[pick(0, 5)]
    kind = pick(0, 3)
    if kind == 0:
        return None, 0
    return (np.int32, min(bits, 30)) if kind == 1 else (np.int64, bits)


def without_bias(pick: Pick) -> dict[str, int]:
    kind = (tflite.TensorType.INT32, tflite.TensorType.FLOAT32, tflite.TensorType.INT64)
    return {"QuantizedBiasType": kind[pick(0, 2)]}


def convolution(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        depth, groups = pick(1, 9), 1
        images = pick(1, 3) if pick(0, 4) == 0 else 1
        if kind == "CONV_2D" and pick(0, 4) == 0:
            groups = pick(2, 3)
        if pick(0, 15) == 0:
            depth = pick(250, 700)
        sizes = [images, pick(1, 9), pick(1, 9), depth * groups]
        padding = pick(0, 1)
        window, stride, dilation = [], [], []
        for size in sizes[1:3]:
            dilation.append(pick(1, 3) if pick(0, 3) == 0 else 1)
            most = 5 if padding == 0 else min(5, (size - 1) // dilation[-1] + 1)
            window.append(pick(1, most))
            stride.append(pick(1, 3))
        source = activation(b, sizes, pick)
        multiplier = pick(1, 3) if pick(0, 2) == 0 else 1
        channels = groups * pick(1, 7) if kind == "CONV_2D" else sizes[3] * multiplier
        per_channel = bool(pick(0, 2))
        if kind == "CONV_2D":
            weights = b.weights((channels, *window, depth), 0 if per_channel else None)
        else:
            weights = b.weights((1, *window, channels), 3 if per_channel else None)
        sides = [
            extent(size, wide_, step, gap, padding)
            for size, wide_, step, gap in zip(sizes[1:3], window, stride, dilation, strict=True)
        ]
        dtype, bits = bias_type(pick)
        result = wide(b, (images, *sides, channels), spread(b, source, weights, bits, pick))
        inputs, more = [source, weights], {}
        if kind == "DEPTHWISE_CONV_2D":
            more["DepthMultiplier"] = multiplier
            dtype = dtype and np.int64
        elif dtype is None:
            more = without_bias(pick)
        if dtype:
            inputs.append(bias(b, channels, source, weights, dtype, bits))
        b.operator(
            kind,
            inputs,
            [result],
            "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions",
            Padding=padding,
            StrideH=stride[0],
            StrideW=stride[1],
            DilationHFactor=dilation[0],
            DilationWFactor=dilation[1],
            FusedActivationFunction=pick(0, 3),
            **more,
        )
        return source, result

    return make


def fully_connected(b: Builder, pick: Pick) -> Ends:
    rows, inputs, outputs = pick(1, 5), pick(1, 40), pick(1, 12)
    if pick(0, 9) == 0:
        inputs = pick(250, 1100)
    point = pick(-3000, 3000) if pick(0, 3) == 0 else 0
    source = wide(b, (rows, inputs), scale(pick) / 256, point)
    weights = b.weights((outputs, inputs), 0 if pick(0, 1) else None)
    point = pick(-3000, 3000) if pick(0, 3) == 0 else 0
    dtype, bits = bias_type(pick)
    result = wide(b, (rows, outputs), spread(b, source, weights, bits, pick), point)
    operands = [source, weights, -1]
    if dtype:
        operands[2] = bias(b, outputs, source, weights, dtype, bits)
    more = {} if dtype else without_bias(pick)
    b.operator(
        "FULLY_CONNECTED",
        operands,
        [result],
        "FullyConnectedOptions",
        FusedActivationFunction=pick(0, 3),
        KeepNumDims=True,
        **more,
    )
    return source, result


def transpose_conv(b: Builder, pick: Pick) -> Ends:
    images = pick(1, 2)
    sizes = [images, pick(1, 6), pick(1, 6), pick(1, 5)]
    window, stride = (pick(1, 4), pick(1, 4)), (pick(1, 3), pick(1, 3))
    padding, channels = pick(0, 1), pick(1, 5)
    source = activation(b, sizes, pick)
    sides = []
    for size, wide_, step in zip(sizes[1:3], window, stride, strict=True):
        most = size * step if padding == 0 else (size - 1) * step + wide_
        fits = [s for s in range(1, most + 1) if extent(s, wide_, step, 1, padding) == size]
        sides.append(fits[pick(0, len(fits) - 1)] if fits else most)
    weights = b.weights((channels, *window, sizes[3]), 0 if pick(0, 2) else None)
    wanted = [images, *sides, channels]
    dtype, bits = bias_type(pick)
    result = wide(b, wanted, spread(b, source, weights, bits, pick))
    inputs = [numbers(b, wanted), weights, source]
    if dtype is np.int32:
        dtype, bits = np.int16, min(bits, 15)
    if dtype:
        inputs.append(bias(b, channels, source, weights, dtype, bits))
    b.operator(
        "TRANSPOSE_CONV",
        inputs,
        [result],
        "TransposeConvOptions",
        Padding=padding,
        StrideH=stride[0],
        StrideW=stride[1],
        FusedActivationFunction=pick(0, 3),
    )
    return source, result


# One tensor.


def pool(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        images = pick(1, 3) if pick(0, 4) == 0 else 1
        sizes = [images, pick(1, 9), pick(1, 9), pick(1, 6)]
        padding = pick(0, 1)
        window = [pick(1, 5 if padding == 0 else min(5, size)) for size in sizes[1:3]]
        stride = [pick(1, 3) for _ in window]
        sides = [
            extent(size, side, step, 1, padding)
            for size, side, step in zip(sizes[1:3], window, stride, strict=True)
        ]
        source = activation(b, sizes, pick)
        result = wide(b, (images, *sides, sizes[3]), unit(b, source))
        b.operator(
            kind,
            [source],
            [result],
            "Pool2DOptions",
            Padding=padding,
            StrideH=stride[0],
            StrideW=stride[1],
            FilterHeight=window[0],
            FilterWidth=window[1],
            FusedActivationFunction=pick(0, 3),
        )
        return source, result

    return make


def unary(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        asymmetric = kind in {"RELU6", "LEAKY_RELU"} and pick(0, 2) == 0
        points = [pick(-9000, 9000) if asymmetric else 0 for _ in range(2)]
        scales = [scale(pick) / 256]
        scales.append(near(scales[0], pick))
        if kind in {"LOGISTIC", "TANH", "SOFTMAX"}:
            scales[1] = 1 / 32768
            # Scales that are powers of two, and about those, are a case of their own in TFLM.
            if pick(0, 1):
                scales[0] = 2.0 ** -pick(9, 15) * (1 + (pick(-9, 9) / 10000 if pick(0, 1) else 0))
        if kind == "RELU6":
            scales[0] = max(scales[0], 6 / 32000)  # six must fit
        source, result = (wide(b, (4, 512), *ends) for ends in zip(scales, points, strict=True))
        values: dict[str, float] = {}
        if kind == "LEAKY_RELU":
            values["Alpha"] = pick(-300, 300) / 200
        if kind == "SOFTMAX":
            values["Beta"] = (1.0, 1.0, 0.5, 3.0)[pick(0, 3)]
        options = {"LEAKY_RELU": "LeakyReluOptions", "SOFTMAX": "SoftmaxOptions"}.get(kind)
        b.operator(kind, [source], [result], options, **values)
        return source, result

    return make


def rsqrt(b: Builder, pick: Pick) -> Ends:
    """The reciprocal root of absolute values; TFLM takes no others."""
    source = wide(b, (4, 512), scale(pick) / 256)
    now = wide(b, (4, 512), near(unit(b, source), pick))
    result = wide(b, (4, 512), near(unit(b, now) ** -0.5 / 256, pick))
    b.operator("ABS", [source], [now])
    b.operator("RSQRT", [now], [result])
    return source, result


def prelu(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 4)
    slopes = [1 if pick(0, 1) else size for size in sizes]
    points = [pick(-9000, 9000) if pick(0, 2) == 0 else 0 for _ in range(2)]
    source = wide(b, sizes, scale(pick) / 256, points[0])
    alpha = bytes_of(b, slopes, near(0.01, pick), zero_point(pick))
    result = wide(b, sizes, near(unit(b, source), pick), points[1])
    b.operator("PRELU", [source, alpha], [result])
    return source, result


def softmax(b: Builder, pick: Pick) -> Ends:
    sizes = [pick(1, 4), pick(1, 4), (pick(1, 12), pick(100, 3000))[pick(0, 4) == 0]]
    # Scales at which several values count.
    source = wide(b, sizes, 10 ** (pick(-50, -10) / 10))
    result = wide(b, sizes, 1 / 32768)
    beta = (1.0, 1.0, 0.5, 3.0)[pick(0, 3)]
    b.operator("SOFTMAX", [source], [result], "SoftmaxOptions", Beta=beta)
    return source, result


def softmax_of_int8(b: Builder, pick: Pick) -> Ends:
    sizes = [pick(1, 4), pick(1, 4), (pick(1, 12), pick(100, 8191))[pick(0, 4) == 0]]
    source = b.activation(sizes, 10 ** (pick(-30, 0) / 10), pick(-128, 127))
    result = b.tensor(sizes, scale=1 / 65536, zero_point=-32768, dtype=np.int16)
    beta = (1.0, 1.0, 0.5, 3.0)[pick(0, 3)]
    b.operator("SOFTMAX", [source], [result], "SoftmaxOptions", Beta=beta)
    return source, result


def reduction(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        sizes = [pick(1, 12) for _ in range(pick(1, 5))]
        axes = sorted({pick(0, len(sizes) - 1) for _ in range(pick(1, 3))})
        keep = bool(pick(0, 1))
        left = [1 if i in axes else size for i, size in enumerate(sizes) if keep or i not in axes]
        points = [pick(-9000, 9000) if pick(0, 3) == 0 else 0 for _ in range(2)]
        source = wide(b, sizes, scale(pick) / 256, points[0])
        result = wide(b, left, near(unit(b, source), pick), points[1])
        at = numbers(b, [of_axis(axis, len(sizes), pick) for axis in axes])
        b.operator(kind, [source, at], [result], "ReducerOptions", KeepDims=keep)
        return source, result

    return make


def quantize(b: Builder, pick: Pick) -> Ends:
    source = b.tensor((2, 128), dtype=np.float32)
    point = pick(-30000, 30000) if pick(0, 2) == 0 else 0
    result = wide(b, (2, 128), scale(pick) / 256, point)
    b.operator("QUANTIZE", [source], [result], "QuantizeOptions")
    return source, result


def dequantize(b: Builder, pick: Pick) -> Ends:
    point = pick(-30000, 30000) if pick(0, 2) == 0 else 0
    source = wide(b, (2, 128), scale(pick) / 256, point)
    result = b.tensor((2, 128), dtype=np.float32)
    b.operator("DEQUANTIZE", [source], [result], "DequantizeOptions")
    return source, result


# Two tensors.


def binary(kind: str, options: str | None) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        whole = shape(pick, 1, 4)
        ones = [[1 if pick(0, 2) == 0 else size for size in whole] for _ in range(2)]
        if pick(0, 2) == 0:
            ones = [whole, whole]
        sizes = [max(pair) for pair in zip(*ones, strict=True)]
        source = activation(b, ones[0], pick)
        other = constant(b, ones[1], near(unit(b, source), pick))
        squares = kind in {"MUL", "SQUARED_DIFFERENCE"}
        factor = unit(b, other) * 5000 if squares else 1.0
        # TFLM takes an output whose scale is not far below those of the inputs, and with RELU6
        # one at which six fits into 32 bits.
        least = 1e-8 if squares else max(unit(b, source), unit(b, other)) / 8000
        result = wide(b, sizes, max(near(unit(b, source) * factor, pick), least, 1e-8))
        operands = [source, source if ones[0] == ones[1] and pick(0, 3) == 0 else other]
        if pick(0, 2) == 0:
            operands.reverse()
        values = {"FusedActivationFunction": pick(0, 3)} if options else {}
        b.operator(kind, operands, [result], options, **values)
        return source, result

    return make


def batch_matmul(b: Builder, pick: Pick) -> Ends:
    rows, depth, columns = pick(1, 6), pick(1, 40), pick(1, 6)
    batch = [pick(1, 3) for _ in range(pick(0, 2))]
    adjoint = [bool(pick(0, 1)) for _ in range(2)]
    operands = [
        [*batch, *(side[::-1] if transposed else side)]
        for side, transposed in zip(((rows, depth), (depth, columns)), adjoint, strict=True)
    ]
    source = activation(b, operands[0], pick)
    if operands[0] == operands[1] and pick(0, 1):
        other = source
    else:
        other = constant(b, operands[1], near(unit(b, source), pick))
    product = unit(b, source) * unit(b, other) * 3000 * depth**0.5
    result = wide(b, [*batch, rows, columns], near(product, pick))
    options = dict(zip(("AdjX", "AdjY"), adjoint, strict=True))
    b.operator("BATCH_MATMUL", [source, other], [result], "BatchMatMulOptions", **options)
    return source, result


MAKERS: dict[str, Make] = {
    "BATCH_MATMUL": batch_matmul,
    "CONV_2D": convolution("CONV_2D"),
    "DEPTHWISE_CONV_2D": convolution("DEPTHWISE_CONV_2D"),
    "FULLY_CONNECTED": fully_connected,
    "TRANSPOSE_CONV": transpose_conv,
    "AVERAGE_POOL_2D": pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": pool("MAX_POOL_2D"),
    **{kind: unary(kind) for kind in ("ABS", "RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH")},
    "PRELU": prelu,
    "RSQRT": rsqrt,
    "SOFTMAX": softmax,
    "SOFTMAX of int8": softmax_of_int8,
    "MEAN": reduction("MEAN"),
    "SUM": reduction("SUM"),
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "ADD": binary("ADD", "AddOptions"),
    "SUB": binary("SUB", "SubOptions"),
    "MUL": binary("MUL", "MulOptions"),
    "SQUARED_DIFFERENCE": binary("SQUARED_DIFFERENCE", None),
    "MAXIMUM": binary("MAXIMUM", None),
    "MINIMUM": binary("MINIMUM", None),
}


def every_operator() -> bytes:
    """Return a model of int16 that runs every kernel for it, for a real core."""
    b = Builder()
    source = now = wide(b, (1, 8, 6, 4), 1e-4)

    def on(kind: str, inputs: Sequence[int], sizes: Sequence[int], scale_: float, **v: Any) -> int:
        result = wide(b, sizes, scale_)
        b.operator(kind, inputs, [result], v.pop("options", None), **v)
        return result

    weights = b.weights((5, 3, 3, 4), 0)
    inputs = [source, weights, bias(b, 5, source, weights, np.int64, 20)]
    now = on("CONV_2D", inputs, (1, 8, 6, 5), 1e-4, StrideH=1, StrideW=1, options="Conv2DOptions")
    weights = b.weights((1, 3, 3, 5), 3)
    sizes = (1, 8, 6, 5)
    now = on(
        "DEPTHWISE_CONV_2D",
        [now, weights],
        sizes,
        1e-4,
        StrideH=1,
        StrideW=1,
        options="DepthwiseConv2DOptions",
        DepthMultiplier=1,
    )
    pairs = {"ADD": "AddOptions", "SUB": "SubOptions", "MAXIMUM": None, "MINIMUM": None}
    pairs["SQUARED_DIFFERENCE"] = None
    for kind, options in pairs.items():
        other = constant(b, (1, 1, 6, 1), 1e-4)
        now = on(kind, [now, other], sizes, 1e-4, options=options)
    now = on("MUL", [now, constant(b, (5,), 1e-4)], sizes, 1e-4, options="MulOptions")
    now = on("PRELU", [now, bytes_of(b, (5,), 0.01, 0)], sizes, 1e-4)
    now = on("RSQRT", [on("ABS", [now], sizes, 1e-4)], sizes, 1e-3)
    now = on("LEAKY_RELU", [now], sizes, 5e-5, Alpha=0.5, options="LeakyReluOptions")
    window: dict[str, Any] = {"StrideH": 2, "StrideW": 1, "FilterHeight": 2, "FilterWidth": 3}
    window["options"] = "Pool2DOptions"
    now = on("AVERAGE_POOL_2D", [now], (1, 4, 6, 5), 5e-5, **window)
    now = on("MAX_POOL_2D", [now], (1, 2, 6, 5), 5e-5, **window)
    weights = b.weights((3, 2, 2, 5), 0)
    shape_of = numbers(b, (1, 4, 12, 3))
    now = on(
        "TRANSPOSE_CONV",
        [shape_of, weights, now],
        (1, 4, 12, 3),
        5e-5,
        StrideH=2,
        StrideW=2,
        options="TransposeConvOptions",
    )
    real = b.tensor((1, 4, 12, 3), dtype=np.float32)
    b.operator("DEQUANTIZE", [now], [real], "DequantizeOptions")
    now = on("QUANTIZE", [real], (1, 4, 12, 3), 4e-5, options="QuantizeOptions")
    now = on("MEAN", [now, numbers(b, (1,))], (1, 12, 3), 2e-5, options="ReducerOptions")
    now = on("LOGISTIC", [now], (1, 12, 3), 1 / 32768)
    weights = b.weights((7, 3), None)
    now = on(
        "FULLY_CONNECTED",
        [now, weights, -1],
        (1, 12, 7),
        1e-5,
        options="FullyConnectedOptions",
        KeepNumDims=True,
    )
    now = on("SOFTMAX", [now], (1, 12, 7), 1 / 32768, Beta=1.0, options="SoftmaxOptions")
    other = constant(b, (1, 7, 3), 1e-4)
    now = on("BATCH_MATMUL", [now, other], (1, 12, 3), 1e-4, options="BatchMatMulOptions")
    pick = from_rng(np.random.default_rng(4))
    now = operators_recurrent.lstm_layer(b, now, 5, pick, time_major=False)
    return b.build([source], [now])
