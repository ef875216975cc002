"""SELECT_V2, FILL, ZEROS_LIKE and CAST: values taken, repeated, or stored in another type."""

import numpy as np

from harness.engines.cmsis_nn.copies import Copy, copies_layer
from harness.engines.cmsis_nn.layer import Call, Layer, quantization, shape
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct, merge, strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import broadcast_strides
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor

_CAST_TYPES = {
    "int8": "NN_S8",
    "int16": "NN_S16",
    "int32": "NN_S32",
    "uint32": "NN_U32",
    "float32": "NN_F32",
}
_MOST_AXES = 5  # of SELECT_V2 in TFLM


def select(view: OperatorView) -> Layer:
    """Lower SELECT_V2: copy the last input, then the second one where the condition is true.

    As in TFLM, the scales do not count.
    """
    view.check_arity(3, 3)
    condition = view.check_type(view.tensor(0), "input 0", ("bool",))
    first = view.check_type(view.tensor(1), "input 1", ("int8", "int16", "float32"))
    second = view.check_type(view.tensor(2), "input 2", [str(first.dtype)])
    result = view.check_type(
        view.graph.tensors[view.operator.outputs[0]], "the output", [str(first.dtype)]
    )
    if len(result.shape) > _MOST_AXES:
        view.fail(f"has {len(result.shape)} axes; TFLM takes {_MOST_AXES}", "reshape the inputs")
    sizes = [_extended(view, tensor, result) for tensor in (condition, first, second)]
    width = result.dtype.itemsize
    to = strides_of(result.shape, width)
    steps = [broadcast_strides(of, unit) for of, unit in zip(sizes, (1, width, width), strict=True)]
    if any(max(each) != size for *each, size in zip(*sizes, result.shape, strict=True)):
        view.fail(f"the inputs do not broadcast to {shape(result)}", CONVERT_AGAIN)
    taken, other = (
        merge([LoopAxis(*axis) for axis in zip(result.shape, one, two, strict=True)])
        for one, two in ((steps[0], steps[1]), (steps[2], to))
    )
    operands = [view.operand(position) for position in range(3)]
    loops, copied = loops_struct(view, "taken", taken), loops_struct(view, "other", other)
    addresses = [address for address, _ in operands]
    output = view.address(result)
    return Layer(
        view.operator,
        notes=(f"{shape(condition)}, {shape(first)} and {shape(second)} -> {shape(result)}",),
        arrays=tuple(array for _, constant in operands for array in constant),
        structs=(loops, copied),
        earlier=(Call("nn_copy", (f"&{copied.name}", str(width), addresses[2], output)),),
        call=Call("nn_select", (f"&{loops.name}", str(width), *addresses[:2], output)),
        status=False,
        kernels=frozenset({"nn_copy.c", "nn_select.c"}),
    )


def _extended(view: OperatorView, tensor: Tensor, result: Tensor) -> tuple[int, ...]:
    """Return the shape with the result's number of axes."""
    sizes = (1,) * (len(result.shape) - len(tensor.shape)) + tensor.shape
    fits = len(sizes) == len(result.shape) and all(
        size in {1, whole} for size, whole in zip(sizes, result.shape, strict=True)
    )
    if not fits:
        view.fail(f"{shape(tensor)} does not broadcast to {shape(result)}", CONVERT_AGAIN)
    return sizes


def fill(view: OperatorView) -> Layer:
    """Lower FILL: the output's shape is the tensor's, which the first input repeats."""
    view.check_arity(2, 2)
    if (
        tuple(view.constant_integers(0, "the shape"))
        != view.graph.tensors[view.operator.outputs[0]].shape
    ):
        view.fail("the output does not have the shape of input 0, which TFLM rejects")
    value = view.check_movable(view.tensor(1), "input 1")
    result = view.check_movable(view.graph.tensors[view.operator.outputs[0]], "the output")
    if result.dtype != value.dtype:
        view.fail(
            f"input 1 has type {value.dtype}, the output {result.dtype}; TFLM takes the same type",
            CONVERT_AGAIN,
        )
    if value.shape:
        view.fail("the value is not a scalar, which TFLM rejects", CONVERT_AGAIN)
    address, constant = view.operand(1)
    width = value.dtype.itemsize
    copy = Copy((LoopAxis(result.elements, 0, width),), width, address, view.address(result))
    return copies_layer(view, (shape(result),), (copy,), arrays=constant, part="loops")


def zeros_like(view: OperatorView) -> Layer:
    """Lower ZEROS_LIKE; as in TFLM, int8 gets the stored value 0, not the zero point."""
    view.check_arity(1, 1)
    source, result = view.source_and_result(0)
    view.check_result_shape(source.shape)
    return Layer(
        view.operator,
        notes=(f"{shape(result)}, {result.dtype}",),
        call=Call("nn_fill_s8", ("0", str(result.nbytes), view.address(result))),
        status=False,
        kernels=frozenset({"nn_fill_s8.c"}),
    )


def cast(view: OperatorView) -> Layer:
    """Lower CAST; the scales do not count. Source: cast.cc."""
    view.check_arity(1, 1)
    source = view.tensor(0)
    result = view.check_result_shape(source.shape)
    view.check_stored(source, "input 0", (*_CAST_TYPES, "bool"))
    view.check_stored(result, "the output", tuple(_CAST_TYPES))
    notes = (f"{shape(source)}, {source.dtype} to {result.dtype}", quantization(source))
    same = source.dtype == result.dtype
    if same or (source.dtype == np.bool_ and result.dtype == np.int8):
        return Layer(view.operator, notes=(*notes, "the same bytes"), alias=source.index)
    # Truth values are stored as int8.
    types = (_CAST_TYPES.get(str(source.dtype), "NN_S8"), _CAST_TYPES[str(result.dtype)])
    addresses = (view.address(source), view.address(result))
    return Layer(
        view.operator,
        notes=notes,
        call=Call("nn_cast", (*types, str(source.elements), *addresses)),
        status=False,
        in_place=(source.index,) if source.nbytes == result.nbytes else (),
        kernels=frozenset({"nn_cast.c"}),
    )
