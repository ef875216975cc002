"""The operators that the engine supports, and the function that lowers each."""

from collections.abc import Callable, Mapping

from harness.engines.cmsis_nn import (
    basic,
    conversion,
    convolution,
    dense,
    elementwise,
    joins,
    moves,
    pool,
    reduce,
    tables,
    transpose_conv,
)
from harness.engines.cmsis_nn.layer import Layer
from harness.engines.cmsis_nn.site import Site

LOWERINGS: Mapping[str, Callable[[Site], Layer]] = {
    "ADD": elementwise.add,
    "ARG_MAX": reduce.arg_max,
    "ARG_MIN": reduce.arg_min,
    "AVERAGE_POOL_2D": pool.average_pool_2d,
    "CONCATENATION": joins.concatenation,
    "CONV_2D": convolution.conv_2d,
    "DEPTHWISE_CONV_2D": convolution.depthwise_conv_2d,
    "DEQUANTIZE": conversion.dequantize,
    "EXPAND_DIMS": basic.reshape,
    "FULLY_CONNECTED": dense.fully_connected,
    "HARD_SWISH": tables.hard_swish,
    "LEAKY_RELU": tables.leaky_relu,
    "LOGISTIC": tables.logistic,
    "MAXIMUM": elementwise.maximum,
    "MAX_POOL_2D": pool.max_pool_2d,
    "MEAN": reduce.mean,
    "MINIMUM": elementwise.minimum,
    "MUL": elementwise.mul,
    "PACK": joins.pack,
    "PAD": moves.pad,
    "PADV2": moves.pad,
    "QUANTIZE": conversion.quantize,
    "RELU": tables.relu,
    "RELU6": tables.relu6,
    "RESHAPE": basic.reshape,
    "RESIZE_NEAREST_NEIGHBOR": moves.resize_nearest_neighbor,
    "SOFTMAX": basic.softmax,
    "SPLIT": joins.split,
    "SPLIT_V": joins.split_v,
    "SQUEEZE": basic.reshape,
    "STRIDED_SLICE": moves.strided_slice,
    "SUB": elementwise.sub,
    "TANH": tables.tanh,
    "TRANSPOSE": moves.transpose,
    "TRANSPOSE_CONV": transpose_conv.transpose_conv,
    "UNPACK": joins.unpack,
}
