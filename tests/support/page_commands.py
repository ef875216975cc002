"""The commands in the pages of the docs: `harness ...` and `pytest ...`, in blocks and in prose."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("docs/*.md", "*.md", "firmware/**/*.md", "harness/**/*.md", "models/*/*.md")
    for path in ROOT.glob(pattern)
)

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_OF_SHELLS = ("", "sh", "bash", "console")
_CONTINUED = re.compile(r"\\\n\s*")
_COMMAND = re.compile(r"^\s*(?:\$ )?(?:\w+=\S+ +)*((?:harness|pytest)(?: .*)?)$", re.MULTILINE)
_SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_IN_PROSE = re.compile(r"(?:harness|pytest) [a-z-]")


@dataclass(frozen=True)
class Command:
    """A command, its words without those of the shell, and whether it is complete."""

    line: str
    words: tuple[str, ...]
    complete: bool = True

    def __str__(self) -> str:
        return self.line


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a page: those of its blocks, which are complete, and those in prose."""
    for language, block in _BLOCK.findall(text):
        if language in _OF_SHELLS:
            for line in _COMMAND.findall(_CONTINUED.sub(" ", block)):
                yield Command(line, words(line))
    for _, span in _SPAN.findall(_BLOCK.sub("", text)):
        line = " ".join(span.split())
        if _IN_PROSE.match(line):
            yield Command(line, words(line), complete=False)


def words(line: str) -> tuple[str, ...]:
    """Return the words of the first command in a line for a shell, without its comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += "[]{}:,%@$…^"
    found = []
    for word in lexer:
        if set(word) <= set("|&;<>()"):
            break
        found.append(word)
    return tuple(found)
