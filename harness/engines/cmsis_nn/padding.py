"""PAD and PADV2, which pad with a constant, and MIRROR_PAD, which pads with the image itself."""

from typing import NamedTuple, cast

from harness.engines.cmsis_nn.copies import Copy, copies_layer
from harness.engines.cmsis_nn.layer import (
    Call,
    Layer,
    at,
    quantization,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import LoopAxis, merge, strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import (
    MirrorMode,
    MirrorPadOptions,
)

_NO_VALUE = 2  # inputs of PAD; PADV2 has a value, too


def pad(view: OperatorView) -> Layer:
    """Lower PAD and PADV2: padded with the output's zero point, 0 or a constant."""
    view.check_arity(2, 3)
    source, result = view.source_and_result(0)
    before, after = _paddings(view, source)
    _check_padded(view, source, before, after)
    offset, inner = _inner(source, result, before)
    width, destination = result.dtype.itemsize, view.address(result)
    address, constant = view.operand(0)
    image = Copy(inner, width, address, at(destination, offset)).widened()
    notes = (
        f"{shape(source)} -> {shape(result)}, before {before}, after {after}, "
        f"filled with {_pad_value(view, result):g}",
        quantization(result),
    )
    if width == 1 or len(view.operator.inputs) <= _NO_VALUE:
        size = (str(_pad_value(view, result)), str(result.nbytes), destination)
        fill = Call("nn_fill_s8", size)
        return copies_layer(view, notes, (image,), arrays=constant, earlier=(fill,), part="loops")
    value, values = view.operand(2)
    filled = Copy((LoopAxis(result.elements, 0, width),), width, value, destination)
    return copies_layer(view, notes, (filled, image), arrays=(*constant, *values))


def mirror_pad(view: OperatorView) -> Layer:
    """Lower MIRROR_PAD: copies the image, then for each axis the mirrored borders of the output."""
    view.check_arity(2, 2)
    options = cast("MirrorPadOptions", view.operator.options)
    source, result = view.source_and_result(0)
    before, after = _paddings(view, source, wide=True)
    _check_padded(view, source, before, after)
    # REFLECT leaves out the border itself.
    skipped = 1 if options.mode is MirrorMode.REFLECT else 0
    for axis, most in enumerate(max(pair) for pair in zip(before, after, strict=True)):
        if most > source.shape[axis] - skipped:
            view.fail(
                f"axis {axis} has {source.shape[axis]} positions, too few to mirror {most}",
                "pad less",
            )
    offset, inner = _inner(source, result, before)
    address, constant = view.operand(0)
    frame = _Frame(source, result, before, skipped, view.address(result))
    image = Copy(inner, result.dtype.itemsize, address, at(frame.address, offset))
    borders = [
        _border(frame, axis, count, step)
        for axis in range(len(source.shape))
        for count, step in ((before[axis], 1), (after[axis], -1))
        if count
    ]
    notes = (
        f"{shape(source)} -> {shape(result)}, before {before}, after {after}, "
        f"{options.mode.name.lower()}",
    )
    copies = [copy.widened() for copy in (image, *borders)]
    return copies_layer(view, notes, copies, arrays=constant)


class _Frame(NamedTuple):
    """An image in an output with borders: `before` in front of each axis.

    A mirrored border leaves out the first `skipped` positions of the image.
    """

    source: Tensor
    result: Tensor
    before: list[int]
    skipped: int
    address: str


def _border(frame: _Frame, axis: int, count: int, step: int) -> Copy:
    """Return the copy to one border of `count` positions along `axis`.

    `step` leads from the border into the image: 1 in front of it, -1 behind it. The axes before
    have their borders already, the axes after not yet.
    """
    source, result, before = frame.source, frame.result, frame.before
    width = result.dtype.itemsize
    strides = strides_of(result.shape, width)
    start = sum(
        n * stride for n, stride in zip(before[axis + 1 :], strides[axis + 1 :], strict=True)
    )
    border = before[axis] if step > 0 else before[axis] + source.shape[axis] - 1
    inside, outside = border + step * frame.skipped, border - step
    sizes = (*result.shape[:axis], count, *source.shape[axis + 1 :])
    axes = [LoopAxis(size, stride, stride) for size, stride in zip(sizes, strides, strict=True)]
    axes[axis] = LoopAxis(count, step * strides[axis], -step * strides[axis])
    return Copy(
        merge(axes),
        width,
        at(frame.address, inside * strides[axis] + start),
        at(frame.address, outside * strides[axis] + start),
    )


def _check_padded(view: OperatorView, source: Tensor, before: list[int], after: list[int]) -> None:
    view.check_result_shape(
        [sum(sizes) for sizes in zip(before, source.shape, after, strict=True)],
    )


def _inner(source: Tensor, result: Tensor, before: list[int]) -> tuple[int, tuple[LoopAxis, ...]]:
    """Return where the image begins in the output, in bytes, and the loops that copy it."""
    width = result.dtype.itemsize
    inside, outside = strides_of(source.shape, width), strides_of(result.shape, width)
    offset = sum(count * stride for count, stride in zip(before, outside, strict=True))
    axes = merge([LoopAxis(*axis) for axis in zip(source.shape, inside, outside, strict=True)])
    return offset, axes


def _paddings(
    view: OperatorView, source: Tensor, *, wide: bool = False
) -> tuple[list[int], list[int]]:
    paddings = view.constant_integers(1, "the padding", wide=wide)
    if len(paddings) != 2 * len(source.shape):
        view.fail(f"{len(paddings)} paddings for {len(source.shape)} axes", CONVERT_AGAIN)
    if min(paddings, default=0) < 0:
        view.fail(f"a padding of {paddings} is negative", "slice instead")
    return paddings[0::2], paddings[1::2]


def _pad_value(view: OperatorView, result: Tensor) -> float:
    """Return the stored value of the padding; PADV2's has the output's type and quantization."""
    quantized = result.dtype.name == "int8"
    if len(view.operator.inputs) <= _NO_VALUE:
        return zero_point(view.result()) if quantized else 0
    tensor = view.tensor(2)
    if tensor.dtype != result.dtype:
        view.fail(
            f"the padding value has type {tensor.dtype}, the output {result.dtype}", CONVERT_AGAIN
        )
    if tensor.data is None or tensor.elements != 1:
        view.fail("the padding value is not a single constant", "pad with a constant")
    if quantized and quantization(tensor) != quantization(result):
        view.fail(
            "the padding value and the output have different quantization, which TFLM rejects",
            "pad with a value of the input's scale and zero point",
        )
    value: float = tensor.data.ravel()[0].item()
    return value
