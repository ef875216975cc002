"""A checked view of one operator, the input of each lowering."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.engines.cmsis_nn.core_features import CoreFeatures
from harness.engines.cmsis_nn.layer import Array, Layer, Names, c_type, scale, shape, zero_point
from harness.engines.cmsis_nn.operator_checks import OperatorChecks
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN, QUANTIZE_AGAIN
from harness.model.graph import Graph, Operator, Tensor
from harness.model.operator_options import (
    Activation,
)
from harness.model.quantized_multiplier import (
    ACTIVATION_BOUNDS,
    Multiplier,
    activation_range,
)
from harness.support.plural import count_of

MAX_LEFT_SHIFT = 30


class OperatorView(OperatorChecks):
    """One operator of a graph: its operands in C, its constants, and the checks of its tensors.

    `addresses` are the C expressions of the activations by tensor index, `core` the features of
    the core that the code is generated for.
    """

    def __init__(
        self, graph: Graph, operator: Operator, addresses: dict[int, str], core: CoreFeatures
    ) -> None:
        super().__init__(graph, operator)
        self.core = core
        self.names = Names(operator.index)
        self._addresses = addresses
        self._constants: dict[int, Array] = {}

    def address(self, tensor: Tensor) -> str:
        """Return the C expression for the address of an activation, or of a constant like one."""
        if tensor.data is None:
            return self._addresses[tensor.index]
        name = self.names.of(f"value_{tensor.index}")
        return self._constants.setdefault(
            tensor.index, Array(name, tensor.data, shape(tensor))
        ).name

    def typed_address(self, tensor: Tensor) -> str:
        """Return `address` as a pointer to the tensor's type."""
        ctype = c_type(tensor.dtype)
        address = self.address(tensor)
        is_typed = tensor.data is not None or ctype == "int8_t"
        return address if is_typed else f"({ctype} *)({address})"

    def with_constants(self, layer: Layer) -> Layer:
        """Return `layer` with the constants whose addresses it has; no output overwrites them."""
        free = tuple(i for i in layer.in_place if self.graph.tensors[i].data is None)
        return replace(layer, arrays=(*layer.arrays, *self._constants.values()), in_place=free)

    def operand(self, position: int) -> tuple[str, tuple[Array, ...]]:
        """Return the C expression for input `position`, and its constant, if it is one."""
        tensor = self.tensor(position)
        if tensor.data is None:
            return self.address(tensor), ()
        if tensor.dtype.kind not in "bif":
            self.fail_type(
                f"input {position} is a constant of type {tensor.dtype}; "
                "use bool, signed integers or float32"
            )
        array = Array(self.names.of(f"constant_{position}"), tensor.data, shape(tensor))
        return array.name, (array,)

    def typed_operand(self, position: int) -> tuple[str, tuple[Array, ...]]:
        """Return `operand`; the address of an activation is a pointer to its type."""
        tensor = self.tensor(position)
        return (self.typed_address(tensor), ()) if tensor.data is None else self.operand(position)

    def constant_integers(self, position: int, what: str, *, wide: bool = False) -> list[int]:
        """Return the values of input `position`, a constant; messages name `what`.

        It has type int32, or int64 where TFLM's kernel takes that, too (`wide`).
        """
        tensor = self.tensor(position)
        if tensor.data is None:
            self.fail(
                f"{what} is computed at run time; TFLM's {self.operator.kind} takes a constant",
                "fix all shapes before converting, the batch's too: Input(batch_shape=(1, ...))",
            )
        known = ("int32", "int64") if wide else ("int32",)
        if str(tensor.dtype) not in known:
            self.fail_type(
                f"{what} has type {tensor.dtype}; TFLM's {self.operator.kind} takes "
                f"{' and '.join(known)}",
                f"use {known[0]} for {what} when you make the model",
            )
        return [int(value) for value in tensor.data.ravel()]

    def weights(self, position: int, rank: int, axis: int) -> Tensor:
        """Return int8 weights, with one scale, or one per index of `axis`.

        Constant ones are symmetric. TFLM ignores the zero point of weights, which those that are
        computed have; so does this engine.
        """
        tensor = self.tensor(position)
        if tensor.dtype != np.int8:
            self.fail_type(f"the weights have type {tensor.dtype}; int8 is supported")
        self.check_rank(tensor, rank, "the weights' tensor")
        if tensor.scale is None or tensor.zero_point is None:
            self.fail("the weights have no scale", QUANTIZE_AGAIN)
        if tensor.data is not None and tensor.zero_point.any():
            self.fail(
                "the weights have a zero point, which TFLM's kernel ignores",
                "quantize the weights symmetrically, with zero point 0",
            )
        if tensor.scale.size > 1 and tensor.quantized_axis != axis:
            self.fail(
                f"the weights have scales along axis {tensor.quantized_axis}, not {axis}",
                CONVERT_AGAIN,
            )
        if tensor.elements == 0:
            self.fail("the weights are empty", "remove the layer")
        return tensor

    def bias(self, position: int, channels: int) -> np.ndarray[Any, Any] | None:
        """Return the constant int32 bias, one value per channel, or None if there is none."""
        inputs = self.operator.inputs
        if position >= len(inputs) or inputs[position] < 0:
            return None
        tensor = self.tensor(position)
        if tensor.data is None:
            self.fail("the bias is not constant", "freeze the weights when converting")
        if tensor.dtype != np.int32:
            self.fail(f"the bias has type {tensor.dtype}; int32 is supported")
        if tensor.elements != channels:
            self.fail(
                f"the bias has {count_of(tensor.elements, 'value')} for {channels} channels",
                CONVERT_AGAIN,
            )
        return tensor.data.ravel()

    def clamp(self, activation: Activation, tensor: Tensor) -> tuple[int, int]:
        """Return the int8 bounds of the fused `activation` for the output `tensor`."""
        self.activation_bounds(activation)
        try:
            return activation_range(activation, scale(tensor), zero_point(tensor))
        except ValueError as error:
            self.fail(f"the output's scale does not suit its activation: {error}", QUANTIZE_AGAIN)

    def activation_bounds(self, activation: Activation) -> tuple[float | None, float | None]:
        """Return the real bounds of the fused `activation`, None where it is unbounded."""
        if activation not in ACTIVATION_BOUNDS:
            known = ", ".join(sorted(known.name for known in ACTIVATION_BOUNDS))
            self.fail(
                f"the fused activation {activation.name} is not supported: TFLM ignores it",
                f"give it a layer of its own; these can be fused: {known}",
            )
        return ACTIVATION_BOUNDS[activation]

    def check_shifts(self, multipliers: Sequence[Multiplier]) -> None:
        """Check that no factor needs an undefined shift by 32 bits."""
        if any(factor.shift > MAX_LEFT_SHIFT for factor in multipliers):
            self.fail("the scales of input, weights and output are too far apart", QUANTIZE_AGAIN)
