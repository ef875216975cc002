"""One channel or stream of a DMA controller: what it transfers, and how far it is.

A transfer takes no time. Firmware sees the end of a transfer between memories, and of a block in
circular mode, only after the time that `_TICKS` allows: without it, a circular transfer to a device
that is always ready would never leave the processor anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.simulator.bus import Bus, BusError
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest

_TICKS = 4  # per item


@dataclass
class End:
    """One end of a transfer: `address` of the next item, `size` in bytes, `step` to the next."""

    address: int = 0
    size: int = 1
    step: int = 0


@dataclass
class Setup:
    """What the registers say: how a channel transfers `count` items.

    With `device`, each item waits for a request. With `circular`, the transfer starts again at its
    end, and with the `other` address as destination and source in turn if there is one.
    """

    count: int
    source: End
    target: End
    memory: End
    device: bool = True
    circular: bool = False
    other: int | None = None


@dataclass
class DmaChannel:
    """A channel that has access to `bus` except `denied`.

    It calls `on_half`, `on_end` and `on_error`; `on_end` with True if the channel is off now.
    """

    bus: Bus
    agenda: Agenda
    denied: range
    on_half: Callable[[], None]
    on_end: Callable[[bool], None]
    on_error: Callable[[], None]
    requests: list[DmaRequest] = field(default_factory=list)
    setup: Setup | None = None
    left: int = 0
    second: bool = False
    """Whether the memory is now the other one of a double buffer."""
    _pausing: bool = False
    _pumping: bool = False
    _first: tuple[int, int, int] = (0, 0, 0)

    def start(self, setup: Setup, requests: list[DmaRequest]) -> None:
        """Switch on: transfer according to `setup` when one of `requests` asks."""
        self.setup, self.requests, self.left = setup, requests, setup.count
        self._first = setup.source.address, setup.target.address, setup.memory.address
        self.second = self._pausing = False
        if not setup.device:
            self._pausing = True
            self.agenda.put(self._copy, self.agenda.now() + _TICKS * setup.count)
        else:
            self.pump()

    def stop(self) -> None:
        """Switch off."""
        self.setup = None
        self._pausing = False
        self.agenda.put(self._copy, None)
        self.agenda.put(self._resume, None)

    def pump(self) -> None:
        """Transfer items as long as a request asks for them."""
        if self._pumping:  # the transfer has made the device ask again
            return
        self._pumping = True
        while self.setup is not None and not self._pausing and self.left:
            asking = next((request for request in self.requests if request.level), None)
            if asking is None:
                break
            asking.acknowledge()
            self._move()
        self._pumping = False

    def _copy(self) -> None:
        """Transfer all between memories."""
        self._pausing = False
        while self.setup is not None and self.left:
            self._move()

    def _resume(self) -> None:
        self._pausing = False
        self.pump()

    def _move(self) -> None:
        """Transfer one item."""
        setup = self.setup
        if setup is None:
            return
        source, target = setup.source, setup.target
        self.left -= 1  # first: the access may make its device ask again
        from_address, to_address = source.address, target.address
        source.address += source.step
        target.address += target.step
        try:
            value = self.bus.read(self._allowed(from_address), source.size)
            value &= (1 << 8 * target.size) - 1
            self.bus.write(self._allowed(to_address), target.size, value)
        except BusError:
            self.stop()
            self.on_error()
            return
        if self.setup is not setup:  # the device's reaction has switched it off
            return
        if self.left == setup.count - setup.count // 2 and setup.count > 1:
            self.on_half()
        if self.left == 0 and self.setup is setup:
            self._end(setup)

    def _allowed(self, address: int) -> int:
        if address in self.denied:
            raise BusError(address)
        return address

    def _end(self, setup: Setup) -> None:
        if not setup.circular:
            self.stop()
            self.on_end(True)
            return
        self.left = setup.count
        setup.source.address, setup.target.address, first = self._first
        if setup.other is not None:
            self.second = not self.second
            setup.memory.address = setup.other if self.second else first
        self._pausing = True
        self.agenda.put(self._resume, self.agenda.now() + _TICKS * setup.count)
        self.on_end(False)
