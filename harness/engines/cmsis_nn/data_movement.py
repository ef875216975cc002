"""Operators that copy values: TRANSPOSE, slices, padding and RESIZE_NEAREST_NEIGHBOR."""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    at,
    quantization,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct, merge, strides_of
from harness.engines.cmsis_nn.operator_view import CONVERT_AGAIN, OperatorView
from harness.model.graph import Tensor
from harness.model.operator_options import (
    ResizeNearestNeighborOptions,
    StridedSliceOptions,
)

MAX_SIDE = 65535  # pixels of a resized image; the kernel counts rows in uint16_t


def transpose(view: OperatorView) -> Layer:
    """Lower TRANSPOSE: output axis i is input axis perm[i]."""
    view.check_arity(2, 2)
    source, result = view.source_and_result(0)
    perm = view.constant_integers(1, "the permutation")
    if sorted(perm) != list(range(len(source.shape))):
        view.fail(f"{perm} is not a permutation of {len(source.shape)} axes", CONVERT_AGAIN)
    view.check_result_shape([source.shape[axis] for axis in perm])
    strides = strides_of(source.shape, source.dtype.itemsize)
    return _strided_copy(view, source, result, 0, [strides[axis] for axis in perm])


def strided_slice(view: OperatorView) -> Layer:
    """Lower STRIDED_SLICE with constant begin, end and strides, each with a value per axis."""
    view.check_arity(4, 4)
    options = cast("StridedSliceOptions", view.operator.options)
    if options.ellipsis_mask or options.new_axis_mask or options.offset:
        view.fail(
            "an ellipsis, a new axis, or ends that are offsets are not supported",
            "write out the slice, and reshape",
        )
    source, result = view.source_and_result(0)
    rank = len(source.shape)
    begin, end, slice_strides = (
        view.constant_integers(position, f"the {what}")
        for position, what in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    if {len(begin), len(end), len(slice_strides)} != {rank}:
        view.fail(f"begin, end and strides must have {rank} values each", "write them all out")
    if 0 in slice_strides:
        view.fail("a stride is 0", CONVERT_AGAIN)
    kept, offset, sizes, byte_strides = [], 0, [], []
    for axis, stride in enumerate(strides_of(source.shape, source.dtype.itemsize)):
        bounds = (begin[axis], end[axis], slice_strides[axis])
        positions = _positions(source.shape[axis], bounds, options, axis)
        offset += positions.start * stride
        sizes.append(len(positions))
        byte_strides.append(positions.step * stride)
        if not options.shrink_axis_mask >> axis & 1:
            kept.append(len(positions))
        elif len(positions) != 1:
            view.fail(f"axis {axis} has no position {begin[axis]}", CONVERT_AGAIN)
    view.check_movable(view.check_result_shape(kept), "the output")
    return _strided_copy(view, source, result, offset, byte_strides, sizes)


def slice_(view: OperatorView) -> Layer:
    """Lower SLICE with a constant begin and size; a size of -1 means up to the end."""
    view.check_arity(3, 3)
    source, result = view.source_and_result(0)
    begin, given = view.constant_integers(1, "the begin"), view.constant_integers(2, "the size")
    if len(begin) != len(source.shape) or len(given) != len(begin):
        view.fail(f"begin and size must have {len(source.shape)} values each", CONVERT_AGAIN)
    sizes = [
        whole - first if size == -1 else size
        for whole, first, size in zip(source.shape, begin, given, strict=True)
    ]
    ends = [first + size for first, size in zip(begin, sizes, strict=True)]
    if min(*begin, 0) < 0 or any(end > n for end, n in zip(ends, source.shape, strict=True)):
        view.fail(f"{begin} to {ends} is outside {shape(source)}", CONVERT_AGAIN)
    view.check_movable(view.check_result_shape(sizes), "the output")
    strides = strides_of(source.shape, source.dtype.itemsize)
    offset = sum(first * stride for first, stride in zip(begin, strides, strict=True))
    return _strided_copy(view, source, result, offset, strides)


def _positions(
    size: int, bounds: tuple[int, int, int], options: StridedSliceOptions, axis: int
) -> range:
    """Return the selected positions along an axis. Source: strided_slice_logic.h, StartForAxis."""
    begin, end, stride = bounds
    start = None if options.begin_mask >> axis & 1 else begin
    if options.shrink_axis_mask >> axis & 1:
        first = slice(start, None, stride).indices(size)[0]
        return range(first, first + 1) if 0 <= first < size else range(0)
    stop = None if options.end_mask >> axis & 1 else end
    return range(*slice(start, stop, stride).indices(size))


def _strided_copy(
    view: OperatorView,
    source: Tensor,
    result: Tensor,
    offset: int,
    strides: Sequence[int],
    sizes: Sequence[int] | None = None,
) -> Layer:
    """Return the layer that copies from `source`, from byte `offset` on, with `strides` in bytes.

    `sizes` are the number of positions along each axis; by default the output's shape.
    """
    sizes = result.shape if sizes is None else sizes
    packed = strides_of(sizes, result.dtype.itemsize)
    axes = merge([LoopAxis(*axis) for axis in zip(sizes, strides, packed, strict=True)])
    notes = (f"{shape(source)} -> {shape(result)}",)
    packed_ends = axes[-1].first == axes[-1].second == result.dtype.itemsize
    contiguous = packed_ends or result.elements == 1
    if contiguous and len(axes) == 1 and source.elements == result.elements:
        return Layer(view.operator, notes=(*notes, "the same bytes"), alias=source.index)
    return copy_layer(
        view, notes, axes, (at(view.address(source), offset), view.address(result)), result
    )


def copy_layer(
    view: OperatorView,
    notes: tuple[str, ...],
    axes: Sequence[LoopAxis],
    addresses: tuple[str, str],
    tensor: Tensor,
    earlier: tuple[Call, ...] = (),
    arrays: tuple[Array, ...] = (),
) -> Layer:
    """Return the layer that copies along `axes`, in bytes, between two `addresses`."""
    width = tensor.dtype.itemsize
    if axes[-1].first == axes[-1].second == width:
        # Contiguous in source and destination: one block.
        width *= axes[-1].size
        axes = axes[:-1] or (LoopAxis(1, 0, 0),)
    loops = loops_struct(view, "loops", axes)
    return Layer(
        view.operator,
        notes=notes,
        arrays=arrays,
        structs=(loops,),
        earlier=earlier,
        call=Call("nn_copy", (f"&{loops.name}", str(width), *addresses)),
        status=False,
        kernels=frozenset({"nn_copy.c", *(f"{call.function}.c" for call in earlier)}),
    )


def pad(view: OperatorView) -> Layer:
    """Lower PAD and PADV2: int8, padded with the output's zero point or a constant."""
    view.check_arity(2, 3)
    source, result = view.activation(0), view.result()
    before, after = _paddings(view, source)
    view.check_result_shape(
        [sum(sizes) for sizes in zip(before, source.shape, after, strict=True)],
    )
    has_value = len(view.operator.inputs) > 2  # noqa: PLR2004 - input, paddings, and PADV2's value
    value = _pad_value(view, result) if has_value else zero_point(result)
    inside, outside = strides_of(source.shape), strides_of(result.shape)
    offset = sum(count * stride for count, stride in zip(before, outside, strict=True))
    axes = merge([LoopAxis(*axis) for axis in zip(source.shape, inside, outside, strict=True)])
    destination = view.address(result)
    fill = Call("nn_fill_s8", (str(value), str(result.elements), destination))
    notes = (
        f"{shape(source)} -> {shape(result)}, before {before}, after {after}, filled with {value}",
        quantization(result),
    )
    addresses = (view.address(source), at(destination, offset))
    return copy_layer(view, notes, axes, addresses, result, (fill,))


def _paddings(view: OperatorView, source: Tensor) -> tuple[list[int], list[int]]:
    paddings = view.constant_integers(1, "the padding")
    if len(paddings) != 2 * len(source.shape):
        view.fail(f"{len(paddings)} paddings for {len(source.shape)} axes", CONVERT_AGAIN)
    if min(paddings) < 0:
        view.fail(f"a padding of {paddings} is negative", "slice instead")
    return paddings[0::2], paddings[1::2]


def _pad_value(view: OperatorView, result: Tensor) -> int:
    """Return PADV2's value, which has the output's type and quantization."""
    tensor = view.check_int8(view.tensor(2), "the padding value")
    if tensor.data is None or tensor.elements != 1:
        view.fail("the padding value is not a single constant", "fold constants when converting")
    if quantization(tensor) != quantization(result):
        view.fail(
            "the padding value and the output have different quantization, which TFLM rejects"
        )
    return int(tensor.data.ravel()[0])


def resize_nearest_neighbor(view: OperatorView) -> Layer:
    """Lower RESIZE_NEAREST_NEIGHBOR of a batch of 1; tables hold each pixel's source position."""
    view.check_arity(2, 2)
    options = cast("ResizeNearestNeighborOptions", view.operator.options)
    source, result = view.source_and_result(0)
    view.check_rank(source, 4, "the input")
    if source.shape[0] != 1:
        view.fail(f"the batch is {source.shape[0]}", "convert the model with a batch of 1")
    size = view.constant_integers(1, "the size")
    view.check_result_shape((1, *size, source.shape[3]))
    view.check_movable(result, "the output")
    if max(*source.shape, *result.shape) > MAX_SIDE:
        view.fail(f"a side exceeds {MAX_SIDE}", "make the layer smaller")
    of = view.names.of
    rows, columns = (
        Array(of(part), np.array(_nearest(source.shape[i], size[i - 1], options), np.uint16))
        for i, part in ((1, "rows"), (2, "columns"))
    )
    pixel = source.shape[3] * source.dtype.itemsize
    arguments = (
        rows.name,
        str(size[0]),
        columns.name,
        str(size[1]),
        str(source.shape[2] * pixel),
        str(pixel),
        view.address(source),
        view.address(result),
    )
    return Layer(
        view.operator,
        notes=(f"{shape(source)} -> {shape(result)}",),
        arrays=(rows, columns),
        call=Call("nn_resize_nearest", arguments),
        status=False,
        kernels=frozenset({"nn_resize_nearest.c"}),
    )


def _nearest(source: int, result: int, options: ResizeNearestNeighborOptions) -> list[int]:
    """Return the source position of each of `result` pixels, in float32 as TFLM computes it.

    Source: resize_nearest_neighbor.h, GetNearestNeighbor.
    """
    corners = options.align_corners
    if corners and result > 1:
        ratio = np.float32(source - 1) / np.float32(result - 1)
    else:
        ratio = np.float32(source) / np.float32(result)
    offset = np.float32(0.5 if options.half_pixel_centers else 0.0)
    positions = [float((np.float32(i) + offset) * ratio) for i in range(result)]
    # TFLM rounds halves away from zero; no position is negative.
    return [
        min(math.floor(position + 0.5 if corners else position), source - 1)
        for position in positions
    ]
