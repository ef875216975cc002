"""SPI of the STM32 as master of an idle bus: every transfer completes and reads ones.

RM0090 rev 19, 28.5 (STM32F4); RM0351 rev 9, 42.6 (STM32L4, whose FIFO holds one item here). A
transfer takes no time, except with TXE's interrupt: the program goes on between two of them. I2S
transfers nothing, and a slave waits for its master.
"""

from collections.abc import Callable

from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest

_CR1, _CR2, _SR, _DR = 0x00, 0x04, 0x08, 0x0C
_AFTER_RESET = {0x10: 7, 0x20: 2}  # CRCPR, I2SPR
_MSTR, _SPE, _RXONLY = 1 << 2, 1 << 6, 1 << 10
_BIDIMODE, _BIDIOE = 1 << 15, 1 << 14
_RXDMAEN, _TXDMAEN, _RXNEIE, _TXEIE = 1 << 0, 1 << 1, 1 << 6, 1 << 7
_RXNE, _TXE, _BSY = 1 << 0, 1 << 1, 1 << 7
_WIDE = 1 << 11  # DFF in CR1, or the highest bit of DS in CR2
_IDLE_DATA = 0xFFFF


class Spi:
    """An SPI with its interrupt `line` and DMA requests.

    `ticks` returns the ticks of the core in one of its bus.
    """

    MODEL = "idle bus"

    def __init__(
        self,
        line: Callable[[bool], None],
        receive: DmaRequest,
        transmit: DmaRequest,
        agenda: Agenda,
        ticks: Callable[[], int],
    ) -> None:
        self._line = line
        self._agenda = agenda
        self._ticks = ticks
        self._receive, self._transmit = receive, transmit
        self.reset()

    def reset(self) -> None:
        """Switch off."""
        self._registers = dict(_AFTER_RESET)
        self._has_data = False
        self._waits = False  # DR holds an item that nothing has clocked out
        self._agenda.put(self._sent, None)
        self._busy = False
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register; reading DR takes the data."""
        if offset == _SR:
            state = _BSY if self._busy else 0 if self._waits else _TXE
            return state | (_RXNE if self._has_data else 0)
        if offset == _DR:
            self._has_data = self._only_receives
            self._drive()
            return _IDLE_DATA if self._is_wide else _IDLE_DATA & 0xFF
        return self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register; a word in DR is transferred at once."""
        if offset == _DR:
            self._waits = True
        elif offset != _SR:
            self._registers[offset] = value
            if offset == _CR1 and self._only_receives:
                self._has_data = True
            elif offset == _CR1 and not value & _SPE:
                self._has_data = False
        if self._waits and self._is_master:
            self._transfer()
        self._drive()

    def _transfer(self) -> None:
        self._waits = False
        control = self._registers.get(_CR1, 0)
        self._has_data |= not control & _BIDIMODE
        if self._registers.get(_CR2, 0) & _TXEIE:
            bits = 16 if self._is_wide else 8
            self._busy = True
            length = bits * (2 << (control >> 3 & 7)) * self._ticks()
            self._agenda.put(self._sent, self._agenda.now() + length)

    def _sent(self) -> None:
        self._busy = False
        self._drive()

    @property
    def _is_wide(self) -> bool:
        return bool((self._registers.get(_CR1, 0) | self._registers.get(_CR2, 0)) & _WIDE)

    @property
    def _is_master(self) -> bool:
        needed = _MSTR | _SPE
        return self._registers.get(_CR1, 0) & needed == needed

    @property
    def _only_receives(self) -> bool:
        control = self._registers.get(_CR1, 0)
        half_duplex = control & _BIDIMODE and not control & _BIDIOE
        return self._is_master and bool(control & _RXONLY or half_duplex)

    def _drive(self) -> None:
        enabled = self._registers.get(_CR2, 0)
        on = bool(self._registers.get(_CR1, 0) & _SPE)
        empty = not (self._busy or self._waits)
        self._line(bool((enabled & _TXEIE and empty) or (enabled & _RXNEIE and self._has_data)))
        receives = bool(on and self._has_data and enabled & _RXDMAEN)
        if receives or self._receive.level:
            self._receive.set(receives)
        transmits = bool(on and empty and enabled & _TXDMAEN)
        if transmits != self._transmit.level:
            self._transmit.set(transmits)
