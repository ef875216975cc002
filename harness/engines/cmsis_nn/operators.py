"""The operators that the engine supports, and the function that lowers each."""

from collections.abc import Callable, Mapping

from harness.engines.cmsis_nn import basic, convolution, dense, pool
from harness.engines.cmsis_nn.layer import Layer, Site

LOWERINGS: Mapping[str, Callable[[Site], Layer]] = {
    "ADD": basic.add,
    "AVERAGE_POOL_2D": pool.average_pool_2d,
    "CONV_2D": convolution.conv_2d,
    "DEPTHWISE_CONV_2D": convolution.depthwise_conv_2d,
    "FULLY_CONNECTED": dense.fully_connected,
    "MAX_POOL_2D": pool.max_pool_2d,
    "RESHAPE": basic.reshape,
    "SOFTMAX": basic.softmax,
}
