"""arduino-cli: found, asked to compile a sketch, and understood when it does not.

What it prints is arduino-cli's JSON (`compile --format json`): on standard output `success`,
`error` and `compiler_err`; on standard error an `error` alone if it did not come as far as that.
"""

import re
import shutil
import subprocess
from pathlib import Path

import msgspec

from harness.errors import HarnessError, InfrastructureError, InputError

_DEADLINE = 1800.0  # seconds; the first time, it compiles the whole core
_LINES = 12
_MISSING_HEADER = re.compile(r"fatal error: ([^\s:]+): No such file or directory")
_MISSING_PLATFORM = re.compile(r"Platform '([^']+)' not found")


class _Answer(msgspec.Struct):
    success: bool = False
    error: str = ""
    compiler_err: str = ""


def find_arduino_cli(asked: str = "") -> str:
    """Return the arduino-cli at the path `asked`, else PATH's.

    Raises `InputError` if there is none at `asked`, `InfrastructureError` if there is none at all.
    """
    found = shutil.which(asked or "arduino-cli")
    if found:
        return found
    if asked:
        raise InputError("is no executable file", where=f"--arduino-cli={asked}")
    raise InfrastructureError(
        "there is no arduino-cli on PATH",
        where="--sketch",
        remedy='install it (arduino.github.io/arduino-cli, "Installation"), or say where it is '
        "with --arduino-cli",
    )


def compile_sketch(cli: str, sketch: Path, fqbn: str, library: Path, build: Path) -> Path:
    """Compile the folder `sketch` for the board `fqbn` with `library`; return the ELF in `build`.

    Raises `InputError` if the sketch, or what arduino-cli has installed, is not enough for that.
    """
    command = [cli, "compile", "--fqbn", fqbn, "--library", str(library)]
    command += ["--build-path", str(build), "--format", "json", str(sketch)]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DEADLINE,
        )
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(
            f"arduino-cli did not finish within {_DEADLINE:g} s", where=str(sketch)
        ) from error
    except OSError as error:
        raise InfrastructureError(
            f"cannot be started: {error.strerror}", where=cli, remedy="is it for this machine?"
        ) from error
    answer = _answer(done.stdout) or _answer(done.stderr)
    if answer is None:
        said = _tail(done.stderr or done.stdout)
        raise InfrastructureError(
            f"arduino-cli ended with exit code {done.returncode} and no answer in JSON:\n{said}",
            where=cli,
            remedy=f"try it by hand: {' '.join(command)}",
        )
    if done.returncode != 0 or not answer.success:
        raise _explained(answer, sketch, fqbn)
    elf = build / f"{sketch.name}.ino.elf"
    if not elf.is_file():
        raise InfrastructureError(
            "arduino-cli says that it compiled it, and wrote no ELF there",
            where=str(elf),
            remedy=f"is {fqbn} a board whose platform links an ELF?",
        )
    return elf


def _answer(text: str) -> _Answer | None:
    try:
        return msgspec.json.decode(text, type=_Answer)
    except msgspec.DecodeError:  # nothing, or plain text
        return None


def _explained(answer: _Answer, sketch: Path, fqbn: str) -> HarnessError:
    """Return what arduino-cli's refusal means for who asked for `sketch`."""
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
            f"{header[1]} is in no library that arduino-cli knows\n{_errors(answer)}",
            where=f"--sketch={sketch}",
            remedy=f"install the library that has it: arduino-cli lib search {header[1]}",
        )
    said = "\n".join(filter(None, [_errors(answer), answer.error]))
    return InputError(f"does not compile for {fqbn}\n{said}", where=f"--sketch={sketch}")


def _errors(answer: _Answer) -> str:
    """Return the compiler's errors, else the end of what it said."""
    lines = [line for line in answer.compiler_err.splitlines() if " error: " in line]
    return "\n".join(lines[:_LINES]) or _tail(answer.compiler_err)


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_LINES:])
