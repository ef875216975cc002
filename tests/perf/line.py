"""A pty that is a serial line, and as slow as one if asked."""

import os
import pty
import subprocess
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import serial

_BITS = 10  # of a byte on the line, with start and stop


class Wire:
    """Passes at most `baud` bits a second, each way, and counts the bytes."""

    def __init__(self, baud: int) -> None:
        self._baud = baud
        self._passed = [0, 0]  # one for each way, which has a thread of its own

    @property
    def seconds(self) -> float:
        """What the bytes take on the line, one way after the other."""
        return sum(self._passed) * _BITS / self._baud

    def join(self, host: int, process: "subprocess.Popen[bytes]") -> None:
        """Put the wire between the host's end and a process's pipes, until either is closed."""
        assert process.stdin
        assert process.stdout
        ways = ((host, process.stdin.fileno()), (process.stdout.fileno(), host))
        for way, (source, sink) in enumerate(ways):
            threading.Thread(target=self._pass_on, args=(way, source, sink), daemon=True).start()

    def _pass_on(self, way: int, source: int, sink: int) -> None:
        free = time.perf_counter()
        try:
            while data := os.read(source, 64):
                free = max(free, time.perf_counter()) + len(data) * _BITS / self._baud
                time.sleep(max(free - time.perf_counter(), 0))
                self._passed[way] += len(data)
                os.write(sink, data)
        except OSError:
            return


@contextmanager
def port(command: list[str], wire: Wire | None = None) -> Iterator[serial.Serial]:
    """Open a pty with pyserial; `command` is at its other end, behind a `wire` if asked."""
    controller, line = pty.openpty()
    tty.setraw(line)
    end = controller if wire is None else subprocess.PIPE
    process = subprocess.Popen(command, stdin=end, stdout=end)
    if wire is not None:
        wire.join(controller, process)
    try:
        with serial.Serial(os.ttyname(line), timeout=2) as opened:
            yield opened
    finally:
        process.kill()
        process.wait()
        os.close(line)
        os.close(controller)
