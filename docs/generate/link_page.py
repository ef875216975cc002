"""The link's messages, from the header that the firmware compiles."""

import re
from typing import NamedTuple

from docs.generate import harness_objects as objects
from docs.generate.markdown import code, plain, table

_CONSTANT = re.compile(r"^\s+(?P<name>[A-Z_]+) = (?P<value>\w+),\s*(?:/\* (?P<text>.*) \*/)?$")
_DIRECTION = re.compile(r"^\s+/\* (?P<text>\w+ to \w+) \*/$")


class Constant(NamedTuple):
    """A constant of an enum, with the comment behind it and the direction above it."""

    name: str
    value: int
    text: str
    direction: str


def page() -> str:
    """Return the page on messages and error codes."""
    constants = read_constants((objects.REPOSITORY / objects.MESSAGES_HEADER).read_text())
    messages = [c for c in constants if c.name.startswith("MESSAGE_")]
    errors = [c for c in constants if c.name.startswith("ERROR_")]
    return "\n".join(
        [
            "# Messages of the link\n",
            "[The link](../link.md) describes frames, sessions and retransmission. "
            f"These are the constants of {code(objects.MESSAGES_HEADER)}. "
            "All numbers are little-endian.\n",
            "## Types\n",
            table(
                ("type", "message", "direction", "body and meaning"),
                [(f"`{c.value:02X}`", _name(c), c.direction, plain(c.text)) for c in messages],
            ),
            "## Error codes\n",
            "ERROR carries one of these codes.\n",
            table(
                ("code", "name", "meaning"),
                [(f"`{c.value}`", _name(c), plain(c.text)) for c in errors],
            ),
        ]
    )


def read_constants(header: str) -> list[Constant]:
    """Return the constants of all enums in a C header."""
    found, direction = [], ""
    for line in header.splitlines():
        if match := _DIRECTION.match(line):
            direction = match["text"]
        elif match := _CONSTANT.match(line):
            text = match["text"] or ""
            found.append(Constant(match["name"], int(match["value"], 0), text, direction))
    return found


def _name(constant: Constant) -> str:
    return code(constant.name.split("_", 1)[1])
