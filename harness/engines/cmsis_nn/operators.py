"""The operators that the engine supports, and the function that lowers each."""

from collections.abc import Callable, Mapping
from typing import NoReturn

import numpy as np

from harness.engines.cmsis_nn import (
    circular_buffer,
    comparison,
    concat_split,
    convolution,
    data_movement,
    dense,
    detection,
    elementwise,
    gather,
    lookup_tables,
    lstm,
    math_tables,
    matmul,
    normalization,
    padding,
    pool,
    quantize,
    reduce,
    resize,
    select_fill_cast,
    slices,
    softmax_reshape,
    space_depth,
    subgraphs,
    sums,
    svdf,
    transpose_conv,
    variables,
)
from harness.engines.cmsis_nn.float32 import (
    convolution_f32,
    matmul_f32,
    recurrent_f32,
    resize_f32,
    transpose_conv_f32,
    window_f32,
)
from harness.engines.cmsis_nn.float_functions import float_only
from harness.engines.cmsis_nn.int16 import (
    activations_s16,
    convolution_s16,
    pairs_s16,
    types_s16,
    window_s16,
)
from harness.engines.cmsis_nn.layer import Layer
from harness.engines.cmsis_nn.not_supported import TFLM_KERNELS, reason
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.refusal import REPLACE, REPLACE_ONLY, LayerRefusedError
from harness.model.graph import Graph, Operator
from harness.model.network_kind import CUSTOM

LOWERINGS: Mapping[str, Callable[[OperatorView], Layer]] = {
    "ABS": math_tables.absolute,
    "ADD": elementwise.add,
    "ADD_N": sums.add_n,
    "ARG_MAX": reduce.arg_max,
    "ARG_MIN": reduce.arg_min,
    "ASSIGN_VARIABLE": variables.assign_variable,
    "AVERAGE_POOL_2D": pool.average_pool_2d,
    "CALL_ONCE": subgraphs.call_once,
    "BATCH_MATMUL": matmul.batch_matmul,
    "BATCH_TO_SPACE_ND": space_depth.batch_to_space_nd,
    "BROADCAST_TO": data_movement.broadcast_to,
    "CAST": select_fill_cast.cast,
    "CEIL": float_only("ceil"),
    "CONCATENATION": concat_split.concatenation,
    "CONV_2D": convolution.conv_2d,
    "COS": float_only("cos"),
    "CUSTOM:CIRCULAR_BUFFER": circular_buffer.circular_buffer,
    "CUSTOM:TFLite_Detection_PostProcess": detection.detection_post_process,
    "CUMSUM": sums.cumsum,
    "DEPTHWISE_CONV_2D": convolution.depthwise_conv_2d,
    "DEPTH_TO_SPACE": space_depth.depth_to_space,
    "DEQUANTIZE": quantize.dequantize,
    "DIV": elementwise.div,
    "DYNAMIC_UPDATE_SLICE": slices.dynamic_update_slice,
    "ELU": math_tables.elu,
    "EMBEDDING_LOOKUP": gather.embedding_lookup,
    "EQUAL": comparison.equal,
    "EXP": float_only("exp"),
    "EXPAND_DIMS": softmax_reshape.reshape,
    "FILL": select_fill_cast.fill,
    "FLOOR": float_only("floor"),
    "FLOOR_DIV": elementwise.floor_div,
    "FLOOR_MOD": elementwise.floor_mod,
    "FULLY_CONNECTED": dense.fully_connected,
    "GATHER": gather.gather,
    "GATHER_ND": gather.gather_nd,
    "GELU": math_tables.gelu,
    "GREATER": comparison.greater,
    "GREATER_EQUAL": comparison.greater_equal,
    "HARD_SWISH": lookup_tables.hard_swish,
    "IF": subgraphs.if_,
    "L2_NORMALIZATION": normalization.l2_normalization,
    "L2_POOL_2D": normalization.l2_pool_2d,
    "LEAKY_RELU": lookup_tables.leaky_relu,
    "LESS": comparison.less,
    "LESS_EQUAL": comparison.less_equal,
    "LOG": float_only("log"),
    "LOGICAL_AND": comparison.logical_and,
    "LOGICAL_NOT": comparison.logical_not,
    "LOGICAL_OR": comparison.logical_or,
    "LOGISTIC": lookup_tables.logistic,
    "LOG_SOFTMAX": normalization.log_softmax,
    "MAXIMUM": elementwise.maximum,
    "MAX_POOL_2D": pool.max_pool_2d,
    "MEAN": reduce.mean,
    "MINIMUM": elementwise.minimum,
    "MIRROR_PAD": padding.mirror_pad,
    "MUL": elementwise.mul,
    "NEG": float_only("neg"),
    "NOT_EQUAL": comparison.not_equal,
    "PACK": concat_split.pack,
    "PAD": padding.pad,
    "PADV2": padding.pad,
    "PRELU": math_tables.prelu,
    "QUANTIZE": quantize.quantize,
    "READ_VARIABLE": variables.read_variable,
    "REDUCE_ALL": reduce.reduce_all,
    "REDUCE_MAX": reduce.reduce_max,
    "REDUCE_MIN": reduce.reduce_min,
    "RELU": lookup_tables.relu,
    "RELU6": lookup_tables.relu6,
    "RESHAPE": softmax_reshape.reshape,
    "RESIZE_BILINEAR": resize.resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize.resize_nearest_neighbor,
    "REVERSE_V2": data_movement.reverse,
    "ROUND": float_only("round"),
    "RSQRT": math_tables.rsqrt,
    "SELECT_V2": select_fill_cast.select,
    "SHAPE": data_movement.shape_of,
    "SIN": float_only("sin"),
    "SLICE": slices.slice_,
    "SOFTMAX": softmax_reshape.softmax,
    "SPACE_TO_BATCH_ND": space_depth.space_to_batch_nd,
    "SPACE_TO_DEPTH": space_depth.space_to_depth,
    "SPLIT": concat_split.split,
    "SPLIT_V": concat_split.split_v,
    "SQRT": float_only("sqrt"),
    "SQUARE": float_only("square"),
    "SQUARED_DIFFERENCE": elementwise.squared_difference,
    "SQUEEZE": softmax_reshape.reshape,
    "STRIDED_SLICE": slices.strided_slice,
    "SUB": elementwise.sub,
    "SUM": reduce.total,
    "SVDF": svdf.svdf,
    "TANH": lookup_tables.tanh,
    "TILE": data_movement.tile,
    "TRANSPOSE": data_movement.transpose,
    "TRANSPOSE_CONV": transpose_conv.transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.unidirectional_sequence_lstm,
    "UNPACK": concat_split.unpack,
    "VAR_HANDLE": variables.var_handle,
    "WHILE": subgraphs.while_,
    "ZEROS_LIKE": select_fill_cast.zeros_like,
}

# Operators with a lowering of their own for int16. The others copy values of any type, or TFLM
# does not have them for int16.
INT16_LOWERINGS: Mapping[str, Callable[[OperatorView], Layer]] = {
    "ABS": activations_s16.absolute,
    "ADD": pairs_s16.add,
    "AVERAGE_POOL_2D": window_s16.average_pool_2d,
    "CONV_2D": convolution_s16.conv_2d,
    "DEPTHWISE_CONV_2D": convolution_s16.depthwise_conv_2d,
    "DEQUANTIZE": types_s16.dequantize,
    "FULLY_CONNECTED": convolution_s16.fully_connected,
    "LEAKY_RELU": activations_s16.leaky_relu,
    "LOGISTIC": activations_s16.logistic,
    "MAXIMUM": pairs_s16.maximum,
    "MAX_POOL_2D": window_s16.max_pool_2d,
    "MINIMUM": pairs_s16.minimum,
    "MUL": pairs_s16.mul,
    "PRELU": activations_s16.prelu,
    "QUANTIZE": types_s16.quantize,
    "RELU": activations_s16.relu,
    "RELU6": activations_s16.relu6,
    "RSQRT": activations_s16.rsqrt,
    "SOFTMAX": activations_s16.softmax,
    "SQUARED_DIFFERENCE": pairs_s16.squared_difference,
    "SUB": pairs_s16.sub,
    "TANH": activations_s16.tanh,
    "TRANSPOSE_CONV": convolution_s16.transpose_conv,
}

# Operators with a lowering of their own for float32. The others tell the types apart themselves.
FLOAT_LOWERINGS: Mapping[str, Callable[[OperatorView], Layer]] = {
    "AVERAGE_POOL_2D": window_f32.average_pool_2d,
    "BATCH_MATMUL": matmul_f32.batch_matmul,
    "CONV_2D": convolution_f32.conv_2d,
    "DEPTHWISE_CONV_2D": convolution_f32.depthwise_conv_2d,
    "FULLY_CONNECTED": convolution_f32.fully_connected,
    "MAX_POOL_2D": window_f32.max_pool_2d,
    "RESIZE_BILINEAR": resize_f32.resize_bilinear,
    "SVDF": recurrent_f32.svdf,
    "TRANSPOSE_CONV": transpose_conv_f32.transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": recurrent_f32.unidirectional_sequence_lstm,
}


def find_lowering(graph: Graph, operator: Operator) -> Callable[[OperatorView], Layer]:
    """Return the function that lowers `operator`, by its kind and the type of its values.

    For an operator that the engine lacks, it is `unsupported`.
    """
    tensors = [
        graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0
    ]
    computed = {tensor.dtype for tensor in tensors if tensor.data is None}
    for dtype, lowerings in ((np.int16, INT16_LOWERINGS), (np.float32, FLOAT_LOWERINGS)):
        if operator.kind in lowerings and np.dtype(dtype) in computed:
            return lowerings[operator.kind]
    return LOWERINGS.get(operator.kind, unsupported)


def unsupported(view: OperatorView) -> NoReturn:
    """Refuse an operator without a lowering, and say what to do about it."""
    kind = view.operator.kind
    why = f"the operator is not supported by engine cmsis-nn: {reason(kind)}"
    remedy = REPLACE if kind in TFLM_KERNELS else REPLACE_ONLY
    if kind == "SHAPE":
        remedy = "fix the batch to 1 before converting: Input(batch_shape=(1, ...))"
    elif kind.startswith("CUSTOM:"):
        remedy = CUSTOM
    raise LayerRefusedError(view.graph, view.operator, why, remedy, unknown=True)
