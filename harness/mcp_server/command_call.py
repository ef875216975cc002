"""One call of the `harness` command, in a process of its own.

The process has the leases, deadlines and limits of every `harness` command. It ends with the call,
whether the client cancels the call, its time is over or the server is killed.
"""

import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from typing import IO, Any

import anyio
import msgspec

from harness.errors import InfrastructureError, InputError
from harness.support.owned_process import OwnedProcess

_MOST = 64 << 20  # bytes of a document
_CHUNK = 1 << 16  # bytes
_TICK = 1.0  # seconds between messages on the progress
_TAIL = 4_000  # bytes of the standard error that may hold the newest message

Report = Callable[[float, str], Awaitable[None]]
"""Gets the seconds since the start, and the newest message of the command."""


async def call(arguments: Sequence[str], limit: float, report: Report) -> dict[str, Any]:
    """Return the document that `harness` prints with `arguments`, among them `--json`.

    Raises `InputError` for arguments that no command can have, and `InfrastructureError` if the
    command does not end within `limit` seconds or prints no document.
    """
    command = [sys.executable, "-P", "-m", "harness", *arguments]
    with tempfile.TemporaryFile() as log:
        process = _started(command, log)
        try:
            with anyio.fail_after(limit):
                output = await _output(process.stdout, log, report)
        except TimeoutError:
            raise InfrastructureError(
                f"the command did not end within {limit:g} s, and was ended",
                where=f"harness {arguments[0]}",
                remedy="allow more with harness mcp --limit=SECONDS, or name fewer vectors",
            ) from None
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(process.stop)
        try:
            document: dict[str, Any] = msgspec.json.decode(output, type=dict[str, Any])
        except msgspec.DecodeError:
            what = _newest(log) or "the command printed no document"
            raise InfrastructureError(what, where=f"harness {arguments[0]}") from None
    return document


def _started(command: Sequence[str], log: IO[bytes]) -> OwnedProcess:
    try:
        return OwnedProcess(command, log, talks=True)
    except ValueError as error:
        raise InputError("an argument holds a null byte") from error
    except OSError as error:  # the arguments are too long, or the machine has no process left
        what = f"the command cannot be started: {error.strerror}"
        raise InfrastructureError(what) from error


async def _output(stdout: IO[bytes], log: IO[bytes], report: Report) -> bytes:
    """Return all that the command writes, and report its progress meanwhile."""
    os.set_blocking(stdout.fileno(), False)
    begin = anyio.current_time()
    output = bytearray()
    while len(output) < _MOST:
        with anyio.move_on_after(_TICK) as tick:
            await anyio.wait_readable(stdout.fileno())
        if tick.cancelled_caught:
            await report(anyio.current_time() - begin, _newest(log))
        elif chunk := stdout.read(_CHUNK):
            output += chunk
        elif chunk is not None:  # the end
            return bytes(output)
    raise InfrastructureError(f"the command's document is larger than {_MOST >> 20} MiB")


def _newest(log: IO[bytes]) -> str:
    """Return the last line of what the command wrote to its standard error."""
    descriptor = log.fileno()
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, _TAIL, max(size - _TAIL, 0)).decode(errors="replace").strip()
    return text.splitlines()[-1] if text else ""
