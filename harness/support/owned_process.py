"""A child process that never outlives its owner, even if the owner is killed.

The child runs under a small supervisor, `supervisor.py`, that holds the reading end of a pipe.
However the owner ends, the kernel closes the writing end, and the supervisor ends the child.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from harness.support import supervisor
from harness.support.details import detail_command

_STOP_DEADLINE = 5.0  # seconds


class OwnedProcess:
    """A running `command`; its standard error and output go to `log`.

    With `talks`, its standard input and output are the pipes `stdin` and `stdout` instead.
    It inherits `descriptors` under their numbers. The folder `scratch`, if given, is removed by
    `stop` or when the owner ends. `environment` replaces the owner's environment.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: IO[bytes],
        *,
        talks: bool = False,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        scratch: Path | None = None,
    ) -> None:
        detail_command(command, getattr(log, "name", None))
        self._scratch = scratch
        reading, self._life = os.pipe()
        arguments = [str(reading), str(scratch or ""), " ".join(map(str, descriptors)), *command]
        try:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, *arguments],
                bufsize=0,  # a failed write is reported at once
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log,
                stderr=log,
                env=environment,
                pass_fds=(reading, *descriptors),
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

    def communicate(self, data: bytes, timeout: float) -> bytes:
        """Send `data` to a process started with `talks`; return its output when it has ended.

        Raises `subprocess.TimeoutExpired` if that takes longer than `timeout` seconds.
        """
        output: bytes = self._supervisor.communicate(data, timeout)[0]
        return output

    def stop(self, *, in_order: bool = False) -> None:
        """End the process and wait until it is gone; a second call does nothing.

        If it is to end `in_order`, it gets SIGTERM, and a second in which it can release something.
        """
        if self._life < 0:
            return
        if not in_order:
            self._supervisor.terminate()
        self._supervisor.send_signal(signal.SIGCONT)  # somebody may have stopped it
        os.close(self._life)
        self._life = -1
        if not self.wait(_STOP_DEADLINE):
            self._supervisor.kill()
            self._supervisor.wait(_STOP_DEADLINE)
        if self._supervisor.returncode < 0:
            # It was killed and could not end the children of its child. Linux numbers processes
            # in a cycle, so no other session has its number this early.
            supervisor.kill_session(self._supervisor.pid)
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                pipe.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
