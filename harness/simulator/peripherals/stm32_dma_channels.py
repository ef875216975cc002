"""The DMA controllers of the STM32L4: RM0351 rev 9, 11.4 functions, 11.6 registers."""

from collections.abc import Callable, Mapping
from functools import partial

from harness.simulator.bus import Bus
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_channel import DmaChannel, End, Setup
from harness.simulator.peripherals.dma_request import DmaRequest

_ISR, _IFCR, _FIRST, _SIZE, _CSELR = 0x00, 0x04, 0x08, 0x14, 0xA8
_CCR, _CNDTR, _CPAR, _CMAR = range(0x00, 0x10, 4)
CHANNELS = 7
_GIF, _TCIF, _HTIF, _TEIF = 1 << 0, 1 << 1, 1 << 2, 1 << 3  # the enables are at the same places
_EN, _FROM_MEMORY, _CIRC, _PINC, _MINC = 1 << 0, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_MEM2MEM = 1 << 14

Routes = Mapping[tuple[int, int], list[DmaRequest]]
"""The requests at each channel, counted from 1, and selection in CSELR."""


class _Channel:
    """A channel with interrupt `line`; `selected` returns its requests."""

    def __init__(
        self,
        bus: Bus,
        agenda: Agenda,
        line: Callable[[bool], None],
        selected: Callable[[], list[DmaRequest]],
    ) -> None:
        self._line = line
        self._selected = selected
        self._channel = DmaChannel(
            bus,
            agenda,
            range(0),
            on_half=lambda: self._flag(_HTIF),
            on_end=self._on_end,
            on_error=self._on_error,
        )
        self.pump = self._channel.pump
        self.reset()

    def reset(self) -> None:
        self._channel.stop()
        self._registers = [0, 0, 0, 0]
        self.flags = 0
        self._line(False)

    def read(self, offset: int) -> int:
        if offset == _CNDTR and self._channel.setup is not None:
            return self._channel.left
        return self._registers[offset >> 2]

    def write(self, offset: int, value: int) -> None:
        was_on = bool(self._registers[0] & _EN)
        if was_on and offset != _CCR:
            return
        self._registers[offset >> 2] = value & 0xFFFF if offset == _CNDTR else value
        if offset != _CCR:
            return
        if value & _EN and not was_on:
            self._start(value)
        elif was_on and not value & _EN:
            if self._channel.setup is not None:
                self._registers[_CNDTR >> 2] = self._channel.left
            self._channel.stop()
        self._drive()

    def clear(self, flags: int) -> None:
        self.flags &= ~(_TCIF | _HTIF | _TEIF if flags & _GIF else flags)
        self._drive()

    def _start(self, control: int) -> None:
        _, count, device_address, memory_address = self._registers
        device_size, memory_size = 1 << (control >> 8 & 3), 1 << (control >> 10 & 3)
        device = End(device_address, device_size, device_size if control & _PINC else 0)
        memory = End(memory_address, memory_size, memory_size if control & _MINC else 0)
        source, target = (memory, device) if control & _FROM_MEMORY else (device, memory)
        with_requests = not control & _MEM2MEM
        if count:
            circular = bool(control & _CIRC) and with_requests
            setup = Setup(count, source, target, memory, with_requests, circular)
            self._channel.start(setup, self._selected())

    def _on_end(self, off: bool) -> None:
        if off:  # the channel stays enabled until firmware disables it (11.4.5)
            self._registers[_CNDTR >> 2] = 0
        self._flag(_TCIF)

    def _on_error(self) -> None:
        self._registers[0] &= ~_EN
        self._flag(_TEIF)

    def _flag(self, flag: int) -> None:
        self.flags |= flag
        self._drive()

    def _drive(self) -> None:
        self._line(bool(self.flags & self._registers[0] & (_TCIF | _HTIF | _TEIF)))


class DmaChannels:
    """A controller whose channels have interrupt `lines`."""

    def __init__(
        self, bus: Bus, agenda: Agenda, lines: list[Callable[[bool], None]], routes: Routes
    ) -> None:
        self._routes = routes
        self._selection = 0
        self._channels = [
            _Channel(bus, agenda, line, partial(self._selected, number))
            for number, line in enumerate(lines)
        ]
        for (channel, _), requests in routes.items():
            for request in requests:
                request.serve_with(self._channels[channel - 1].pump)

    def reset(self) -> None:
        """Switch all channels off."""
        self._selection = 0
        for channel in self._channels:
            channel.reset()

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _ISR:
            flags = (c.flags | (_GIF if c.flags else 0) for c in self._channels)
            return sum(value << 4 * number for number, value in enumerate(flags))
        if offset == _CSELR:
            return self._selection
        number, register = divmod(offset - _FIRST, _SIZE)
        if 0 <= number < CHANNELS and register <= _CMAR:
            return self._channels[number].read(register)
        return 0

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        number, register = divmod(offset - _FIRST, _SIZE)
        if offset == _IFCR:
            for place, channel in enumerate(self._channels):
                if value >> 4 * place & 0xF:
                    channel.clear(value >> 4 * place & 0xF)
        elif offset == _CSELR:
            self._selection = value
        elif 0 <= number < CHANNELS and register <= _CMAR:
            self._channels[number].write(register, value)

    def _selected(self, number: int) -> list[DmaRequest]:
        return self._routes.get((number + 1, self._selection >> 4 * number & 0xF), [])
