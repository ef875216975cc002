"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from typing import cast

from harness.engines.cmsis_nn.core_features import Extension
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, image_at, scale, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.window import checked_window, dims, notes
from harness.model.operator_options import (
    Pool2DOptions,
)


def average_pool_2d(view: OperatorView) -> Layer:
    """Lower AVERAGE_POOL_2D."""
    return _pool(view, "arm_avgpool_s8")


def max_pool_2d(view: OperatorView) -> Layer:
    """Lower MAX_POOL_2D."""
    return _pool(view, "arm_max_pool_s8")


def _pool(view: OperatorView, function: str) -> Layer:
    view.check_arity(1, 1)
    options = cast("Pool2DOptions", view.operator.options)
    channels = view.activation(0).shape[-1:]
    sides = (options.filter_height, options.filter_width)
    window = checked_window(view, options, sides, *(channels or (0,)))
    if (
        abs(scale(window.source) - scale(window.result)) > 1e-6  # noqa: PLR2004 - TFLM's bound
        or zero_point(window.source) != zero_point(window.result)
    ):
        view.fail(
            "input and output have different quantization, which TFLM rejects",
            "quantize the layer's input and output alike",
        )
    of = view.names.of
    depth = window.source.shape[3]
    averages = function == "arm_avgpool_s8"
    scratch = 4 * depth if averages and view.core.extension is Extension.DSP else 0
    need = Call(f"{function}_get_buffer_size", (str(window.width.output), str(depth)))
    arguments = (
        "&context",
        f"&{of('params')}",
        f"&{of('input_dims')}",
        image_at(view.address(window.source), window.source),
        f"&{of('filter_dims')}",
        f"&{of('output_dims')}",
        image_at(view.address(window.result), window.result),
    )
    return Layer(
        view.operator,
        notes=notes(window),
        structs=(
            Struct("cmsis_nn_pool_params", of("params"), window.pairs(dilated=False)),
            window.image(of("input_dims"), window.source),
            dims(of("filter_dims"), 1, *sides, 1),
            window.image(of("output_dims"), window.result),
        ),
        call=Call(function, arguments),
        repeat=window.batch,
        scratch=scratch,
        scratch_need=need if averages else None,
    )
