"""CONCATENATION and PACK, SPLIT, SPLIT_V and UNPACK: they join or split blocks of bytes."""

import math
from collections.abc import Sequence
from typing import cast

from harness.engines.cmsis_nn.copies import Copy, byte_operand, copies_layer
from harness.engines.cmsis_nn.layer import (
    Array,
    Layer,
    at,
    quantization,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import LoopAxis
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import Activation, AxisOptions, ConcatenationOptions

_MANY = 1 << 16
_MOST_PIECES = 10  # kMaxInputNum of TFLM's concatenation.cc


def concatenation(view: OperatorView) -> Layer:
    """Lower CONCATENATION; as in TFLM, int8 inputs must have the output's quantization."""
    view.check_arity(1, _MANY)
    options = cast("ConcatenationOptions", view.operator.options)
    if options.fused_activation_function is not Activation.NONE:
        name = options.fused_activation_function.name
        view.fail(f"the fused activation {name} is not supported", "apply it to the inputs")
    if len(view.operator.inputs) > _MOST_PIECES:
        view.fail(
            f"it joins {len(view.operator.inputs)} inputs; TFLM's kernel takes {_MOST_PIECES}",
            "join them in several layers",
        )
    pieces, result = _pieces(view)
    axis = view.normalized_axis(options.axis, len(pieces[0].shape))
    for tensor in pieces:
        same_rank = len(tensor.shape) == len(pieces[0].shape)
        if not same_rank or _without(tensor, axis) != _without(pieces[0], axis):
            view.fail(
                f"shapes {shape(pieces[0])} and {shape(tensor)} differ in axes other than {axis}",
                CONVERT_AGAIN,
            )
        if result.dtype.name == "int8" and quantization(tensor) != quantization(result):
            view.fail(
                f"an input has {quantization(tensor)}, the output {quantization(result)}; "
                "TFLM requires the same",
                "quantize again with a converter that unifies them, as TensorFlow's does",
            )
        if result.dtype.name == "int16" and (zero_point(tensor), zero_point(result)) != (0, 0):
            view.fail("an int16 tensor has a zero point, which TFLM rejects", CONVERT_AGAIN)
    joined = list(pieces[0].shape)
    joined[axis] = sum(tensor.shape[axis] for tensor in pieces)
    view.check_result_shape(joined)
    return _concatenate(view, pieces, result, math.prod(joined[:axis]))


def pack(view: OperatorView) -> Layer:
    """Lower PACK: inputs of the same shape along a new axis."""
    view.check_arity(1, _MANY)
    options = cast("AxisOptions", view.operator.options)
    pieces, result = _pieces(view)
    axis = view.normalized_axis(options.axis, len(pieces[0].shape) + 1)
    for tensor in pieces:
        if tensor.shape != pieces[0].shape:
            view.fail(f"shapes {shape(pieces[0])} and {shape(tensor)} differ", CONVERT_AGAIN)
    before, after = pieces[0].shape[:axis], pieces[0].shape[axis:]
    view.check_result_shape((*before, len(pieces), *after))
    return _concatenate(view, pieces, result, math.prod(before))


def split(view: OperatorView) -> Layer:
    """Lower SPLIT: inputs are the axis and the tensor, which is split into equal parts."""
    view.check_arity(2, 2, outputs=None)
    return _split(view, source=1, axis=0)


def split_v(view: OperatorView) -> Layer:
    """Lower SPLIT_V: inputs are the tensor, the sizes of the parts, and the axis."""
    view.check_arity(3, 3, outputs=None)
    return _split(view, source=0, axis=2)


def unpack(view: OperatorView) -> Layer:
    """Lower UNPACK: one output for each position along an axis, which is removed."""
    view.check_arity(1, 1, outputs=None)
    options = cast("AxisOptions", view.operator.options)
    source, _ = view.source_and_result(0)
    axis = view.normalized_axis(options.axis, len(source.shape))
    count = source.shape[axis]
    if len(view.operator.outputs) != count:
        view.fail(f"{len(view.operator.outputs)} outputs for {count} positions", CONVERT_AGAIN)
    for position in range(count):
        view.check_result_shape(_without(source, axis), position)
    return _split_blocks(view, 0, math.prod(source.shape[:axis]))


def _split(view: OperatorView, *, source: int, axis: int) -> Layer:
    tensor, _ = view.source_and_result(source)
    values = view.constant_integers(axis, "the axis")
    if len(values) != 1:
        view.fail(f"the axis has {len(values)} values", CONVERT_AGAIN)
    along = view.normalized_axis(values[0], len(tensor.shape))
    parts = [view.graph.tensors[index] for index in view.operator.outputs]
    for part in parts:
        view.check_movable(part, "an output")
        same_rank = len(part.shape) == len(tensor.shape)
        if not same_rank or _without(part, along) != _without(tensor, along):
            view.fail(
                f"{shape(part)} is not a part of {shape(tensor)} along axis {along}", CONVERT_AGAIN
            )
    if sum(part.shape[along] for part in parts) != tensor.shape[along]:
        view.fail(
            f"the parts along axis {along} do not add up to {tensor.shape[along]}", CONVERT_AGAIN
        )
    return _split_blocks(view, source, math.prod(tensor.shape[:along]))


def _pieces(view: OperatorView) -> tuple[list[Tensor], Tensor]:
    result = view.graph.tensors[view.operator.outputs[0]]
    pieces = [view.check_moved(position) for position in range(len(view.operator.inputs))]
    for tensor in pieces:
        if tensor.dtype != result.dtype:
            view.fail(f"an input has type {tensor.dtype}, the output {result.dtype}", CONVERT_AGAIN)
    return pieces, result


def _without(tensor: Tensor, axis: int) -> tuple[int, ...]:
    """Return the shape without `axis`."""
    return (*tensor.shape[:axis], *tensor.shape[axis + 1 :])


def _concatenate(
    view: OperatorView, pieces: Sequence[Tensor], result: Tensor, blocks: int
) -> Layer:
    """Return the layer that interleaves `blocks` blocks of each piece."""
    arrays: list[Array] = []
    copies, offset = [], 0
    for position, tensor in enumerate(pieces):
        source, constant = view.operand(position)
        arrays += constant
        width = tensor.nbytes // blocks
        axis = LoopAxis(blocks, width, result.nbytes // blocks)
        copies.append(Copy((axis,), width, source, at(view.address(result), offset)))
        offset += width
    return copies_layer(view, (_together(pieces, result),), copies, arrays=tuple(arrays))


def _split_blocks(view: OperatorView, position: int, blocks: int) -> Layer:
    """Return the layer that copies `blocks` blocks of input `position` to each output."""
    source = view.tensor(position)
    address, constant = byte_operand(view, position)
    parts = [view.graph.tensors[index] for index in view.operator.outputs]
    copies, offset = [], 0
    for tensor in parts:
        if tensor.dtype != source.dtype:
            view.fail(f"an output has type {tensor.dtype}, the input {source.dtype}", CONVERT_AGAIN)
        width = tensor.nbytes // blocks
        axis = LoopAxis(blocks, source.nbytes // blocks, width)
        copies.append(Copy((axis,), width, at(address, offset), view.address(tensor)))
        offset += width
    return copies_layer(view, (_together(parts, source),), copies, arrays=constant)


def _together(parts: Sequence[Tensor], whole: Tensor) -> str:
    return f"{' + '.join(map(shape, parts))}; together {shape(whole)}"
