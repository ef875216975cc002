"""The options of each kind of operator in a `.tflite` file, and the defaults of missing ones."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import tflite

from harness.errors import InputError
from harness.model.custom_options import CUSTOM_OPTIONS, read_custom_options
from harness.model.file_facts import names_of
from harness.model.operator_options import (
    Activation,
    AxisOptions,
    BatchMatMulOptions,
    BlockOptions,
    CallOnceOptions,
    ConcatenationOptions,
    Conv2DOptions,
    CumsumOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    FusedOptions,
    GatherOptions,
    GeluOptions,
    IfOptions,
    LeakyReluOptions,
    MirrorPadOptions,
    Options,
    Pool2DOptions,
    ResizeOptions,
    SoftmaxOptions,
    StridedSliceOptions,
    SVDFOptions,
    TransposeConvOptions,
    UnidirectionalSequenceLSTMOptions,
    VarHandleOptions,
    WhileOptions,
)

OPTIONS: dict[str, type[Options]] = {
    "CONV_2D": Conv2DOptions,
    "DEPTHWISE_CONV_2D": DepthwiseConv2DOptions,
    "AVERAGE_POOL_2D": Pool2DOptions,
    "MAX_POOL_2D": Pool2DOptions,
    "FULLY_CONNECTED": FullyConnectedOptions,
    "ADD": FusedOptions,
    "SOFTMAX": SoftmaxOptions,
    "SUB": FusedOptions,
    "MUL": FusedOptions,
    "CUMSUM": CumsumOptions,
    "DIV": FusedOptions,
    "GELU": GeluOptions,
    "L2_NORMALIZATION": FusedOptions,
    "L2_POOL_2D": Pool2DOptions,
    "CONCATENATION": ConcatenationOptions,
    "PACK": AxisOptions,
    "UNPACK": AxisOptions,
    "LEAKY_RELU": LeakyReluOptions,
    "STRIDED_SLICE": StridedSliceOptions,
    "RESIZE_NEAREST_NEIGHBOR": ResizeOptions,
    "TRANSPOSE_CONV": TransposeConvOptions,
    "CALL_ONCE": CallOnceOptions,
    "IF": IfOptions,
    "WHILE": WhileOptions,
    "VAR_HANDLE": VarHandleOptions,
    "RESIZE_BILINEAR": ResizeOptions,
    "MIRROR_PAD": MirrorPadOptions,
    "DEPTH_TO_SPACE": BlockOptions,
    "SPACE_TO_DEPTH": BlockOptions,
    "GATHER": GatherOptions,
    "BATCH_MATMUL": BatchMatMulOptions,
    "SVDF": SVDFOptions,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": UnidirectionalSequenceLSTMOptions,
}

# The schema's names of the options in a class that several operators share.
_SCHEMA_NAMES: dict[str, str] = {
    "ADD": "AddOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "DIV": "DivOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "MUL": "MulOptions",
    "PACK": "PackOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SUB": "SubOptions",
    "UNPACK": "UnpackOptions",
}

# Options that a file may omit; these are the defaults of TFLM's parsers.
DEFAULTS: dict[str, Options] = {
    "ADD": FusedOptions(Activation.NONE),
    "SUB": FusedOptions(Activation.NONE),
    "MUL": FusedOptions(Activation.NONE),
    "DIV": FusedOptions(Activation.NONE),
    "GELU": GeluOptions(approximate=False),
    "L2_NORMALIZATION": FusedOptions(Activation.NONE),
    "RESIZE_NEAREST_NEIGHBOR": ResizeOptions(align_corners=False, half_pixel_centers=False),
    "RESIZE_BILINEAR": ResizeOptions(align_corners=False, half_pixel_centers=False),
    "GATHER": GatherOptions(axis=0, batch_dims=0),
    "BATCH_MATMUL": BatchMatMulOptions(adj_x=False, adj_y=False),
}

_ALL_OPTIONS = names_of(tflite.BuiltinOptions)


def schema_name(kind: str) -> str | None:
    """Return the schema's name of the options of an operator of this `kind`, if it has options."""
    options = OPTIONS.get(kind)
    return None if options is None else _SCHEMA_NAMES.get(kind, options.__name__)


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
    if kind in CUSTOM_OPTIONS:
        return read_custom_options(table, who, kind, fail)
    options, name = OPTIONS.get(kind), schema_name(kind)
    if options is None or name is None:
        return None
    union = table.BuiltinOptions()
    if union is None or table.BuiltinOptionsType() == 0:
        if kind in DEFAULTS:
            return DEFAULTS[kind]
        raise fail(f"{who} has no options")
    if table.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, name):
        other = _ALL_OPTIONS.get(table.BuiltinOptionsType(), "unknown ones")
        raise fail(f"{who} has the options of another operator: {other}")
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
