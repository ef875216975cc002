"""The text of generated C: comments, calls and lists, broken into lines."""

import re
from collections.abc import Iterator, Sequence

from harness.engines.cmsis_nn.layer import Call

WIDTH = 100
INDENT = "    "


def fill_lines(items: Sequence[str]) -> Iterator[str]:
    """Yield indented lines, each with as many items as fit."""
    line = INDENT
    for item in items:
        if len(line) + len(item) + 1 > WIDTH:
            yield line.rstrip()
            line = INDENT
        line += f"{item}, "
    yield line.rstrip()


def call_lines(before: str, call: Call, after: str) -> list[str]:
    """Return a call; continuation lines are aligned with the first argument."""
    head = f"{INDENT}{before}{call.function}("
    indent = " " * len(head)
    lines, line = [], head
    for i, argument in enumerate(call.arguments):
        last = i == len(call.arguments) - 1
        text = argument + (f"){after}" if last else ",")
        if line not in {head, indent} and len(line) + len(text) > WIDTH:
            lines.append(line.rstrip())
            line = indent
        line += text + ("" if last else " ")
    return [*lines, line]


def comment(lines: Sequence[str]) -> str:
    """Return a block comment; lines beyond `WIDTH` are truncated."""
    body = [f" * {line}"[:WIDTH].rstrip() for line in lines]
    return "\n".join(["/*", *body, " */"]) + "\n"


def comment_safe(name: str) -> str:
    """Return a name from the file without characters that could end or open a comment.

    A converter names a fused tensor after all its parts; the first is enough.
    """
    return re.sub(r"[^A-Za-z0-9_.:/-]", "_", name.split(";", maxsplit=1)[0])
