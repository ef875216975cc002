"""SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM of float32."""

from collections.abc import Mapping
from typing import cast

import numpy as np

from harness.engines.cmsis_nn import recurrent
from harness.engines.cmsis_nn.float32 import tensors_f32 as f32
from harness.engines.cmsis_nn.float_functions import REAL_FUNCTIONS
from harness.engines.cmsis_nn.layer import Array, Call, Layer, Struct, c_float, shape
from harness.engines.cmsis_nn.lstm_tensors import BIASES, LstmTensors, Types, check_variant
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.svdf import sizes_of
from harness.model.operator_options import Activation, SVDFOptions

_FLOAT = (recurrent.FLOAT,)
# Source: TFLM tensorflow/lite/micro/kernels/activation_utils.h, ActivationValFloat.
_ACTIVATIONS: Mapping[Activation, tuple[str, str]] = {
    Activation.NONE: ("NULL", ""),
    Activation.RELU: ("nn_fused_relu_f32", ""),
    Activation.RELU_N1_TO_1: ("nn_fused_relu_n1_to_1_f32", ""),
    Activation.RELU6: ("nn_fused_relu6_f32", ""),
    Activation.TANH: ("nn_tanh_f32", "nn_map_f32.c"),
    Activation.SIGN_BIT: ("nn_fused_sign_bit_f32", ""),
}
"""The function of each activation, and its file if it is not that of SVDF."""


def svdf(view: OperatorView) -> Layer:
    """Lower SVDF. Source: svdf_common.cc, EvalFloatSvdfReference."""
    view.check_arity(5, 5)
    source, result = f32.activation(view, 0), f32.result(view)
    filters = recurrent.weights(view, 1, "filters", _FLOAT)
    over_time = recurrent.weights(view, 2, "weights over time", _FLOAT)
    kept = recurrent.variable(view, 4, "state", recurrent.FLOAT)
    sizes = sizes_of(view, source, filters, over_time, kept)
    of = view.names.of
    arrays = (
        Array(of("filters"), np.asarray(filters.data), shape(filters)),
        Array(of("over_time"), np.asarray(over_time.data), shape(over_time)),
        Array(of("bias"), _bias(view, 3, "bias", sizes.units)),
    )
    params = Struct("nn_svdf_f32_params_t", of("params"), sizes.fields())
    options = cast("SVDFOptions", view.operator.options)
    function, file = _ACTIVATIONS[options.fused_activation_function]
    arguments = (
        f"&{params.name}",
        function,
        view.typed_address(source),
        *(array.name for array in arrays),
        view.typed_address(kept),
        view.typed_address(result),
    )
    files = {"nn_svdf_f32.c"} | ({file, REAL_FUNCTIONS} if file else set())
    return Layer(
        view.operator,
        notes=(*f32.notes(source, result), f"state {shape(kept)}"),
        macs=sizes.macs,
        arrays=arrays,
        structs=(params,),
        call=Call("nn_svdf_f32", arguments),
        status=False,
        kernels=frozenset(files),
    )


def unidirectional_sequence_lstm(view: OperatorView) -> Layer:
    """Lower UNIDIRECTIONAL_SEQUENCE_LSTM. Source: lstm_eval.h, LstmStep."""
    check_variant(view)
    types = Types(recurrent.FLOAT, recurrent.FLOAT, recurrent.FLOAT)
    lstm = LstmTensors(view, f32.activation(view, 0), f32.result(view), types)
    biases = [_bias(view, position, what, lstm.units) for position, what in BIASES]
    of = view.names.of
    arrays = (
        lstm.together("of_input", lstm.of_input),
        lstm.together("of_hidden", lstm.of_hidden),
        Array(of("bias"), np.stack(biases, axis=-1)),
    )
    clip = f".cell_clip = {c_float(lstm.options.cell_clip)}"
    params = Struct("nn_lstm_f32_params_t", of("params"), (*lstm.fields(), clip))
    names = tuple(array.name for array in arrays)
    constants = Struct("nn_lstm_f32_weights_t", of("weights"), names)
    arguments = (f"&{params.name}", f"&{constants.name}", *lstm.addresses())
    return Layer(
        view.operator,
        notes=(f"{lstm.note()}, float32",),
        macs=lstm.macs,
        arrays=arrays,
        structs=(params, constants),
        call=Call("nn_lstm_f32", arguments),
        status=False,
        kernels=frozenset({"nn_lstm_f32.c", "nn_map_f32.c", REAL_FUNCTIONS}),
    )


def _bias(view: OperatorView, position: int, what: str, units: int) -> recurrent.Values:
    """Return the values of a constant bias, which TFLM's kernels need."""
    recurrent.check_given(view, position, what)
    f32.bias(view, position, units)  # checks its type and size
    values = view.tensor(position).data
    if values is None:
        view.fail(f"the {what} is not constant", "freeze the weights when converting")
    return values.ravel()
