"""The options of each kind of operator in a `.tflite` file, and the defaults of missing ones."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import tflite

from harness.errors import InputError
from harness.model.operator_options import (
    Activation,
    AddOptions,
    BatchMatMulOptions,
    CallOnceOptions,
    ConcatenationOptions,
    Conv2DOptions,
    CumsumOptions,
    DepthToSpaceOptions,
    DepthwiseConv2DOptions,
    DivOptions,
    FullyConnectedOptions,
    GatherOptions,
    GeluOptions,
    IfOptions,
    L2NormOptions,
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
    VarHandleOptions,
    WhileOptions,
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
    "CALL_ONCE": CallOnceOptions,
    "IF": IfOptions,
    "WHILE": WhileOptions,
    "VAR_HANDLE": VarHandleOptions,
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
    "DIV": DivOptions(Activation.NONE),
    "GELU": GeluOptions(approximate=False),
    "L2_NORMALIZATION": L2NormOptions(Activation.NONE),
    "RESIZE_NEAREST_NEIGHBOR": ResizeNearestNeighborOptions(
        align_corners=False, half_pixel_centers=False
    ),
    "RESIZE_BILINEAR": ResizeBilinearOptions(align_corners=False, half_pixel_centers=False),
    "GATHER": GatherOptions(axis=0, batch_dims=0),
    "BATCH_MATMUL": BatchMatMulOptions(adj_x=False, adj_y=False),
}


def read_options(
    table: tflite.Operator,
    who: str,
    kind: str,
    text: Callable[[bytes | None], str],
    fail: Callable[[str], InputError],
) -> Options | None:
    """Return the options of the operator `table` of this `kind`; messages name it `who`.

    `text` decodes a string of the file, `fail` makes an error that names the file.
    """
    options = OPTIONS.get(kind)
    if options is None:
        return None
    union = table.BuiltinOptions()
    if union is None or table.BuiltinOptionsType() == 0:
        if kind in DEFAULTS:
            return DEFAULTS[kind]
        raise fail(f"{who} has no options")
    name = options.__name__
    if table.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, name):
        raise fail(f"{who} has the options of another operator")
    source = getattr(tflite, name)()
    source.Init(union.Bytes, union.Pos)
    hints = get_type_hints(options)
    values: dict[str, Any] = {}
    for field in fields(options):
        value = getattr(source, _camel(field.name))()
        convert = hints[field.name]
        values[field.name] = text(value) if convert is str else convert(value)
    return options(**values)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
