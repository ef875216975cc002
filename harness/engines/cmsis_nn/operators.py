"""The operators that the engine supports, and the function that lowers each."""

from collections.abc import Callable, Mapping
from typing import NoReturn

from harness.engines.cmsis_nn import (
    concat_split,
    convolution,
    data_movement,
    dense,
    elementwise,
    lookup_tables,
    pool,
    quantize,
    reduce,
    softmax_reshape,
    subgraphs,
    transpose_conv,
    variables,
)
from harness.engines.cmsis_nn.layer import Layer
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.refusal import REPLACE, LayerRefusedError
from harness.model.network_kind import CUSTOM

LOWERINGS: Mapping[str, Callable[[OperatorView], Layer]] = {
    "ADD": elementwise.add,
    "ARG_MAX": reduce.arg_max,
    "ARG_MIN": reduce.arg_min,
    "ASSIGN_VARIABLE": variables.assign_variable,
    "AVERAGE_POOL_2D": pool.average_pool_2d,
    "CALL_ONCE": subgraphs.call_once,
    "CONCATENATION": concat_split.concatenation,
    "CONV_2D": convolution.conv_2d,
    "DEPTHWISE_CONV_2D": convolution.depthwise_conv_2d,
    "DEQUANTIZE": quantize.dequantize,
    "EXPAND_DIMS": softmax_reshape.reshape,
    "FULLY_CONNECTED": dense.fully_connected,
    "HARD_SWISH": lookup_tables.hard_swish,
    "IF": subgraphs.if_,
    "LEAKY_RELU": lookup_tables.leaky_relu,
    "LOGISTIC": lookup_tables.logistic,
    "MAXIMUM": elementwise.maximum,
    "MAX_POOL_2D": pool.max_pool_2d,
    "MEAN": reduce.mean,
    "MINIMUM": elementwise.minimum,
    "MUL": elementwise.mul,
    "PACK": concat_split.pack,
    "PAD": data_movement.pad,
    "PADV2": data_movement.pad,
    "QUANTIZE": quantize.quantize,
    "READ_VARIABLE": variables.read_variable,
    "REDUCE_MAX": reduce.reduce_max,
    "REDUCE_MIN": reduce.reduce_min,
    "RELU": lookup_tables.relu,
    "RELU6": lookup_tables.relu6,
    "RESHAPE": softmax_reshape.reshape,
    "RESIZE_NEAREST_NEIGHBOR": data_movement.resize_nearest_neighbor,
    "SLICE": data_movement.slice_,
    "SOFTMAX": softmax_reshape.softmax,
    "SPLIT": concat_split.split,
    "SPLIT_V": concat_split.split_v,
    "SQUEEZE": softmax_reshape.reshape,
    "STRIDED_SLICE": data_movement.strided_slice,
    "SUB": elementwise.sub,
    "SUM": reduce.total,
    "TANH": lookup_tables.tanh,
    "TRANSPOSE": data_movement.transpose,
    "TRANSPOSE_CONV": transpose_conv.transpose_conv,
    "UNPACK": concat_split.unpack,
    "VAR_HANDLE": variables.var_handle,
    "WHILE": subgraphs.while_,
}


def unsupported(view: OperatorView) -> NoReturn:
    """Refuse an operator without a lowering, and say what to do about it."""
    kind = view.operator.kind
    reason, remedy = "the operator is not supported by engine cmsis-nn", REPLACE
    if kind == "SHAPE":
        remedy = "fix the batch to 1 before converting: Input(batch_shape=(1, ...))"
    elif kind == "CUSTOM:TFLite_Detection_PostProcess":
        remedy = "convert the detector without its post-processing, and do it in C"
    elif kind.startswith("CUSTOM:"):
        reason += ": it is a custom operator, and only a program with its own kernel runs it"
        remedy = CUSTOM
    raise LayerRefusedError(view.graph, view.operator, reason, remedy, unknown=True)
