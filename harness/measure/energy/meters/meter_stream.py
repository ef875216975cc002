"""The serial port of a meter, read by a thread of its own so that nothing overflows."""

import threading
import time
from collections.abc import Callable

from harness.errors import InfrastructureError
from harness.link.channel import Channel
from harness.link.serial_port import open_port

SILENT = 3.0
"""Seconds without a byte after which a meter that measures has stopped."""

_POLL = 0.05
_WRITE_DEADLINE = 1.0
_QUIET = 0.1  # seconds of silence after which nothing more is on its way
_ANSWER_DEADLINE = 3.0
_DRAIN_DEADLINE = 2.0


class Stream:
    """The port `device` at `baud`, opened exclusively.

    Commands are asked with `ask`; between `collect` and `collected` a thread keeps all bytes.
    """

    def __init__(self, device: str, baud: int) -> None:
        self.name = f"meter {device}"
        self._port = open_port(device, baud)
        self._channel = Channel(self._port.fileno(), name=self.name)
        self._reader: threading.Thread | None = None
        self._ending = threading.Event()
        self._error: InfrastructureError | None = None
        self._data = bytearray()
        self._came: list[tuple[float, int]] = []

    def write(self, data: bytes) -> None:
        """Send a command."""
        self._channel.write(data, _WRITE_DEADLINE)

    def drain(self) -> None:
        """Drop what the meter still sends, of an earlier session for example."""
        end = time.monotonic() + _DRAIN_DEADLINE
        while self._channel.read(_QUIET):
            if time.monotonic() > end:
                raise InfrastructureError(
                    "the meter does not stop sending", where=self.name, remedy="plug it in anew"
                )

    def ask(self, command: bytes, is_whole: Callable[[bytes], bool]) -> bytes:
        """Send `command` and return the answer as soon as it `is_whole`."""
        self.write(command)
        until = time.monotonic() + _ANSWER_DEADLINE
        answer = b""
        while not is_whole(answer):
            if time.monotonic() > until:
                raise InfrastructureError(
                    f"the meter does not answer {command!r} within {_ANSWER_DEADLINE:g} s; it said "
                    f"{answer[-80:]!r}",
                    where=self.name,
                    remedy="is this its port, and is no other program using it?",
                )
            answer += self._channel.read(_POLL)
        return answer

    def collect(self) -> None:
        """Keep what comes from now on."""
        self._data, self._came, self._error = bytearray(), [(time.perf_counter(), 0)], None
        self._ending.clear()
        self._reader = threading.Thread(target=self._read, name=self.name, daemon=True)
        self._reader.start()

    @property
    def so_far(self) -> bytes:
        """What has come since `collect`."""
        return bytes(self._data)

    def check(self) -> None:
        """Raise `InfrastructureError` if the meter has stopped by itself."""
        if self._error is not None:
            raise self._error
        begin, last = self._came[0][0], self._came[-1][0]
        if time.perf_counter() - last > SILENT:
            raise InfrastructureError(
                f"the meter stopped by itself, {last - begin:.1f} s after it was started",
                where=self.name,
                remedy="look at its cable and supply; what it measured is not used",
            )

    def collected(self, command: bytes) -> tuple[bytes, list[tuple[float, int]]]:
        """Send `command`, which stops the meter; return all that came, until it is silent.

        With it come the moments of `time.perf_counter` at which it came, and the bytes till then.
        """
        try:
            self.check()
            self.write(command)
            end = time.monotonic() + _DRAIN_DEADLINE
            while time.perf_counter() - self._came[-1][0] < _QUIET:
                if time.monotonic() > end:
                    raise InfrastructureError(
                        "the meter does not stop sending", where=self.name, remedy="plug it in anew"
                    )
                time.sleep(_QUIET / 5)
        finally:
            self._end()
        return bytes(self._data), self._came

    def close(self) -> None:
        """End the thread and close the port."""
        self._end()
        self._port.close()

    def _end(self) -> None:
        if self._reader is not None:
            self._ending.set()
            self._reader.join()
            self._reader = None

    def _read(self) -> None:
        try:
            while not self._ending.is_set():
                data = self._channel.read(_POLL)
                if data:
                    self._data += data
                    self._came.append((time.perf_counter(), len(self._data)))
        except InfrastructureError as error:
            self._error = error


def began(came: list[tuple[float, int]], rate: float) -> float:
    """Return when the first byte was due, of a stream of `rate` bytes a second.

    Bytes come late, never early: the earliest of all guesses is the best.
    """
    return min((moment - size / rate for moment, size in came[1:]), default=came[0][0])
