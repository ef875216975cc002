"""A child process that never outlives its owner, not even one that is killed.

The child runs under a small supervisor that holds the reading end of a pipe. The
kernel closes the writing end however the owner ends, and the supervisor then ends
the child, with what the child has started itself, by their process group. It runs
this file by itself, without the package.
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

    With `talks`, its standard input and output are the pipes `stdin` and `stdout`
    instead. The folder `scratch`, if given, is removed by `stop`, or when the owner is no
    more; `environment` replaces the owner's.
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
                bufsize=0,  # what cannot be written is known at once
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
    def stdin(self) -> IO[bytes]:
        """What the process reads, of one that talks."""
        if self._supervisor.stdin is None:
            raise ValueError("the process was not started to talk")
        return self._supervisor.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """What the process writes, of one that talks."""
        if self._supervisor.stdout is None:
            raise ValueError("the process was not started to talk")
        return self._supervisor.stdout

    def poll(self) -> int | None:
        """Return the exit code, None while the process runs."""
        return self._supervisor.poll()

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the process to end; tell whether it has."""
        try:
            self._supervisor.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End the process and wait until it is gone; stopping twice is no error."""
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
    if select.select([life], [], [], 0)[0]:  # with the owner, whose pipes it may have had
        _remove(scratch)
    os._exit(code if code >= 0 else 128 - code)


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    """End the child, if it still runs, and whatever it has started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _remove(scratch: str) -> None:
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)


def _supervise(life: int, scratch: str, command: list[str]) -> None:
    child = subprocess.Popen(command, start_new_session=True)
    for descriptor in (0, 1):
        # The child's alone, so that its end, and the owner's, can be seen on them.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, descriptor)
        os.close(null)
    threading.Thread(target=_end_with, args=(child, life, scratch), daemon=True).start()
    os.read(life, 1)  # until the owner closes the pipe, or is no more
    _kill_group(child)
    child.wait()
    _remove(scratch)


if __name__ == "__main__":
    _supervise(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
