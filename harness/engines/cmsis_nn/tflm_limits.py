"""What TFLM's kernels take: types of the operators that only move values, and dimensions.

The engine refuses what TFLM refuses. Source: TFLM tensorflow/lite/micro/kernels, one file for each
operator. TFLM has no kernel for TILE; golden computes it with GATHER.
"""

from collections.abc import Mapping

_MOVED = ("int8", "int16", "int32", "float32")
_ANY = ("int8", "uint8", "int16", "int32", "int64", "float32", "bool")

TYPES: Mapping[str, tuple[str, ...]] = {
    "BATCH_TO_SPACE_ND": ("int8", "float32"),
    "BROADCAST_TO": _ANY,
    "CONCATENATION": (*_MOVED, "int64", "bool"),
    "DEPTH_TO_SPACE": ("int8", "float32"),
    "DYNAMIC_UPDATE_SLICE": _MOVED,
    "EMBEDDING_LOOKUP": ("int8", "float32"),
    "EXPAND_DIMS": ("int8", "int16", "float32"),
    "FILL": ("int8", "int32", "float32"),
    "GATHER": ("int8", "float32"),
    "GATHER_ND": ("int8", "float32"),
    "MIRROR_PAD": ("int8", "float32"),
    "PACK": (*_MOVED, "int64"),
    "PAD": _MOVED,
    "PADV2": _MOVED,
    "RESHAPE": _ANY,
    "RESIZE_BILINEAR": ("int8", "float32"),
    "RESIZE_NEAREST_NEIGHBOR": ("int8", "int16", "float32"),
    "REVERSE_V2": _ANY,
    "SLICE": (*_MOVED, "bool"),
    "SPACE_TO_BATCH_ND": ("int8", "float32"),
    "SPACE_TO_DEPTH": ("int8", "float32"),
    "SPLIT": _MOVED,
    "SPLIT_V": _MOVED,
    "SQUEEZE": _ANY,
    "STRIDED_SLICE": (*_MOVED, "bool"),
    "TILE": ("int8", "float32"),
    "TRANSPOSE": ("int8", "int16", "float32"),
    "UNPACK": _MOVED,
    "ZEROS_LIKE": ("int8", "int32", "int64", "float32"),
}

_COMPARED = ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL")
_NO_INT64 = "no layer that runs here makes int64, and the link carries none"
_UNSET = "TFLM's kernel does not set its scales, so the result is false whatever the values"

ONLY_IN_TFLM: Mapping[str, Mapping[str, str]] = {
    **{kind: {"int64": _NO_INT64} for kind in (*_COMPARED, "MAXIMUM", "MINIMUM")},
    "GREATER": {"int16": _UNSET, "int64": _NO_INT64},
}
"""Types that TFLM's kernels take, but the engine does not, with the reason."""

RANKS: Mapping[str, tuple[int, int]] = {
    "BATCH_MATMUL": (2, 5),
    "BATCH_TO_SPACE_ND": (3, 4),
    "BROADCAST_TO": (0, 5),
    "CONCATENATION": (1, 6),
    "DEPTH_TO_SPACE": (4, 4),
    "DYNAMIC_UPDATE_SLICE": (1, 6),
    "PAD": (0, 5),
    "PADV2": (0, 5),
    "RESIZE_BILINEAR": (4, 4),
    "RESIZE_NEAREST_NEIGHBOR": (4, 4),
    "REVERSE_V2": (1, 6),
    "SLICE": (1, 5),
    "SPACE_TO_BATCH_ND": (3, 4),
    "SPACE_TO_DEPTH": (4, 4),
    "STRIDED_SLICE": (1, 4),
    "TRANSPOSE": (1, 5),
}
