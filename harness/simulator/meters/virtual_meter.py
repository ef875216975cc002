"""What the virtual meters have in common: a pseudo-terminal, and samples in real time."""

import contextlib
import os
import select
import threading
import time
import tty
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from harness.simulator.meters.knobs import Knobs
from harness.simulator.meters.supply import AWAKE, Supply

HZ = 100_000

_PERIOD = 0.004  # seconds between two lots of samples
_LAG = 0.01  # seconds in which the board may tell what it did
_CHUNK = 65_536
_CLOSE_DEADLINE = 2.0


class VirtualMeter(ABC):
    """A meter in the supply of a board; `volts` is what it was told to give."""

    def __init__(self, supply: Supply, knobs: Knobs) -> None:
        self.volts = 0.0
        self.knobs = knobs
        self.supply = supply
        self._random = np.random.default_rng(0)
        self._gaps = np.random.default_rng(1)  # the same samples each time, however many at once
        self._host, self._terminal = os.openpty()
        tty.setraw(self._terminal)
        os.set_blocking(self._host, False)
        self.path = os.ttyname(self._terminal)
        self._out = bytearray()
        self._began = 0.0
        self._index = 0
        self._measuring = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self._thread.start()

    def joules(self) -> list[float]:
        """Return the energy of each inference, exactly: what its driver should find."""
        return [self.volts * charge for charge in self.supply.inferences()]

    def close(self) -> None:
        """End its thread and hang up."""
        self._closing.set()
        self._thread.join(_CLOSE_DEADLINE)
        for descriptor in (self._host, self._terminal):
            os.close(descriptor)

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Take what the host sent."""

    @abstractmethod
    def encode(
        self, first: int, amperes: npt.NDArray[np.float64], trigger: npt.NDArray[np.bool_]
    ) -> bytes:
        """Return what is sent of samples, the `first` of which is so many after the start.

        What is missing according to `knobs` is left out.
        """

    def begin(self) -> None:
        """Begin to measure."""
        self._began, self._index, self._measuring = time.monotonic(), 0, True

    def end(self) -> None:
        """Stop measuring."""
        self._measuring = False

    def send(self, data: bytes) -> None:
        """Send, as soon as the host takes it."""
        self._out += data

    def gaps(self, count: int, length: int) -> npt.NDArray[np.bool_]:
        """Tell which of `count` samples are missing, `length` at a time."""
        begins = self._gaps.random(count) < self.knobs.missing / length
        return np.convolve(begins, np.ones(length), mode="full")[:count] > 0

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._host, select.POLLIN)
        while not self._closing.is_set():
            if poll.poll(_PERIOD * 1000):
                with contextlib.suppress(BlockingIOError):
                    self.receive(os.read(self._host, _CHUNK))
            if self._measuring:
                self._measure()
            with contextlib.suppress(BlockingIOError):
                while self._out:
                    del self._out[: os.write(self._host, self._out[:_CHUNK])]

    def _measure(self) -> None:
        knobs = self.knobs
        hertz = HZ * (1 + knobs.ppm * 1e-6)
        end = int((time.monotonic() - _LAG - self._began) * hertz)
        if knobs.stops:
            end = min(end, int(knobs.stops * HZ))
        if end <= self._index:
            return
        places = np.arange(self._index, end)
        amperes, trigger = self.supply.show(self._began + places / hertz, knobs.late)
        if knobs.reversed:
            amperes = -amperes
        amperes = amperes + self._random.normal(0.0, knobs.noise * AWAKE, len(places))
        self.send(self._damaged(self.encode(self._index, amperes, trigger & (not knobs.deaf))))
        self._index = end

    def _damaged(self, data: bytes) -> bytes:
        changed = np.frombuffer(data, np.uint8).copy()
        hit = self._random.random(len(changed)) < self.knobs.corrupt
        changed[hit] ^= self._random.integers(1, 256, int(hit.sum()), np.uint8)
        return changed.tobytes()
