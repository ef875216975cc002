"""The boundary of every command: whatever happens inside, the exit code says what it was."""

import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from harness.errors import ExitCode, HarnessError, InfrastructureError
from harness.support.end_signals import InterruptionError, raised_signals
from harness.support.json_stream import JsonOutput
from harness.support.shown import shown_output
from harness.support.uncaught import explain


def guarded(
    name: str,
    command: Callable[[], int],
    logs: Callable[[], Path | None],
    output: JsonOutput | None = None,
) -> int:
    """Run `command` and return its exit code; print why it failed, after the `name`.

    A defect's traceback goes to the folder `logs`. With an `output`, the error is a document, too.
    """
    _repair_streams()
    with shown_output(), raised_signals():
        return _guarded(name, command, logs, output)


def _guarded(
    name: str,
    command: Callable[[], int],
    logs: Callable[[], Path | None],
    output: JsonOutput | None,
) -> int:
    try:
        code = command()
    except KeyboardInterrupt as error:
        ended = InterruptionError(error)
        _complain(name, ended, output)
        code = ended.exit_code
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich ends like this
            return ExitCode.PIPE_CLOSED
        _flush(name, ExitCode.PASSED)  # argparse, after --help or a wrong option
        raise
    except Exception as error:  # the boundary: nothing above can say more
        code = _reported(name, error, logs, output)
    return _flush(name, code)


def _reported(
    name: str,
    error: Exception,
    logs: Callable[[], Path | None],
    output: JsonOutput | None,
) -> int:
    if isinstance(error, BrokenPipeError) and _is_broken(sys.stdout):
        return ExitCode.PIPE_CLOSED
    explained = explain(error, None if isinstance(error, HarnessError) else logs())
    _complain(name, explained, output)
    return explained.exit_code


def _repair_streams() -> None:
    """Open the standard streams that are closed; print what their encoding lacks as codes.

    Otherwise the next file that is opened would become the standard output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - until the end
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, Path(os.devnull).open("w"))  # noqa: SIM115 - until the end
        if isinstance(getattr(sys, stream), TextIOWrapper):
            getattr(sys, stream).reconfigure(errors="backslashreplace")


def _complain(name: str, error: HarnessError, output: JsonOutput | None = None) -> None:
    with suppress(OSError):  # nobody reads the standard error
        print(f"{name}: {error}", file=sys.stderr, flush=True)
    if output:
        # Nobody reads the output either, or the installation is broken: the message is written.
        with suppress(OSError, ImportError):
            output.complain(error)


def _flush(name: str, code: int) -> int:
    """Write what is left of the output; return `code`, or another one if that fails."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)  # the reader has seen enough, and the command has ended
    except OSError as error:
        _discard(sys.stdout)
        what = f"cannot be written: {error.strerror}"
        _complain(name, InfrastructureError(what, where="standard output"))
        return code or ExitCode.INFRASTRUCTURE
    return code


def _is_broken(stream: TextIO) -> bool:
    """Tell whether nobody reads `stream` any more."""
    poll = select.poll()
    with suppress(OSError, ValueError):  # it is not a file
        poll.register(stream.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _discard(stream: TextIO) -> None:
    """Let Python discard what is left in `stream` when it ends."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
