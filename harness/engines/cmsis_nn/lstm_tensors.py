"""The tensors of UNIDIRECTIONAL_SEQUENCE_LSTM, of any type, and the kind that TFLM computes."""

from typing import Any, NamedTuple, cast

import numpy as np

from harness.engines.cmsis_nn import recurrent
from harness.engines.cmsis_nn.layer import Array, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import Activation, UnidirectionalSequenceLSTMOptions

GATES = ("input gate", "forget gate", "output gate", "cell gate")
"""In the kernels' order."""

# The positions of weights and biases, each in the order of GATES.
_OF_INPUT, _OF_HIDDEN = (1, 2, 4, 3), (5, 6, 8, 7)
BIASES = tuple(zip((12, 13, 15, 14), (f"bias of the {gate}" for gate in GATES), strict=True))
"""The position and the name of each."""

_INPUTS = 24
_HIDDEN, _CELL = 18, 19
_VARIANTS = {"a peephole": (9, 10, 11), "a projection": (16, 17), "layer norm": (20, 21, 22, 23)}
_KERAS = "use a Keras LSTM layer, which is the kind that TFLM computes"


class Types(NamedTuple):
    """The types of the state's two tensors and of the weights."""

    hidden: np.dtype[Any]
    cell: np.dtype[Any]
    weights: np.dtype[Any]


class LstmTensors:
    """The tensors of the operator, checked against each other."""

    def __init__(self, view: OperatorView, source: Tensor, result: Tensor, types: Types) -> None:
        self.view, self.source, self.result = view, source, result
        self.options = cast("UnidirectionalSequenceLSTMOptions", view.operator.options)
        view.check_rank(source, 3, "the input")
        self.hidden = recurrent.variable(view, _HIDDEN, "hidden state", types.hidden)
        self.cell = recurrent.variable(view, _CELL, "cell state", types.cell)
        first, second, self.inputs = source.shape
        self.batches, self.steps = (second, first) if self.options.time_major else (first, second)
        self.units = result.shape[-1]
        view.check_result_shape((first, second, self.units))
        recurrent.check_shape(view, self.hidden, "the hidden state", (self.batches, self.units))
        if self.cell.elements != self.hidden.elements:
            view.fail(f"the cell state has shape {shape(self.cell)}", CONVERT_AGAIN)
        self.of_input = self._matrices(_OF_INPUT, self.inputs, types.weights)
        self.of_hidden = self._matrices(_OF_HIDDEN, self.units, types.weights)

    def _matrices(
        self, positions: tuple[int, ...], columns: int, dtype: np.dtype[Any]
    ) -> list[Tensor]:
        matrices = []
        for position, gate in zip(positions, GATES, strict=True):
            tensor = recurrent.weights(self.view, position, f"weights of the {gate}", (dtype,))
            what = f"the weights' tensor of the {gate}"
            recurrent.check_shape(self.view, tensor, what, (self.units, columns))
            matrices.append(tensor)
        return matrices

    def together(self, name: str, weights: list[Tensor], axis: int = -1) -> Array:
        """Return the weights of the four gates, stacked along a new `axis`."""
        values = np.stack([np.asarray(tensor.data) for tensor in weights], axis=axis)
        return Array(self.view.names.of(name), values, "x".join(map(str, values.shape)))

    @property
    def macs(self) -> int:
        """Products of all gates, in all steps."""
        rows = self.batches * self.steps
        return rows * len(GATES) * self.units * (self.inputs + self.units)

    def fields(self) -> tuple[str, ...]:
        """Return the sizes, the first fields of the kernels' parameters."""
        strides = (1, self.batches) if self.options.time_major else (self.steps, 1)
        return (
            f".batches = {self.batches}",
            f".steps = {self.steps}",
            f".batch_stride = {strides[0]}",
            f".step_stride = {strides[1]}",
            f".inputs = {self.inputs}",
            f".units = {self.units}",
        )

    def addresses(self) -> tuple[str, ...]:
        """Return the C expressions of input, state and output."""
        tensors = (self.source, self.hidden, self.cell, self.result)
        return tuple(map(self.view.typed_address, tensors))

    def note(self) -> str:
        """Describe the layer for a person."""
        return (
            f"{shape(self.source)} -> {shape(self.result)}, "
            f"{self.steps} steps, {self.units} units" + ", time first" * self.options.time_major
        )


def check_variant(view: OperatorView) -> None:
    """Check that it is the kind of LSTM that TFLM computes. Source: lstm_eval.cc, LstmTensors."""
    view.check_arity(_INPUTS, _INPUTS)
    inputs = view.operator.inputs
    for what, positions in _VARIANTS.items():
        if any(inputs[position] >= 0 for position in positions):
            view.fail(f"has {what}, which TFLM does not compute", _KERAS)
    if inputs[1] < 0 or inputs[5] < 0:
        view.fail("has no input gate (CIFG), which TFLM does not compute", _KERAS)
    options = cast("UnidirectionalSequenceLSTMOptions", view.operator.options)
    if options.fused_activation_function is not Activation.TANH:
        name = options.fused_activation_function.name
        view.fail(f"has the activation {name}; TFLM computes TANH", _KERAS)
