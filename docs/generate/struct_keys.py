"""The keys of msgspec structs: type, default, and the text below each field.

A field is documented by a string literal below it, as PEP 258 describes:

    class Port(Struct):
        name: str
        \"\"\"Folder of `firmware/ports`.\"\"\"
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect as types

from docs.generate.markdown import code

_ADDRESS = 1 << 31  # numbers from here on are addresses, shown in hexadecimal
_DIGITS = re.compile(r"\\A\[0-9a-f\]\{(\d+)\}\\Z")
_NO_NUL = r"\A[^\x00]*\Z"


class Key(NamedTuple):
    """A key of a table: in `default`, an empty text stands for a required key."""

    name: str
    type: str
    default: str
    text: str


class Table(NamedTuple):
    """A table: its `path` from the file's root, `tag` as in `kind = "qemu"`, its keys."""

    path: str
    tag: str
    text: str
    keys: Sequence[Key]


def tables(schema: type) -> Iterator[Table]:
    """Yield the table that `schema` describes, then those below it, each once."""
    yield from _tables(schema, "", set())


def _tables(struct: type, path: str, seen: set[tuple[type, str]]) -> Iterator[Table]:
    if (struct, path) in seen:
        return
    seen.add((struct, path))
    info: Any = types.type_info(struct)
    texts = field_texts(struct)
    tag = f'{info.tag_field} = "{info.tag}"' if info.tag_field else ""
    yield Table(
        path,
        tag,
        inspect.cleandoc(struct.__doc__ or ""),
        [
            Key(f.encode_name, type_text(f.type), _default(f), texts.get(f.name, ""))
            for f in info.fields
        ],
    )
    for field in info.fields:
        for inner, mark in structs_in(field.type):
            name = f"{path}.{field.encode_name}" if path else field.encode_name
            yield from _tables(inner, name + mark, seen)


def structs_in(kind: types.Type, mark: str = "") -> Iterator[tuple[type, str]]:
    """Yield the structs inside a type; the mark shows that there may be several."""
    if isinstance(kind, types.Metadata):
        yield from structs_in(kind.type, mark)
    elif isinstance(kind, types.StructType):
        yield kind.cls, mark
    elif isinstance(kind, types.UnionType):
        for member in kind.types:
            yield from structs_in(member, mark)
    elif isinstance(kind, types.ListType | types.VarTupleType):
        yield from structs_in(kind.item_type, f"{mark}[]")
    elif isinstance(kind, types.DictType):
        yield from structs_in(kind.value_type, f"{mark}.NAME")


def field_texts(struct: type) -> dict[str, str]:
    """Return the text below each field of a struct, and of the structs that it extends."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if base is msgspec.Struct or not issubclass(base, msgspec.Struct):
            continue
        tree: Any = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        for node, below in pairwise(tree.body):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                text = _literal(below)
                if text:
                    found[node.target.id] = inspect.cleandoc(text)
    return found


def _literal(node: ast.stmt) -> str:
    value = node.value if isinstance(node, ast.Expr) else None
    is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return str(value.value) if is_text and isinstance(value, ast.Constant) else ""


def _default(field: types.Field) -> str:
    if field.required:
        return ""
    if field.default_factory is not msgspec.NODEFAULT:
        return "empty"
    value = field.default
    if value is None:
        return "none"
    if isinstance(value, msgspec.Struct | list | tuple | dict) or value == "":
        return "empty"
    return code(_value(value) if isinstance(value, int) and value >= _ADDRESS else str(value))


def type_text(kind: types.Type) -> str:
    """Return a type in words: `integer, 0 to 15`, `text`, `list of numbers`."""
    return _WORDS[type(kind)](kind)


def _union(kind: types.UnionType) -> str:
    members = [member for member in kind.types if not isinstance(member, types.NoneType)]
    words = list(dict.fromkeys(map(type_text, members)))
    return " or ".join([*words, "null"] if len(members) < len(kind.types) else words)


def _number(kind: types.IntType | types.FloatType) -> str:
    word = "integer" if isinstance(kind, types.IntType) else "number"
    limits = [(kind.ge, "at least"), (kind.gt, "more than"), (kind.le, "at most")]
    if kind.ge is not None and kind.le is not None:
        return f"{word}, {_value(kind.ge)} to {_value(kind.le)}"
    told = [f"{text} {_value(limit)}" for limit, text in limits if limit is not None]
    return ", ".join([word, *told])


def _value(limit: float) -> str:
    return f"0x{limit:X}" if isinstance(limit, int) and limit >= _ADDRESS else f"{limit:,}"


def _string(kind: types.StrType) -> str:
    if kind.pattern and (match := _DIGITS.fullmatch(kind.pattern)):
        return f"{match[1]} hexadecimal digits"
    if kind.pattern and kind.pattern != _NO_NUL:
        return f"text that matches {code(kind.pattern)}"
    return "text, not empty" if kind.min_length else "text"


_WORDS: Mapping[type, Callable[[Any], str]] = {
    types.BoolType: lambda _: "`true` or `false`",
    types.DictType: lambda kind: f"by name: {type_text(kind.value_type)}",
    types.FloatType: _number,
    types.IntType: _number,
    types.ListType: lambda kind: f"list of: {type_text(kind.item_type)}",
    types.LiteralType: lambda kind: f"one of {', '.join(map(code, map(str, sorted(kind.values))))}",
    types.Metadata: lambda kind: type_text(kind.type),
    types.StrType: _string,
    types.StructType: lambda _: "table",
    types.UnionType: _union,
    types.VarTupleType: lambda kind: f"list of: {type_text(kind.item_type)}",
}
