"""A child process that never outlives its owner, not even one that is killed.

The child runs under a small supervisor that holds the reading end of a pipe. The
kernel closes the writing end however the owner ends, and the supervisor then ends
the child by its handle. It runs this file by itself, without the package.
"""

import os
import subprocess
import sys
import threading
from typing import IO

_STOP_DEADLINE = 5.0  # seconds


class OwnedProcess:
    """A running `command`; its standard error and output go to `log`."""

    def __init__(self, command: list[str], log: IO[bytes]) -> None:
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the owner, who then stops the child
        )

    def poll(self) -> int | None:
        """Return the exit code, None while the process runs."""
        return self._supervisor.poll()

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
        try:
            self._supervisor.wait(_STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait(_STOP_DEADLINE)


def _end_with(child: "subprocess.Popen[bytes]") -> None:
    code = child.wait()
    os._exit(code if code >= 0 else 128 - code)


def _supervise(command: list[str]) -> None:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with, args=(child,), daemon=True).start()
    sys.stdin.buffer.read()  # until the owner closes the pipe, or is no more
    child.kill()
    child.wait()


if __name__ == "__main__":
    _supervise(sys.argv[1:])
