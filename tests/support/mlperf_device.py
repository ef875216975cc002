"""A device behind a pty that speaks MLPerf Tiny's protocol, and goes wrong where it is told to.

It answers as the reference's internally_implemented.cpp does; what it computes is a function of
the bytes that it was sent.
"""

import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.board.board import Diagnosis
from harness.board.ways_back import WayBack
from harness.image.build import Image
from harness.link.channel import Channel

_SIZE = 80  # characters of a command


@dataclass
class Double:
    """`infer` is what it answers for an input, `seconds` of its own clock an inference.

    `spoil` sees each line before it is sent and returns what goes out in its place, and `mishear`
    each command before it is answered. With
    `sleeps`, an inference takes that long on the host's clock, too. Commands end in `heard`.
    """

    infer: Callable[[bytes], str] = lambda data: f"{data[0] / 256:.3f}"
    name: str = "double"
    model: str = "kws01"
    mode: str = "performance"
    seconds: float = 0.1
    sleeps: bool = False
    boots: bool = True
    spoil: Callable[[str], bytes] = lambda line: f"{line}\r\n".encode()
    mishear: Callable[[str], str] = lambda command: command
    heard: list[str] = field(default_factory=list)
    _data: bytes = b""
    _size: int = 0
    _microseconds: float = 4_294_000_000.0  # soon it wraps

    def boot(self) -> Iterator[str]:
        """Yield the lines that it says at start."""
        yield from (f"m-timestamp-mode-{self.mode}", *self._lap(), "m-init-done", "m-ready")

    def answer(self, command: str) -> Iterator[str]:
        """Yield the lines that answer `command`, which came without its `%`."""
        self.heard.append(command)
        word, *rest = self.mishear(command)[:_SIZE].split(" ")
        if word == "name":
            yield f"m-name-dut-[{self.name}]"
        elif word == "profile":
            yield from ("m-profile-[ULPMark for tinyML Firmware V0.0.1]", f"m-model-[{self.model}]")
        elif word == "db":
            yield from self._buffer(rest)
        elif word == "infer":
            yield from self._infer(int(rest[0]), int(rest[1]))
        else:
            yield f"e-[Unknown command: {word}]"
        yield "m-ready"

    def _buffer(self, rest: list[str]) -> Iterator[str]:
        if rest[0] == "load":
            self._size, self._data = int(rest[1]), b""
            yield f"m-[Expecting {self._size} bytes]"
        elif rest[0] == "print":
            for begin in range(0, len(self._data), 8):
                yield "m-buffer-" + self._data[begin : begin + 8].hex("-")
        elif len(rest[0]) % 2:
            yield "e-[Insufficent number of hex digits]"
        else:
            self._data += bytes.fromhex(rest[0])
            if len(self._data) == self._size:
                yield "m-load-done"

    def _infer(self, iterations: int, warmups: int) -> Iterator[str]:
        yield from (f"m-warmup-start-{warmups}", "m-warmup-done", f"m-infer-start-{iterations}")
        yield from self._lap()
        if self.sleeps:
            time.sleep(iterations * self.seconds)
        self._microseconds += iterations * self.seconds * 1e6
        yield from (*self._lap(), "m-infer-done", f"m-results-[{self.infer(self._data)}]")

    def _lap(self) -> Iterator[str]:
        if self.mode == "performance":
            yield f"m-lap-us-{int(self._microseconds) % (1 << 32)}"


@contextmanager
def channel_of(double: Double) -> Iterator[Channel]:
    """Start the double behind a pty and yield the host's end; the thread ends with this."""
    host, device = os.openpty()
    wake, woken = os.pipe()
    tty.setraw(device)
    thread = threading.Thread(target=_serve, args=(double, device, wake))
    thread.start()
    try:
        yield Channel(host, name="double")
    finally:
        os.write(woken, b"x")
        thread.join(10)
        for descriptor in (host, device, wake, woken):
            os.close(descriptor)


def _serve(double: Double, device: int, wake: int) -> None:
    waiting = ""
    if double.boots:
        _send(double, device, double.boot())
    while True:
        ready, _, _ = select.select([device, wake], [], [])
        if wake in ready:
            return
        waiting += os.read(device, 4096).decode()
        *commands, waiting = waiting.split("%")
        for command in commands:
            _send(double, device, double.answer(command))


def _send(double: Double, device: int, lines: Iterator[str]) -> None:
    for line in lines:
        data = double.spoil(line)
        while data:
            data = data[os.write(device, data) :]


class DoubleBoard:
    """A board on which the double runs, whatever the image is."""

    version = "double"
    device = None

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def start(self, image: Image) -> Channel:
        """Return the line to the double."""
        return self._channel

    def stop(self) -> None:
        """It goes on."""

    def close(self) -> None:
        """It is not the board's."""

    def check(self, unanswered: int = 0) -> None:
        """It can answer."""

    def write_memory(self, address: int, data: bytes) -> None:
        """It has no memory."""

    def read_memory(self, address: int, size: int) -> bytes:
        """It has no memory."""
        raise NotImplementedError

    def bracket(self, count: int = 1) -> None:
        """It has no core."""

    def diagnosis(self) -> Diagnosis:
        """There is nothing to say."""
        return Diagnosis()

    def swo_lines(self) -> tuple[str, ...]:
        return ()

    def ways_back(self) -> tuple[WayBack, ...]:
        """It does not hang."""
        return ()
