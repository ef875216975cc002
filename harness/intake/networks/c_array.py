"""Networks as arrays in C sources: what `xxd -i` and the tools of microcontrollers write."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from harness.errors import InputError
from harness.support.suggestions import suggest

IDENTIFIER = b"TFL3"
"""What stands at bytes 4 to 7 of a `.tflite` file."""

# No pattern looks at a character more often than a bounded number of times: sources are untrusted.
_COMMENT = re.compile(r"/\*(?:.*?\*/|.*)|//[^\n]*", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*", re.MULTILINE | re.DOTALL)
_VALUES = re.compile(r"=\s{0,20}\{([^{}]*)\}")
_BEFORE = 600  # characters before the values: the type, the name, its size, attributes
# Some programs write the path of a file for the name.
_DECLARATION = re.compile(
    r"\b(?P<type>\w{1,100})\s+(?P<name>[\w./\\-]{1,100})\s*\[[^\]\n]{0,100}\][^=;{}\[\]]{0,200}\Z"
)
_DECLARED = re.compile(r"\b(?P<name>\w{1,100})\s*\[[^\]\n]{0,100}\]\s*;")
_VALUE = re.compile(r"[^,]+")
_INTEGER = re.compile(
    r"(?P<sign>-?)(?P<digits>0[xX][0-9A-Fa-f]{1,16}|0[bB][01]{1,64}|[0-9]{1,20})[uUlL]{0,3}"
)
_WIDTHS = {"int16_t": 2, "uint16_t": 2, "short": 2, "int32_t": 4, "uint32_t": 4, "int": 4}
_SHOWN = 6  # names in a message


class _Array(NamedTuple):
    """An array as the source writes it."""

    name: str
    kind: str
    values: str


def looks_like_c(data: bytes) -> bool:
    """Tell whether `data` is text that may define or declare an array."""
    return b"\0" not in data[:4096] and re.search(rb"\w\s{0,20}\[[^\]\n]{0,40}\]", data) is not None


def read_c_array(data: bytes, name: str | None, *, where: str) -> bytes:
    """Return the `.tflite` file that an array of the C source `data` holds.

    `name` chooses one of several networks. Arrays of wider integers are little-endian, as on a
    Cortex-M. Raises `InputError`, with the file's name `where`, if there is no such array, several
    hold networks, or a value is not an integer of the array's type.
    """
    text = _DIRECTIVE.sub("", _COMMENT.sub(" ", data.decode("utf-8", "replace")))
    found = _arrays(text, where)
    if name is not None:
        if name not in found:
            raise InputError(f"has no array {name}", where=where, remedy=suggest(name, list(found)))
        return _bytes(found[name], where)
    networks: dict[str, bytes] = {}
    errors: list[InputError] = []
    for one in found.values():
        try:
            content = _bytes(one, where)
        except InputError as error:
            errors.append(error)
            continue
        if content[4:8] == IDENTIFIER:
            networks[one.name] = content
    if len(networks) > 1:
        raise InputError(
            f"holds {len(networks)} networks: {_list(list(networks))}",
            where=where,
            remedy=f"choose one: --array {next(iter(networks))}",
        )
    if not networks:
        raise errors[0] if len(errors) == 1 == len(found) else _no_network(text, found, where)
    return next(iter(networks.values()))


def _arrays(text: str, where: str) -> dict[str, _Array]:
    """Return the arrays with values by name; `InputError` if two of one name differ."""
    found: dict[str, _Array] = {}
    for values in _VALUES.finditer(text):
        start = values.start()
        declared = _DECLARATION.search(text, max(0, start - _BEFORE), start)
        if declared is None:
            continue
        array = _Array(declared["name"], declared["type"], values[1])
        if found.setdefault(array.name, array).values.split() != array.values.split():
            raise InputError(
                "defines this array twice, with other values: no compiler has chosen one of them",
                where=f"{where}: {array.name}",
                remedy="give a source without the other one, or the preprocessed source",
            )
    return found


def _no_network(text: str, found: dict[str, _Array], where: str) -> InputError:
    declared = [match["name"] for match in _DECLARED.finditer(text)]
    if found:
        what = f"no array holds a .tflite file: it has {_list(list(found))}"
        remedy = "give the source that holds the network's bytes"
    elif declared:
        what = f"declares {_list(declared)}, but has no values"
        remedy = "give the source that defines it, often the .cc or .c file of the same name"
    else:
        what = "is text without a C array of bytes"
        remedy = "give a .tflite file, or a C source with its bytes, as xxd -i writes"
    return InputError(what, where=where, remedy=remedy)


def _bytes(array: _Array, where: str) -> bytes:
    """Return the bytes of `array`, whose values are integers of its type."""
    width = _WIDTHS.get(array.kind, 1)
    lowest, above = -(1 << (8 * width - 1)), 1 << (8 * width)
    content = bytearray()
    for position, written in enumerate(_VALUE.finditer(array.values)):
        word = written[0].strip()
        if not word:
            continue  # after the last comma
        match = _INTEGER.fullmatch(word)
        value = _value(match) if match else above
        if not lowest <= value < above:
            raise InputError(
                f"value {position} is {word[:40]!r}, not an integer of {8 * width} bits",
                where=f"{where}: {array.name}",
                remedy="give the source as the tool wrote it",
            )
        content += (value % above).to_bytes(width, "little")
    return bytes(content)


def _value(match: re.Match[str]) -> int:
    digits = match["digits"]
    octal = len(digits) > 1 and digits.isdigit() and digits.startswith("0")
    if octal and not set(digits) <= set("01234567"):
        return 1 << 64  # no number of C
    value = int(digits, 8 if octal else 0)
    return -value if match["sign"] else value


def _list(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
