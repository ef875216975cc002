"""DMA2D of the STM32F42x: RM0090 rev 19, 11.5. It copies and fills rectangles.

Conversion and blending of pixels are not modelled: they end with the flag of a wrong configuration.
"""

from collections.abc import Callable

from harness.simulator.bus import Bus, BusError
from harness.simulator.peripherals.agenda import Agenda

_CR, _ISR, _IFCR, _FGMAR, _FGOR, _FGPFCCR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x1C
_OPFCCR, _OCOLR, _OMAR, _OOR, _NLR = 0x34, 0x38, 0x3C, 0x40, 0x44
_START, _ABORT = 1 << 0, 1 << 2
_TEIF, _TCIF, _CEIF = 1 << 0, 1 << 1, 1 << 5
_ENABLE_SHIFT = 8  # from a flag to its enable in CR
_COPY, _FILL = 0, 3  # MODE
_PIXEL_BYTES = (4, 3, 2, 2, 2, 1, 1, 2, 1, 1, 1)  # by the color mode
_TICKS = 2  # of the core, for one pixel


class Dma2d:
    """The accelerator with access to `bus` except `denied`, and an interrupt `line`."""

    def __init__(
        self, bus: Bus, agenda: Agenda, denied: range, line: Callable[[bool], None]
    ) -> None:
        self._bus = bus
        self._agenda = agenda
        self._denied = denied
        self._line = line
        self.reset()

    def reset(self) -> None:
        """Stop."""
        self._registers: dict[int, int] = {}
        self._flags = 0
        self._agenda.put(self._finish, None)
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        return self._flags if offset == _ISR else self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return 0 if offset == _IFCR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; setting START starts a transfer."""
        if offset == _IFCR:
            self._flags &= ~value
        elif offset == _CR and value & _ABORT:
            self._registers[_CR] = value & ~(_START | _ABORT)
            self._agenda.put(self._finish, None)
        elif offset == _CR:
            starts = value & _START and not self._registers.get(_CR, 0) & _START
            self._registers[_CR] = value
            if starts:
                self._agenda.put(self._finish, self._agenda.now() + _TICKS * self._pixels)
        elif offset != _ISR:
            self._registers[offset] = value
        self._drive()

    @property
    def _size(self) -> tuple[int, int]:
        """The pixels of a line, and the lines."""
        lines = self._registers.get(_NLR, 0)
        return lines >> 16 & 0x3FFF, lines & 0xFFFF

    @property
    def _pixels(self) -> int:
        width, height = self._size
        return width * height

    def _finish(self) -> None:
        """Transfer all, and end."""
        mode = self._registers.get(_CR, 0) >> 16 & 3
        color = self._registers.get(_FGPFCCR if mode == _COPY else _OPFCCR, 0) & 0xF
        if mode not in (_COPY, _FILL) or color >= len(_PIXEL_BYTES):
            self._flags |= _CEIF
        else:
            try:
                self._transfer(_PIXEL_BYTES[color], fills=mode == _FILL)
                self._flags |= _TCIF
            except BusError:
                self._flags |= _TEIF
        self._registers[_CR] = self._registers.get(_CR, 0) & ~_START
        self._drive()

    def _transfer(self, pixel: int, *, fills: bool) -> None:
        source, target = (self._registers.get(offset, 0) for offset in (_FGMAR, _OMAR))
        gaps = [pixel * (self._registers.get(offset, 0) & 0x3FFF) for offset in (_FGOR, _OOR)]
        color = self._registers.get(_OCOLR, 0).to_bytes(4, "little")[:pixel]
        width, height = self._size
        for _ in range(height):
            for index in range(width * pixel):
                byte = color[index % pixel] if fills else self._read(source + index)
                self._write(target + index, byte)
            source += width * pixel + gaps[0]
            target += width * pixel + gaps[1]

    def _read(self, address: int) -> int:
        if address in self._denied:
            raise BusError(address)
        return self._bus.read(address, 1)

    def _write(self, address: int, byte: int) -> None:
        if address in self._denied:
            raise BusError(address)
        self._bus.write(address, 1, byte)

    def _drive(self) -> None:
        enabled = self._registers.get(_CR, 0) >> _ENABLE_SHIFT
        self._line(bool(self._flags & enabled))
