"""The documents that commands print with `--json`, and errors in them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Self

import msgspec

from harness.errors import ExitCode, HarnessError
from harness.support.end_signals import InterruptionError
from harness.support.printable_texts import printable_texts

Kind = Literal["input", "infrastructure", "regression", "verdict", "defect", "interrupted"]

_KINDS: dict[int, Kind] = {
    ExitCode.USAGE: "input",
    ExitCode.INFRASTRUCTURE: "infrastructure",
    ExitCode.REGRESSION: "regression",
    ExitCode.FAILED: "verdict",
    ExitCode.DEFECT: "defect",
}
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Document(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema"):
    """What a command prints with `--json`.

    Its tag is "tinyml-harness/NAME/VERSION". A new key needs no new version; the version is raised
    if a key goes away or means something else.
    """


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error: what happened, where, and what to do about it."""

    kind: Kind
    """`input`: an option, a file or a name is wrong. `infrastructure`: a compiler, an emulator, a
    board or the machine failed. `defect`: the harness itself is wrong. `verdict`, `regression`: the
    model is wrong, or worse than before. `interrupted`: a signal ended the command.
    """
    message: str
    """What happened."""
    where: str = ""
    """The file and key, the option, or the port. It is empty if the message says it."""
    remedy: str = ""
    """What to do. It may be empty."""
    exit_code: int
    """The exit code of a command that ends with this error."""

    @classmethod
    def of(cls, error: HarnessError) -> Self:
        """Return `error` for a document."""
        return cls(
            kind=_KINDS.get(error.exit_code, "interrupted"),
            message=error.what,
            where=error.where,
            remedy=error.remedy,
            exit_code=int(error.exit_code),
        )


class ErrorDocument(Document, Problem, frozen=True, tag="tinyml-harness/error/1"):
    """A command with `--json` failed, and has no result."""


@contextmanager
def noting_the_end(problems: list[Problem]) -> Iterator[None]:
    """Add the error or the signal that ends the block to `problems`."""
    try:
        yield
    except HarnessError as error:
        problems.append(Problem.of(error))
        raise
    except KeyboardInterrupt as error:
        problems.append(Problem.of(InterruptionError(error)))
        raise


def as_json(document: Document) -> str:
    """Return `document` as JSON in ASCII, with printable texts: any terminal can show it."""
    data = msgspec.json.encode(printable_texts(document))
    return _NOT_ASCII.sub(_escaped, msgspec.json.format(data, indent=1).decode()) + "\n"


def _escaped(match: re.Match[str]) -> str:
    """Return a character as JSON's escapes of its code units in UTF-16."""
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
