"""Lowering of UNIDIRECTIONAL_SEQUENCE_LSTM in int8."""

import math
from typing import NamedTuple

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
    zero_point,
)
from harness.engines.cmsis_nn.lstm_tensors import (
    BIASES,
    LstmTensors,
    Types,
    check_variant,
)
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.graph import Tensor
from harness.model.quantized_multiplier import INT16_MAX, INT16_MIN, Multiplier, multiplier

_KERNELS = frozenset({"nn_lstm_s8.c", "nn_sigmoid_s16.c"})
_KERNELS_OF_INT16 = frozenset({"nn_lstm_s16.c", "nn_sigmoid_s16.c", "nn_sums.c"})

# The scales of the inputs of logistic and tanh, and of their outputs.
_GATE_SCALE, _UNIT = 2.0**-12, 2.0**-15
# Of 3 << shift, which times an int16 fits into 32 bits.
_LEAST_SHIFT, _MOST_SHIFT = -31, 14


def unidirectional_sequence_lstm(view: OperatorView) -> Layer:
    """Lower UNIDIRECTIONAL_SEQUENCE_LSTM. Source: lstm_eval_common.cc."""
    check_variant(view)
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
    arguments = (f"&{params.name}", f"&{constants.name}", *lstm.tensors.addresses())
    return Layer(
        view.operator,
        notes=lstm.notes(),
        macs=lstm.tensors.macs,
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
    """The quantized tensors of the operator, and the parts of its C.

    Input and output are int8, or int16 if it is `wide`; biases then have 64 bits.
    """

    def __init__(self, view: OperatorView) -> None:
        self.view = view
        self.wide = view.tensor(0).dtype == recurrent.INT16
        if self.wide:
            source, result = tensors_s16.activation(view, 0), tensors_s16.result(view)
        else:
            source, result = view.activation(0), view.result()
        types = Types(source.dtype, recurrent.INT16, recurrent.INT8)
        self.tensors = LstmTensors(view, source, result, types)
        self.hidden, self.cell = self.tensors.hidden, self.tensors.cell
        self._bias_type = recurrent.INT64 if self.wide else recurrent.INT32
        biases = [
            recurrent.bias(view, position, what, self.tensors.units, self._bias_type)
            for position, what in BIASES
        ]
        self.parts = {
            "of_input": _Part(self.tensors.source, self.tensors.of_input, biases),
            "of_hidden": _Part(self.hidden, self.tensors.of_hidden, []),
        }

    def weights(self, name: str) -> tuple[Array, Array]:
        """Return the weights, those of the four gates side by side, and the biases.

        In int16, each gate's own are together, as its sums are computed two channels at a time.
        """
        part = self.parts[name]
        own = [tensor.data for tensor in part.biases] or [None] * len(part.weights)
        biases = [
            recurrent.centred(np.asarray(rows.data), zero_point(part.weighs), bias, self._bias_type)
            for rows, bias in zip(part.weights, own, strict=True)
        ]
        return (
            self.tensors.together(name, part.weights, axis=1 if self.wide else -1),
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
        cell = scale(self.cell)
        result = self._factor(_UNIT * _UNIT / scale(self.hidden))
        least, greatest = self._bounds_of_cell()
        return (
            *self.tensors.fields(),
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
        clip = self.tensors.options.cell_clip
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
            self.tensors.note(),
            f"input {quantization(self.tensors.source)}",
            f"output {quantization(self.hidden)}",
            f"cell {quantization(self.cell)}",
        )
