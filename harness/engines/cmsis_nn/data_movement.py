"""TRANSPOSE, REVERSE_V2, BROADCAST_TO and TILE, which reorder or repeat values, and SHAPE."""

import numpy as np

from harness.engines.cmsis_nn.copies import Copy, copies_layer, strided_copy
from harness.engines.cmsis_nn.layer import Array, Layer, at, shape
from harness.engines.cmsis_nn.loops import LoopAxis, merge, strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN


def transpose(view: OperatorView) -> Layer:
    """Lower TRANSPOSE: output axis i is input axis perm[i]."""
    view.check_arity(2, 2)
    source, _ = view.source_and_result(0)
    perm = view.constant_integers(1, "the permutation")
    if sorted(perm) != list(range(len(source.shape))):
        view.fail(f"{perm} is not a permutation of {len(source.shape)} axes", CONVERT_AGAIN)
    view.check_result_shape([source.shape[axis] for axis in perm])
    strides = strides_of(source.shape, source.dtype.itemsize)
    return strided_copy(view, 0, 0, [strides[axis] for axis in perm])


def reverse(view: OperatorView) -> Layer:
    """Lower REVERSE_V2. As in TFLM, the axes must be neighbours."""
    view.check_arity(2, 2)
    source, _ = view.source_and_result(0)
    view.check_result_shape(source.shape)
    given = view.constant_integers(1, "the axes")
    axes = sorted(view.normalized_axis(axis, len(source.shape)) for axis in given)
    if not axes or axes != list(range(axes[0], axes[-1] + 1)):
        view.fail(
            f"it reverses axes {axes}; TFLM's kernel takes axes that are neighbours",
            "reverse one axis at a time",
        )
    strides = strides_of(source.shape, source.dtype.itemsize)
    offset = sum((source.shape[axis] - 1) * strides[axis] for axis in axes)
    reversed_ = [-stride if axis in axes else stride for axis, stride in enumerate(strides)]
    return strided_copy(view, 0, offset, reversed_)


def broadcast_to(view: OperatorView) -> Layer:
    """Lower BROADCAST_TO: an axis of one element, or a missing one in front, is repeated."""
    view.check_arity(2, 2)
    source, _ = view.source_and_result(0)
    wanted = view.constant_integers(1, "the shape", wide=True)
    result = view.check_result_shape(wanted)
    view.check_movable(result, "the output")
    missing = len(wanted) - len(source.shape)
    sizes = (1,) * missing + source.shape
    if missing < 0 or any(
        size not in {1, whole} for size, whole in zip(sizes, result.shape, strict=True)
    ):
        view.fail(f"{shape(source)} does not broadcast to {shape(result)}", CONVERT_AGAIN)
    strides = strides_of(sizes, source.dtype.itemsize)
    repeated = [0 if size == 1 else stride for size, stride in zip(sizes, strides, strict=True)]
    return strided_copy(view, 0, 0, repeated)


def tile(view: OperatorView) -> Layer:
    """Lower TILE, which repeats the whole tensor along each axis. TFLM has no kernel for it."""
    view.check_arity(2, 2)
    source, _ = view.source_and_result(0)
    multiples = view.constant_integers(1, "the multiples", wide=True)
    if len(multiples) != len(source.shape):
        view.fail(f"{len(multiples)} multiples for {len(source.shape)} axes", CONVERT_AGAIN)
    wanted = [size * times for size, times in zip(source.shape, multiples, strict=True)]
    view.check_movable(view.check_result_shape(wanted), "the output")
    width = source.dtype.itemsize
    inside, outside = strides_of(source.shape, width), strides_of(wanted, width)
    address, constant = view.operand(0)
    target = view.address(view.graph.tensors[view.operator.outputs[0]])
    image = merge([LoopAxis(*axis) for axis in zip(source.shape, inside, outside, strict=True)])
    copies = [Copy(image, width, address, target).widened()]
    # Each axis is repeated within the output, the last one first.
    for axis in reversed(range(len(wanted))):
        if multiples[axis] > 1:
            sizes = (*source.shape[: axis + 1], *wanted[axis + 1 :])
            axes = [LoopAxis(size, by, by) for size, by in zip(sizes, outside, strict=True)]
            step = source.shape[axis] * outside[axis]
            axes.insert(axis, LoopAxis(multiples[axis] - 1, 0, step))
            copies.append(Copy(merge(axes), width, target, at(target, step)).widened())
    notes = (f"{shape(source)} -> {'x'.join(map(str, wanted))}",)
    return copies_layer(view, notes, copies, arrays=constant)


def shape_of(view: OperatorView) -> Layer:
    """Lower SHAPE where its result is needed: a copy of constants."""
    view.check_arity(1, 1)
    source = view.tensor(0)
    result = view.check_result_shape((len(source.shape),))
    if result.dtype.name != "int32" or not result.elements:
        view.fail(
            f"the output has type {result.dtype} and {result.elements} values; TFLM's SHAPE gives "
            "int32",
            "remove the layer",
        )
    sides = Array(view.names.of("shape"), np.array(source.shape, np.int32))
    copy = Copy((LoopAxis(1, 0, 0),), result.nbytes, sides.name, view.address(result))
    return copies_layer(view, (f"of {shape(source)}",), (copy,), arrays=(sides,), part="loops")
