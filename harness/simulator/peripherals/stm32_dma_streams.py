"""The DMA controllers of the STM32F4: RM0090 rev 19, 10.3 functions, 10.5 registers.

FIFO and bursts do not show: the FIFO only packs bytes, and memory is written in the device's size.
"""

from collections.abc import Callable, Mapping

from harness.simulator.bus import Bus
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_channel import DmaChannel, End, Setup
from harness.simulator.peripherals.dma_request import DmaRequest

_LISR, _HISR, _LIFCR, _HIFCR, _FIRST, _SIZE = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x18
_CR, _NDTR, _PAR, _M0AR, _M1AR, _FCR = range(0x00, 0x18, 4)
_FCR_AFTER_RESET = 0x21
STREAMS = 8
_FLAGS = (0, 6, 16, 22)  # the places of a stream's flags in LISR and HISR
_TEIF, _HTIF, _TCIF, _ALL = 1 << 3, 1 << 4, 1 << 5, 0x3D
_EN, _TEIE, _HTIE, _TCIE = 1 << 0, 1 << 2, 1 << 3, 1 << 4
_CIRC, _PINC, _MINC, _DBM, _CT = 1 << 8, 1 << 9, 1 << 10, 1 << 18, 1 << 19
_TO_DEVICE, _BETWEEN_MEMORIES = 1, 2  # DIR
_READ_ONLY_WHILE_ON = (_NDTR, _PAR)

Routes = Mapping[tuple[int, int], list[DmaRequest]]
"""The requests at each stream and channel."""


class _Stream:
    """A stream with interrupt `line`; `routes` are its own, by channel."""

    def __init__(
        self,
        bus: Bus,
        agenda: Agenda,
        denied: range,
        line: Callable[[bool], None],
        routes: Mapping[int, list[DmaRequest]],
    ) -> None:
        self._line = line
        self._routes = routes
        self._channel = DmaChannel(
            bus,
            agenda,
            denied,
            on_half=lambda: self._flag(_HTIF),
            on_end=self._on_end,
            on_error=self._on_error,
        )
        for requests in routes.values():
            for request in requests:
                request.serve_with(self._channel.pump)
        self.reset()

    def reset(self) -> None:
        self._channel.stop()
        self._registers = [0, 0, 0, 0, 0, _FCR_AFTER_RESET]
        self.flags = 0
        self._line(False)

    def read(self, offset: int) -> int:
        on = self._channel.setup is not None
        if offset == _NDTR and on:
            return self._channel.left
        if offset == _CR and on:
            return self._registers[0] & ~_CT | (_CT if self._channel.second else 0)
        return self._registers[offset >> 2]

    def write(self, offset: int, value: int) -> None:
        was_on = bool(self._registers[0] & _EN)
        if was_on and offset in _READ_ONLY_WHILE_ON:
            return
        self._registers[offset >> 2] = value & 0xFFFF if offset == _NDTR else value
        if offset != _CR:
            return
        if value & _EN and not was_on:
            self._start(value)
        elif was_on and not value & _EN:
            self._registers[_NDTR >> 2] = self._channel.left
            self._channel.stop()
            self._flag(_TCIF)  # the end of a stream that is switched off (10.3.14)
        self._drive()

    def clear(self, flags: int) -> None:
        self.flags &= ~flags
        self._drive()

    def _start(self, control: int) -> None:
        """Switch on what CR and the other registers say (10.3.17)."""
        _, count, device_address, first, second, _ = self._registers
        direction = control >> 6 & 3
        size = 1 << (control >> 11 & 3)
        device = End(device_address, size, size if control & _PINC else 0)
        swapped = bool(control & _DBM and control & _CT)
        memory = End(second if swapped else first, size, size if control & _MINC else 0)
        other = (first if swapped else second) if control & _DBM else None
        source, target = (memory, device) if direction == _TO_DEVICE else (device, memory)
        with_requests = direction != _BETWEEN_MEMORIES
        if not count:
            self._registers[0] &= ~_EN
            return
        self._channel.start(
            Setup(
                count,
                source,
                target,
                memory,
                with_requests,
                bool(control & (_CIRC | _DBM)) and with_requests,
                other,
            ),
            self._routes.get(control >> 25 & 7, []),
        )

    def _on_end(self, off: bool) -> None:
        if off:
            self._registers[0] &= ~_EN
            self._registers[_NDTR >> 2] = 0
        self._flag(_TCIF)

    def _on_error(self) -> None:
        self._registers[0] &= ~_EN
        self._flag(_TEIF)

    def _flag(self, flag: int) -> None:
        self.flags |= flag
        self._drive()

    def _drive(self) -> None:
        control, flags = self._registers[0], self.flags
        pending = (flags & _TCIF and control & _TCIE) or (flags & _HTIF and control & _HTIE)
        self._line(bool(pending or (flags & _TEIF and control & _TEIE)))


class DmaStreams:
    """A controller whose streams have interrupt `lines`, and no access to `denied`."""

    def __init__(
        self,
        bus: Bus,
        agenda: Agenda,
        denied: range,
        lines: list[Callable[[bool], None]],
        routes: Routes,
    ) -> None:
        self._streams = [
            _Stream(
                bus,
                agenda,
                denied,
                lines[number],
                {channel: found for (stream, channel), found in routes.items() if stream == number},
            )
            for number in range(STREAMS)
        ]

    def reset(self) -> None:
        """Switch all streams off."""
        for stream in self._streams:
            stream.reset()

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset in (_LISR, _HISR):
            half = offset // 4 * 4
            streams = self._streams[half : half + 4]
            return sum(s.flags << at for s, at in zip(streams, _FLAGS, strict=True))
        stream, register = divmod(offset - _FIRST, _SIZE)
        return self._streams[stream].read(register) if 0 <= stream < STREAMS else 0

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset in (_LIFCR, _HIFCR):
            half = (offset - _LIFCR) // 4 * 4
            for stream, at in zip(self._streams[half : half + 4], _FLAGS, strict=True):
                if value >> at & _ALL:
                    stream.clear(value >> at & _ALL)
            return
        number, register = divmod(offset - _FIRST, _SIZE)
        if 0 <= number < STREAMS:
            self._streams[number].write(register, value)
