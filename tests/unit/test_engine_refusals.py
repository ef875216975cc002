"""What the engine does not support, or TFLM refuses, is an error that names layer and reason."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engines.refusal import NetworkRefusedError
from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.model.tflite_file import parse
from tests.support.graphs import RELU, TANH, Builder

Array = np.ndarray[Any, Any]
SIZES, HALF, EMPTY = (1, 4, 6, 2), (1, 2, 6, 2), (1, 0, 6, 2)


def ints(*values: int) -> Array:
    return np.array(values, np.int32)


def int8(*sizes: int) -> Array:
    return np.zeros(sizes, np.int8)


def layer(
    kind: str,
    *more: Array,
    sizes: Sequence[int] = SIZES,
    result: Sequence[int] | None = None,
    order: Sequence[int] | None = None,
    outputs: int = 1,
    options: str = "",
    change: dict[int, dict[str, Any]] | None = None,
    **values: Any,
) -> bytes:
    """Return a model of one operator on an int8 tensor, constants `more`, and its outputs.

    `order` are its inputs, where 0 is the tensor and the constants follow; `change` replaces
    fields of tensors, which are numbered in that order and then the outputs.
    """
    b = Builder()
    source = b.activation(sizes, 0.1, 0)
    for data in more:
        quantized: dict[str, Any] = {"scale": 0.1, "zero_point": 0}
        quantized = quantized if data.dtype == np.int8 else {}
        b.tensor(data.shape, data=data, **quantized)
    inputs = list(range(len(more) + 1)) if order is None else list(order)
    ends = [b.activation(sizes if result is None else result, 0.1, 0) for _ in range(outputs)]
    for index, fields in (change or {}).items():
        b.tensors[index] = replace(b.tensors[index], **fields)
    b.operator(kind, inputs, ends, options or None, **values)
    return b.build([source], ends[:1])


def refused(model: bytes, tmp_path: Path) -> str:
    graph = parse(model, where="models/bad.tflite")
    with pytest.raises(NetworkRefusedError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
    assert caught.value.where == "models/bad.tflite"
    assert caught.value.remedy
    assert not (tmp_path / "model.c").exists()
    return caught.value.layers[0]


FLOAT, INT32, UINT8, INT64, BOOL, INT16 = 0, 2, 3, 4, 6, 7  # TensorType
SLICE: dict[str, Any] = {"options": "StridedSliceOptions"}
WHOLE = (ints(0, 0, 0, 0), ints(*SIZES), ints(1, 1, 1, 1))
CONVOLUTION: dict[str, Any] = {
    "order": (1, 2, 0),
    "result": (1, 8, 12, 3),
    "options": "TransposeConvOptions",
    "StrideH": 2,
    "StrideW": 2,
}
UP = (ints(1, 8, 12, 3), int8(3, 2, 2, 2))
SOFTMAX: dict[str, Any] = {"scale": [1 / 256], "zero_point": [-128]}
WIDE: dict[str, Any] = {"scale": [1 / 65536], "zero_point": [-32768], "dtype": INT16}
LOGARITHMS: dict[str, Any] = {"scale": [1 / 16], "zero_point": [127]}

CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "add, no broadcast": (
        lambda: layer("ADD", int8(3), options="AddOptions"),
        "shapes 1x4x6x2 and 3 do not make 1x4x6x2",
    ),
    "add, a constant of scale 0": (
        lambda: layer("ADD", int8(2), options="AddOptions", change={1: {"scale": [0.0]}}),
        "input 1 has scale 0",
    ),
    "mul, a result of scale 0": (
        lambda: layer("MUL", int8(2), options="MulOptions", change={2: {"scale": [0.0]}}),
        "the output has scale 0",
    ),
    "add, a result of another shape": (
        lambda: layer("ADD", int8(2), result=(1, 4, 6, 1), options="AddOptions"),
        "do not make 1x4x6x1",
    ),
    "add, activation": (
        lambda: layer("ADD", int8(2), options="AddOptions", FusedActivationFunction=TANH),
        "activation TANH is not supported",
    ),
    "add, int16": (
        lambda: layer("ADD", np.zeros(2, np.int16), options="AddOptions"),
        "input 0 has type int8, input 1 int16; TFLM takes the same type",
    ),
    "sub, scales": (
        lambda: layer("SUB", int8(2), change={2: {"scale": [1e-9]}}, options="SubOptions"),
        "are too far apart",
    ),
    "mul, scales": (
        lambda: layer("MUL", int8(2), change={2: {"scale": [1e-12]}}, options="MulOptions"),
        "are too far apart",
    ),
    "mul, axes": (
        lambda: layer(
            "MUL",
            int8(1, 2, 1, 2, 1, 2, 1, 2),
            sizes=(2, 1, 2, 1, 2, 1, 2, 1),
            result=(2,) * 8,
            options="MulOptions",
        ),
        "needs 8 nested loops; 6 are supported",
    ),
    "sub, int32 with a scale": (
        lambda: layer(
            "SUB",
            ints(1),
            options="SubOptions",
            change={0: {"dtype": INT32}, 2: {"dtype": INT32}},
        ),
        "an int32 tensor has a scale",
    ),
    "div, zero": (
        lambda: layer("DIV", int8(2), options="DivOptions"),
        "divides by the constant zero",
    ),
    "div, scales": (
        lambda: layer("DIV", int8(2) + 1, options="DivOptions", change={2: {"scale": [1e-8]}}),
        "are too far apart",
    ),
    "squared difference, scales": (
        lambda: layer("SQUARED_DIFFERENCE", int8(2), change={2: {"scale": [1e-15]}}),
        "are too far apart",
    ),
    "floor division, int8": (
        lambda: layer("FLOOR_DIV", int8(2)),
        "input 0 has type int8; TFLM's FLOOR_DIV takes float32",
    ),
    "floor division, zero": (
        lambda: layer(
            "FLOOR_DIV", np.zeros(1, np.float32), change={0: {"dtype": FLOAT}, 2: {"dtype": FLOAT}}
        ),
        "divides by the constant zero",
    ),
    "exp, int8": (lambda: layer("EXP"), "input 0 has type int8; TFLM's EXP takes float32"),
    "floats, output": (
        lambda: layer("SQRT", change={0: {"dtype": FLOAT}}),
        "input 0 has type float32, the output int8; TFLM takes the same type",
    ),
    "abs, type": (
        lambda: layer("ABS", change={0: {"dtype": UINT8}}),
        "input 0 has type uint8; int8 is supported",
    ),
    "rsqrt, scales": (
        lambda: layer("RSQRT", change={0: {"scale": [1e-30]}, 1: {"scale": [1e-30]}}),
        "are too far apart",
    ),
    "prelu, alpha": (
        lambda: layer("PRELU", int8(2, 4, 6, 2), result=(2, 4, 6, 2)),
        "alpha does not broadcast to the input's shape",
    ),
    "equal, scale": (
        lambda: layer("EQUAL", int8(2), change={0: {"scale": [1.5]}, 2: {"dtype": BOOL}}),
        "an input has scale 1.5; TFLM compares scales below 1",
    ),
    "less, bool": (
        lambda: layer("LESS", np.ones(2, np.bool_), order=(1, 0), change={2: {"dtype": BOOL}}),
        "input 0 has type bool; TFLM's LESS takes int8, int32, float32",
    ),
    "equal, output": (lambda: layer("EQUAL", int8(2)), "the output has type int8"),
    "logical, int8": (
        lambda: layer("LOGICAL_AND", int8(2)),
        "input 0 has type int8; TFLM's LOGICAL_AND takes bool",
    ),
    "select, condition": (
        lambda: layer("SELECT_V2", int8(2), int8(2)),
        "input 0 has type int8; TFLM's SELECT_V2 takes bool",
    ),
    "select, shapes": (
        lambda: layer("SELECT_V2", np.ones(5, np.bool_), int8(2), order=(1, 0, 2)),
        "5 does not broadcast to 1x4x6x2",
    ),
    "select, int32": (
        lambda: layer("SELECT_V2", np.ones(2, np.bool_), ints(1, 2), order=(1, 2, 2)),
        "input 1 has type int32; TFLM's SELECT_V2 takes int8, int16, float32",
    ),
    "cast, type": (
        lambda: layer("CAST", change={1: {"dtype": UINT8}}),
        "the output has type uint8; TFLM's CAST takes int8, int16",
    ),
    "cast, empty": (
        lambda: layer("CAST", sizes=EMPTY, change={1: {"dtype": INT32}}),
        "input 0 is empty",
    ),
    "fill, two types": (
        lambda: layer("FILL", ints(*SIZES), order=(1, 0), change={2: {"dtype": INT32}}),
        "input 1 has type int8, the output int32; TFLM takes the same type",
    ),
    "fill, type": (
        lambda: layer(
            "FILL", ints(*SIZES), order=(1, 0), change={0: {"dtype": INT16}, 2: {"dtype": INT16}}
        ),
        "input 1 has type int16; TFLM's FILL takes int8, int32, float32",
    ),
    "fill, empty": (
        lambda: layer("FILL", ints(*EMPTY), sizes=(), order=(1, 0), result=EMPTY),
        "the output is empty",
    ),
    "prelu, int16": (
        lambda: layer(
            "PRELU", np.zeros(2, np.int16), change={0: {"dtype": INT16}, 2: {"dtype": INT16}}
        ),
        "alpha has type int16; TFLM takes int8 alpha with int16 activations",
    ),
    "greater, int16": (
        lambda: layer(
            "GREATER",
            np.zeros(SIZES, np.int16),
            change={
                0: {"dtype": INT16},
                1: {"scale": [0.1], "zero_point": [0]},
                2: {"dtype": BOOL},
            },
        ),
        "input 0 has type int16: TFLM's kernel does not set its scales, so the result is false",
    ),
    "maximum, int64": (
        lambda: layer(
            "MAXIMUM", np.zeros(2, np.int64), change={0: {"dtype": INT64}, 2: {"dtype": INT64}}
        ),
        "input 0 has type int64: no layer that runs here makes int64",
    ),
    "fill, shape": (
        lambda: layer("FILL", ints(1, 2), order=(1, 0)),
        "does not have the shape of input 0",
    ),
    "zeros like, two types": (
        lambda: layer("ZEROS_LIKE", change={1: {"dtype": INT32}}),
        "the output has type int32, the input int8",
    ),
    "zeros like, empty": (lambda: layer("ZEROS_LIKE", sizes=EMPTY), "input 0 is empty"),
    "fill, value": (
        lambda: layer("FILL", ints(*SIZES), order=(1, 0)),
        "the value is not a scalar",
    ),
    "zeros like, type": (
        lambda: layer("ZEROS_LIKE", change={0: {"dtype": INT16}, 1: {"dtype": INT16}}),
        "input 0 has type int16; TFLM's ZEROS_LIKE takes int8, int32, int64, float32",
    ),
    "add n, scales": (
        lambda: layer("ADD_N", int8(*SIZES), change={1: {"scale": [0.2]}}),
        "the inputs have different quantization",
    ),
    "add n, shapes": (lambda: layer("ADD_N", int8(2)), "shapes 1x4x6x2 and 2 differ"),
    "cumsum, axis": (
        lambda: layer("CUMSUM", ints(4), options="CumsumOptions"),
        "there is no axis 4 of 4",
    ),
    "cumsum, axes": (
        lambda: layer("CUMSUM", ints(1, 2), options="CumsumOptions"),
        "2 axes of 1x4x6x2; one is supported",
    ),
    "l2 normalization, activation": (
        lambda: layer("L2_NORMALIZATION", options="L2NormOptions", FusedActivationFunction=RELU),
        "activation RELU is not supported",
    ),
    "l2 normalization, axes": (
        lambda: layer("L2_NORMALIZATION", sizes=(1, 1, 2, 2, 2), options="L2NormOptions"),
        "has 5 axes; TFLM takes 4",
    ),
    "log softmax, output": (
        lambda: layer("LOG_SOFTMAX"),
        "not scale 1/16, zero point 127",
    ),
    "reduce all, type": (
        lambda: layer("REDUCE_ALL", ints(1), result=(1, 6, 2)),
        "input 0 has type int8; TFLM's REDUCE_ALL takes bool",
    ),
    "relu, shapes": (lambda: layer("RELU", result=(1, 48)), "has shape 1x48, not 1x4x6x2"),
    "relu, scales": (
        lambda: layer("RELU", change={1: {"scale": [1e-12]}}),
        "are too far apart",
    ),
    "logistic, output": (lambda: layer("LOGISTIC"), "TFLM requires zero point -128"),
    "logistic, scale": (
        lambda: layer("LOGISTIC", change={0: {"scale": [1e-9]}, 1: {"zero_point": [-128]}}),
        "the input's scale 1e-09 is too small",
    ),
    "hard swish, scales": (
        lambda: layer("HARD_SWISH", change={1: {"scale": [1e-4]}}),
        "too far apart for TFLM",
    ),
    "leaky relu, alpha": (
        lambda: layer("LEAKY_RELU", options="LeakyReluOptions", Alpha=float("inf")),
        "are too far apart",
    ),
    "quantize, types": (
        lambda: layer("QUANTIZE", change={0: {"dtype": FLOAT}, 1: {"dtype": UINT8}}),
        "from float32 to uint8 is not supported",
    ),
    "quantize, no scale": (
        lambda: layer("QUANTIZE", change={1: {"scale": []}}),
        "the output must have one positive scale",
    ),
    "dequantize, type": (
        lambda: layer("DEQUANTIZE", change={0: {"dtype": INT32}, 1: {"dtype": FLOAT}}),
        "the input has type int32; TFLM's DEQUANTIZE takes int8, uint8",
    ),
    "dequantize, output": (lambda: layer("DEQUANTIZE"), "has type int8; float32 is supported"),
    "pad, shape": (
        lambda: layer("PAD", ints(0, 0, 1, 1, 0, 0, 0, 0)),
        "has shape 1x4x6x2, not 1x6x6x2",
    ),
    "pad, negative": (
        lambda: layer("PAD", ints(0, 0, -1, 1, 0, 0, 0, 0)),
        "is negative",
    ),
    "pad, too few": (lambda: layer("PAD", ints(0, 0)), "2 paddings for 4 axes"),
    "pad, not constant": (
        lambda: layer("PAD", order=(0, 0)),
        "the padding is computed at run time; TFLM's PAD takes a constant",
    ),
    "pad, value": (
        lambda: layer("PADV2", ints(*[0] * 8), int8(1), change={2: {"scale": [0.3]}}),
        "have different quantization",
    ),
    "pad, two values": (
        lambda: layer("PADV2", ints(*[0] * 8), int8(2)),
        "is not a single constant",
    ),
    "transpose, permutation": (
        lambda: layer("TRANSPOSE", ints(0, 1, 1, 2)),
        "is not a permutation of 4 axes",
    ),
    "transpose, shape": (
        lambda: layer("TRANSPOSE", ints(0, 2, 1, 3)),
        "has shape 1x4x6x2, not 1x6x4x2",
    ),
    "transpose, type": (
        lambda: layer("TRANSPOSE", np.arange(8, dtype=np.int16)),
        "the permutation has type int16",
    ),
    "slice, ellipsis": (
        lambda: layer("STRIDED_SLICE", *WHOLE, EllipsisMask=1, **SLICE),
        "it has an ellipsis, which TFLM's kernel ignores",
    ),
    "slice, too short": (
        lambda: layer("STRIDED_SLICE", ints(0), ints(1), ints(1), **SLICE),
        "for each of the 4 axes, but there are 1, 1 and 1",
    ),
    "slice, stride": (
        lambda: layer("STRIDED_SLICE", *WHOLE[:2], ints(1, 0, 1, 1), **SLICE),
        "a stride is 0",
    ),
    "slice, shape": (
        lambda: layer("STRIDED_SLICE", ints(0, 1, 0, 0), *WHOLE[1:], **SLICE),
        "has shape 1x4x6x2, not 1x3x6x2",
    ),
    "slice, outside": (
        lambda: layer("STRIDED_SLICE", ints(0, 9, 0, 0), *WHOLE[1:], ShrinkAxisMask=2, **SLICE),
        "axis 1 has no position 9",
    ),
    "slice, length": (
        lambda: layer("SLICE", ints(0, 0), ints(1, 1)),
        "begin and size must have 4 values each",
    ),
    "slice, beyond the end": (
        lambda: layer("SLICE", ints(0, 1, 0, 0), ints(1, 4, -1, 2)),
        "[0, 1, 0, 0] to [1, 5, 6, 2] is outside 1x4x6x2",
    ),
    "resize, shape": (
        lambda: layer("RESIZE_NEAREST_NEIGHBOR", ints(8, 12)),
        "has shape 1x4x6x2, not 1x8x12x2",
    ),
    "resize, rank": (
        lambda: layer("RESIZE_NEAREST_NEIGHBOR", ints(8, 12), sizes=(4, 6, 2)),
        "input 0 has 3 dimensions; TFLM's RESIZE_NEAREST_NEIGHBOR takes 4",
    ),
    "resize, rank of the size": (
        lambda: layer(
            "RESIZE_BILINEAR", np.array([[4, 6]], np.int32), options="ResizeBilinearOptions"
        ),
        "the size has shape 1x2; 1 dimensions are supported",
    ),
    "resize, too small steps": (
        lambda: layer(
            "RESIZE_BILINEAR",
            ints(3000, 6),
            sizes=(1, 2, 6, 2),
            result=(1, 3000, 6, 2),
            options="ResizeBilinearOptions",
        ),
        "from 2 to 3000 so far up that it reads outside the image",
    ),
    "resize, float to int8": (
        lambda: layer(
            "RESIZE_BILINEAR",
            ints(4, 6),
            options="ResizeBilinearOptions",
            change={0: {"dtype": FLOAT}},
        ),
        "the output has type int8, the input float32",
    ),
    "resize, two options": (
        lambda: layer(
            "RESIZE_BILINEAR",
            ints(4, 6),
            options="ResizeBilinearOptions",
            AlignCorners=True,
            HalfPixelCenters=True,
        ),
        "which TFLM rejects",
    ),
    "slice, five axes": (
        lambda: layer(
            "STRIDED_SLICE", *(ints(*[1] * 5) for _ in range(3)), sizes=(1, 1, 4, 6, 2), **SLICE
        ),
        "input 0 has 5 dimensions; TFLM's STRIDED_SLICE takes 1 to 4",
    ),
    "slice, new axis": (
        lambda: layer("STRIDED_SLICE", *WHOLE, NewAxisMask=1, **SLICE),
        "it has a new axis, which TFLM's kernel ignores",
    ),
    "slice, offsets": (
        lambda: layer("STRIDED_SLICE", ints(0, 1, 0, 0), *WHOLE[1:], Offset=True, **SLICE),
        "it has ends that are offsets, which TFLM's kernel ignores",
    ),
    "reverse, axes": (
        lambda: layer("REVERSE_V2", ints(0, 2)),
        "it reverses axes [0, 2]; TFLM's kernel takes axes that are neighbours",
    ),
    "broadcast, shapes": (
        lambda: layer("BROADCAST_TO", ints(1, 4, 6, 4), result=(1, 4, 6, 4)),
        "1x4x6x2 does not broadcast to 1x4x6x4",
    ),
    "mirror pad, too much": (
        lambda: layer(
            "MIRROR_PAD",
            ints(0, 0, 4, 0, 0, 0, 0, 0),
            result=(1, 8, 6, 2),
            options="MirrorPadOptions",
        ),
        "axis 1 has 4 positions, too few to mirror 4",
    ),
    "depth to space, channels": (
        lambda: layer("DEPTH_TO_SPACE", options="DepthToSpaceOptions", BlockSize=2),
        "2 channels are not blocks of 2x2 pixels",
    ),
    "depth to space, block": (
        lambda: layer("DEPTH_TO_SPACE", options="DepthToSpaceOptions"),
        "the block size 0 is below 1",
    ),
    "space to depth, sides": (
        lambda: layer("SPACE_TO_DEPTH", options="SpaceToDepthOptions", BlockSize=4),
        "4x6 pixels are not blocks of 4x4",
    ),
    "space to batch, block": (
        lambda: layer("SPACE_TO_BATCH_ND", ints(2), ints(0, 0), result=(2, 2, 6, 2)),
        "do not suit 1x4x6x2",
    ),
    "space to batch, sides": (
        lambda: layer("SPACE_TO_BATCH_ND", ints(2, 4), ints(0, 0, 0, 0), result=(8, 2, 1, 2)),
        "6 pixels of axis 2 are not 1 blocks of 4",
    ),
    "batch to space, batch": (
        lambda: layer("BATCH_TO_SPACE_ND", ints(2, 1), ints(0, 0, 0, 0), result=(2, 8, 6, 2)),
        "the batch is not fixed in the file, so it has one image where the blocks make several",
    ),
    "space to batch, batch": (
        lambda: layer("SPACE_TO_BATCH_ND", ints(2, 1), ints(0, 0, 0, 0), result=(3, 2, 6, 2)),
        "1x4x6x2 in blocks of [2, 1] is not 3x2x6x2",
    ),
    "concatenation, too many": (
        lambda: layer(
            "CONCATENATION",
            order=(0,) * 11,
            result=(11, 4, 6, 2),
            options="ConcatenationOptions",
        ),
        "it joins 11 inputs; TFLM's kernel takes 10",
    ),
    "resize, side": (
        lambda: layer("RESIZE_NEAREST_NEIGHBOR", ints(70000, 6), result=(1, 70000, 6, 2)),
        "a side exceeds 65535",
    ),
    "reshape, size": (lambda: layer("SQUEEZE", result=(47,)), "hold different numbers of values"),
    "concatenation, scales": (
        lambda: layer(
            "CONCATENATION",
            int8(*SIZES),
            result=(2, 4, 6, 2),
            options="ConcatenationOptions",
            change={1: {"scale": [0.2]}},
        ),
        "TFLM requires the same",
    ),
    "concatenation, activation": (
        lambda: layer(
            "CONCATENATION", options="ConcatenationOptions", FusedActivationFunction=RELU
        ),
        "activation RELU is not supported",
    ),
    "concatenation, shapes": (
        lambda: layer("CONCATENATION", int8(1, 4, 6, 3), options="ConcatenationOptions"),
        "differ in axes other than 0",
    ),
    "concatenation, axis": (
        lambda: layer("CONCATENATION", options="ConcatenationOptions", Axis=4),
        "there is no axis 4 of 4",
    ),
    "concatenation, result": (
        lambda: layer("CONCATENATION", int8(*SIZES), options="ConcatenationOptions"),
        "has shape 1x4x6x2, not 2x4x6x2",
    ),
    "concatenation, types": (
        lambda: layer("CONCATENATION", ints(0), options="ConcatenationOptions"),
        "an input has type int32, the output int8",
    ),
    "pack, shapes": (
        lambda: layer("PACK", int8(2), options="PackOptions", ValuesCount=2),
        "shapes 1x4x6x2 and 2 differ",
    ),
    "pack, type": (
        lambda: layer("PACK", np.zeros(SIZES, np.uint8), options="PackOptions", ValuesCount=2),
        "input 1 has type uint8; TFLM's PACK takes int8, int16, int32, float32, int64",
    ),
    "split, types": (
        lambda: layer(
            "SPLIT", ints(1), order=(1, 0), outputs=2, result=HALF, change={3: {"dtype": INT16}}
        ),
        "an output has type int16, the input int8",
    ),
    "split, nothing": (
        lambda: layer(
            "SPLIT", ints(1), order=(1, 0), outputs=2, result=HALF, change={3: {"shape": EMPTY}}
        ),
        "an output is empty",
    ),
    "unpack, outputs": (
        lambda: layer("UNPACK", outputs=3, options="UnpackOptions", Axis=1, Num=3),
        "3 outputs for 4 positions",
    ),
    "split, parts": (
        lambda: layer("SPLIT", ints(1), order=(1, 0), outputs=2, options="SplitOptions"),
        "the parts along axis 1 do not add up to 4",
    ),
    "split, shape": (
        lambda: layer("SPLIT", ints(1), order=(1, 0), outputs=2, result=(1, 2, 6, 1)),
        "1x2x6x1 is not a part of 1x4x6x2 along axis 1",
    ),
    "split, axes": (
        lambda: layer("SPLIT", ints(1, 2), order=(1, 0), outputs=2),
        "the axis has 2 values",
    ),
    "mean, shape": (
        lambda: layer("MEAN", ints(1, 2), options="ReducerOptions"),
        "1x4x6x2 without axes [1, 2] is not 1x4x6x2",
    ),
    "mean, axis": (
        lambda: layer("MEAN", ints(7), options="ReducerOptions"),
        "there is no axis 7 of 4",
    ),
    "reduce max, scales": (
        lambda: layer("REDUCE_MAX", ints(1), result=(1, 6, 2), change={2: {"scale": [0.3]}}),
        "have different quantization, which TFLM rejects",
    ),
    "arg max, type": (
        lambda: layer("ARG_MAX", ints(3), result=(1, 4, 6), options="ArgMaxOptions"),
        "has type int8; int32 is supported",
    ),
    "arg max, axes": (
        lambda: layer("ARG_MAX", ints(1, 2), change={2: {"dtype": INT32}}),
        "2 axes of 1x4x6x2; one is supported",
    ),
    "transposed convolution, channels": (
        lambda: layer("TRANSPOSE_CONV", UP[0], int8(3, 2, 2, 5), **CONVOLUTION),
        "do not fit weights 3x2x2x5",
    ),
    "transposed convolution, batch": (
        lambda: layer("TRANSPOSE_CONV", *UP, sizes=(2, 4, 6, 2), **CONVOLUTION),
        "2x4x6x2 and 1x8x12x3 differ in the batch",
    ),
    "transposed convolution, stride": (
        lambda: layer("TRANSPOSE_CONV", *UP, **CONVOLUTION | {"StrideH": 0}),
        "the stride 0x2 is below 1",
    ),
    "transposed convolution, zero point": (
        lambda: layer("TRANSPOSE_CONV", *UP, change={2: {"zero_point": [3]}}, **CONVOLUTION),
        "the weights have a zero point, which TFLM's kernel ignores",
    ),
    "transposed convolution, side": (
        lambda: layer("TRANSPOSE_CONV", *UP, **CONVOLUTION | {"StrideW": 40000}),
        "a stride or a side of the window exceeds 32767",
    ),
    "number of inputs": (lambda: layer("RELU", int8(2)), "has 2 inputs and 1 output"),
    "gather, index": (
        lambda: layer("GATHER", ints(0, 4), options="GatherOptions", Axis=1, result=(1, 2, 6, 2)),
        "an index is not one of 0 to 3",
    ),
    "gather, type": (
        lambda: layer("GATHER", np.zeros(2, np.int64), options="GatherOptions"),
        "the indices have type int64; TFLM's GATHER takes int32",
    ),
    "gather, batch": (
        lambda: layer(
            "GATHER", np.zeros((2, 2), np.int32), options="GatherOptions", Axis=1, BatchDims=1
        ),
        "indices of shape 2x2 do not suit 1 batch dimensions of 1x4x6x2",
    ),
    "gather slices, indices": (
        lambda: layer("GATHER_ND", np.zeros((1, 5), np.int32)),
        "each slice has 5 indices; TFLM's kernel takes 1 to 5",
    ),
    "gather slices, outside": (
        lambda: layer("GATHER_ND", np.array([[0, 4]], np.int32), result=(1, 6, 2)),
        "an index is outside 1x4x6x2",
    ),
    "embedding, shape of indices": (
        lambda: layer("EMBEDDING_LOOKUP", np.zeros((1, 2), np.int32), order=(1, 0)),
        "the indices have shape 1x2; TFLM's kernel takes a vector",
    ),
    "embedding, types": (
        lambda: layer(
            "EMBEDDING_LOOKUP",
            ints(0),
            order=(1, 0),
            change={2: {"dtype": INT16}},
        ),
        "does not look up int16 in a table of int8",
    ),
    "embedding, zero point": (
        lambda: layer(
            "EMBEDDING_LOOKUP",
            ints(0),
            int8(4, 3),
            order=(1, 2),
            result=(1, 3),
            change={2: {"zero_point": [3]}, 3: {"dtype": FLOAT}},
        ),
        "TFLM's kernel takes symmetric tables",
    ),
    "matrices, sizes": (
        lambda: layer("BATCH_MATMUL", int8(1, 4, 3, 2)),
        "1x4x6x2 and 1x4x3x2 cannot be multiplied",
    ),
    "matrices, broadcast": (
        lambda: layer("BATCH_MATMUL", int8(1, 3, 2, 2), result=(1, 4, 6, 2)),
        "1x4x6x2 and 1x3x2x2 do not broadcast",
    ),
    "matrices, dimensions": (
        lambda: layer("BATCH_MATMUL", int8(2)),
        "input 1 has 1 dimensions; TFLM's BATCH_MATMUL takes 2 to 5",
    ),
    "matrices, depth": (
        lambda: layer("BATCH_MATMUL", int8(40000, 2), sizes=(1, 40000), result=(1, 2)),
        "it adds 40000 products; 33025 are supported",
    ),
    "softmax, depth": (
        lambda: layer("SOFTMAX", sizes=(1, 8192), change={1: SOFTMAX}, options="SoftmaxOptions"),
        "the last axis has 8192 values; at most 8191 are supported",
    ),
    "softmax to int16, depth": (
        lambda: layer("SOFTMAX", sizes=(1, 8192), change={1: WIDE}, options="SoftmaxOptions"),
        "the last axis has 8192 values; at most 8191 are supported",
    ),
    "logarithm of softmax, depth": (
        lambda: layer("LOG_SOFTMAX", sizes=(1, 4096), change={1: LOGARITHMS}),
        "the last axis has 4096 values; TFLM's LOG_SOFTMAX adds up to 4095 exponentials",
    ),
    "groups, window": (
        lambda: layer(
            "CONV_2D",
            int8(2, 3, 21932, 1),
            sizes=(1, 1, 1, 2),
            options="Conv2DOptions",
            StrideH=1,
            StrideW=1,
        ),
        "a window holds 65796 values; 65793 are supported",
    ),
    "transposed, window": (
        lambda: layer("TRANSPOSE_CONV", UP[0], int8(3, 3, 10966, 2), **CONVOLUTION),
        "a window holds 65796 values; 65793 are supported",
    ),
    "update, too large": (
        lambda: layer("DYNAMIC_UPDATE_SLICE", int8(1, 5, 6, 2), ints(0, 0, 0, 0)),
        "1x5x6x2 is larger than 1x4x6x2",
    ),
    "update, start": (
        lambda: layer("DYNAMIC_UPDATE_SLICE", int8(1, 2, 6, 2), ints(0, 0, 0)),
        "the start has type int32 and shape 3; a vector of 4 int32 is supported",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_supported_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    model, message = CASES[name]
    assert message in refused(model(), tmp_path)


def test_a_remedy_is_not_what_the_network_already_is(tmp_path: Path) -> None:
    """Everything is int8: to convert to int8 again would change nothing."""
    for model in (layer("LOGISTIC"), layer("HARD_SWISH", change={1: {"scale": [1e-4]}})):
        graph = parse(model, where="models/bad.tflite")
        with pytest.raises(InputError) as caught:
            find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
        assert "full-integer" not in caught.value.remedy


def test_an_end_of_a_type_that_the_link_does_not_carry_has_its_own_remedy(tmp_path: Path) -> None:
    b = Builder()
    source, result = b.activation((1, 4), 0.1, 0), b.tensor((1, 4), dtype=np.int64)
    b.operator("CAST", [source], [result], "CastOptions")
    remedy = remedy_of(b.build([source], [result]), tmp_path)
    assert remedy == "give this output another type in the model: int32 in the place of int64"


def test_a_float_layer_of_an_int8_network_with_float_ends_has_its_own_remedy(
    tmp_path: Path,
) -> None:
    """It is quantized already: to convert it to int8 again would change nothing."""
    b = Builder()
    source, result = b.activation((1, 4), 0.1, 0), b.tensor((1, 4), dtype=np.float32)
    real = b.tensor((1, 4), dtype=np.float32)
    b.operator("DEQUANTIZE", [b.dense(source, 4)], [real], "DequantizeOptions")
    b.operator("HARD_SWISH", [real], [result])
    b.tensors[result] = replace(b.tensors[result], dtype=FLOAT, shape=(1, 5))
    assert "full-integer" not in remedy_of(b.build([source], [result]), tmp_path)


def test_where_the_converter_wrote_one_for_an_open_batch_the_remedy_is_to_fix_it(
    tmp_path: Path,
) -> None:
    for name in ("reshape, size", "batch to space, batch"):
        assert "batch_size=1" in remedy_of(CASES[name][0](), tmp_path)


def remedy_of(model: bytes, tmp_path: Path) -> str:
    graph = parse(model, where="models/bad.tflite")
    with pytest.raises(InputError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
    return caught.value.remedy


def test_a_layer_of_floats_that_tflm_does_not_have_is_named_so(tmp_path: Path) -> None:
    b = Builder()
    source, result = b.activation((1, 4), 0.1, 0), b.activation((1, 4), 0.1, 0)
    before, after = (b.tensor((1, 4), dtype=np.float32) for _ in range(2))
    b.operator("DEQUANTIZE", [b.dense(source, 4)], [before], "DequantizeOptions")
    b.operator("GELU", [before], [after], "GeluOptions")
    b.operator("QUANTIZE", [after], [result], "QuantizeOptions")
    graph = parse(b.build([source], [result]), where="models/bad.tflite")
    with pytest.raises(InputError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
    assert caught.value.what == "computes with floats in layers where TFLM does not: GELU"
    assert "TFLITE_BUILTINS_INT8" in caught.value.remedy
