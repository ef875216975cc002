"""What of a source file can change a number: its text without comments and docstrings."""

import ast
import io
import json
import re
import tokenize
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

# A string, which is kept, or a comment.
_C = re.compile(r'("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')|/\*.*?\*/|//[^\n]*', re.DOTALL)


def significant_text(path: Path) -> str:
    """Return the text of `path` without what a compiler or interpreter does not see.

    The result does not depend on the version of Python. A file of an unknown kind is returned
    whole, in hexadecimal digits.
    """
    read = _KINDS.get(path.suffix)
    return path.read_bytes().hex() if read is None else read(path.read_text(encoding="utf-8"))


def c_text(text: str) -> str:
    """Return C without its comments."""
    return _lines(_C.sub(lambda match: match[1] or " ", text))


def cmake_text(text: str) -> str:
    """Return CMake without the lines that are comments."""
    return _lines("\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#")))


def python_text(text: str) -> str:
    """Return Python without comments and docstrings."""
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            last = node.end_lineno or node.lineno
            lines[node.lineno - 1 : last] = [""] * (last - node.lineno + 1)
    return _lines("\n".join(lines), indented=True)


def _toml_text(text: str) -> str:
    return json.dumps(tomllib.loads(text), sort_keys=True, default=str)


def _lines(text: str, *, indented: bool = False) -> str:
    """Return `text` without blank lines, and without indentation unless that has a meaning."""
    lines = (line.rstrip() if indented else line.strip() for line in text.split("\n"))
    return "\n".join(filter(None, lines))


_KINDS: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys((".c", ".h", ".ld"), c_text),
    **dict.fromkeys((".cmake", ".txt"), cmake_text),
    ".py": python_text,
    ".toml": _toml_text,
}
