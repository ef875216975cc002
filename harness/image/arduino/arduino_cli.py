"""Finds arduino-cli, compiles a sketch with it, and explains its errors.

`compile --format json` prints JSON: on standard output `success`, `error` and `compiler_err`. If
it fails before it compiles, it prints only an `error`, on standard error.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from harness.errors import HarnessError, InfrastructureError, InputError
from harness.support.owned_process import OwnedProcess

_DEADLINE = 1800.0  # seconds; the first time, it compiles the whole core
_ERROR_LINES = 12
_MISSING_HEADER = re.compile(r"fatal error: ([^\s:]+): No such file or directory")
_ERROR = re.compile(r"^(?!collect2: ).* error: ")  # collect2 only says that the linker failed
_MISSING_PLATFORM = re.compile(r"Platform '([^']+)' not found")


class _Answer(msgspec.Struct):
    success: bool = False
    error: str = ""
    compiler_err: str = ""


def find_arduino_cli(path: str = "") -> str:
    """Return the arduino-cli at `path`; by default the one on PATH.

    Raises `InputError` if `path` is not an executable, `InfrastructureError` if PATH has none.
    """
    executable = shutil.which(path or "arduino-cli")
    if executable:
        return executable
    if path:
        raise InputError("is not an executable file", where=f"--arduino-cli={path}")
    raise InfrastructureError(
        "arduino-cli is not on PATH",
        where="--sketch",
        remedy='install it (arduino.github.io/arduino-cli, "Installation"), or give its path '
        "with --arduino-cli",
    )


def compile_sketch(cli: str, sketch: Path, fqbn: str, library: Path, build: Path) -> Path:
    """Compile the folder `sketch` for the board `fqbn` with `library`; return the ELF in `build`.

    Raises `InputError` if the sketch does not compile, or a core or library is missing.
    """
    command = [cli, "compile", "--fqbn", fqbn, "--library", str(library)]
    command += ["--build-path", str(build), "--format", "json", str(sketch)]
    code, output, messages = _run(command, sketch)
    answer = _answer(output) or _answer(messages)
    if answer is None:
        raise InfrastructureError(
            f"arduino-cli ended with exit code {code} and printed no JSON:\n"
            f"{_last_lines(messages or output)}",
            where=cli,
            remedy=f"run it yourself: {' '.join(command)}",
        )
    if code != 0 or not answer.success:
        raise _explained(answer, sketch, fqbn)
    elf = build / f"{sketch.name}.ino.elf"
    if not elf.is_file():
        raise InfrastructureError(
            "arduino-cli reported success, but did not write this ELF",
            where=str(elf),
            remedy=f"check that the platform of {fqbn} links an ELF",
        )
    return elf


def _run(command: list[str], sketch: Path) -> tuple[int | None, str, str]:
    """Return the exit code of `command`, its output and its messages."""
    with tempfile.TemporaryFile() as file:
        process = OwnedProcess(command, file, talks=True)  # compilers end with a killed harness
        try:
            output = process.communicate(b"", _DEADLINE)
        except subprocess.TimeoutExpired as error:
            raise InfrastructureError(
                f"arduino-cli did not finish within {_DEADLINE:g} s", where=str(sketch)
            ) from error
        finally:
            process.stop()
        file.seek(0)
        return process.poll(), output.decode(errors="replace"), file.read().decode(errors="replace")


def _answer(text: str) -> _Answer | None:
    try:
        return msgspec.json.decode(text, type=_Answer)
    except msgspec.DecodeError:  # empty, or plain text
        return None


def _explained(answer: _Answer, sketch: Path, fqbn: str) -> HarnessError:
    """Return the error for arduino-cli's `answer`, with a remedy if the cause is known."""
    platform = _MISSING_PLATFORM.search(answer.error)
    if platform:
        return InputError(
            f"arduino-cli has no core for {fqbn}: {answer.error.splitlines()[0]}",
            where=f"--sketch={sketch}",
            remedy=f"arduino-cli core install {platform[1]}",
        )
    header = _MISSING_HEADER.search(answer.compiler_err)
    if header:
        return InputError(
            f"no library of arduino-cli contains {header[1]}\n{_errors(answer)}",
            where=f"--sketch={sketch}",
            remedy=f"install a library that contains it: arduino-cli lib search {header[1]}",
        )
    messages = "\n".join(filter(None, [_errors(answer), answer.error]))
    return InputError(f"does not compile for {fqbn}\n{messages}", where=f"--sketch={sketch}")


def _errors(answer: _Answer) -> str:
    """Return the compiler's errors; without any, the last lines of its output: the linker's."""
    lines = [line for line in answer.compiler_err.splitlines() if _ERROR.search(line)]
    return "\n".join(lines[:_ERROR_LINES]) or _last_lines(answer.compiler_err)


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-_ERROR_LINES:])
