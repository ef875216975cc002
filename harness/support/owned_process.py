"""A child process that never outlives its owner, even if the owner is killed.

The child runs under a small supervisor that holds the reading end of a pipe. However the
owner ends, the kernel closes the writing end. The supervisor then kills the child's process
group: the child and its own children. The supervisor runs this file alone, without the package.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

_STOP_DEADLINE = 5.0  # seconds


class OwnedProcess:
    """A running `command`; its standard error and output go to `log`.

    With `talks`, its standard input and output are the pipes `stdin` and `stdout` instead.
    The folder `scratch`, if given, is removed by `stop` or when the owner ends. `environment`
    replaces the owner's environment.
    """

    def __init__(
        self,
        command: list[str],
        log: IO[bytes],
        *,
        talks: bool = False,
        environment: Mapping[str, str] | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._scratch = scratch
        reading, self._life = os.pipe()
        try:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, str(reading), str(scratch or ""), *command],
                bufsize=0,  # a failed write is reported at once
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log,
                stderr=log,
                env=environment,
                pass_fds=(reading,),
                start_new_session=True,  # Ctrl-C is for the owner, who then stops the child
            )
        except BaseException:
            os.close(self._life)
            raise
        finally:
            os.close(reading)

    @property
    def pid(self) -> int:
        """The process ID of the supervisor, whose child is the command."""
        return self._supervisor.pid

    @property
    def stdin(self) -> IO[bytes]:
        """Standard input of a process started with `talks`."""
        if self._supervisor.stdin is None:
            raise ValueError("the process was not started to talk")
        return self._supervisor.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Standard output of a process started with `talks`."""
        if self._supervisor.stdout is None:
            raise ValueError("the process was not started to talk")
        return self._supervisor.stdout

    def poll(self) -> int | None:
        """Return the exit code; None while the process runs."""
        return self._supervisor.poll()

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the process to end; return whether it ended."""
        try:
            self._supervisor.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End the process and wait until it is gone; a second call does nothing."""
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        if not self.wait(_STOP_DEADLINE):
            self._supervisor.kill()
            self._supervisor.wait(_STOP_DEADLINE)
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                pipe.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _end_with(child: "subprocess.Popen[bytes]", life: int, scratch: str) -> None:
    code = child.wait()
    _kill_group(child)
    if select.select([life], [], [], 0)[0]:  # the owner ended too: nobody else removes the folder
        _remove(scratch)
    os._exit(code if code >= 0 else 128 - code)


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    """Kill the child, if it still runs, and its own children."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _remove(scratch: str) -> None:
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)


def _supervise(life: int, scratch: str, command: list[str]) -> None:
    child = subprocess.Popen(command, start_new_session=True)
    for descriptor in (0, 1):
        # Only the child keeps these pipes open, so that either side sees the other's end on them.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, descriptor)
        os.close(null)
    threading.Thread(target=_end_with, args=(child, life, scratch), daemon=True).start()
    os.read(life, 1)  # returns when the owner closes the pipe or ends
    _kill_group(child)
    child.wait()
    _remove(scratch)


if __name__ == "__main__":
    _supervise(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
