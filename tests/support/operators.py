"""Random graphs around one operator: shapes, quantization and options that TFLM takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.support import (
    operators_elementwise,
    operators_float32,
    operators_float32_layers,
    operators_int4,
    operators_int16,
    operators_move,
    operators_recurrent,
)
from tests.support.graphs import Builder, Pick, extent
from tests.support.operator_parts import (
    Ends,
    Make,
    activation,
    any_bias,
    bytes_of,
    like,
    near,
    numbers,
    of_any_type,
    of_axis,
    scale,
    shape,
    zero_point,
)


def build(kind: str, pick: Pick) -> bytes:
    """Return the model that `MAKERS[kind]` makes of what `pick` chooses."""
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    source, result = MAKERS[kind](b, pick)
    return b.build([source], [result])


# Two operands.


def binary(kind: str, options: str | None) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        whole = shape(pick, 1, 5)
        ones = [[1 if pick(0, 2) == 0 else size for size in whole] for _ in range(2)]
        if pick(0, 1):
            ones[0] = whole
        if pick(0, 2) == 0:
            ones[1] = ones[0]
        sizes = [max(pair) for pair in zip(*ones, strict=True)]
        second = list(ones[1])
        while len(second) > 1 and second[0] == 1 and pick(0, 1):
            second.pop(0)
        if len(second) > 1 and pick(0, 5) == 0:
            second, sizes = [], list(ones[0])
        source = activation(b, ones[0], pick)
        own = b.tensors[source].scale[0]
        constant = bytes_of(b, second, near(own, pick), zero_point(pick))
        # For a product the output's scale is near the product of the inputs'.
        factor = b.tensors[constant].scale[0] * 50 if kind == "MUL" else 1.0
        result = b.activation(sizes, near(own * factor, pick), zero_point(pick))
        operands = [source, source if second == ones[0] and pick(0, 3) == 0 else constant]
        values = {"FusedActivationFunction": pick(0, 3)} if options else {}
        if pick(0, 2) == 0:
            operands.reverse()
        b.operator(kind, operands, [result], options, **values)
        return source, result

    return make


# One value at a time.


def unary(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        source = activation(b, (2, 128), pick)
        own = b.tensors[source].scale[0]
        result = b.activation((2, 128), near(own, pick), zero_point(pick))
        options = "LeakyReluOptions" if kind == "LEAKY_RELU" else None
        values = {"Alpha": pick(-300, 300) / 200} if options else {}
        if kind in {"LOGISTIC", "TANH"}:
            point, scale_ = (-128, 1 / 256) if kind == "LOGISTIC" else (0, 1 / 128)
            b.tensors[result].scale, b.tensors[result].zero_point = [scale_], [point]
        if kind == "HARD_SWISH":
            b.tensors[result].scale = [float(np.float32(own * (0.1 + pick(0, 100) / 50)))]
        b.operator(kind, [source], [result], options, **values)
        return source, result

    return make


_CONVERSIONS = [
    ("int8", "int8"),
    ("int8", "uint8"),
    ("uint8", "int8"),
    ("int8", "int16"),
    ("int8", "int32"),
    ("int16", "int8"),
    ("int16", "int16"),
    ("int16", "int32"),
    ("int32", "int8"),
    ("int32", "int16"),
    ("float32", "int8"),
    ("float32", "int8"),
    ("float32", "int8"),
]


def quantize(b: Builder, pick: Pick) -> Ends:
    pair = _CONVERSIONS[pick(0, len(_CONVERSIONS) - 1)]
    scales = [scale(pick)]
    scales.append(near(scales[0], pick))
    ends = []
    for name, scale_ in zip(pair, scales, strict=True):
        # Equal scales and points 128 apart are a case of their own in TFLM.
        point = zero_point(pick) + (128 if name == "uint8" else 0)
        more: dict[str, Any] = {} if name == "float32" else {"scale": scale_, "zero_point": point}
        ends.append(b.tensor((2, 128), dtype=np.dtype(name), **more))
    b.operator("QUANTIZE", ends[:1], ends[1:], "QuantizeOptions")
    return ends[0], ends[1]


def dequantize(b: Builder, pick: Pick) -> Ends:
    source = activation(b, (2, 128), pick)
    if pick(0, 3) == 0:
        own = b.tensors[source]
        point = own.zero_point[0] + 128
        source = b.tensor((2, 128), dtype=np.uint8, scale=own.scale, zero_point=point)
    result = b.tensor((2, 128), dtype=np.float32)
    b.operator("DEQUANTIZE", [source], [result], "DequantizeOptions")
    return source, result


# Bytes that change place.


def pad(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    paddings = [[pick(0, 3), pick(0, 3)] if pick(0, 1) else [0, 0] for _ in sizes]
    source = activation(b, sizes, pick)
    padded = [size + sum(pair) for size, pair in zip(sizes, paddings, strict=True)]
    result = like(b, source, padded)
    table = b.tensor((len(sizes), 2), data=np.array(paddings, np.int32))
    inputs = [source, table]
    if pick(0, 1):
        own = b.tensors[source]
        inputs.append(bytes_of(b, (1,), own.scale[0], own.zero_point[0]))
    kind = "PADV2" if len(inputs) > 2 else "PAD"
    b.operator(kind, inputs, [result], "PadV2Options" if len(inputs) > 2 else "PadOptions")
    return source, result


def transpose(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    perm = b.rng.permutation(len(sizes)).tolist()
    source = activation(b, sizes, pick)
    result = like(b, source, [sizes[axis] for axis in perm])
    b.operator("TRANSPOSE", [source, numbers(b, perm)], [result], "TransposeOptions")
    return source, result


def strided_slice(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick)
    begin, end, stride, left = [], [], [], []
    masks = [0, 0, 0]
    for axis, size in enumerate(sizes):
        at, until = pick(-size - 1, size), pick(-size - 1, size + 1)
        step = (1, 1, 2, 3, -1, -2)[pick(0, 5)]
        bits = [int(pick(0, 3) == 0) for _ in masks]
        if bits[2]:
            at, step, bits[0] = pick(-size, size - 1), 1, 0
        places = range(
            *slice(None if bits[0] else at, None if bits[1] else until, step).indices(size)
        )
        if not places and not bits[2]:
            at, until, step, bits = 0, size, 1, [0, 0, 0]
            places = range(size)
        begin.append(at)
        end.append(until)
        stride.append(step)
        masks = [mask | bit << axis for mask, bit in zip(masks, bits, strict=True)]
        if not bits[2]:
            left.append(len(places))
    source = activation(b, sizes, pick)
    result = like(b, source, left)
    inputs = [source, *(numbers(b, values) for values in (begin, end, stride))]
    names = ("BeginMask", "EndMask", "ShrinkAxisMask")
    values = dict(zip(names, masks, strict=True))
    b.operator("STRIDED_SLICE", inputs, [result], "StridedSliceOptions", **values)
    return source, result


def slice_(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    begin = [pick(0, size - 1) for size in sizes]
    wanted = [pick(1, size - first) for size, first in zip(sizes, begin, strict=True)]
    source = activation(b, sizes, pick)
    result = like(b, source, wanted)
    # -1 stands for all that is left.
    said = [
        -1 if first + length == size and pick(0, 1) else length
        for size, first, length in zip(sizes, begin, wanted, strict=True)
    ]
    b.operator("SLICE", [source, numbers(b, begin), numbers(b, said)], [result], "SliceOptions")
    return source, result


def reshape(b: Builder, pick: Pick) -> Ends:
    sizes = [1, *shape(pick, 1, 3)]
    source = activation(b, sizes, pick)
    squeezed = like(b, source, [size for size in sizes if size != 1])
    b.operator("SQUEEZE", [source], [squeezed], "SqueezeOptions")
    now = b.tensors[squeezed].shape
    axis = pick(0, len(now))
    expanded = like(b, source, [*now[:axis], 1, *now[axis:]])
    at = b.tensor((), data=np.array(of_axis(axis, len(now) + 1, pick), np.int32))
    b.operator("EXPAND_DIMS", [squeezed, at], [expanded], "ExpandDimsOptions")
    result = like(b, source, [int(np.prod(sizes))])
    b.operator("RESHAPE", [expanded], [result], "ReshapeOptions")
    return source, result


# Blocks put together and apart.


def concatenation(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    axis = pick(0, len(sizes) - 1)
    source = activation(b, sizes, pick)
    own = b.tensors[source]
    inputs = []
    for _ in range(pick(1, 5)):
        piece = list(sizes)
        piece[axis] = pick(1, 5)
        inputs.append(bytes_of(b, piece, own.scale[0], own.zero_point[0]))
    inputs[pick(0, len(inputs) - 1)] = source
    return source, join(b, inputs, axis, pick)


def join(b: Builder, inputs: Sequence[int], axis: int, pick: Pick) -> int:
    """Concatenate `inputs`, which are quantized alike."""
    sizes = list(b.shape(inputs[0]))
    sizes[axis] = sum(b.shape(index)[axis] for index in inputs)
    result = like(b, inputs[0], sizes)
    at = of_axis(axis, len(sizes), pick)
    b.operator("CONCATENATION", inputs, [result], "ConcatenationOptions", Axis=at)
    return result


def pack(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 3)
    source = activation(b, sizes, pick)
    own = b.tensors[source]
    count = pick(1, 4)
    inputs = [bytes_of(b, sizes, own.scale[0], own.zero_point[0]) for _ in range(count)]
    inputs[pick(0, count - 1)] = source
    axis = pick(0, len(sizes))
    result = like(b, source, [*sizes[:axis], count, *sizes[axis:]])
    at = of_axis(axis, len(sizes) + 1, pick)
    b.operator("PACK", inputs, [result], "PackOptions", Axis=at, ValuesCount=count)
    return source, result


def split(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    axis, count = pick(0, len(sizes) - 1), pick(1, 4)
    sizes[axis] = count * pick(1, 3)
    source = activation(b, sizes, pick)
    part = list(sizes)
    part[axis] //= count
    parts = [like(b, source, part) for _ in range(count)]
    at = b.tensor((), data=np.array(of_axis(axis, len(sizes), pick), np.int32))
    b.operator("SPLIT", [at, source], parts, "SplitOptions", NumSplits=count)
    return source, join(b, parts[::-1], pick(0, len(sizes) - 1), pick)


def split_v(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    axis = pick(0, len(sizes) - 1)
    lengths = [pick(1, 3) for _ in range(pick(1, 4))]
    sizes[axis] = sum(lengths)
    source = activation(b, sizes, pick)
    parts = []
    for length in lengths:
        part = list(sizes)
        part[axis] = length
        parts.append(like(b, source, part))
    at = b.tensor((), data=np.array(axis, np.int32))
    inputs = [source, numbers(b, lengths), at]
    b.operator("SPLIT_V", inputs, parts, "SplitVOptions", NumSplits=len(lengths))
    return source, join(b, parts[::-1], axis, pick)


def unpack(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 2, 4)
    axis = pick(0, len(sizes) - 1)
    source = activation(b, sizes, pick)
    part = sizes[:axis] + sizes[axis + 1 :]
    parts = [like(b, source, part) for _ in range(sizes[axis])]
    at = of_axis(axis, len(sizes), pick)
    b.operator("UNPACK", [source], parts, "UnpackOptions", Axis=at, Num=len(parts))
    return source, join(b, parts[::-1], 0, pick)


# Axes that vanish.


def reduction(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        sizes = [pick(1, 12) for _ in range(pick(1, 5))]
        axes = sorted({pick(0, len(sizes) - 1) for _ in range(pick(1, 3))})
        if len(sizes) > 3 and pick(0, 1):
            axes = [1, 2]
        source = activation(b, sizes, pick)
        keep = bool(pick(0, 1))
        left = [1 if i in axes else size for i, size in enumerate(sizes) if keep or i not in axes]
        result = like(b, source, left)
        if kind in {"MEAN", "SUM"}:
            own = b.tensors[result]
            own.scale, own.zero_point = [near(own.scale[0], pick)], [zero_point(pick)]
        at = numbers(b, [of_axis(axis, len(sizes), pick) for axis in axes])
        b.operator(kind, [source, at], [result], "ReducerOptions", KeepDims=keep)
        return source, result

    return make


def arg(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        sizes = shape(pick)
        axis = pick(0, len(sizes) - 1)
        source = activation(b, sizes, pick)
        result = b.tensor(sizes[:axis] + sizes[axis + 1 :], dtype=np.int32)
        at = b.tensor((), data=np.array(of_axis(axis, len(sizes), pick), np.int32))
        options = "ArgMaxOptions" if kind == "ARG_MAX" else "ArgMinOptions"
        b.operator(kind, [source, at], [result], options, OutputType=2)
        return source, result

    return make


# The rest.


def softmax(b: Builder, pick: Pick) -> Ends:
    source = b.activation(shape(pick, 1, 4), 10 ** (pick(-30, 0) / 10), zero_point(pick))
    return source, b.softmax(source, beta=(1.0, 1.0, 0.5, 3.0)[pick(0, 3)])


def transpose_conv(b: Builder, pick: Pick) -> Ends:
    sizes = [1, pick(1, 6), pick(1, 6), pick(1, 5)]
    window, stride = (pick(1, 4), pick(1, 4)), (pick(1, 3), pick(1, 3))
    padding, channels = pick(0, 1), pick(1, 5)
    source = activation(b, sizes, pick)
    sides = []
    for size, wide, step in zip(sizes[1:3], window, stride, strict=True):
        most = size * step if padding == 0 else (size - 1) * step + wide
        # Any output that the forward convolution would shrink to the input's size.
        fits = [side for side in range(1, most + 1) if extent(side, wide, step, 1, padding) == size]
        sides.append(fits[pick(0, len(fits) - 1)] if fits else most)
    weights = b.weights((channels, *window, sizes[3]), 0 if pick(0, 2) else None)
    summands = int(np.prod(window)) * sizes[3]
    wanted = [1, *sides, channels]
    result = b.activation(wanted, b.suitable(source, weights, summands), zero_point(pick))
    inputs = [numbers(b, wanted), weights, source]
    if pick(0, 1):
        inputs.append(any_bias(b, channels, source, weights, pick))
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


def dynamic_batch(b: Builder, pick: Pick) -> Ends:
    """SHAPE, STRIDED_SLICE and PACK make the shape of a RESHAPE, as Keras's Flatten does."""
    sizes = [1, pick(1, 5), pick(1, 5)]
    source = b.tensor(
        sizes, scale=scale(pick), zero_point=zero_point(pick), signature=(-1, *sizes[1:])
    )
    whole = b.tensor((3,), dtype=np.int32)
    batch = b.tensor((), dtype=np.int32)
    wanted = b.tensor((2,), dtype=np.int32)
    b.operator("SHAPE", [source], [whole], "ShapeOptions", OutType=2)
    ends = [numbers(b, [value]) for value in (0, 1, 1)]
    b.operator("STRIDED_SLICE", [whole, *ends], [batch], "StridedSliceOptions", ShrinkAxisMask=1)
    rest = b.tensor((), data=np.array(sizes[1] * sizes[2], np.int32))
    b.operator("PACK", [batch, rest], [wanted], "PackOptions", ValuesCount=2)
    result = b.tensor(
        (1, sizes[1] * sizes[2]),
        scale=b.tensors[source].scale,
        zero_point=b.tensors[source].zero_point,
        signature=(-1, sizes[1] * sizes[2]),
    )
    b.operator("RESHAPE", [source, wanted], [result], "ReshapeOptions")
    return source, b.dense(result, pick(1, 5))


def mixed(b: Builder, pick: Pick) -> Ends:
    """Several layers and branches: what is alive at once must not share memory."""
    # Even sides, so that they can be halved.
    sizes = (1, 2 * pick(1, 4), 2 * pick(1, 4), pick(1, 6))
    source = b.activation(sizes, 0.02 * pick(1, 5), pick(-128, 127))
    made = [source]
    for _ in range(pick(2, 8)):
        made.append(_next(b, made, pick))
    result = made[-1]
    for other in made[1:-1]:
        if b.shape(other) == b.shape(result) and pick(0, 1):
            result = b.add(result, other, scale=0.1)
    return source, result


def _next(b: Builder, made: Sequence[int], pick: Pick) -> int:
    """Add a layer on the last of the tensors `made`, or on one before it."""
    now = made[-1] if pick(0, 3) else made[pick(0, len(made) - 1)]
    sizes = b.shape(now)
    kind = pick(0, 8)
    if kind < 2:
        return b.conv_2d(now, pick(1, 6), (3, pick(1, 3)), activation=pick(0, 3))
    if kind == 2:
        return b.depthwise(now, 1, (3, 3), activation=pick(0, 3))
    if kind == 3:
        flat = b.reshape(now, (int(np.prod(sizes)),))
        return b.reshape(flat, sizes)
    result = like(b, now, sizes)
    if kind == 4:
        result = like(b, now, (1, sizes[2], sizes[1], sizes[3]))
        b.operator("TRANSPOSE", [now, numbers(b, (0, 2, 1, 3))], [result])
    elif kind == 5:
        parts = [like(b, now, (1, sizes[1] // 2, sizes[2], sizes[3])) for _ in range(2)]
        at = b.tensor((), data=np.array(1, np.int32))
        b.operator("SPLIT", [at, now], parts, "SplitOptions", NumSplits=2)
        return join(b, [parts[1], now, parts[0]], 1, pick)
    elif kind == 6:
        pooled = b.activation((1, 1, 1, sizes[3]), 0.03, pick(-128, 127))
        b.operator("MEAN", [now, numbers(b, (1, 2))], [pooled], "ReducerOptions", KeepDims=True)
        b.operator("MUL", [now, pooled], [result], "MulOptions")
    elif kind == 7:
        b.tensors[result].scale = [0.05]
        b.operator(("RELU", "RELU6", "TANH")[pick(0, 2)], [now], [result])
    else:
        others = [other for other in made if b.shape(other) == sizes]
        b.operator("SUB", [now, others[pick(0, len(others) - 1)]], [result], "SubOptions")
    return result


MAKERS: dict[str, Make] = {
    "ADD": binary("ADD", "AddOptions"),
    "SUB": binary("SUB", "SubOptions"),
    "MUL": binary("MUL", "MulOptions"),
    "MAXIMUM": binary("MAXIMUM", None),
    "MINIMUM": binary("MINIMUM", None),
    **{
        kind: unary(kind)
        for kind in ("RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH")
    },
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "PAD": of_any_type(pad),
    "TRANSPOSE": of_any_type(transpose),
    "SLICE": of_any_type(slice_),
    "STRIDED_SLICE": of_any_type(strided_slice),
    "RESHAPE": of_any_type(reshape),
    "CONCATENATION": of_any_type(concatenation),
    "PACK": of_any_type(pack),
    "SPLIT": of_any_type(split),
    "SPLIT_V": of_any_type(split_v),
    "UNPACK": of_any_type(unpack),
    **{kind: reduction(kind) for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")},
    "ARG_MAX": arg("ARG_MAX"),
    "ARG_MIN": arg("ARG_MIN"),
    "SOFTMAX": softmax,
    "TRANSPOSE_CONV": transpose_conv,
    "SHAPE": dynamic_batch,
    "mixed": mixed,
    **operators_move.MAKERS,
    **operators_elementwise.MAKERS,
    **{f"{kind}, int16": make for kind, make in operators_int16.MAKERS.items()},
    **{f"{kind}, int4 weights": make for kind, make in operators_int4.MAKERS.items()},
    **{f"{kind}, float32": make for kind, make in operators_float32.MAKERS.items()},
    **{f"{kind}, float32": make for kind, make in operators_float32_layers.MAKERS.items()},
}


class _Chain:
    """Layers one after the other, from an int8 image; each is quantized as the one before."""

    def __init__(self, b: Builder, sizes: Sequence[int]) -> None:
        self.b = b
        self.source = self.now = b.activation(sizes, 0.04, -7)

    def on(
        self, kind: str, sizes: Sequence[int], *more: int, options: str = "", **v: float
    ) -> None:
        """Add a layer on what there is now and the constants `more`; its output has `sizes`."""
        result = like(self.b, self.source, sizes)
        self.b.operator(kind, [self.now, *more], [result], options or None, **v)
        self.now = result

    def constant(self, sizes: Sequence[int], low: int = -128, high: int = 127) -> int:
        data = self.b.rng.integers(low, high, sizes, np.int8)
        return self.b.tensor(sizes, scale=0.01, zero_point=5, data=data)


def every_operator() -> bytes:
    """Return a model of int8 that runs every kernel of `firmware/nn`, for a real core."""
    b = Builder()
    chain = _Chain(b, (1, 5, 4, 4))
    image = (1, 8, 6, 4)
    table = b.tensor((4, 2), data=np.array([[0, 0], [2, 1], [0, 2], [0, 0]], np.int32))
    chain.on("PAD", image, table, options="PadOptions")
    chain.on("ADD", image, chain.constant((1, 8, 1, 1)), options="AddOptions")
    chain.on("SUB", image, chain.constant((6, 1)), options="SubOptions")
    chain.on("MUL", image, b.tensor((4,), scale=1.0, zero_point=0, data=np.ones(4, np.int8)))
    chain.on("MAXIMUM", image, chain.constant((1, 1, 6, 4), -128, -50))
    chain.on("MINIMUM", image, chain.constant((), 50, 127))
    chain.on("LEAKY_RELU", image, options="LeakyReluOptions", Alpha=0.5)
    chain.on("TRANSPOSE", (1, 6, 8, 4), numbers(b, (0, 2, 1, 3)), options="TransposeOptions")
    chain.on("RESIZE_NEAREST_NEIGHBOR", (1, 9, 8, 4), numbers(b, (9, 8)))
    ends = [numbers(b, values) for values in ((0, -1, 0, 0), (1, 0, 8, 4), (1, -2, 3, 1))]
    chain.on("STRIDED_SLICE", (1, 4, 3, 4), *ends, options="StridedSliceOptions")
    chain.now = operators_move.every_move(b, chain.now)
    before = chain.now
    chain.on("REDUCE_MAX", (1, 4, 1, 4), numbers(b, (2,)), options="ReducerOptions", KeepDims=1)
    chain.on("SUB", (1, 4, 3, 4), before, options="SubOptions")
    source, chain.now = chain.now, _transposed(b, chain.now)
    real = b.tensor(b.shape(chain.now), dtype=np.float32)
    b.operator("DEQUANTIZE", [chain.now], [real], "DequantizeOptions")
    chain.now = real
    chain.on("QUANTIZE", b.shape(real), options="QuantizeOptions")
    chain.on("MEAN", (1, 4), numbers(b, (1, 2)), options="ReducerOptions")
    place = b.tensor((1, 3, 4), dtype=np.int32, scale=0.5, zero_point=0)
    axis = b.tensor((), data=np.array(1, np.int32))
    b.operator("ARG_MAX", [source, axis], [place], "ArgMaxOptions", OutputType=2)
    least = like(b, source, (1, 3, 4))
    b.operator("QUANTIZE", [place], [least], "QuantizeOptions")
    flat = like(b, source, (1, 12))
    b.operator("RESHAPE", [least], [flat], "ReshapeOptions")
    joined = like(b, source, (1, 16))
    b.operator("CONCATENATION", [chain.now, flat], [joined], "ConcatenationOptions", Axis=1)
    ends = [b.softmax(operators_elementwise.chain(b, joined)), operators_recurrent.chain(b, joined)]
    result = like(b, ends[0], (1, sum(b.shape(index)[1] for index in ends)))
    b.operator("CONCATENATION", ends, [result], "ConcatenationOptions", Axis=1)
    return b.build([chain.source], [result])


def _transposed(b: Builder, source: int) -> int:
    """Add a transposed convolution that doubles an image's sides."""
    _, rows, columns, depth = b.shape(source)
    weights = b.weights((4, 3, 3, depth), 0)
    sizes = (1, 2 * rows, 2 * columns, 4)
    result = b.activation(sizes, b.suitable(source, weights, 9 * depth), -20)
    inputs = [numbers(b, sizes), weights, source, b.bias(4, source, weights)]
    b.operator("TRANSPOSE_CONV", inputs, [result], "TransposeConvOptions", StrideH=2, StrideW=2)
    return result
