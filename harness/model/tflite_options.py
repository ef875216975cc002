"""Which options each kind of operator has in a `.tflite` file, and what stands for missing ones."""

from harness.model.graph import (
    Activation,
    AddOptions,
    ConcatenationOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
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
    "CONCATENATION": ConcatenationOptions,
    "PACK": PackOptions,
    "UNPACK": UnpackOptions,
    "LEAKY_RELU": LeakyReluOptions,
    "STRIDED_SLICE": StridedSliceOptions,
    "RESIZE_NEAREST_NEIGHBOR": ResizeNearestNeighborOptions,
    "TRANSPOSE_CONV": TransposeConvOptions,
}

# Options that a file may leave out; TFLM's parsers read them so.
DEFAULTS: dict[str, Options] = {
    "ADD": AddOptions(Activation.NONE),
    "SUB": SubOptions(Activation.NONE),
    "MUL": MulOptions(Activation.NONE),
    "RESIZE_NEAREST_NEIGHBOR": ResizeNearestNeighborOptions(
        align_corners=False, half_pixel_centers=False
    ),
}
