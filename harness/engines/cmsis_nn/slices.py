"""STRIDED_SLICE and SLICE, and DYNAMIC_UPDATE_SLICE, which writes a slice."""

from typing import cast

from harness.engines.cmsis_nn.copies import Copy, byte_operand, copies_layer, strided_copy
from harness.engines.cmsis_nn.layer import Layer, Struct, shape
from harness.engines.cmsis_nn.loops import LoopAxis, merge, strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import (
    StridedSliceOptions,
)

_WRITE_OUT = "slice every axis with begin and end, and change the shape with a reshape"


def strided_slice(view: OperatorView) -> Layer:
    """Lower STRIDED_SLICE with constant begin, end and strides, each with a value per axis."""
    view.check_arity(4, 4)
    options = cast("StridedSliceOptions", view.operator.options)
    source, _ = view.source_and_result(0)
    rank = len(source.shape)
    begin, end, slice_strides = (
        view.constant_integers(position, f"the {what}")
        for position, what in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    _check_masks(view, options, begin)
    if {len(begin), len(end), len(slice_strides)} != {rank}:
        view.fail(
            f"TFLM's kernel reads a begin, an end and a stride for each of the {rank} axes, but "
            f"there are {len(begin)}, {len(end)} and {len(slice_strides)}",
            _WRITE_OUT,
        )
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
    return strided_copy(view, 0, offset, byte_strides, sizes)


def _check_masks(view: OperatorView, options: StridedSliceOptions, begin: list[int]) -> None:
    """Check that what TFLM's kernel ignores makes no difference.

    Source: TFLM tensorflow/lite/micro/kernels/strided_slice_common.cc, BuildStridedSliceParams.
    """
    whole = options.begin_mask & options.end_mask
    ignored = {
        "a new axis": options.new_axis_mask != 0,
        # Without a value of its own an axis may be what the ellipsis stands for.
        "an ellipsis": options.ellipsis_mask & ~whole != 0,
        "ends that are offsets": options.offset and any(begin),
    }
    for what, present in ignored.items():
        if present:
            view.fail(f"it has {what}, which TFLM's kernel ignores", _WRITE_OUT)


def slice_(view: OperatorView) -> Layer:
    """Lower SLICE with a constant begin and size; a size of -1 means up to the end."""
    view.check_arity(3, 3)
    source, result = view.source_and_result(0)
    if view.tensor(1).data is None:
        return _moving_slice(view, source, result)
    begin, given = (
        view.constant_integers(position, f"the {what}", wide=True)
        for position, what in ((1, "begin"), (2, "size"))
    )
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
    return strided_copy(view, 0, offset, strides)


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


def _moving_slice(view: OperatorView, source: Tensor, result: Tensor) -> Layer:
    """Return a SLICE that begins where a tensor says, at most so far that it is inside."""
    size = view.tensor(2).data
    if size is None or tuple(size.ravel().tolist()) != result.shape:
        view.fail(
            "its begin is computed at run time, but its size is not constant or contains -1",
            "slice with a constant size for each axis",
        )
    if len(source.shape) != len(result.shape) or _exceeds(result, source):
        view.fail(f"{shape(result)} is not a slice of {shape(source)}", CONVERT_AGAIN)
    view.check_movable(result, "the output")
    starts, offset = _starts(view, 1, whole=source, part=result)
    width = result.dtype.itemsize
    inside, packed = strides_of(source.shape, width), strides_of(result.shape, width)
    axes = merge([LoopAxis(*axis) for axis in zip(result.shape, inside, packed, strict=True)])
    address, constant = byte_operand(view, 0)
    copy = Copy(axes, width, f"{address} + {offset}", view.address(result))
    notes = (f"{shape(source)} -> {shape(result)}",)
    return copies_layer(
        view, notes, (copy.widened(),), arrays=constant, part="loops", starts=starts
    )


def dynamic_update_slice(view: OperatorView) -> Layer:
    """Lower DYNAMIC_UPDATE_SLICE: a copy of the first input, with the second written into it."""
    view.check_arity(3, 3)
    source, result = view.source_and_result(0)
    update = view.check_moved(1)
    view.check_result_shape(source.shape)
    if update.dtype != source.dtype or len(update.shape) != len(source.shape):
        view.fail(f"{shape(update)} does not replace a part of {shape(source)}", CONVERT_AGAIN)
    if _exceeds(update, source):
        view.fail(f"{shape(update)} is larger than {shape(source)}", CONVERT_AGAIN)
    width = result.dtype.itemsize
    whole, first = view.operand(0)
    part, second = view.operand(1)
    starts, offset = _starts(view, 2, whole=result, part=update)
    inside, packed = strides_of(result.shape, width), strides_of(update.shape, width)
    axes = merge([LoopAxis(*axis) for axis in zip(update.shape, packed, inside, strict=True)])
    target = view.address(result)
    all_of_it = Copy((LoopAxis(1, 0, 0),), result.nbytes, whole, target)
    some = Copy(axes, width, part, f"{target} + {offset}").widened()
    notes = (f"{shape(update)} into {shape(source)}",)
    return copies_layer(view, notes, (all_of_it, some), arrays=(*first, *second), starts=starts)


def _exceeds(part: Tensor, whole: Tensor) -> bool:
    return any(size > most for size, most in zip(part.shape, whole.shape, strict=True))


def _starts(
    view: OperatorView, position: int, *, whole: Tensor, part: Tensor
) -> tuple[Struct | None, str]:
    """Return the constant and the C expression for where `part` begins in `whole`, in bytes."""
    tensor = view.tensor(position)
    types = ("int32",) if tensor.data is None else ("int32", "int64")
    if tensor.dtype.name not in types or tensor.shape != (len(whole.shape),):
        view.fail(
            f"the start has type {tensor.dtype} and shape {shape(tensor)}; a vector of "
            f"{len(whole.shape)} int32 is supported",
            "cast the start to int32 before this layer",
        )
    last = [size - wide for size, wide in zip(whole.shape, part.shape, strict=True)]
    steps = strides_of(whole.shape, whole.dtype.itemsize)
    fields = (
        f".rank = {len(last)}",
        f".last = {{{', '.join(map(str, last))}}}",
        f".step = {{{', '.join(map(str, steps))}}}",
    )
    if tensor.data is not None:
        given = zip(tensor.data.tolist(), last, steps, strict=True)
        return None, str(sum(min(max(at, 0), most) * step for at, most, step in given))
    starts = Struct("nn_starts_t", view.names.of("starts"), fields)
    return starts, f"nn_slice_offset(&{starts.name}, {view.typed_address(tensor)})"
