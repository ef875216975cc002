"""Renode's Monitor, its command line, over the pipes of a process.

With `--plain --console` the Monitor writes a prompt, "(monitor) " or the machine's name
in parentheses; a command is echoed, answered in lines, and followed by the next prompt.
Errors are text like any other; Renode's exit code says nothing about them.
"""

import os
import re
import select
import time
from typing import IO

from harness.errors import InfrastructureError

_READ_SIZE = 1 << 16
_DEADLINE = 20.0  # seconds for a command
_PROMPT = re.compile(rb"(?:^|[\r\n])\((?P<machine>[^()\r\n]+)\) $")
_ERROR = re.compile(
    r"There was an error executing command|No such command or device|Could not tokenize"
    r"|Parameters did not match the signature|Bad parameters"
)
_TAIL = 1000  # characters of what Renode wrote last, for a message


class MonitorRefusedError(InfrastructureError):
    """Renode answered a command with an error; `what` holds its text."""


class Monitor:
    """The command line of a Renode that reads `stdin` and writes `stdout`; `where` names it.

    `machine` is the one that the prompt names, "monitor" where none is selected.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], *, where: str) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._where = where
        self.machine = ""
        self._readable = select.poll()
        self._readable.register(stdout, select.POLLIN)

    def greet(self, deadline: float = _DEADLINE) -> str:
        """Return what Renode says before its first prompt."""
        return _text(self._until_prompt("the start", deadline))

    def command(self, line: str, deadline: float = _DEADLINE) -> str:
        """Have `line` executed and return the answer, without echo and prompt.

        Raises `MonitorRefusedError` with Renode's words if it is an error, and
        `InfrastructureError` if Renode ends, or has no answer after `deadline` seconds.
        """
        try:
            self._stdin.write(line.encode() + b"\n")
            self._stdin.flush()
        except OSError as error:
            raise self._ended(line, b"") from error
        answer = answer_of(self._until_prompt(line, deadline), line)
        if _ERROR.search(answer):
            raise MonitorRefusedError(f"{line}\n{answer}", where=self._where)
        return answer

    def number(self, line: str) -> int:
        """Have `line` executed and return the number that it answers, such as 0x8000."""
        answer = self.command(line)
        try:
            return int(answer.split()[-1], 0)
        except (IndexError, ValueError) as error:
            raise InfrastructureError(
                f"Renode's answer to `{line}` is no number: {answer!r}", where=self._where
            ) from error

    def _until_prompt(self, line: str, deadline: float) -> bytes:
        end = time.monotonic() + deadline
        said = b""
        while not (prompt := _PROMPT.search(said)):
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise InfrastructureError(
                    f"Renode gave no prompt within {deadline:g} s after {line}{_tail(said)}",
                    where=self._where,
                    remedy="is this machine overloaded, or does the platform download a file?",
                )
            if self._readable.poll(remaining * 1000):
                data = os.read(self._stdout.fileno(), _READ_SIZE)
                if not data:
                    raise self._ended(line, said)
                said += data
        self.machine = prompt["machine"].decode("utf-8", "replace")
        return said

    def _ended(self, line: str, said: bytes) -> InfrastructureError:
        return InfrastructureError(f"Renode ended after {line}{_tail(said)}", where=self._where)


def answer_of(said: bytes, line: str) -> str:
    """Return the answer in what the Monitor `said` after `line`, echo to prompt."""
    lines = _text(said).split("\n")[:-1]
    if lines and lines[0].strip() == line.strip():
        lines = lines[1:]
    return "\n".join(lines).strip()


def quoted(path: str | os.PathLike[str]) -> str:
    """Return a path as the Monitor takes it: `@`, and a space escaped."""
    return "@" + re.sub(r"([\\ ])", r"\\\1", os.fspath(path))


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace").replace("\r", "")


def _tail(said: bytes) -> str:
    text = _text(said).strip()[-_TAIL:]
    return f"; it said:\n{text}" if text else ""
