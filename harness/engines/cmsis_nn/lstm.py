"""Lowering of UNIDIRECTIONAL_SEQUENCE_LSTM."""

import math
from typing import NamedTuple, cast

import numpy as np

from harness.engines.cmsis_nn import recurrent
from harness.engines.cmsis_nn.int16 import sums_s16, tables_s16, tensors_s16
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
from harness.model.operator_options import Activation, UnidirectionalSequenceLSTMOptions
from harness.model.quantized_multiplier import INT16_MAX, INT16_MIN, Multiplier, multiplier

_INPUTS = 24
_HIDDEN, _CELL = 18, 19
# The positions of weights and biases, each in the kernel's order of gates.
_OF_INPUT, _OF_HIDDEN, _BIASES = (1, 2, 4, 3), (5, 6, 8, 7), (12, 13, 15, 14)
_GATES = ("input gate", "forget gate", "output gate", "cell gate")
_VARIANTS = {"a peephole": (9, 10, 11), "a projection": (16, 17), "layer norm": (20, 21, 22, 23)}
_KERAS = "use a Keras LSTM layer, which is the kind that TFLM computes"

_KERNELS = frozenset({"nn_lstm_s8.c", "nn_sigmoid_s16.c"})
_KERNELS_OF_INT16 = frozenset({"nn_lstm_s16.c", "nn_sigmoid_s16.c", "nn_sums.c"})

# The scales of the inputs of logistic and tanh, and of their outputs.
_GATE_SCALE, _UNIT = 2.0**-12, 2.0**-15
# Of 3 << shift, which times an int16 fits into 32 bits.
_LEAST_SHIFT, _MOST_SHIFT = -31, 14


def unidirectional_sequence_lstm(view: OperatorView) -> Layer:
    """Lower UNIDIRECTIONAL_SEQUENCE_LSTM. Source: lstm_eval_common.cc."""
    lstm = _Lstm(view)
    of = view.names.of
    table = tables_s16.sigmoid()
    arrays = (*lstm.weights("of_input"), *lstm.weights("of_hidden"), table)
    params = Struct("nn_lstm_params_t", of("params"), lstm.fields())
    constants = Struct(
        f"nn_lstm_weights{'_s16' * lstm.wide}_t",
        of("weights"),
        tuple(array.name for array in arrays),
    )
    tensors = (lstm.source, lstm.hidden, lstm.cell, lstm.result)
    arguments = (f"&{params.name}", f"&{constants.name}", *map(view.typed_address, tensors))
    return Layer(
        view.operator,
        notes=lstm.notes(),
        macs=lstm.rows * len(_GATES) * lstm.units * (lstm.inputs + lstm.units),
        arrays=arrays,
        structs=(params, constants),
        call=Call("nn_lstm_s16" if lstm.wide else "nn_lstm_s8", arguments),
        status=False,
        kernels=_KERNELS_OF_INT16 if lstm.wide else _KERNELS,
    )


class _Part(NamedTuple):
    """The weights and biases of all gates for one of the two things that they weigh."""

    weighs: Tensor
    weights: list[Tensor]
    biases: list[Tensor]


class _Lstm:
    """The checked tensors of the operator, and the parts of its C.

    Input and output are int8, or int16 if it is `wide`; biases then have 64 bits.
    """

    def __init__(self, view: OperatorView) -> None:
        self.view = view
        self.options = cast("UnidirectionalSequenceLSTMOptions", view.operator.options)
        _check_variant(view, self.options)
        self.wide = view.tensor(0).dtype == np.int16
        self._bias_type = recurrent.INT64 if self.wide else recurrent.INT32
        if self.wide:
            self.source, self.result = tensors_s16.activation(view, 0), tensors_s16.result(view)
        else:
            self.source, self.result = view.activation(0), view.result()
        view.check_rank(self.source, 3, "the input")
        self.hidden = recurrent.variable(view, _HIDDEN, "hidden state", self.source.dtype)
        self.cell = recurrent.variable(view, _CELL, "cell state", recurrent.INT16)
        first, second, self.inputs = self.source.shape
        self.batches, self.steps = (second, first) if self.options.time_major else (first, second)
        self.rows = self.batches * self.steps
        self.units = self.result.shape[-1]
        view.check_result_shape((first, second, self.units))
        recurrent.check_shape(view, self.hidden, "the hidden state", (self.batches, self.units))
        if self.cell.elements != self.hidden.elements:
            view.fail(f"the cell state has shape {shape(self.cell)}", CONVERT_AGAIN)
        biases = [
            recurrent.bias(view, position, f"bias of the {gate}", self.units, self._bias_type)
            for position, gate in zip(_BIASES, _GATES, strict=True)
        ]
        self.parts = {
            "of_input": _Part(self.source, self._matrices(_OF_INPUT, self.inputs), biases),
            "of_hidden": _Part(self.hidden, self._matrices(_OF_HIDDEN, self.units), []),
        }

    def _matrices(self, positions: tuple[int, ...], columns: int) -> list[Tensor]:
        matrices = []
        for position, gate in zip(positions, _GATES, strict=True):
            tensor = recurrent.weights(self.view, position, f"weights of the {gate}")
            what = f"the weights' tensor of the {gate}"
            recurrent.check_shape(self.view, tensor, what, (self.units, columns))
            matrices.append(tensor)
        return matrices

    def weights(self, name: str) -> tuple[Array, Array]:
        """Return the weights, those of the four gates side by side, and the biases.

        In int16, each gate's own are together, as its sums are computed two channels at a time.
        """
        part = self.parts[name]
        values = [np.asarray(tensor.data) for tensor in part.weights]
        own = [tensor.data for tensor in part.biases] or [None] * len(_GATES)
        biases = [
            recurrent.centred(rows, zero_point(part.weighs), bias, self._bias_type)
            for rows, bias in zip(values, own, strict=True)
        ]
        together = np.stack(values, axis=1 if self.wide else -1)
        note = "x".join(map(str, together.shape))
        return (
            Array(self.view.names.of(name), together, note),
            Array(self.view.names.of(f"{name}_bias"), np.stack(biases, axis=-1)),
        )

    def _factors(self, name: str) -> str:
        part = self.parts[name]
        factors = [
            self._factor(scale(part.weighs) * scale(each) / _GATE_SCALE) for each in part.weights
        ]
        if self.wide:
            factors = [sums_s16.wide_factor(self.view, each) for each in factors]
        return f"{{{', '.join(map(recurrent.factor, factors))}}}"

    def _factor(self, real: float) -> Multiplier:
        factor = multiplier(real)
        self.view.check_shifts([factor])
        return factor

    def fields(self) -> tuple[str, ...]:
        """Return the initializers of nn_lstm_params_t."""
        strides = (1, self.batches) if self.options.time_major else (self.steps, 1)
        cell = scale(self.cell)
        result = self._factor(_UNIT * _UNIT / scale(self.hidden))
        least, greatest = self._bounds_of_cell()
        return (
            f".batches = {self.batches}",
            f".steps = {self.steps}",
            f".batch_stride = {strides[0]}",
            f".step_stride = {strides[1]}",
            f".inputs = {self.inputs}",
            f".units = {self.units}",
            f".of_input = {self._factors('of_input')}",
            f".of_hidden = {self._factors('of_hidden')}",
            f".forget = {recurrent.factor(self._factor(_UNIT * cell / cell))}",
            f".update = {recurrent.factor(self._factor(_UNIT * _UNIT / cell))}",
            f".cell = {recurrent.factor(self._to_table())}",
            f".cell_min = {least}",
            f".cell_max = {greatest}",
            f".output = {{{result.value}, {result.shift}, {zero_point(self.hidden)}}}",
        )

    def _bounds_of_cell(self) -> tuple[int, int]:
        """Return the bounds of a cell. Source: lstm_eval_common.cc, CreateLstmCellStateInfo."""
        clip = self.options.cell_clip
        if not clip > 0:
            return INT16_MIN, INT16_MAX
        most = int(min(clip / scale(self.cell), INT16_MAX))
        return -most, most

    def _to_table(self) -> Multiplier:
        """Return what scales a cell for its tanh. Source: lstm_eval.cc, Tanh.

        TFLM takes the nearest power of two for the scale of the cell.
        """
        power = np.log(np.float32(scale(self.cell))) * (np.float32(1) / np.log(np.float32(2)))
        shift = 12 + int(math.copysign(math.floor(abs(power) + 0.5), power))
        if not _LEAST_SHIFT <= shift <= _MOST_SHIFT:
            size = "small" if shift < 0 else "large"
            self.view.fail(f"the cell's scale {scale(self.cell):g} is too {size}")
        return Multiplier(3 << shift, 0) if shift >= 0 else Multiplier(3, -shift)

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the C should know."""
        return (
            f"{shape(self.source)} -> {shape(self.result)}, "
            f"{self.steps} steps, {self.units} units" + ", time first" * self.options.time_major,
            f"input {quantization(self.source)}",
            f"output {quantization(self.hidden)}",
            f"cell {quantization(self.cell)}",
        )


def _check_variant(view: OperatorView, options: UnidirectionalSequenceLSTMOptions) -> None:
    """Check that it is the kind of LSTM that TFLM computes. Source: lstm_eval.cc, LstmTensors."""
    view.check_arity(_INPUTS, _INPUTS)
    inputs = view.operator.inputs
    for what, positions in _VARIANTS.items():
        if any(inputs[position] >= 0 for position in positions):
            view.fail(f"has {what}, which TFLM does not compute", _KERAS)
    if inputs[1] < 0 or inputs[5] < 0:
        view.fail("has no input gate (CIFG), which TFLM does not compute", _KERAS)
    if options.fused_activation_function is not Activation.TANH:
        name = options.fused_activation_function.name
        view.fail(f"has the activation {name}; TFLM computes TANH", _KERAS)
