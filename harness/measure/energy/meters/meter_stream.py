"""A meter's serial port; its own thread reads it so that no buffer overflows."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from harness.errors import InfrastructureError, InputError
from harness.link.channel import Channel
from harness.link.serial_port import open_port

MAX_SILENCE = 3.0
"""Seconds without a byte after which a measuring meter counts as stopped."""

POWER_UP = 0.3
"""Seconds a board may take to start after a meter has switched its supply on."""

_POLL = 0.05
_WRITE_DEADLINE = 1.0
_QUIET = 0.1  # seconds of silence after which no more bytes are expected
_ANSWER_DEADLINE = 3.0
_DRAIN_DEADLINE = 2.0


class Stream:
    """The port `device` at `baud`, opened exclusively.

    `ask` sends a command and returns the answer; from `collect` until `collected` a thread stores
    all bytes.
    """

    def __init__(self, device: str, baud: int) -> None:
        self.name = f"meter {device}"
        self._port = open_port(device, baud)
        self._channel = Channel(self._port.fileno(), name=self.name)
        self._reader: threading.Thread | None = None
        self._ending = threading.Event()
        self._error: InfrastructureError | None = None
        self._data = bytearray()
        self._arrivals: list[tuple[float, int]] = []

    def write(self, data: bytes) -> None:
        """Send a command."""
        self._channel.write(data, _WRITE_DEADLINE)

    def drain(self) -> None:
        """Drop what the meter still sends, for example from an earlier session."""
        end = time.monotonic() + _DRAIN_DEADLINE
        while self._channel.read(_QUIET):
            if time.monotonic() > end:
                raise self._does_not_stop()

    def ask(self, command: bytes, is_complete: Callable[[bytes], bool]) -> bytes:
        """Send `command` and return the answer as soon as it `is_complete`."""
        self.write(command)
        end = time.monotonic() + _ANSWER_DEADLINE
        answer = b""
        while not is_complete(answer):
            if time.monotonic() > end:
                raise InfrastructureError(
                    f"the meter did not answer {command!r} within {_ANSWER_DEADLINE:g} s; it sent "
                    f"{answer[-80:]!r}",
                    where=self.name,
                    remedy="is this the meter's port, and is no other program using it?",
                )
            answer += self._channel.read(_POLL)
        return answer

    def collect(self) -> None:
        """Start to store all bytes that arrive."""
        self._data, self._arrivals, self._error = bytearray(), [(time.perf_counter(), 0)], None
        self._ending.clear()
        self._reader = threading.Thread(target=self._read, name=self.name, daemon=True)
        self._reader.start()

    @property
    def so_far(self) -> bytes:
        """The bytes received since `collect`."""
        return bytes(self._data)

    def check(self) -> None:
        """Raise `InfrastructureError` if the meter has stopped unexpectedly."""
        if self._error is not None:
            raise self._error
        begin, last = self._arrivals[0][0], self._arrivals[-1][0]
        if time.perf_counter() - last > MAX_SILENCE:
            raise InfrastructureError(
                f"the meter stopped unexpectedly, {last - begin:.1f} s after it was started",
                where=self.name,
                remedy="check its cable and supply; its samples are not used",
            )

    def collected(self, command: bytes) -> tuple[bytes, list[tuple[float, int]]]:
        """Send `command`, which stops the meter; return all bytes received until it is silent.

        The second value lists arrivals: a time of `time.perf_counter`, and the number of bytes
        received by then.
        """
        try:
            self.check()
            self.write(command)
            end = time.monotonic() + _DRAIN_DEADLINE
            while time.perf_counter() - self._arrivals[-1][0] < _QUIET:
                if time.monotonic() > end:
                    raise self._does_not_stop()
                time.sleep(_QUIET / 5)
        finally:
            self._end()
        return bytes(self._data), self._arrivals

    def no_sample(self, size: int) -> InfrastructureError:
        """Return the error for a measurement of `size` bytes without a sample."""
        return InfrastructureError(f"the meter sent {size} bytes and no sample", where=self.name)

    def close(self) -> None:
        """End the thread and close the port."""
        self._end()
        self._port.close()

    def _does_not_stop(self) -> InfrastructureError:
        return InfrastructureError(
            "the meter does not stop sending",
            where=self.name,
            remedy="unplug it and plug it in again",
        )

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
                    self._arrivals.append((time.perf_counter(), len(self._data)))
        except InfrastructureError as error:
            self._error = error


@contextmanager
def open_stream(device: str, baud: int) -> Iterator[Stream]:
    """Yield the stream for a meter's set-up; it stays open unless the set-up raises."""
    stream = Stream(device, baud)
    with ExitStack() as on_error:
        on_error.callback(stream.close)
        yield stream
        time.sleep(POWER_UP)
        on_error.pop_all()


def check_volts(meter: str, volts: float, limits: tuple[float, float]) -> None:
    """Raise `InputError` if `meter` cannot supply `volts`, which must be within `limits`."""
    if not limits[0] <= volts <= limits[1]:
        raise InputError(
            f"{meter} supplies {limits[0]} to {limits[1]} V",
            where=f"--volts={volts:g}",
            remedy="choose a voltage in this range with --volts",
        )


def began(arrivals: list[tuple[float, int]], rate: float) -> float:
    """Return when the first byte was due in a stream of `rate` bytes per second.

    Bytes arrive late, never early: the earliest of all estimates is the best.
    """
    return min((moment - size / rate for moment, size in arrivals[1:]), default=arrivals[0][0])
