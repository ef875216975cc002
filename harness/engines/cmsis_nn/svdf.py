"""Lowering of SVDF in int8: filters of the input, and filters of what those gave before."""

from typing import NamedTuple, cast

import numpy as np

from harness.engines.cmsis_nn import recurrent
from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Struct,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import SVDFOptions
from harness.model.quantized_multiplier import multiplier

_TYPES = {recurrent.INT8: "NN_S8", recurrent.INT16: "NN_S16"}
_MAX_DIFFERENCE = 1e-5  # of the scales of bias and sums


def svdf(view: OperatorView) -> Layer:
    """Lower SVDF. Source: svdf_common.cc. As in TFLM, a fused activation does nothing in int8."""
    view.check_arity(5, 5)
    source, result = view.activation(0), view.result()
    filters = recurrent.weights(view, 1, "filters")
    over_time = recurrent.weights(view, 2, "weights over time", (recurrent.INT8, recurrent.INT16))
    kept = recurrent.variable(view, 4, "state", over_time.dtype)
    sizes = sizes_of(view, source, filters, over_time, kept)
    units = sizes.units
    bias = recurrent.bias(view, 3, "bias", units)
    _check_bias_scale(view, bias, scale(kept) * scale(over_time))
    to_state = multiplier(scale(source) * scale(filters) / scale(kept))
    to_result = multiplier(scale(kept) * scale(over_time) / scale(result))
    view.check_shifts([to_state, to_result])
    of = view.names.of
    feature, weights = np.asarray(filters.data), np.asarray(over_time.data)
    total = recurrent.centred(weights.reshape(units, -1), zero_point(kept), np.asarray(bias.data))
    arrays = (
        Array(of("filters"), feature, shape(filters)),
        Array(of("filter_bias"), recurrent.centred(feature, zero_point(source))),
        Array(of("over_time"), weights, shape(over_time)),
        Array(of("bias"), total),
    )
    fields = (
        *sizes.fields(),
        f".type = {_TYPES[over_time.dtype]}",
        f".state = {recurrent.factor(to_state)}",
        f".state_offset = {zero_point(kept)}",
        f".output = {{{to_result.value}, {to_result.shift}, {zero_point(result)}}}",
    )
    params = Struct("nn_svdf_params_t", of("params"), fields)
    addresses = (
        view.address(source),
        *(array.name for array in arrays),
        view.address(kept),
        view.address(result),
    )
    return Layer(
        view.operator,
        notes=(
            f"{shape(source)} -> {shape(result)}",
            f"input {quantization(source)}",
            f"output {quantization(result)}",
            f"state {shape(kept)} {kept.dtype}, {quantization(kept)}",
        ),
        macs=sizes.macs,
        arrays=arrays,
        structs=(params,),
        call=Call("nn_svdf_s8", (f"&{params.name}", *addresses)),
        status=False,
        kernels=frozenset({"nn_svdf_s8.c"}),
    )


class Sizes(NamedTuple):
    """The sizes of the layer: each of its units has `rank` filters, which keep `memory` values."""

    batches: int
    inputs: int
    units: int
    rank: int
    memory: int

    def fields(self) -> tuple[str, ...]:
        """Return the first fields of the kernels' parameters."""
        return tuple(f".{name} = {value}" for name, value in self._asdict().items())

    @property
    def macs(self) -> int:
        """Products of all filters."""
        return self.batches * self.units * self.rank * (self.inputs + self.memory)


def sizes_of(
    view: OperatorView, source: Tensor, filters: Tensor, over_time: Tensor, kept: Tensor
) -> Sizes:
    """Return the sizes, and check that the tensors have them."""
    view.check_rank(source, 2, "the input")
    rank = cast("SVDFOptions", view.operator.options).rank
    (batches, inputs), (count, memory) = source.shape, over_time.shape
    if rank < 1 or count % rank:
        view.fail(f"has {count} filters of rank {rank}", CONVERT_AGAIN)
    units = count // rank
    recurrent.check_shape(view, filters, "the filters", (count, inputs))
    recurrent.check_shape(view, kept, "the state", (batches, count * memory))
    view.check_result_shape((batches, units))
    return Sizes(batches, inputs, units, rank, memory)


def _check_bias_scale(view: OperatorView, bias: Tensor, sums: float) -> None:
    if abs(scale(bias) - sums) >= _MAX_DIFFERENCE:
        view.fail(
            f"the bias has scale {scale(bias):g}, but state and weights give {sums:g}",
            CONVERT_AGAIN,
        )
