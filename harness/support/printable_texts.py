"""Makes the texts of a Record printable before they reach a file that others read."""

from typing import Any, TypeVar

import msgspec

from harness.support.shown import shown

T = TypeVar("T")


def printable_texts(value: T) -> T:
    """Return a struct, and all that it consists of, with printable texts and without secrets.

    They come from devices, compilers, files and git.
    """
    return _printable(value)  # type: ignore[no-any-return]


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list):
        return [_printable(each) for each in value]
    if isinstance(value, dict):
        return {key: _printable(each) for key, each in value.items()}
    if isinstance(value, msgspec.Struct):
        fields = {name: _printable(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    return value
