"""TOML files read into typed, validated structures."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from harness.errors import InputError
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.suggestions import suggest

T = TypeVar("T")

_PATH = re.compile(r" - at `(?P<path>\$.*)`$")
_UNKNOWN_KEY = re.compile(r"Object contains unknown field `(?P<name>.*)`$")
_MISSING_KEY = re.compile(r"Object missing required field `(?P<name>.*)`$")
_UNKNOWN_VALUE = re.compile(r"Invalid (?:enum )?value '(?P<name>.*)'$")


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a file; an unknown key is an error."""


def read(path: Path, schema: type[T]) -> T:
    """Read `path` as a `schema`, an `msgspec.Struct` that describes the file.

    Raises `InputError` as `load` and `convert` do.
    """
    return convert(load(path), schema, path)


def load(path: Path) -> dict[str, Any]:
    """Read `path`; `InputError` if the file cannot be read or is not TOML."""
    data = read_input(path, MAX_TEXT)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not UTF-8 text: byte {error.object[error.start]:#04x} at offset {error.start}",
            where=str(path),
            remedy="save the file as UTF-8",
        ) from error
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError, mostly
        raise InputError(f"is not valid TOML: {error}", where=str(path)) from error


def convert(data: dict[str, Any], schema: type[T], path: Path) -> T:
    """Return `data`, read from `path`, as a `schema`.

    Raises `InputError` naming the file and key if a key is missing, or one is unknown,
    mistyped or out of range.
    """
    try:
        return msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        message = str(error)
        at = _PATH.search(message)
        key = at["path"].removeprefix("$").removeprefix(".") if at else ""
        what, remedy = _explain(_PATH.sub("", message), _names(schema, data, key))
        raise InputError(what, where=f"{path}: {key}" if key else str(path), remedy=remedy) from (
            error
        )


def _explain(message: str, names: set[str]) -> tuple[str, str]:
    """Return msgspec's `message` in TOML terms, and a remedy; `names` are allowed there."""
    if found := _UNKNOWN_KEY.match(message):
        return f"unknown key `{found['name']}`", suggest(found["name"], names)
    if found := _MISSING_KEY.match(message):
        return f"the key `{found['name']}` is missing", ""
    if found := _UNKNOWN_VALUE.match(message):
        return f"unknown value {found['name']!r}", suggest(found["name"], names)
    return message.replace("`object`", "a table").replace("`array`", "an array"), ""


def _names(schema: type[object], data: object, key: str) -> set[str]:
    """Return the keys that the table `key` may have; if `key` is not a table, its values."""
    types: list[inspect.Type] = [inspect.type_info(schema)]
    for part in filter(None, re.sub(r"\[.*?\]", "", key).split(".")):
        data = data.get(part) if isinstance(data, dict) else None
        types = [inner for outer in types for inner in _inside(outer, part, data)]
    names: set[str] = set()
    for kind in types:
        if isinstance(kind, inspect.LiteralType):
            names.update(map(str, kind.values))
        elif isinstance(kind, inspect.StructType):
            names.update(field.encode_name for field in kind.fields)
            names.update({kind.tag_field} if kind.tag_field else ())
    return names


def _inside(outer: inspect.Type, key: str, data: object) -> Iterator[inspect.Type]:
    """Yield the types that `key` of a table may have.

    If these are several kinds of table, yield only the kind that `data` is tagged as.
    """
    if not isinstance(outer, inspect.StructType):
        return
    if key == outer.tag_field:
        yield inspect.LiteralType((outer.tag,))
    for field in outer.fields:
        if field.encode_name == key:
            inner = field.type
            if isinstance(inner, inspect.ListType):
                inner = inner.item_type
            members = inner.types if isinstance(inner, inspect.UnionType) else (inner,)
            yield from [kind for kind in members if _is_tagged(kind, data)] or members


def _is_tagged(kind: inspect.Type, data: object) -> bool:
    """Return whether the table `data` is tagged as this `kind`."""
    return (
        isinstance(kind, inspect.StructType)
        and kind.tag_field is not None
        and isinstance(data, dict)
        and data.get(kind.tag_field) == kind.tag
    )
