"""Bytes that change place: TRANSPOSE, slices, padding and RESIZE_NEAREST_NEIGHBOR."""

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
from harness.engines.cmsis_nn.loops import Axis, merge, steps, struct
from harness.engines.cmsis_nn.operator_view import AGAIN, Site
from harness.model.graph import ResizeNearestNeighborOptions, StridedSliceOptions, Tensor

MAX_SIDE = 65535  # of an image that is resized: its rows and columns are numbered in uint16_t


def transpose(site: Site) -> Layer:
    """Lower TRANSPOSE: output axis i is input axis perm[i]."""
    site.arity(2, 2)
    source, result = site.moved(0)
    perm = site.integers(1, "the permutation")
    if sorted(perm) != list(range(len(source.shape))):
        site.fail(f"{perm} is no permutation of {len(source.shape)} axes", AGAIN)
    site.result_shape([source.shape[axis] for axis in perm])
    walk = steps(source.shape, source.dtype.itemsize)
    return _walked(site, source, result, 0, [walk[axis] for axis in perm])


def strided_slice(site: Site) -> Layer:
    """Lower STRIDED_SLICE with constant begin, end and strides, one of each for every axis."""
    site.arity(4, 4)
    options = cast("StridedSliceOptions", site.operator.options)
    if options.ellipsis_mask or options.new_axis_mask or options.offset:
        site.fail(
            "an ellipsis, a new axis, or ends that are offsets are not supported",
            "write the slice out, and reshape",
        )
    source, result = site.moved(0)
    rank = len(source.shape)
    begin, end, stride = (
        site.integers(position, f"the {what}")
        for position, what in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    if {len(begin), len(end), len(stride)} != {rank}:
        site.fail(f"begin, end and strides must have {rank} values each", "write them all out")
    if 0 in stride:
        site.fail("a stride is 0", AGAIN)
    kept, offset, sizes, walk = [], 0, [], []
    for axis, step in enumerate(steps(source.shape, source.dtype.itemsize)):
        bounds = (begin[axis], end[axis], stride[axis])
        places = _places(source.shape[axis], bounds, options, axis)
        offset += places.start * step
        sizes.append(len(places))
        walk.append(places.step * step)
        if not options.shrink_axis_mask >> axis & 1:
            kept.append(len(places))
        elif len(places) != 1:
            site.fail(f"axis {axis} has no position {begin[axis]}", AGAIN)
    site.movable(site.result_shape(kept), "the output")
    return _walked(site, source, result, offset, walk, sizes)


def slice_(site: Site) -> Layer:
    """Lower SLICE with a constant begin and size; a size of -1 reaches to the end."""
    site.arity(3, 3)
    source, result = site.moved(0)
    begin, wanted = site.integers(1, "the begin"), site.integers(2, "the size")
    if len(begin) != len(source.shape) or len(wanted) != len(begin):
        site.fail(f"begin and size must have {len(source.shape)} values each", AGAIN)
    sizes = [
        whole - first if size == -1 else size
        for whole, first, size in zip(source.shape, begin, wanted, strict=True)
    ]
    ends = [first + size for first, size in zip(begin, sizes, strict=True)]
    if min(*begin, 0) < 0 or any(end > n for end, n in zip(ends, source.shape, strict=True)):
        site.fail(f"{begin} to {ends} leaves {shape(source)}", AGAIN)
    site.movable(site.result_shape(sizes), "the output")
    walk = steps(source.shape, source.dtype.itemsize)
    offset = sum(first * step for first, step in zip(begin, walk, strict=True))
    return _walked(site, source, result, offset, walk)


def _places(
    size: int, bounds: tuple[int, int, int], options: StridedSliceOptions, axis: int
) -> range:
    """Return the positions along an axis. Source: strided_slice_logic.h, StartForAxis."""
    begin, end, stride = bounds
    start = None if options.begin_mask >> axis & 1 else begin
    if options.shrink_axis_mask >> axis & 1:
        first = slice(start, None, stride).indices(size)[0]
        return range(first, first + 1) if 0 <= first < size else range(0)
    stop = None if options.end_mask >> axis & 1 else end
    return range(*slice(start, stop, stride).indices(size))


def _walked(
    site: Site,
    source: Tensor,
    result: Tensor,
    offset: int,
    walk: Sequence[int],
    sizes: Sequence[int] | None = None,
) -> Layer:
    """Copy from byte `offset` on with the byte steps `walk`; `sizes` are the output's if None."""
    sizes = result.shape if sizes is None else sizes
    packed = steps(sizes, result.dtype.itemsize)
    axes = merge([Axis(*axis) for axis in zip(sizes, walk, packed, strict=True)])
    notes = (f"{shape(source)} -> {shape(result)}",)
    whole = axes[-1].first == axes[-1].second == result.dtype.itemsize or result.elements == 1
    if whole and len(axes) == 1 and source.elements == result.elements:
        return Layer(site.operator, notes=(*notes, "the same bytes"), alias=source.index)
    return copy_layer(
        site, notes, axes, (at(site.address(source), offset), site.address(result)), result
    )


def copy_layer(
    site: Site,
    notes: tuple[str, ...],
    axes: Sequence[Axis],
    ends: tuple[str, str],
    tensor: Tensor,
    earlier: tuple[Call, ...] = (),
) -> Layer:
    """Return the layer that copies along `axes`, steps in bytes, from `ends`[0] to `ends`[1]."""
    width = tensor.dtype.itemsize
    if axes[-1].first == axes[-1].second == width:
        # Neighbours on both sides: one block.
        width *= axes[-1].size
        axes = axes[:-1] or (Axis(1, 0, 0),)
    loops = struct(site, "loops", axes)
    return Layer(
        site.operator,
        notes=notes,
        structs=(loops,),
        earlier=earlier,
        call=Call("nn_copy", (f"&{loops.name}", str(width), *ends)),
        status=False,
        kernels=frozenset({"nn_copy.c", *(f"{call.function}.c" for call in earlier)}),
    )


def pad(site: Site) -> Layer:
    """Lower PAD and PADV2: int8, with the output's zero point or a constant around."""
    site.arity(2, 3)
    source, result = site.activation(0), site.result()
    before, after = _paddings(site, source)
    site.result_shape(
        [sum(sizes) for sizes in zip(before, source.shape, after, strict=True)],
    )
    has_value = len(site.operator.inputs) > 2  # noqa: PLR2004 - input, paddings, and PADV2's value
    value = _pad_value(site, result) if has_value else zero_point(result)
    inside, outside = steps(source.shape), steps(result.shape)
    offset = sum(count * step for count, step in zip(before, outside, strict=True))
    axes = merge([Axis(*axis) for axis in zip(source.shape, inside, outside, strict=True)])
    target = site.address(result)
    fill = Call("nn_fill_s8", (str(value), str(result.elements), target))
    notes = (
        f"{shape(source)} -> {shape(result)}, before {before}, after {after}, filled with {value}",
        quantization(result),
    )
    ends = (site.address(source), at(target, offset))
    return copy_layer(site, notes, axes, ends, result, (fill,))


def _paddings(site: Site, source: Tensor) -> tuple[list[int], list[int]]:
    paddings = site.integers(1, "the padding")
    if len(paddings) != 2 * len(source.shape):
        site.fail(f"{len(paddings)} paddings for {len(source.shape)} axes", AGAIN)
    if min(paddings) < 0:
        site.fail(f"a padding of {paddings} is negative", "slice instead")
    return paddings[0::2], paddings[1::2]


def _pad_value(site: Site, result: Tensor) -> int:
    """Return PADV2's value, which has the output's type and quantization."""
    tensor = site.check_int8(site.tensor(2), "the padding value")
    if tensor.data is None or tensor.elements != 1:
        site.fail("the padding value is not one constant", "fold constants when converting")
    if quantization(tensor) != quantization(result):
        site.fail("the padding value and the output are quantized differently, which TFLM refuses")
    return int(tensor.data.ravel()[0])


def resize_nearest_neighbor(site: Site) -> Layer:
    """Lower RESIZE_NEAREST_NEIGHBOR of a batch of 1; where each pixel comes from is a table."""
    site.arity(2, 2)
    options = cast("ResizeNearestNeighborOptions", site.operator.options)
    source, result = site.moved(0)
    site.rank(source, 4, "the input")
    if source.shape[0] != 1:
        site.fail(f"the batch is {source.shape[0]}", "convert the model with a batch of 1")
    size = site.integers(1, "the size")
    site.result_shape((1, *size, source.shape[3]))
    site.movable(result, "the output")
    if max(*source.shape, *result.shape) > MAX_SIDE:
        site.fail(f"a side exceeds {MAX_SIDE}", "make the layer smaller")
    of = site.names.of
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
        site.address(source),
        site.address(result),
    )
    return Layer(
        site.operator,
        notes=(f"{shape(source)} -> {shape(result)}",),
        arrays=(rows, columns),
        call=Call("nn_resize_nearest", arguments),
        status=False,
        kernels=frozenset({"nn_resize_nearest.c"}),
    )


def _nearest(source: int, result: int, options: ResizeNearestNeighborOptions) -> list[int]:
    """Return which of `source` pixels each of `result` is, in float32 as TFLM computes it.

    Source: resize_nearest_neighbor.h, GetNearestNeighbor.
    """
    corners = options.align_corners
    if corners and result > 1:
        ratio = np.float32(source - 1) / np.float32(result - 1)
    else:
        ratio = np.float32(source) / np.float32(result)
    offset = np.float32(0.5 if options.half_pixel_centers else 0.0)
    places = [float((np.float32(i) + offset) * ratio) for i in range(result)]
    # Rounded halves up where TFLM rounds; none is negative.
    return [min(math.floor(place + 0.5 if corners else place), source - 1) for place in places]
