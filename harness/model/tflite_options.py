"""The options of each kind of operator in a `.tflite` file, and the defaults of missing ones."""

from harness.model.operator_options import (
    Activation,
    AddOptions,
    BatchMatMulOptions,
    ConcatenationOptions,
    Conv2DOptions,
    DepthToSpaceOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    GatherOptions,
    LeakyReluOptions,
    MirrorPadOptions,
    MulOptions,
    Options,
    PackOptions,
    Pool2DOptions,
    ResizeBilinearOptions,
    ResizeNearestNeighborOptions,
    SoftmaxOptions,
    SpaceToDepthOptions,
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
    "RESIZE_BILINEAR": ResizeBilinearOptions,
    "MIRROR_PAD": MirrorPadOptions,
    "DEPTH_TO_SPACE": DepthToSpaceOptions,
    "SPACE_TO_DEPTH": SpaceToDepthOptions,
    "GATHER": GatherOptions,
    "BATCH_MATMUL": BatchMatMulOptions,
}

# Options that a file may omit; these are the defaults of TFLM's parsers.
DEFAULTS: dict[str, Options] = {
    "ADD": AddOptions(Activation.NONE),
    "SUB": SubOptions(Activation.NONE),
    "MUL": MulOptions(Activation.NONE),
    "RESIZE_NEAREST_NEIGHBOR": ResizeNearestNeighborOptions(
        align_corners=False, half_pixel_centers=False
    ),
    "RESIZE_BILINEAR": ResizeBilinearOptions(align_corners=False, half_pixel_centers=False),
    "GATHER": GatherOptions(axis=0, batch_dims=0),
    "BATCH_MATMUL": BatchMatMulOptions(adj_x=False, adj_y=False),
}
