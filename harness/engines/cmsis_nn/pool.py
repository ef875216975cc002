"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from typing import cast

from harness.engines.cmsis_nn.core_features import Extension
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, scale, zero_point
from harness.engines.cmsis_nn.operator_view import Site
from harness.engines.cmsis_nn.window import dims, notes, window
from harness.model.graph import Pool2DOptions


def average_pool_2d(site: Site) -> Layer:
    """Lower AVERAGE_POOL_2D."""
    return _pool(site, "arm_avgpool_s8")


def max_pool_2d(site: Site) -> Layer:
    """Lower MAX_POOL_2D."""
    return _pool(site, "arm_max_pool_s8")


def _pool(site: Site, function: str) -> Layer:
    site.arity(1, 1)
    options = cast("Pool2DOptions", site.operator.options)
    channels = site.activation(0).shape[-1:]
    sides = (options.filter_height, options.filter_width)
    place = window(site, options, sides, *(channels or (0,)))
    if (
        abs(scale(place.source) - scale(place.result)) > 1e-6  # noqa: PLR2004 - TFLM's bound
        or zero_point(place.source) != zero_point(place.result)
    ):
        site.fail("input and output are quantized differently, which TFLM refuses")
    of = site.names.of
    depth = place.source.shape[3]
    averages = function == "arm_avgpool_s8"
    scratch = 4 * depth if averages and site.target.extension is Extension.DSP else 0
    need = Call(f"{function}_get_buffer_size", (str(place.width.output), str(depth)))
    arguments = (
        "&context",
        f"&{of('params')}",
        f"&{of('input_dims')}",
        site.address(place.source),
        f"&{of('filter_dims')}",
        f"&{of('output_dims')}",
        site.address(place.result),
    )
    return Layer(
        site.operator,
        notes=notes(place),
        structs=(
            Struct("cmsis_nn_pool_params", of("params"), place.pairs(dilated=False)),
            place.image(of("input_dims"), place.source),
            dims(of("filter_dims"), 1, *sides, 1),
            place.image(of("output_dims"), place.result),
        ),
        call=Call(function, arguments),
        scratch=scratch,
        scratch_need=need if averages else None,
    )
