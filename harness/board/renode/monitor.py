"""Renode's Monitor, its command line, over the pipes of a process.

With `--plain --console` the Monitor writes a prompt, "(monitor) " or the machine's name
in parentheses. It echoes a command, answers it in lines, and writes the next prompt.
An error is plain text in the answer; Renode's exit code does not show it.
"""

import os
import re
import select
import time
from pathlib import Path
from typing import IO

from harness.errors import InfrastructureError, InputError

_READ_SIZE = 1 << 16
_DEADLINE = 20.0  # seconds for a command
_PROMPT = re.compile(rb"(?:^|[\r\n])\((?P<machine>[^()\r\n]+)\) $")
_ERROR = re.compile(
    r"There was an error executing command|No such command or device|Could not tokenize"
    r"|Parameters did not match the signature|Bad parameters"
)
_NO_STRING = re.compile(r'\\("|$)')  # would end the string too late
_TAIL = 1000  # characters of Renode's last output in a message


class MonitorRefusedError(InfrastructureError):
    """Renode answered a command with an error; `what` has its text."""


class Monitor:
    """The command line of a Renode process with `stdin` and `stdout`; messages name `where`.

    `machine` is the machine in the prompt, "monitor" if none is selected. A script in the folder
    `scratch` takes the commands that are not ASCII, because the command line loses other letters.
    """

    def __init__(
        self, stdin: IO[bytes], stdout: IO[bytes], *, where: str, scratch: Path = Path()
    ) -> None:
        self._script = scratch / "command.resc"
        self._stdin = stdin
        self._stdout = stdout
        self._where = where
        self.machine = ""
        self._readable = select.poll()
        self._readable.register(stdout, select.POLLIN)

    def greet(self, deadline: float = _DEADLINE) -> str:
        """Return Renode's output before its first prompt."""
        return _text(self._until_prompt("the start", deadline))

    def command(self, line: str, deadline: float = _DEADLINE) -> str:
        """Execute `line` and return the answer, without echo and prompt.

        Raises `MonitorRefusedError` with Renode's text if the answer is an error, and
        `InfrastructureError` if Renode ends or does not answer within `deadline` seconds.
        """
        sent = line if line.isascii() else self._in_script(line)
        try:
            self._stdin.write(sent.encode() + b"\n")
            self._stdin.flush()
        except OSError as error:
            raise self._ended(line, b"") from error
        answer = answer_of(self._until_prompt(line, deadline), sent)
        if _ERROR.search(answer):
            raise MonitorRefusedError(f"{line}\n{answer}", where=self._where)
        return answer

    def number(self, line: str) -> int:
        """Execute `line` and return the number in the answer, such as 0x8000."""
        answer = self.command(line)
        try:
            return int(answer.split()[-1], 0)
        except (IndexError, ValueError) as error:
            raise InfrastructureError(
                f"Renode's answer to `{line}` is not a number: {answer!r}", where=self._where
            ) from error

    def _in_script(self, line: str) -> str:
        """Return a command that executes `line` from a file."""
        if not str(self._script).isascii():
            raise InputError(
                "Renode cannot take the path of the temporary folder, which is not ASCII",
                where=str(self._script.parent),
                remedy="set TMPDIR to another folder",
            )
        self._script.write_text(f"{line}\n", "utf-8")
        return f"include {quoted(self._script)}"

    def _until_prompt(self, line: str, deadline: float) -> bytes:
        end = time.monotonic() + deadline
        output = b""
        while not (prompt := _PROMPT.search(output)):
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise InfrastructureError(
                    f"Renode gave no prompt within {deadline:g} s after {line}{_tail(output)}",
                    where=self._where,
                    remedy="is this machine overloaded, or does the platform download a file?",
                )
            if self._readable.poll(remaining * 1000):
                data = os.read(self._stdout.fileno(), _READ_SIZE)
                if not data:
                    raise self._ended(line, output)
                output += data
        self.machine = prompt["machine"].decode("utf-8", "replace")
        return output

    def _ended(self, line: str, output: bytes) -> InfrastructureError:
        return InfrastructureError(f"Renode ended after {line}{_tail(output)}", where=self._where)


def answer_of(output: bytes, line: str) -> str:
    """Return the answer to `line`: the Monitor's `output` without echo and prompt."""
    lines = _text(output).split("\n")[:-1]
    if lines and lines[0].strip() == line.strip():
        lines = lines[1:]
    return "\n".join(lines).strip()


def quoted(path: str | os.PathLike[str]) -> str:
    """Return a path as a string of the Monitor; `InputError` if the Monitor has none for it.

    Unlike the Monitor's syntax for paths, `@path`, a string may have any printable character.
    """
    text = os.fspath(path)
    if not text.isprintable() or _NO_STRING.search(text):
        raise InputError(
            "Renode cannot take a path with a control character, or with a backslash before a "
            "quotation mark",
            where=repr(text),
            remedy="rename the folder or the file, or set TMPDIR to another folder",
        )
    return '"' + text.replace('"', '\\"') + '"'


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace").replace("\r", "")


def _tail(output: bytes) -> str:
    text = _text(output).strip()[-_TAIL:]
    return f"; its output:\n{text}" if text else ""
