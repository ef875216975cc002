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
# needs an entry in the table of `tflite_options`, and a class here if none has its fields.


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
class FusedOptions:
    """Options of operators that have a fused activation and nothing else, such as ADD."""

    fused_activation_function: Activation


@dataclass(frozen=True)
class AxisOptions:
    """Options of PACK and UNPACK: the axis that is added or removed; -1 is the last."""

    axis: int


@dataclass(frozen=True)
class ResizeOptions:
    """Options of RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

    align_corners: bool
    half_pixel_centers: bool


@dataclass(frozen=True)
class BlockOptions:
    """Options of DEPTH_TO_SPACE and SPACE_TO_DEPTH: the side of a block, in pixels."""

    block_size: int


@dataclass(frozen=True)
class SoftmaxOptions:
    """Options of SOFTMAX: exp(beta * x) / sum(exp(beta * x))."""

    beta: float


@dataclass(frozen=True)
class GeluOptions:
    """Options of GELU: `approximate` is by tanh, otherwise by the error function."""

    approximate: bool


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
class MirrorPadOptions:
    """Options of MIRROR_PAD."""

    mode: MirrorMode


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


@dataclass(frozen=True)
class SVDFOptions:
    """Options of SVDF: each unit has `rank` filters."""

    rank: int
    fused_activation_function: Activation


@dataclass(frozen=True)
class UnidirectionalSequenceLSTMOptions:
    """Options of UNIDIRECTIONAL_SEQUENCE_LSTM: a `cell_clip` of 0 does not clip."""

    fused_activation_function: Activation
    cell_clip: float
    time_major: bool


@dataclass(frozen=True)
class DetectionOptions:
    """Options of the custom operator TFLite_Detection_PostProcess."""

    max_detections: int
    max_classes_per_detection: int
    detections_per_class: int
    use_regular_nms: bool
    nms_score_threshold: float
    nms_iou_threshold: float
    num_classes: int
    y_scale: float
    x_scale: float
    h_scale: float
    w_scale: float


@dataclass(frozen=True)
class CircularBufferOptions:
    """Options of the custom operator CIRCULAR_BUFFER: it ends all but each `cycles_max`-th run."""

    cycles_max: int


Options = (
    Conv2DOptions
    | DepthwiseConv2DOptions
    | Pool2DOptions
    | FullyConnectedOptions
    | FusedOptions
    | AxisOptions
    | ResizeOptions
    | BlockOptions
    | SoftmaxOptions
    | GeluOptions
    | CumsumOptions
    | ConcatenationOptions
    | LeakyReluOptions
    | StridedSliceOptions
    | MirrorPadOptions
    | GatherOptions
    | BatchMatMulOptions
    | TransposeConvOptions
    | CallOnceOptions
    | IfOptions
    | WhileOptions
    | VarHandleOptions
    | SVDFOptions
    | UnidirectionalSequenceLSTMOptions
    | DetectionOptions
    | CircularBufferOptions
)
