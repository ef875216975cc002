"""A network as immutable objects: tensors, operators, constants. `tflite_file` reads it."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np


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


# The options of an operator. Fields have the schema's names in snake case, so a new operator only
# needs its class here and an entry in the table of `tflite_options`.


@dataclass(frozen=True)
class Conv2DOptions:
    """Options of CONV_2D; strides and dilations in elements."""

    padding: Padding
    stride_w: int
    stride_h: int
    fused_activation_function: Activation
    dilation_w_factor: int
    dilation_h_factor: int


@dataclass(frozen=True)
class DepthwiseConv2DOptions(Conv2DOptions):
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
    """Options of FULLY_CONNECTED; `weights_format` 0 is the plain [out, in] order."""

    fused_activation_function: Activation
    weights_format: int
    keep_num_dims: bool


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
class TransposeConvOptions:
    """Options of TRANSPOSE_CONV; strides in elements of the output."""

    padding: Padding
    stride_w: int
    stride_h: int
    fused_activation_function: Activation


Options = (
    Conv2DOptions
    | DepthwiseConv2DOptions
    | Pool2DOptions
    | FullyConnectedOptions
    | AddOptions
    | SoftmaxOptions
    | SubOptions
    | MulOptions
    | ConcatenationOptions
    | PackOptions
    | UnpackOptions
    | LeakyReluOptions
    | StridedSliceOptions
    | ResizeNearestNeighborOptions
    | TransposeConvOptions
)


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor; real value = scale * (stored value - zero point).

    `scale` (float32) and `zero_point` (int64) have one entry for the tensor, or one for each
    index of axis `quantized_axis`. `scale` is None if the tensor is not quantized. `data` is the
    value of a constant, None for a tensor that is computed at run time.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: np.ndarray[Any, np.dtype[np.float32]] | None = None
    zero_point: np.ndarray[Any, np.dtype[np.int64]] | None = None
    quantized_axis: int = 0
    data: np.ndarray[Any, np.dtype[Any]] | None = None

    @property
    def elements(self) -> int:
        """Number of elements (1 for a scalar)."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.elements * self.dtype.itemsize


@dataclass(frozen=True)
class Operator:
    """One operator; an input of -1 is an absent optional input."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None


@dataclass(frozen=True)
class Graph:
    """A network. Its operators are in an order in which they can run.

    `name` contains no folders. `where` is the file, for messages; `source` holds its bytes, for
    engines that interpret them.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str
    where: str = ""
    source: bytes = field(default=b"", repr=False)

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that `inputs` names."""
        return tuple(self.tensors[index] for index in self.inputs)

    @property
    def output_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that `outputs` names."""
        return tuple(self.tensors[index] for index in self.outputs)

    @property
    def arg_max(self) -> Operator | None:
        """The ARG_MAX that computes the first output, which is a class index then; else None."""
        producers = {index: operator for operator in self.operators for index in operator.outputs}
        producer = producers.get(self.outputs[0])
        while producer is not None and producer.kind == "RESHAPE":
            producer = producers.get(producer.inputs[0])
        return producer if producer is not None and producer.kind == "ARG_MAX" else None

    @property
    def classes(self) -> int:
        """Number of classes that the first output distinguishes."""
        arg_max = self.arg_max
        if arg_max is None:
            return self.output_tensors[0].elements
        return self.tensors[arg_max.inputs[0]].elements // self.output_tensors[0].elements
