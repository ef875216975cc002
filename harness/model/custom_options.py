"""The options of custom operators that TFLM has: a map in the format of FlexBuffers."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
import tflite
from flatbuffers import flexbuffers  # type: ignore[import-untyped]

from harness.errors import InputError
from harness.model.operator_options import CircularBufferOptions, DetectionOptions

CUSTOM_OPTIONS: Mapping[str, type[DetectionOptions | CircularBufferOptions]] = {
    "CUSTOM:CIRCULAR_BUFFER": CircularBufferOptions,
    "CUSTOM:TFLite_Detection_PostProcess": DetectionOptions,
}
_DEFAULTS: Mapping[str, int] = {"detections_per_class": 100}
_DAMAGED = (struct.error, ValueError, LookupError, TypeError, OverflowError)


def read_custom_options(
    table: tflite.Operator, who: str, kind: str, fail: Callable[[str], InputError]
) -> DetectionOptions | CircularBufferOptions:
    """Return the options of the operator `table` of this `kind`; messages name it `who`.

    As in TFLM, an option that is missing is 0, but for a few. `fail` makes an error that names the
    file.
    """
    options = CUSTOM_OPTIONS[kind]
    hints = get_type_hints(options)
    try:
        given = _map(table)
        values = {
            field.name: _value(given, field.name, hints[field.name]) for field in fields(options)
        }
    except _DAMAGED as error:
        raise fail(f"{who} has options that are not a map of FlexBuffers: {error}") from error
    return options(**values)


def _map(table: tflite.Operator) -> Any:
    """Return the map, or an empty one if the operator has no options."""
    length = table.CustomOptionsLength()
    if not length:
        return {}
    content = bytes(table.CustomOptionsAsNumpy())
    return flexbuffers.GetRoot(bytearray(content)).AsMap


def _value(given: Any, name: str, convert: type) -> Any:
    """Return the option `name`, converted; a number with a fraction has float32, as in TFLM."""
    try:
        value = given[name]
    except KeyError as error:
        if error.args != (name,):  # damaged
            raise
        return convert(_DEFAULTS.get(name, 0))
    if value.IsNull:
        return convert(_DEFAULTS.get(name, 0))
    if convert is not float:
        return convert(value.AsInt)
    with np.errstate(over="ignore"):
        return float(np.float32(value.AsFloat))
