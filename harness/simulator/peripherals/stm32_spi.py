"""SPI of the STM32 as master of an idle bus: every transfer completes and reads ones.

RM0090 rev 19, 28.5 (STM32F4); RM0351 rev 9, 42.6 (STM32L4, whose FIFO holds one item here). I2S
and slave mode transfer nothing.
"""

from collections.abc import Callable

from harness.simulator.peripherals.dma_request import DmaRequest

_CR1, _CR2, _SR, _DR = 0x00, 0x04, 0x08, 0x0C
_AFTER_RESET = {0x10: 7, 0x20: 2}  # CRCPR, I2SPR
_MSTR, _SPE, _RXONLY = 1 << 2, 1 << 6, 1 << 10
_BIDIMODE, _BIDIOE = 1 << 15, 1 << 14
_RXDMAEN, _TXDMAEN, _RXNEIE, _TXEIE = 1 << 0, 1 << 1, 1 << 6, 1 << 7
_RXNE, _TXE = 1 << 0, 1 << 1
_IDLE_DATA = 0xFFFF


class Spi:
    """An SPI with its interrupt `line` and DMA requests."""

    MODEL = "idle bus"

    def __init__(
        self,
        line: Callable[[bool], None],
        receive: DmaRequest,
        transmit: DmaRequest,
    ) -> None:
        self._line = line
        self._receive, self._transmit = receive, transmit
        self.reset()

    def reset(self) -> None:
        """Switch off."""
        self._registers = dict(_AFTER_RESET)
        self._has_data = False
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register; reading DR takes the data."""
        if offset == _SR:
            return _TXE | (_RXNE if self._has_data else 0)
        if offset == _DR:
            wide = self._registers.get(_CR1, 0) & 1 << 11 or self._registers.get(_CR2, 0) & 1 << 11
            self._has_data = self._only_receives
            self._drive()
            return _IDLE_DATA if wide else _IDLE_DATA & 0xFF
        return self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register; a word in DR is transferred at once."""
        if offset == _DR:
            control = self._registers.get(_CR1, 0)
            half_duplex = control & _BIDIMODE
            self._has_data = (self._is_master and not half_duplex) or self._has_data
        elif offset != _SR:
            self._registers[offset] = value
            if offset == _CR1 and self._only_receives:
                self._has_data = True
            elif offset == _CR1 and not value & _SPE:
                self._has_data = False
        self._drive()

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
        self._line(bool(enabled & _TXEIE or (enabled & _RXNEIE and self._has_data)))
        receives = bool(on and self._has_data and enabled & _RXDMAEN)
        if receives or self._receive.level:
            self._receive.set(receives)
        transmits = bool(on and enabled & _TXDMAEN)
        if transmits != self._transmit.level:
            self._transmit.set(transmits)
