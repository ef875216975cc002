"""Lines for a user to paste into a file of a project, and where they go."""

import re
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("frame.c", "link.c", "measure.c", "poll.c")
"""The files of firmware/link that a program for the link is compiled from."""


@dataclass(frozen=True)
class Lines:
    """`text` goes into `file`, at `place`, which may be empty."""

    file: str
    place: str
    text: str


@dataclass(frozen=True)
class Project:
    """A project, its `system` in words, and the lines for it.

    `program` are the lines of its C, unless they are those of any program. `note` contains what a
    user should know. `build` is the command that builds it in the folder DIR, empty if there is
    none; `image` is the option of `harness run` with what was built, as far as it is known.
    """

    system: str
    lines: list[Lines]
    program: list[Lines] | None = None
    note: str = ""
    build: str = ""
    image: str = "--elf=DIR/FILE.elf"


def read(file: Path) -> str:
    """Return the text of `file`; empty if there is none, with other bytes than UTF-8 replaced."""
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def line_of(text: str, offset: int) -> int:
    """Return the number of the line, from 1, with the character at `offset`."""
    return text.count("\n", 0, offset) + 1


def first(pattern: str, text: str) -> str:
    """Return the first group of the first match of `pattern`, by lines; empty without a match."""
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else ""
