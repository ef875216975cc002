"""Lowering of the custom operator CIRCULAR_BUFFER, the state of a streaming convolution."""

from typing import cast

from harness.engines.cmsis_nn.layer import Call, Layer, at, quantization, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.operator_options import CircularBufferOptions

# Without the option, TFLM knows the networks that it was written for by the slots of a buffer.
_SLOTS_OF_EACH_RUN = frozenset({5, 13, 25})


def circular_buffer(view: OperatorView) -> Layer:
    """Lower CIRCULAR_BUFFER: drop the oldest slot, and append the input.

    Source: circular_buffer.cc and circular_buffer_common.cc.
    """
    view.check_arity(1, 1)
    source, result = view.activation(0), view.result()
    for tensor, what in ((source, "the input"), (result, "the output")):
        view.check_rank(tensor, 4, what)
    if not result.variable:
        view.fail(
            "the output is not a variable tensor, so TFLM does not keep it",
            "mark the output as a variable when you make the model",
        )
    batch, slots, height, depth = result.shape
    if batch != 1 or source.shape != (1, 1, height, depth):
        view.fail(
            f"shapes {shape(source)} -> {shape(result)}; TFLM takes 1x1xHxC -> 1xNxHxC",
            CONVERT_AGAIN,
        )
    _check_each_run(view, slots)
    size, kept = source.nbytes, result.nbytes - source.nbytes
    to = view.address(result)
    move = Call("memmove", (to, at(to, size), str(kept)))
    return Layer(
        view.operator,
        notes=(f"{shape(source)} -> {shape(result)}", quantization(result)),
        earlier=(move,) if kept else (),
        call=Call("memcpy", (at(to, kept), view.address(source), str(size))),
        status=False,
    )


def _check_each_run(view: OperatorView, slots: int) -> None:
    """Check that the operator lets each inference run to its end."""
    cycles = cast("CircularBufferOptions", view.operator.options).cycles_max
    if cycles < 1:
        cycles = 1 if slots in _SLOTS_OF_EACH_RUN else 2
    if cycles != 1:
        view.fail(
            f"ends all inferences but each {cycles}. one early, with undefined outputs",
            "set cycles_max to 1, and run the layers behind this one as a network of its own",
        )
