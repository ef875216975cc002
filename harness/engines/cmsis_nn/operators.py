"""The operators that the engine supports, and the function that lowers each."""

from collections.abc import Callable, Mapping

from harness.engines.cmsis_nn import basic, dense, window
from harness.engines.cmsis_nn.layer import Layer, Site

LOWERINGS: Mapping[str, Callable[[Site], Layer]] = {
    "ADD": basic.add,
    "AVERAGE_POOL_2D": window.average_pool_2d,
    "CONV_2D": window.conv_2d,
    "DEPTHWISE_CONV_2D": window.depthwise_conv_2d,
    "FULLY_CONNECTED": dense.fully_connected,
    "MAX_POOL_2D": window.max_pool_2d,
    "RESHAPE": basic.reshape,
    "SOFTMAX": basic.softmax,
}
