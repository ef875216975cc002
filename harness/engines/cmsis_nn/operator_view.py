"""A checked view of one operator, the input of each lowering."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from harness.engines.cmsis_nn.core_features import CoreFeatures
from harness.engines.cmsis_nn.layer import Array, Names, c_type, scale, shape, zero_point
from harness.engines.refusal import LayerRefusedError
from harness.model.graph import Graph, Operator, Tensor
from harness.model.network_kind import FULL_INTEGER
from harness.model.operator_options import (
    Activation,
)
from harness.model.quantized_multiplier import SUPPORTED_ACTIVATIONS, Multiplier, activation_range

MAX_LEFT_SHIFT = 30
MOVABLE = tuple(np.dtype(name) for name in ("int8", "int16", "int32", "float32"))
CONVERT_AGAIN = "convert the model again; the file contradicts itself"


class OperatorView:
    """One operator of a graph, with the checks that all lowerings share.

    `addresses` are the C expressions of the activations by tensor index, `core` the features of
    the core that the code is generated for.
    """

    def __init__(
        self, graph: Graph, operator: Operator, addresses: dict[int, str], core: CoreFeatures
    ) -> None:
        self.graph = graph
        self.operator = operator
        self.core = core
        self.names = Names(operator.index)
        self._addresses = addresses

    def fail(self, what: str, remedy: str = "") -> NoReturn:
        """Raise the `InputError` that names this layer; by default, it tells to convert to int8."""
        raise LayerRefusedError(self.graph, self.operator, what, remedy or self._remedy())

    def _remedy(self) -> str:
        """Return what helps if nothing better is known, and is not done already."""
        graph, operator = self.graph, self.operator
        used = [graph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
        types = sorted({str(tensor.dtype) for tensor in used} - {"int8", "int32", "bool"})
        ends = {str(tensor.dtype) for tensor in (*graph.input_tensors, *graph.output_tensors)}
        if types and ends != {"int8"}:
            return FULL_INTEGER
        if types:
            return (
                f"the converter left this layer in {' and '.join(types)}: use layers that it can "
                "quantize"
            )
        return "change this layer in the network, and convert it again"

    def address(self, tensor: Tensor) -> str:
        """Return the C expression for the address of an activation."""
        return self._addresses[tensor.index]

    def typed_address(self, tensor: Tensor) -> str:
        """Return the C expression for the address of an activation, as a pointer to its type."""
        ctype = c_type(tensor.dtype)
        address = self.address(tensor)
        return address if ctype == "int8_t" else f"({ctype} *)({address})"

    def operand(self, position: int) -> tuple[str, tuple[Array, ...]]:
        """Return the C expression for input `position`, and its constant, if it is one."""
        tensor = self.tensor(position)
        if tensor.data is None:
            return self.address(tensor), ()
        if tensor.dtype.kind != "i":
            self.fail(f"input {position} is a constant of type {tensor.dtype}; use integers")
        array = Array(self.names.of(f"constant_{position}"), tensor.data, shape(tensor))
        return array.name, (array,)

    def check_arity(self, least: int, most: int, *, outputs: int | None = 1) -> None:
        """Check the number of inputs and of outputs (None: at least one)."""
        count = len(self.operator.outputs)
        valid = count == outputs if outputs else count > 0
        if not least <= len(self.operator.inputs) <= most or not valid:
            self.fail(
                f"has {len(self.operator.inputs)} inputs and {len(self.operator.outputs)} outputs",
                "convert the model again",
            )

    def tensor(self, position: int) -> Tensor:
        """Return input `position`; `InputError` if it is absent."""
        index = self.operator.inputs[position]
        if index < 0:
            self.fail(f"input {position} is absent", "convert the model again")
        return self.graph.tensors[index]

    def activation(self, position: int) -> Tensor:
        """Return input `position`: int8 and not constant."""
        tensor = self.tensor(position)
        if tensor.data is not None:
            self.fail(f"input {position} is a constant", "fold constants when converting")
        return self.check_int8(tensor, f"input {position}")

    def result(self) -> Tensor:
        """Return the output: int8."""
        return self.check_int8(self.graph.tensors[self.operator.outputs[0]], "the output")

    def check_movable(self, tensor: Tensor, what: str) -> Tensor:
        """Check that `tensor` is not empty and has a type that TFLM copies."""
        if tensor.dtype not in MOVABLE:
            known = ", ".join(map(str, MOVABLE))
            self.fail(f"{what} has type {tensor.dtype}; supported are {known}")
        if tensor.elements == 0:
            self.fail(f"{what} is empty", "remove the layer")
        return tensor

    def source_and_result(self, position: int) -> tuple[Tensor, Tensor]:
        """Return input `position`, not constant, and the output of an operator that only copies."""
        source = self.tensor(position)
        result = self.graph.tensors[self.operator.outputs[0]]
        if source.data is not None:
            self.fail(f"input {position} is a constant", "fold constants when converting")
        self.check_movable(source, f"input {position}")
        if result.dtype != source.dtype:
            self.fail(
                f"the output has type {result.dtype}, the input {source.dtype}", CONVERT_AGAIN
            )
        return source, result

    def constant_integers(self, position: int, what: str) -> list[int]:
        """Return the values of input `position`, a constant int32 tensor; messages name `what`."""
        tensor = self.tensor(position)
        if tensor.data is None:
            self.fail(f"{what} is not constant", "fold constants when converting")
        if tensor.dtype != np.int32:
            self.fail(f"{what} has type {tensor.dtype}; int32 is supported")
        return [int(value) for value in tensor.data.ravel()]

    def normalized_axis(self, axis: int, rank: int) -> int:
        """Return `axis` of `rank` as a non-negative number; negative ones count from the last."""
        if not -rank <= axis < rank:
            self.fail(f"there is no axis {axis} of {rank}", CONVERT_AGAIN)
        return axis % rank

    def check_result_shape(self, expected: Sequence[int], position: int = 0) -> Tensor:
        """Return output `position`; `InputError` unless it has the shape `expected`."""
        result = self.graph.tensors[self.operator.outputs[position]]
        if result.shape != tuple(expected):
            text = "x".join(map(str, expected)) or "scalar"
            self.fail(f"the output has shape {shape(result)}, not {text}", CONVERT_AGAIN)
        return result

    def check_int8(self, tensor: Tensor, what: str) -> Tensor:
        """Check that `tensor` is int8 and has one scale."""
        if tensor.dtype != np.int8:
            self.fail(f"{what} has type {tensor.dtype}; int8 is supported")
        if tensor.scale is None or tensor.zero_point is None or tensor.scale.size != 1:
            self.fail(f"{what} must have one scale and zero point")
        if not tensor.scale[0] > 0:
            self.fail(f"{what} has scale 0")
        if tensor.elements == 0:
            self.fail(f"{what} is empty")
        return tensor

    def check_rank(self, tensor: Tensor, rank: int, what: str) -> None:
        """Check the number of dimensions."""
        if len(tensor.shape) != rank:
            self.fail(f"{what} has shape {shape(tensor)}; {rank} dimensions are supported")

    def weights(self, position: int, rank: int, axis: int) -> Tensor:
        """Return constant symmetric int8 weights, with one scale, or one per index of `axis`."""
        tensor = self.tensor(position)
        if tensor.data is None:
            self.fail("the weights are not constant", "freeze the weights when converting")
        if tensor.dtype != np.int8:
            self.fail(f"the weights have type {tensor.dtype}; int8 is supported")
        self.check_rank(tensor, rank, "the weights' tensor")
        if tensor.scale is None or tensor.zero_point is None:
            self.fail("the weights have no scale")
        if tensor.zero_point.any():
            self.fail("the weights have a zero point; symmetric weights are supported")
        if tensor.scale.size > 1 and tensor.quantized_axis != axis:
            self.fail(f"the weights have scales along axis {tensor.quantized_axis}, not {axis}")
        if tensor.elements == 0:
            self.fail("the weights are empty")
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
            self.fail(f"the bias has {tensor.elements} values for {channels} channels")
        return tensor.data.ravel()

    def clamp(self, activation: Activation, tensor: Tensor) -> tuple[int, int]:
        """Return the int8 bounds of the fused `activation` for the output `tensor`."""
        if activation not in SUPPORTED_ACTIVATIONS:
            known = ", ".join(sorted(known.name for known in SUPPORTED_ACTIVATIONS))
            self.fail(f"the fused activation {activation.name} is not supported", f"use {known}")
        try:
            return activation_range(activation, scale(tensor), zero_point(tensor))
        except ValueError as error:
            self.fail(f"the output's scale does not suit its activation: {error}")

    def check_shifts(self, multipliers: Sequence[Multiplier]) -> None:
        """Check that no factor needs an undefined shift by 32 bits."""
        if any(factor.shift > MAX_LEFT_SHIFT for factor in multipliers):
            self.fail("the scales of input, weights and output are too far apart")
