"""The options of each kind of operator; `tflite_options` contains the table of kinds."""

from dataclasses import dataclass
from enum import IntEnum


class Padding(IntEnum):
    """How a window treats the border (schema `Padding`)."""

    SAME = 0
    VALID = 1


class Activation(IntEnum):
    """The activation fused into an operator (schema `ActivationFunctionType`)."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3
    TANH = 4
    SIGN_BIT = 5


class MirrorMode(IntEnum):
    """Whether a mirrored border repeats the outermost values (schema `MirrorPadMode`)."""

    REFLECT = 0
    SYMMETRIC = 1


# The options of an operator. Fields have the schema's names in snake case, so a new operator only
# needs its class here and an entry in the table of `tflite_options`.


@dataclass(frozen=True)
class ConvolutionOptions:
    """What CONV_2D and DEPTHWISE_CONV_2D have in common; strides and dilations in elements."""

    padding: Padding
    stride_w: int
    stride_h: int
    fused_activation_function: Activation
    dilation_w_factor: int
    dilation_h_factor: int


@dataclass(frozen=True)
class Conv2DOptions(ConvolutionOptions):
    """Options of CONV_2D; `quantized_bias_type` is a `TensorType`, for a layer without a bias."""

    quantized_bias_type: int


@dataclass(frozen=True)
class DepthwiseConv2DOptions(ConvolutionOptions):
    """Options of DEPTHWISE_CONV_2D: output channels = input channels * multiplier."""

    depth_multiplier: int


@dataclass(frozen=True)
class Pool2DOptions:
    """Options of AVERAGE_POOL_2D and MAX_POOL_2D; sizes in elements."""

    padding: Padding
    stride_w: int
    stride_h: int
    filter_width: int
    filter_height: int
    fused_activation_function: Activation


@dataclass(frozen=True)
class FullyConnectedOptions:
    """Options of FULLY_CONNECTED; `weights_format` 0 is the plain [out, in] order.

    `quantized_bias_type` is a `TensorType`, for a layer without a bias.
    """

    fused_activation_function: Activation
    weights_format: int
    keep_num_dims: bool
    quantized_bias_type: int


@dataclass(frozen=True)
class AddOptions:
    """Options of ADD."""

    fused_activation_function: Activation


@dataclass(frozen=True)
class SoftmaxOptions:
    """Options of SOFTMAX: exp(beta * x) / sum(exp(beta * x))."""

    beta: float


@dataclass(frozen=True)
class SubOptions:
    """Options of SUB."""

    fused_activation_function: Activation


@dataclass(frozen=True)
class MulOptions:
    """Options of MUL."""

    fused_activation_function: Activation


@dataclass(frozen=True)
class DivOptions:
    """Options of DIV."""

    fused_activation_function: Activation


@dataclass(frozen=True)
class GeluOptions:
    """Options of GELU: `approximate` is by tanh, otherwise by the error function."""

    approximate: bool


@dataclass(frozen=True)
class L2NormOptions:
    """Options of L2_NORMALIZATION."""

    fused_activation_function: Activation


@dataclass(frozen=True)
class CumsumOptions:
    """Options of CUMSUM: `exclusive` sums do not contain their own element."""

    exclusive: bool
    reverse: bool


@dataclass(frozen=True)
class ConcatenationOptions:
    """Options of CONCATENATION; a negative `axis` counts from the last."""

    axis: int
    fused_activation_function: Activation


@dataclass(frozen=True)
class PackOptions:
    """Options of PACK: `axis` is the new axis; a negative one counts from the last."""

    axis: int


@dataclass(frozen=True)
class UnpackOptions:
    """Options of UNPACK: `axis` is removed."""

    axis: int


@dataclass(frozen=True)
class LeakyReluOptions:
    """Options of LEAKY_RELU: the slope of negative values."""

    alpha: float


@dataclass(frozen=True)
class StridedSliceOptions:
    """Options of STRIDED_SLICE; bit i of a mask applies to axis i."""

    begin_mask: int
    end_mask: int
    ellipsis_mask: int
    new_axis_mask: int
    shrink_axis_mask: int
    offset: bool


@dataclass(frozen=True)
class ResizeNearestNeighborOptions:
    """Options of RESIZE_NEAREST_NEIGHBOR."""

    align_corners: bool
    half_pixel_centers: bool


@dataclass(frozen=True)
class ResizeBilinearOptions:
    """Options of RESIZE_BILINEAR."""

    align_corners: bool
    half_pixel_centers: bool


@dataclass(frozen=True)
class MirrorPadOptions:
    """Options of MIRROR_PAD."""

    mode: MirrorMode


@dataclass(frozen=True)
class DepthToSpaceOptions:
    """Options of DEPTH_TO_SPACE: the side of a block, in pixels."""

    block_size: int


@dataclass(frozen=True)
class SpaceToDepthOptions:
    """Options of SPACE_TO_DEPTH: the side of a block, in pixels."""

    block_size: int


@dataclass(frozen=True)
class GatherOptions:
    """Options of GATHER; negative numbers count from the last axis."""

    axis: int
    batch_dims: int


@dataclass(frozen=True)
class BatchMatMulOptions:
    """Options of BATCH_MATMUL: which operands are transposed."""

    adj_x: bool
    adj_y: bool


@dataclass(frozen=True)
class TransposeConvOptions:
    """Options of TRANSPOSE_CONV; strides in elements of the output."""

    padding: Padding
    stride_w: int
    stride_h: int
    fused_activation_function: Activation


@dataclass(frozen=True)
class CallOnceOptions:
    """Options of CALL_ONCE: the subgraph that runs in the first inference only."""

    init_subgraph_index: int


@dataclass(frozen=True)
class IfOptions:
    """Options of IF: the subgraphs of its branches."""

    then_subgraph_index: int
    else_subgraph_index: int


@dataclass(frozen=True)
class WhileOptions:
    """Options of WHILE: the subgraphs of its condition and of its body."""

    cond_subgraph_index: int
    body_subgraph_index: int


@dataclass(frozen=True)
class VarHandleOptions:
    """Options of VAR_HANDLE, which together name a resource variable."""

    container: str
    shared_name: str


Options = (
    Conv2DOptions
    | DepthwiseConv2DOptions
    | Pool2DOptions
    | FullyConnectedOptions
    | AddOptions
    | SoftmaxOptions
    | SubOptions
    | MulOptions
    | DivOptions
    | GeluOptions
    | L2NormOptions
    | CumsumOptions
    | ConcatenationOptions
    | PackOptions
    | UnpackOptions
    | LeakyReluOptions
    | StridedSliceOptions
    | ResizeNearestNeighborOptions
    | ResizeBilinearOptions
    | MirrorPadOptions
    | DepthToSpaceOptions
    | SpaceToDepthOptions
    | GatherOptions
    | BatchMatMulOptions
    | TransposeConvOptions
    | CallOnceOptions
    | IfOptions
    | WhileOptions
    | VarHandleOptions
)
