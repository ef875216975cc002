"""Random graphs around the operators that only move values, and around what multiplies matrices."""

from collections.abc import Sequence

import numpy as np

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


def resize(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        sizes = [pick(1, 3), pick(1, 9), pick(1, 9), pick(1, 4)]
        size = [pick(1, 20), pick(1, 20)]
        if pick(0, 1):
            size = [sizes[1] * pick(1, 3), sizes[2] * pick(1, 3)]
        source = activation(b, sizes, pick)
        result = like(b, source, [sizes[0], *size, sizes[3]])
        # Of nearest neighbours TFLM takes both at once, TensorFlow does not.
        choices = [(False, False), (True, False), (False, True), (True, True)]
        bilinear = kind == "RESIZE_BILINEAR"
        options = choices[pick(0, 2 if bilinear else 3)]
        b.operator(
            kind,
            [source, numbers(b, size)],
            [result],
            "ResizeBilinearOptions" if bilinear else "ResizeNearestNeighborOptions",
            AlignCorners=options[0],
            HalfPixelCenters=options[1],
        )
        return source, result

    return make


def reverse(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 6)
    first = pick(0, len(sizes) - 1)
    axes = range(first, pick(first, len(sizes) - 1) + 1)
    source = activation(b, sizes, pick)
    result = like(b, source, sizes)
    given = [of_axis(axis, len(sizes), pick) for axis in axes]
    if pick(0, 1):
        given.reverse()
    b.operator("REVERSE_V2", [source, numbers(b, given)], [result], "ReverseV2Options")
    return source, result


def broadcast_to(b: Builder, pick: Pick) -> Ends:
    wanted = shape(pick, 1, 5)
    sizes = [1 if pick(0, 1) else size for size in wanted]
    while sizes and sizes[0] == 1 and pick(0, 1):
        sizes.pop(0)
    source = activation(b, sizes or [1], pick)
    result = like(b, source, wanted)
    data = np.array(wanted, np.int64 if pick(0, 1) else np.int32)
    table = b.tensor((len(wanted),), data=data)
    b.operator("BROADCAST_TO", [source, table], [result], "BroadcastToOptions")
    return source, result


def tile(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 4)
    multiples = [pick(1, 3) for _ in sizes]
    source = activation(b, sizes, pick)
    wanted = [size * times for size, times in zip(sizes, multiples, strict=True)]
    result = like(b, source, wanted)
    table = b.tensor((len(sizes),), data=np.array(multiples, np.int64 if pick(0, 1) else np.int32))
    b.operator("TILE", [source, table], [result])
    return source, result


def sides_of(b: Builder, pick: Pick) -> Ends:
    """SHAPE, whose result the network needs."""
    sizes = shape(pick, 1, 5)
    source = activation(b, sizes, pick)
    result = b.tensor([len(sizes)], dtype=np.int32)
    b.operator("SHAPE", [source], [result], "ShapeOptions", OutType=2)
    return source, result


def mirror_pad(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    mode = pick(0, 1)
    most = [size - 1 + mode for size in sizes]
    pads = [[pick(0, n), pick(0, n)] if pick(0, 2) else [0, 0] for n in most]
    source = activation(b, sizes, pick)
    padded = [size + sum(pair) for size, pair in zip(sizes, pads, strict=True)]
    result = like(b, source, padded)
    data = np.array(pads, np.int64 if pick(0, 1) else np.int32)
    table = b.tensor((len(sizes), 2), data=data)
    b.operator("MIRROR_PAD", [source, table], [result], "MirrorPadOptions", Mode=mode)
    return source, result


def depth(kind: str) -> Make:
    """DEPTH_TO_SPACE or SPACE_TO_DEPTH."""

    def make(b: Builder, pick: Pick) -> Ends:
        block, batch, channels = pick(1, 4), pick(1, 3), pick(1, 4)
        rows, columns = pick(1, 4), pick(1, 4)
        deep = [batch, rows, columns, channels * block * block]
        wide = [batch, rows * block, columns * block, channels]
        sizes, wanted = (deep, wide) if kind == "DEPTH_TO_SPACE" else (wide, deep)
        source = activation(b, sizes, pick)
        result = like(b, source, wanted)
        options = "DepthToSpaceOptions" if kind == "DEPTH_TO_SPACE" else "SpaceToDepthOptions"
        b.operator(kind, [source], [result], options, BlockSize=block)
        return source, result

    return make


def batch(kind: str) -> Make:
    """SPACE_TO_BATCH_ND or BATCH_TO_SPACE_ND."""

    def make(b: Builder, pick: Pick) -> Ends:
        sides = pick(1, 2)
        block = [pick(1, 3) for _ in range(sides)]
        count = [pick(1, 4) for _ in range(sides)]
        image, border = [pick(1, 3)], []
        for side, blocks in zip(block, count, strict=True):
            whole = side * blocks
            before = pick(0, whole - 1)
            after = pick(0, whole - 1 - before)
            border.append([before, after])
            image.append(whole - before - after)
        channels = pick(1, 4)
        blocks_ = [image[0] * int(np.prod(block)), *count, channels]
        image.append(channels)
        forward = kind == "SPACE_TO_BATCH_ND"
        sizes, wanted = (image, blocks_) if forward else (blocks_, image)
        source = activation(b, sizes, pick)
        result = like(b, source, wanted)
        table = b.tensor((sides, 2), data=np.array(border, np.int32))
        options = "SpaceToBatchNDOptions" if forward else "BatchToSpaceNDOptions"
        b.operator(kind, [source, numbers(b, block), table], [result], options)
        return source, result

    return make


def indices(b: Builder, sizes: Sequence[int], most: int, pick: Pick) -> tuple[int, int]:
    """Add indices below `most` and an input that they depend on: the largest values' places."""
    source = activation(b, [*sizes, most], pick)
    if pick(0, 1):
        data = np.asarray(b.rng.integers(0, most, sizes), np.int32)
        return source, b.tensor(sizes, data=data)
    result = b.tensor(sizes, dtype=np.int32)
    axis = b.tensor((), data=np.array(len(sizes), np.int32))
    b.operator("ARG_MAX", [source, axis], [result], "ArgMaxOptions", OutputType=2)
    return source, result


def taken_from(b: Builder, sizes: Sequence[int], other: int, pick: Pick) -> tuple[int, int]:
    """Add what is indexed: a constant, or, if it is made of `other`, values that change."""
    own = b.tensors[other]
    count = int(np.prod(b.shape(other)))
    if count >= int(np.prod(sizes)) and pick(0, 1):
        flat = like(b, other, [count])
        b.operator("RESHAPE", [other], [flat], "ReshapeOptions")
        part = like(b, other, [int(np.prod(sizes))])
        ends = [numbers(b, [0]), numbers(b, [int(np.prod(sizes))])]
        b.operator("SLICE", [flat, *ends], [part], "SliceOptions")
        shaped = like(b, other, sizes)
        b.operator("RESHAPE", [part], [shaped], "ReshapeOptions")
        return other, shaped
    return other, bytes_of(b, sizes, own.scale[0], own.zero_point[0])


def gather(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    axis = pick(0, len(sizes) - 1)
    batch_dims = pick(0, axis)
    own = [pick(1, 4) for _ in range(pick(0, 2))]
    source, places = indices(b, [*sizes[:batch_dims], *own], sizes[axis], pick)
    _, table = taken_from(b, sizes, source, pick)
    result = like(b, table, [*sizes[:axis], *own, *sizes[axis + 1 :]])
    rank = batch_dims + len(own)
    b.operator(
        "GATHER",
        [table, places],
        [result],
        "GatherOptions",
        Axis=of_axis(axis, len(sizes), pick),
        BatchDims=batch_dims - rank if batch_dims < rank and pick(0, 1) else batch_dims,
    )
    return used(b, source, result)


def used(b: Builder, source: int, result: int) -> Ends:
    """Let the result depend on the input, if only constants made it so far."""
    added = like(b, result, b.shape(result))
    flat = like(b, source, [1])
    b.operator("RESHAPE", [first(b, source)], [flat], "ReshapeOptions")
    b.operator("MAXIMUM", [result, flat], [added])
    return source, added


def first(b: Builder, source: int) -> int:
    """Take the first value."""
    sizes = b.shape(source)
    flat = like(b, source, [int(np.prod(sizes))])
    b.operator("RESHAPE", [source], [flat], "ReshapeOptions")
    result = like(b, source, [1])
    b.operator("SLICE", [flat, numbers(b, [0]), numbers(b, [1])], [result], "SliceOptions")
    return result


def real_table(kind: str) -> Make:
    """GATHER, GATHER_ND or EMBEDDING_LOOKUP of real numbers."""

    def make(b: Builder, pick: Pick) -> Ends:
        sizes = shape(pick, 2, 4)
        more = [1] if kind == "GATHER_ND" else []
        source, places = indices(b, [pick(1, 6), *more], sizes[0], pick)
        table = b.tensor(sizes, data=b.rng.normal(0, 100, sizes).astype(np.float32))
        result = b.tensor([b.shape(places)[0], *sizes[1:]], dtype=np.float32)
        inputs = [places, table] if kind == "EMBEDDING_LOOKUP" else [table, places]
        b.operator(kind, inputs, [result])
        return source, result

    return make


def gather_nd(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    depth_ = pick(1, len(sizes))
    own = [pick(1, 4) for _ in range(pick(0, 2))]
    source, places = indices(b, [*own, depth_], min(sizes[:depth_]), pick)
    _, table = taken_from(b, sizes, source, pick)
    result = like(b, table, [*own, *sizes[depth_:]])
    b.operator("GATHER_ND", [table, places], [result], "GatherNdOptions")
    return used(b, source, result)


def embedding(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 2, 4)
    source, places = indices(b, [pick(1, 6)], sizes[0], pick)
    _, table = taken_from(b, sizes, source, pick)
    wanted = [b.shape(places)[0], *sizes[1:]]
    if pick(0, 1):
        result = like(b, table, wanted)
        b.operator("EMBEDDING_LOOKUP", [places, table], [result])
        return used(b, source, result)
    table = bytes_of(b, sizes, scale(pick), 0)
    real = b.tensor(wanted, dtype=np.float32)
    b.operator("EMBEDDING_LOOKUP", [places, table], [real])
    result = b.activation(wanted, near(b.tensors[table].scale[0], pick), zero_point(pick))
    b.operator("QUANTIZE", [real], [result], "QuantizeOptions")
    return used(b, source, result)


def update(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    part = [pick(1, size) for size in sizes]
    source, starts = indices(b, [len(sizes)], pick(1, 8), pick)
    _, whole = taken_from(b, sizes, source, pick)
    _, new = taken_from(b, part, source, pick)
    result = like(b, whole, sizes)
    b.operator("DYNAMIC_UPDATE_SLICE", [whole, new, starts], [result], "DynamicUpdateSliceOptions")
    return used(b, source, result)


def moving_slice(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 5)
    part = [pick(1, size) for size in sizes]
    room = min(size - wide for size, wide in zip(sizes, part, strict=True)) + 1
    source, starts = indices(b, [len(sizes)], room, pick)
    _, whole = taken_from(b, sizes, source, pick)
    result = like(b, whole, part)
    b.operator("SLICE", [whole, starts, numbers(b, part)], [result], "SliceOptions")
    return used(b, source, result)


def constants(b: Builder, pick: Pick) -> Ends:
    """A constant that is cut and put together again: what converters leave of tables."""
    sizes = [pick(1, 4), pick(2, 5), pick(1, 4)]
    source = activation(b, sizes, pick)
    at = pick(1, sizes[1] - 1)
    whole = like(b, source, sizes)
    table = b.tensor(sizes, data=b.rng.integers(-128, 128, sizes).astype(np.int8))
    own = b.tensors[source]
    b.tensors[table].scale, b.tensors[table].zero_point = own.scale, own.zero_point
    kind = pick(0, 2)
    if kind == 0:
        part = like(b, source, [sizes[0], sizes[1] - at, sizes[2]])
        ends = [numbers(b, (0, at, 0)), numbers(b, (-1, -1, -1))]
        b.operator("SLICE", [table, *ends], [part], "SliceOptions")
        parts = [part, source]
    elif kind == 1:
        parts = [like(b, source, [sizes[0], n, sizes[2]]) for n in (at, sizes[1] - at)]
        axis = b.tensor((), data=np.array(1, np.int32))
        inputs = [table, numbers(b, (at, sizes[1] - at)), axis]
        b.operator("SPLIT_V", inputs, parts, "SplitVOptions", NumSplits=2)
        parts = [*parts[::-1], source]
    else:
        b.operator("RESHAPE", [table], [whole], "ReshapeOptions")
        parts = [source, whole]
    joined = like(b, source, [sizes[0], sum(b.shape(each)[1] for each in parts), sizes[2]])
    b.operator("CONCATENATION", parts, [joined], "ConcatenationOptions", Axis=1)
    return source, joined


def batch_matmul(b: Builder, pick: Pick) -> Ends:
    rows, depth_, columns = pick(1, 6), pick(1, 9), pick(1, 6)
    batch_ = [pick(1, 3) for _ in range(pick(0, 3))]
    adjoint = [bool(pick(0, 1)) for _ in range(2)]
    operands = []
    for side, transposed in zip(((rows, depth_), (depth_, columns)), adjoint, strict=True):
        some = [1 if pick(0, 3) == 0 else size for size in batch_]
        while some and some[0] == 1 and pick(0, 1):
            some.pop(0)
        operands.append([*some, *(side[::-1] if transposed else side)])
    source = activation(b, operands[0], pick)
    own = b.tensors[source].scale[0]
    second = bytes_of(b, operands[1], near(own, pick), zero_point(pick))
    if operands[1] == operands[0] and pick(0, 1):
        second = source
    product = own * b.tensors[second].scale[0] * 50 * np.sqrt(depth_)
    most = max(len(each) for each in operands)
    padded = [[1] * (most - len(each)) + each for each in operands]
    whole = [max(pair) for pair in zip(*(each[:-2] for each in padded), strict=True)]
    result = b.activation([*whole, rows, columns], near(float(product), pick), zero_point(pick))
    inputs, options = [source, second], dict(zip(("AdjX", "AdjY"), adjoint, strict=True))
    b.operator("BATCH_MATMUL", inputs, [result], "BatchMatMulOptions", **options)
    return source, result


def any_weights(b: Builder, pick: Pick) -> Ends:
    """FULLY_CONNECTED whose weights have a zero point, or are made at run time."""
    inputs, outputs, rows = pick(1, 9), pick(1, 7), pick(1, 4)
    source = activation(b, (rows, inputs), pick)
    own = b.tensors[source]
    if pick(0, 1):
        weights = bytes_of(b, (outputs, inputs), near(own.scale[0], pick), zero_point(pick))
    else:
        outputs, weights = rows, like(b, source, (rows, inputs))
        b.operator("REVERSE_V2", [source, numbers(b, [pick(0, 1)])], [weights])
    product = own.scale[0] * b.tensors[weights].scale[0]
    result = b.activation(
        (rows, outputs),
        near(float(np.float32(product * 50 * np.sqrt(inputs))), pick),
        zero_point(pick),
    )
    bias = any_bias(b, outputs, source, weights, pick) if pick(0, 1) else -1
    b.operator(
        "FULLY_CONNECTED",
        [source, weights, bias],
        [result],
        "FullyConnectedOptions",
        # TFLM refuses an activation whose bounds do not fit into 32 bits.
        FusedActivationFunction=pick(0, 3) if b.tensors[result].scale[0] > 1e-8 else 0,
    )
    return source, result


def batched(kind: str) -> Make:
    """A layer with a window over a batch of images; CONV_2D also in groups or with any weights."""

    def make(b: Builder, pick: Pick) -> Ends:
        images, depth_ = pick(1, 3), pick(1, 4)
        groups = pick(1, 3) if kind == "CONV_2D" else 1
        source = activation(b, [images, pick(3, 7), pick(3, 7), depth_ * groups], pick)
        padding = pick(0, 1)
        sides = [
            (pick(1, 3), *((pick(1, 3), 1) if pick(0, 1) else (1, pick(1, 2)))) for _ in range(2)
        ]
        if padding:  # VALID: the window fits into three pixels
            sides = [(min(size, 2), stride, dilation) for size, stride, dilation in sides]
        window, stride, dilation = ((sides[0][i], sides[1][i]) for i in range(3))
        wanted = [
            extent(size, wide, step, apart, padding)
            for size, (wide, step, apart) in zip(b.shape(source)[1:3], sides, strict=True)
        ]
        options: dict[str, int] = {
            "Padding": padding,
            "StrideH": stride[0],
            "StrideW": stride[1],
            "FusedActivationFunction": pick(0, 3),
        }
        if kind.endswith("POOL_2D"):
            options |= {"FilterHeight": window[0], "FilterWidth": window[1]}
            wanted = [
                extent(size, wide, step, 1, padding)
                for size, (wide, step, _) in zip(b.shape(source)[1:3], sides, strict=True)
            ]
            result = like(b, source, [images, *wanted, depth_])
            b.operator(kind, [source], [result], "Pool2DOptions", **options)
            return source, result
        options |= {"DilationHFactor": dilation[0], "DilationWFactor": dilation[1]}
        if kind == "CONV_2D":
            channels = groups * pick(1, 3)
            weights = _any_weights(b, source, (channels, *window, depth_), 0, pick)
            summands = depth_ * window[0] * window[1]
        else:
            multiplier = pick(1, 3)
            channels = depth_ * multiplier
            weights = _any_weights(b, source, (1, *window, channels), 3, pick)
            summands = window[0] * window[1]
            options["DepthMultiplier"] = multiplier
        scale_ = near(b.suitable(source, weights, summands), pick)
        result = b.activation([images, *wanted, channels], scale_, zero_point(pick))
        inputs = [source, weights]
        if pick(0, 1):
            # CMSIS-NN's kernels take the sums of a real network only.
            inputs.append(
                any_bias(b, channels, source, weights, pick)
                if groups > 1
                else b.bias(channels, source, weights)
            )
        name = "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions"
        b.operator(kind, inputs, [result], name, **options)
        return source, result

    return make


def _any_weights(b: Builder, source: int, sizes: Sequence[int], axis: int, pick: Pick) -> int:
    """Add weights, some computed at run time; TFLM ignores their zero point."""
    if pick(0, 2):
        return b.weights(sizes, axis if pick(0, 1) else None)
    constant = b.weights(sizes, None)
    own = b.tensors[constant].scale[0]
    factor = b.activation([1], 1.0, 0)
    b.operator("QUANTIZE", [first(b, source)], [factor], "QuantizeOptions")
    result = b.activation(sizes, own, zero_point(pick))
    b.operator("MAXIMUM", [constant, factor], [result])
    return result


def batch_of_transposed(b: Builder, pick: Pick) -> Ends:
    sizes = [pick(2, 3), pick(1, 4), pick(1, 4), pick(1, 4)]
    stride, channels = pick(1, 2), pick(1, 4)
    source = activation(b, sizes, pick)
    weights = _any_weights(b, source, (channels, 2, 3, sizes[3]), 0, pick)
    wanted = [sizes[0], sizes[1] * stride, sizes[2] * stride, channels]
    result = b.activation(wanted, b.suitable(source, weights, 6 * sizes[3]), zero_point(pick))
    inputs = [numbers(b, wanted), weights, source]
    options = {"StrideH": stride, "StrideW": stride}
    b.operator("TRANSPOSE_CONV", inputs, [result], "TransposeConvOptions", **options)
    return source, result


MAKERS: dict[str, Make] = {
    "RESIZE_NEAREST_NEIGHBOR": of_any_type(resize("RESIZE_NEAREST_NEIGHBOR")),
    "RESIZE_BILINEAR": resize("RESIZE_BILINEAR"),
    "REVERSE_V2": of_any_type(reverse),
    "BROADCAST_TO": of_any_type(broadcast_to),
    "TILE": of_any_type(tile),
    "sides": sides_of,
    "MIRROR_PAD": of_any_type(mirror_pad),
    "DEPTH_TO_SPACE": of_any_type(depth("DEPTH_TO_SPACE")),
    "SPACE_TO_DEPTH": of_any_type(depth("SPACE_TO_DEPTH")),
    "SPACE_TO_BATCH_ND": of_any_type(batch("SPACE_TO_BATCH_ND")),
    "BATCH_TO_SPACE_ND": of_any_type(batch("BATCH_TO_SPACE_ND")),
    "GATHER": gather,
    "GATHER_ND": gather_nd,
    **{f"real {kind}": real_table(kind) for kind in ("GATHER", "GATHER_ND", "EMBEDDING_LOOKUP")},
    "EMBEDDING_LOOKUP": embedding,
    "DYNAMIC_UPDATE_SLICE": update,
    "moving slice": moving_slice,
    "constants": of_any_type(constants),
    "BATCH_MATMUL": batch_matmul,
    "any weights": any_weights,
    **{
        f"batch {kind}": batched(kind)
        for kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")
    },
    "batch TRANSPOSE_CONV": batch_of_transposed,
}


def every_move(b: Builder, source: int) -> int:
    """Add layers that run every kernel of this module; the result is as `source` is."""
    sizes = batch_, rows, columns, channels = b.shape(source)
    now = like(b, source, (batch_, 2 * rows, 2 * columns, channels))
    b.operator(
        "RESIZE_BILINEAR",
        [source, numbers(b, (2 * rows, 2 * columns))],
        [now],
        "ResizeBilinearOptions",
    )
    blocks = like(b, source, (4 * batch_, rows, columns, channels))
    border = b.tensor((2, 2), data=np.zeros((2, 2), np.int32))
    b.operator("SPACE_TO_BATCH_ND", [now, numbers(b, (2, 2)), border], [blocks])
    places = b.tensor((rows, columns, channels), dtype=np.int32)
    axis = b.tensor((), data=np.array(0, np.int32))
    b.operator("ARG_MAX", [blocks, axis], [places], "ArgMaxOptions", OutputType=2)
    flat = b.tensor((rows * columns * channels, 1), dtype=np.int32)
    b.operator("RESHAPE", [places], [flat], "ReshapeOptions")
    own = b.tensors[source]
    table = bytes_of(b, (4, 3), own.scale[0], own.zero_point[0])
    nd = like(b, source, (rows * columns * channels, 3))
    b.operator("GATHER_ND", [table, flat], [nd], "GatherNdOptions")
    one = b.tensor((rows * columns * channels,), dtype=np.int32)
    b.operator("RESHAPE", [flat], [one], "ReshapeOptions")
    row = like(b, source, (rows * columns * channels,))
    column = bytes_of(b, (4,), own.scale[0], own.zero_point[0])
    b.operator("GATHER", [column, one], [row], "GatherOptions")
    start = b.tensor((2,), dtype=np.int32)
    ends = [numbers(b, (0,)), numbers(b, (2,))]
    b.operator("SLICE", [one, *ends], [start], "SliceOptions")
    slice_ = like(b, source, (2, 2))
    b.operator("SLICE", [nd, start, numbers(b, (2, 2))], [slice_], "SliceOptions")
    product = b.activation((rows * columns * channels, 2), 0.2, 3)
    wide = like(b, source, (rows * columns * channels, 2))
    b.operator("SLICE", [nd, numbers(b, (0, 1)), numbers(b, (-1, 2))], [wide], "SliceOptions")
    b.operator("BATCH_MATMUL", [wide, slice_], [product], "BatchMatMulOptions")
    image = b.activation((1, rows * columns * channels, 1, 2), 0.2, 3)
    b.operator("RESHAPE", [product], [image], "ReshapeOptions")
    weights = b.weights((2, 1, 1, 1), 0)
    grouped = b.activation(b.shape(image), b.suitable(image, weights, 1), 0)
    b.operator(
        "CONV_2D", [image, weights], [grouped], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1
    )
    half = like(b, grouped, (1, rows * columns * channels, 1, 1))
    ends = [numbers(b, (0, 0, 0, 0)), numbers(b, b.shape(half))]
    b.operator("SLICE", [grouped, *ends], [half], "SliceOptions")
    shaped = like(b, half, sizes)
    b.operator("RESHAPE", [half], [shaped], "ReshapeOptions")
    line = like(b, source, sizes)
    b.operator("RESHAPE", [row], [line], "ReshapeOptions")
    result = like(b, source, sizes)
    b.operator("ADD", [shaped, line], [result], "AddOptions")
    return result
