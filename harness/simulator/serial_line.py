"""The serial line of a virtual board: a pseudo-terminal that pyserial opens like a port.

Bytes to the device stop the core between two blocks and go to its UART. Bytes to the host are
collected for a moment and then written together.
"""

import contextlib
import os
import select
import threading
import time
import tty
from collections.abc import Callable
from contextlib import AbstractContextManager

from harness.simulator.line_faults import Disturbance, LineFault
from harness.simulator.peripherals.uart import QUEUE, Uarts

_CHUNK = 2048
_GATHER = 50e-6  # seconds to wait for more bytes after the first
_BACKLOG = 1 << 20  # bytes kept for a host that does not read; later ones are lost
_RETRY = 0.005  # seconds until the next write to a full pseudo-terminal
_CLOSE_DEADLINE = 2.0


class SerialLine:
    """Connects `uarts` to a new pseudo-terminal; `stopped` stops the core.

    `idle` is called while the firmware only polls.
    """

    def __init__(
        self,
        uarts: Uarts,
        stopped: Callable[[], AbstractContextManager[None]],
        idle: Callable[[], None],
    ) -> None:
        self._uarts = uarts
        self._stopped = stopped
        self._host, self._terminal = os.openpty()
        tty.setraw(self._terminal)
        os.set_blocking(self._host, False)
        self.path = os.ttyname(self._terminal)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self.sent = 0  # bytes, of the device
        self._out = bytearray()
        self._to_device = Disturbance()
        self._to_host = Disturbance()
        self._closing = False
        uarts.connect(self._transmit, self._wake, idle)
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._thread.start()

    def disturb(self, fault: LineFault) -> None:
        """Disturb a future byte."""
        (self._to_device if fault.to_device else self._to_host).add(fault)

    def close(self) -> None:
        """Hang up: a host that has the port open gets an error."""
        if self._closing:
            return
        self._closing = True
        self._wake()
        self._thread.join(_CLOSE_DEADLINE)
        for descriptor in (self._host, self._terminal, self._wake_read, self._wake_write):
            os.close(descriptor)

    # Called by the core's thread

    def _transmit(self, byte: int) -> None:
        if self._closing:
            return
        self.sent += 1
        out = self._out
        if len(out) < _BACKLOG:
            out.append(byte)
            if len(out) == 1:
                self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the pipe is full: the thread wakes anyway
            os.write(self._wake_write, b"\0")

    # The line's thread

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        full = False
        while not self._closing:
            listening = self._uarts.waiting < QUEUE
            if listening:
                poll.register(self._host, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(_RETRY * 1000 if full else None)}
            if listening:
                poll.unregister(self._host)
            if self._wake_read in ready:
                os.read(self._wake_read, _CHUNK)
                time.sleep(_GATHER)
            if self._host in ready:
                self._receive()
            full = not self._send()

    def _receive(self) -> None:
        try:
            data = self._to_device.apply(os.read(self._host, _CHUNK))
        except BlockingIOError:
            return
        with self._stopped():
            self._uarts.receive(data)

    def _send(self) -> bool:
        """Write the device's bytes; return whether the pseudo-terminal accepted all of them."""
        while self._out:
            size = min(len(self._out), _CHUNK)
            data = self._to_host.apply(bytes(self._out[:size]))
            del self._out[:size]
            while data:
                try:
                    data = data[os.write(self._host, data) :]
                except BlockingIOError:
                    self._out[:0] = data
                    return False
        return True
