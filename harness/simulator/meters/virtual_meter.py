"""The common part of the virtual meters: a pseudo-terminal, and samples in real time."""

import contextlib
import os
import select
import threading
import time
import tty
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from harness.simulator.meters.meter_faults import MeterFaults
from harness.simulator.meters.supply import AWAKE, Supply

HZ = 100_000
"""Samples per second."""

_PERIOD = 0.004  # seconds between two batches of samples
_LAG = 0.01  # seconds that the samples lag, so that the board can report its edges
_CHUNK = 65_536
_CLOSE_DEADLINE = 2.0


class VirtualMeter(ABC):
    """A meter in the supply of a board; `volts` is the voltage that the host has set."""

    def __init__(self, supply: Supply, faults: MeterFaults) -> None:
        self.volts = 0.0
        self.faults = faults
        self.supply = supply
        self._random = np.random.default_rng(0)
        self._gaps = np.random.default_rng(1)  # reproducible, whatever the size of a batch
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
        """Return the exact energy of each inference in J, which its driver should measure."""
        return [self.volts * charge for charge in self.supply.inferences()]

    def close(self) -> None:
        """End its thread and close the pseudo-terminal."""
        self._closing.set()
        self._thread.join(_CLOSE_DEADLINE)
        for descriptor in (self._host, self._terminal):
            os.close(descriptor)

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Handle bytes from the host."""

    @abstractmethod
    def encode(
        self, first: int, amperes: npt.NDArray[np.float64], trigger: npt.NDArray[np.bool_]
    ) -> bytes:
        """Return the bytes to send for a batch of samples, without the missing ones.

        `first` is the index of the first sample since the start.
        """

    def begin(self) -> None:
        """Start measuring."""
        self._began, self._index, self._measuring = time.monotonic(), 0, True

    def end(self) -> None:
        """Stop measuring."""
        self._measuring = False

    def send(self, data: bytes) -> None:
        """Send `data` as soon as the host accepts it."""
        self._out += data

    def gaps(self, count: int, length: int) -> npt.NDArray[np.bool_]:
        """Return which of `count` samples are missing, in gaps of `length` samples."""
        gap_starts = self._gaps.random(count) < self.faults.missing / length
        return np.convolve(gap_starts, np.ones(length), mode="full")[:count] > 0

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
        faults = self.faults
        hertz = HZ * (1 + faults.ppm * 1e-6)
        end = int((time.monotonic() - _LAG - self._began) * hertz)
        if faults.stops:
            end = min(end, int(faults.stops * HZ))
        if end <= self._index:
            return
        indices = np.arange(self._index, end)
        amperes, trigger = self.supply.show(self._began + indices / hertz, faults.late)
        if faults.reversed:
            amperes = -amperes
        amperes = amperes + self._random.normal(0.0, faults.noise * AWAKE, len(indices))
        self.send(self._corrupted(self.encode(self._index, amperes, trigger & (not faults.deaf))))
        self._index = end

    def _corrupted(self, data: bytes) -> bytes:
        result = np.frombuffer(data, np.uint8).copy()
        hit = self._random.random(len(result)) < self.faults.corrupt
        result[hit] ^= self._random.integers(1, 256, int(hit.sum()), np.uint8)
        return result.tobytes()
