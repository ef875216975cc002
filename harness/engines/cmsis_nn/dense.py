"""Lowering of FULLY_CONNECTED."""

from typing import cast

import numpy as np

from harness.engines.cmsis_nn import matmul
from harness.engines.cmsis_nn.channel_scales import (
    channel_quantization,
    first_matrix,
    matrix_rank,
)
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
from harness.engines.cmsis_nn.window import dims
from harness.model.graph import Tensor
from harness.model.operator_options import (
    FullyConnectedOptions,
)
from harness.model.quantized_multiplier import product_multiplier

_MAX_DIFFERENCE = 0.02  # of the scales of sums and bias, as a part of the output's


def fully_connected(view: OperatorView) -> Layer:
    """Lower FULLY_CONNECTED; weights are [outputs, inputs], each row one output.

    With a scale for each output, it runs as a 1x1 convolution over `rows` pixels: the sums and
    the rounding are the same, and releases before 7 have no kernel for it.
    """
    view.check_arity(2, 3)
    options = cast("FullyConnectedOptions", view.operator.options)
    if options.weights_format != 0:
        view.fail(f"weights format {options.weights_format} is not supported", "use the default")
    source, result = view.activation(0), view.result()
    symmetric = _symmetric(view)
    rank = matrix_rank(view)
    given = view.tensor(1)
    given = view.weights(1, rank, rank - 2) if symmetric else view.check_int8(given, "the weights")
    view.check_rank(given, rank, "the weights' tensor")
    weights = first_matrix(given)
    outputs, inputs = weights.shape
    rows = source.elements // inputs
    if rows * inputs != source.elements or result.elements != rows * outputs:
        view.fail(
            f"shapes {shape(source)} -> {shape(result)} do not fit weights {shape(weights)}",
            CONVERT_AGAIN,
        )
    if result.shape[-1:] != (outputs,):
        view.fail(
            f"the output has shape {shape(result)}; its last side must be {outputs}", CONVERT_AGAIN
        )
    clamp = view.clamp(options.fused_activation_function, result)
    _check_bias_scale(view, source, weights, result)
    if not symmetric:
        return matmul.dense(view, clamp)
    layer = _FullyConnected(view, source, weights, result, rows=rows, clamp=clamp)
    if weights.scale is not None and weights.scale.size > 1:
        return layer.as_convolution()
    return layer.as_dense()


def _symmetric(view: OperatorView) -> bool:
    """Return whether the weights are constant and without a zero point."""
    weights = view.tensor(1)
    return weights.data is not None and not (
        weights.zero_point is not None and weights.zero_point.any()
    )


def _check_bias_scale(view: OperatorView, source: Tensor, weights: Tensor, result: Tensor) -> None:
    """Check that the bias has the scale of the sums that it is added to, as TFLM does.

    Source: TFLM tensorflow/lite/kernels/kernel_util.cc, GetQuantizedConvolutionMultipler.
    """
    per_channel = weights.scale is not None and weights.scale.size > 1
    if per_channel or view.bias(2, weights.shape[0]) is None:
        return
    sums, bias = scale(source) * scale(weights), scale(view.tensor(2))
    if abs(sums - bias) / scale(result) > _MAX_DIFFERENCE:
        view.fail(
            f"the bias has scale {bias:g}, but input and weights give {sums:g}", CONVERT_AGAIN
        )


class _FullyConnected:
    """The common parts of the two ways to run the layer."""

    def __init__(
        self,
        view: OperatorView,
        source: Tensor,
        weights: Tensor,
        result: Tensor,
        *,
        rows: int,
        clamp: tuple[int, int],
    ) -> None:
        self.view = view
        self.source, self.weights, self.result = source, weights, result
        self.rows, self.clamp = rows, clamp
        self.outputs, self.inputs = weights.shape
        of = view.names.of
        bias = view.bias(2, self.outputs)
        self.bias = of("bias") if bias is not None else "NULL"
        self.arrays = [Array(of("weights"), np.asarray(weights.data), shape(weights))]
        if bias is not None:
            self.arrays.append(Array(self.bias, bias))
        self.offsets = (
            f".input_offset = {-zero_point(source)}",
            f".output_offset = {zero_point(result)}",
        )
        self.activation = f".activation = {{{clamp[0]}, {clamp[1]}}}"
        self.notes = (
            f"{shape(source)} -> {shape(result)}",
            f"input {quantization(source)}",
            f"output {quantization(result)}, clamped to {clamp[0]}..{clamp[1]}",
            f"weights {shape(weights)}, {quantization(weights)}",
        )

    @property
    def macs(self) -> int:
        return self.rows * self.inputs * self.outputs

    def arguments(self) -> tuple[str, ...]:
        of = self.view.names.of
        return (
            "&context",
            f"&{of('params')}",
            f"&{of('quant')}",
            f"&{of('input_dims')}",
            self.view.address(self.source),
            f"&{of('filter_dims')}",
            of("weights"),
            f"&{of('bias_dims')}",
            self.bias,
            f"&{of('output_dims')}",
            self.view.address(self.result),
        )

    def as_convolution(self) -> Layer:
        of = self.view.names.of
        factors, quant = channel_quantization(
            self.view, self.source, self.weights, self.result, self.outputs
        )
        one = "{1, 1}"
        geometry = (f".stride = {one}", ".padding = {0, 0}", f".dilation = {one}")
        need = Call("arm_convolve_1x1_s8_fast_get_buffer_size", (f"&{of('input_dims')}",))
        return Layer(
            self.view.operator,
            notes=(*self.notes, "one scale a row: runs as a 1x1 convolution"),
            macs=self.macs,
            arrays=(*self.arrays, *factors),
            structs=(
                Struct(
                    "cmsis_nn_conv_params",
                    of("params"),
                    (*self.offsets, *geometry, self.activation),
                ),
                quant,
                dims(of("input_dims"), 1, 1, self.rows, self.inputs),
                dims(of("filter_dims"), self.outputs, 1, 1, self.inputs),
                dims(of("bias_dims"), 1, 1, 1, self.outputs),
                dims(of("output_dims"), 1, 1, self.rows, self.outputs),
            ),
            call=Call("arm_convolve_1x1_s8_fast", self.arguments()),
            scratch_need=need,
        )

    def as_dense(self) -> Layer:
        of = self.view.names.of
        factor = product_multiplier(scale(self.source), scale(self.weights), scale(self.result))
        self.view.check_shifts([factor])
        quant = (f".multiplier = {factor.value}", f".shift = {factor.shift}")
        before, scratch = self.kernel_sums()
        return Layer(
            self.view.operator,
            notes=self.notes,
            macs=self.macs,
            arrays=tuple(self.arrays),
            structs=(
                Struct("cmsis_nn_fc_params", of("params"), (*self.offsets, self.activation)),
                Struct("cmsis_nn_per_tensor_quant_params", of("quant"), quant),
                dims(of("input_dims"), self.rows, 1, 1, self.inputs),
                dims(of("filter_dims"), self.inputs, 1, 1, self.outputs),
                dims(of("bias_dims"), 1, 1, 1, self.outputs),
                dims(of("output_dims"), self.rows, 1, 1, self.outputs),
            ),
            before=before,
            call=Call("arm_fully_connected_s8", self.arguments()),
            scratch=scratch,
            scratch_need=Call("arm_fully_connected_s8_get_buffer_size", (f"&{of('filter_dims')}",)),
        )

    def kernel_sums(self) -> tuple[tuple[str, ...], int]:
        """Return the C lines and scratch bytes for Helium's kernels from release 5 on."""
        core = self.view.core
        if core.kernel_sums == 0:
            return (), 0
        # Up to release 6, the kernel multiplies the sums by the offset and adds the bias; from 7
        # on, the sums contain both.
        offset = str(-zero_point(self.source))
        extra = {4: (), 6: ("1", "NULL"), 7: (offset, "0", self.bias)}
        arguments = (
            "context.buf",
            str(self.inputs),
            str(self.outputs),
            self.view.names.of("weights"),
            *extra[core.kernel_sums],
        )
        lines = (
            "#if defined(ARM_MATH_MVEI)",
            f"    arm_vector_sum_s8({', '.join(arguments)});",
            "#endif",
        )
        return lines, 4 * self.outputs
