"""Small pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence

NOTHING = "\N{EN DASH}"
"""Stands in a cell that has nothing to say."""
KEYS = "{.keys}\n"
"""Stands before a table whose second column is prose; site.css keeps that wide enough."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells may hold Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def code(text: str) -> str:
    """Return `text` as inline code."""
    fence = "``" if "`" in text else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def block(text: str, language: str) -> str:
    """Return `text` as a block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def definition(term: str, *paragraphs: str) -> str:
    """Return an entry of a definition list: a term, and what it means below it."""
    body = "\n\n  ".join(filter(None, paragraphs)) or NOTHING
    return f"{term}\n: {body}\n"


def plain(text: str) -> str:
    """Return prose that came from code, with what Markdown would take for markup escaped.

    What stands between backticks stays as it is. The name of a page becomes a link to it.
    """
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts)


def _escaped(text: str) -> str:
    text = re.sub(r"([*_<>\[\]$])", r"\\\1", text)
    return re.sub(r"docs/([\w-]+\.md)", r"[docs/\1](../\1)", text)
