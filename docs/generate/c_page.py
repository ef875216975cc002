"""The C API: the declarations of a few headers with the comments above them."""

import re
from typing import NamedTuple

from docs.generate import harness_objects as objects
from docs.generate.markdown import block, code, plain

_DECLARED = (
    re.compile(r"^\}\s*(\w+);", re.MULTILINE),  # a type
    re.compile(r"\b(\w+)\((?:[^()]|\([^()]*\))*\)\s*;"),  # a function; a parameter may be one, too
    re.compile(r"^extern [^;(]*?\b(\w+)(?:\[\w*\])?;", re.MULTILINE),
    re.compile(r"^\s*#define (\w+)", re.MULTILINE),
)
_RULE = re.compile(r"\A---- (.*) ----$", re.MULTILINE)  # begins a section of a header
_NOISE = (
    re.compile(r"^#ifdef __cplusplus\n.*?^#endif\n", re.MULTILINE | re.DOTALL),
    re.compile(r"^#ifndef (\w+_H)\n#define \1\n", re.MULTILINE),
    re.compile(r"\n#endif[^\n]*\s*\Z"),
    re.compile(r"^#include .*\n", re.MULTILINE),
)


class Item(NamedTuple):
    """A comment, and the declarations below it."""

    comment: str
    source: str

    @property
    def names(self) -> list[str]:
        """What the item declares: types, functions, variables, macros."""
        source = re.sub(r"/\*.*?\*/", "", self.source, flags=re.DOTALL)
        found = (name for pattern in _DECLARED for name in pattern.findall(source))
        return list(dict.fromkeys(found))


def page() -> str:
    """Return the page on the firmware's headers."""
    intro = (
        "These headers are for your own firmware, your own engine and your own port. "
        "[The firmware](../firmware/README.md) explains how they fit together.\n"
    )
    return "\n".join(["# The C API\n", intro, *map(_header, objects.C_HEADERS)])


def _header(path: str) -> str:
    about, items = read_header((objects.REPOSITORY / path).read_text())
    return "\n".join([f"## {code(path)}\n", f"{plain(about)}\n", *map(_item, items)])


def _item(item: Item) -> str:
    parts = [f"### {', '.join(map(code, item.names))}\n"] if item.names else []
    if item.comment:
        parts.append(_RULE.sub(r"**\1**", plain(item.comment)) + "\n")
    if item.source:
        parts.append(block(item.source, "c"))
    return "\n".join(parts)


def read_header(text: str) -> tuple[str, list[Item]]:
    """Return the comment at the top of a header, and its items in order."""
    first, *rest = map(_item_of, _paragraphs(text))
    return first.comment, rest


def _paragraphs(text: str) -> list[str]:
    """Split a header before comments and at blank lines, but not inside braces or conditions."""
    for noise in _NOISE:
        text = noise.sub("", text)
    found: list[list[str]] = [[]]
    depth = 0
    for line in text.splitlines():
        if depth == 0 and (not line or line.startswith("/*")):
            found.append([])
        depth += line.count("{") - line.count("}")
        depth += line.startswith("#if") - line.startswith("#endif")
        found[-1].append(line)
    paragraphs = ("\n".join(lines).strip() for lines in found)
    return [paragraph for paragraph in paragraphs if paragraph]


def _item_of(paragraph: str) -> Item:
    """Part a paragraph into its comment, without the stars, and the rest."""
    match = re.match(r"/\*(.*?)\*/\n?", paragraph, flags=re.DOTALL)
    if match is None:
        return Item("", paragraph)
    lines = [re.sub(r"^\s*\* ?", "", line).strip() for line in match[1].splitlines()]
    return Item("\n".join(lines).strip(), paragraph[match.end() :])
