"""TOML files read into typed, validated structures."""

import re
import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.errors import InputError

T = TypeVar("T")

_PATH = re.compile(r" - at `\$\.?(?P<key>.*)`$")


def read(path: Path, schema: type[T]) -> T:
    """Read `path` as a `schema`, an `msgspec.Struct` that describes the file.

    Raises `InputError` naming the file and key if the file cannot be read, is not
    TOML, lacks a key, or holds one that is unknown, mistyped or out of range.
    """
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is not valid TOML: {error}", where=str(path)) from error
    try:
        return msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        message = str(error)
        at = _PATH.search(message)
        key = at["key"] if at else ""
        where = f"{path}: {key}" if key else str(path)
        raise InputError(_PATH.sub("", message), where=where) from error
