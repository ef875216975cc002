"""The options of each kind of operator in a `.tflite` file, and the defaults of missing ones."""

from harness.model.operator_options import (
    Activation,
    AddOptions,
    ConcatenationOptions,
    Conv2DOptions,
    CumsumOptions,
    DepthwiseConv2DOptions,
    DivOptions,
    FullyConnectedOptions,
    GeluOptions,
    L2NormOptions,
    LeakyReluOptions,
    MulOptions,
    Options,
    PackOptions,
    Pool2DOptions,
    ResizeNearestNeighborOptions,
    SoftmaxOptions,
    StridedSliceOptions,
    SubOptions,
    TransposeConvOptions,
    UnpackOptions,
)

OPTIONS: dict[str, type[Options]] = {
    "CONV_2D": Conv2DOptions,
    "DEPTHWISE_CONV_2D": DepthwiseConv2DOptions,
    "AVERAGE_POOL_2D": Pool2DOptions,
    "MAX_POOL_2D": Pool2DOptions,
    "FULLY_CONNECTED": FullyConnectedOptions,
    "ADD": AddOptions,
    "SOFTMAX": SoftmaxOptions,
    "SUB": SubOptions,
    "MUL": MulOptions,
    "CUMSUM": CumsumOptions,
    "DIV": DivOptions,
    "GELU": GeluOptions,
    "L2_NORMALIZATION": L2NormOptions,
    "L2_POOL_2D": Pool2DOptions,
    "CONCATENATION": ConcatenationOptions,
    "PACK": PackOptions,
    "UNPACK": UnpackOptions,
    "LEAKY_RELU": LeakyReluOptions,
    "STRIDED_SLICE": StridedSliceOptions,
    "RESIZE_NEAREST_NEIGHBOR": ResizeNearestNeighborOptions,
    "TRANSPOSE_CONV": TransposeConvOptions,
}

# Options that a file may omit; these are the defaults of TFLM's parsers.
DEFAULTS: dict[str, Options] = {
    "ADD": AddOptions(Activation.NONE),
    "SUB": SubOptions(Activation.NONE),
    "MUL": MulOptions(Activation.NONE),
    "DIV": DivOptions(Activation.NONE),
    "GELU": GeluOptions(approximate=False),
    "L2_NORMALIZATION": L2NormOptions(Activation.NONE),
    "RESIZE_NEAREST_NEIGHBOR": ResizeNearestNeighborOptions(
        align_corners=False, half_pixel_centers=False
    ),
}
