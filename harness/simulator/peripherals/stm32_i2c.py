"""I2C of the STM32 on an idle bus: nobody answers an address, so the master sees a NACK.

Version 1: RM0090 rev 19, 27.6 (STM32F4). Version 2: RM0351 rev 9, 39.7 (STM32L4).
"""

from collections.abc import Callable

Line = Callable[[bool], None]


class I2cV1:
    """STM32F4, with an `event` and an `error` interrupt."""

    MODEL = "idle bus"
    _CR1, _CR2, _DR, _SR1, _SR2 = 0x00, 0x04, 0x10, 0x14, 0x18
    _PE, _START, _STOP, _SWRST = 1 << 0, 1 << 8, 1 << 9, 1 << 15
    _ITERREN, _ITEVTEN = 1 << 8, 1 << 9
    _SB, _AF, _FLAGS = 1 << 0, 1 << 10, 0xDF00
    _MASTER, _BUSY = 1 << 0, 1 << 1

    def __init__(self, event: Line, error: Line) -> None:
        self._event, self._error = event, error
        self.reset()

    def reset(self) -> None:
        """Release the bus."""
        self._registers = {0x20: 2}  # TRISE
        self._status = self._bus = 0
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == self._SR1:
            return self._status
        return self._bus if offset == self._SR2 else self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; flags are cleared by zeros."""
        return 0xFFFF if offset == self._SR1 else self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == self._SR1:
            self._status &= value | ~self._FLAGS
        elif offset == self._DR:
            if self._status & self._SB:  # the address: no acknowledge
                self._status = self._status & ~self._SB | self._AF
        else:
            self._registers[offset] = value
            if offset == self._CR1:
                self._control(value)
        self._drive()

    def _control(self, value: int) -> None:
        self._registers[self._CR1] = value & ~(self._START | self._STOP)
        if value & self._SWRST:
            self._status = self._bus = 0
        elif value & self._PE and value & self._START:
            self._status |= self._SB
            self._bus = self._MASTER | self._BUSY
        elif value & self._STOP or not value & self._PE:
            self._status &= ~self._SB
            self._bus = 0

    def _drive(self) -> None:
        enabled = self._registers.get(self._CR2, 0)
        self._event(bool(enabled & self._ITEVTEN and self._status & self._SB))
        self._error(bool(enabled & self._ITERREN and self._status & self._FLAGS))


class I2cV2:
    """STM32L4, with an `event` and an `error` interrupt."""

    MODEL = "idle bus"
    _CR1, _CR2, _ISR, _ICR = 0x00, 0x04, 0x18, 0x1C
    _PE, _START, _STOP = 1 << 0, 1 << 13, 1 << 14
    _TXE, _NACKF, _STOPF = 1 << 0, 1 << 4, 1 << 5  # the enables are at the same places in CR1

    def __init__(self, event: Line, error: Line) -> None:
        self._event, self._error = event, error
        self.reset()

    def reset(self) -> None:
        """Release the bus."""
        self._registers: dict[int, int] = {}
        self._status = self._TXE
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        return self._status if offset == self._ISR else self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return 0 if offset == self._ICR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; after the missing acknowledge, the master sends a STOP (39.4.8)."""
        if offset == self._ICR:
            self._status &= ~(value & (self._NACKF | self._STOPF))
        elif offset == self._CR2:
            self._registers[offset] = value & ~(self._START | self._STOP)
            if value & self._START and self._registers.get(self._CR1, 0) & self._PE:
                self._status |= self._NACKF | self._STOPF
        elif offset != self._ISR:
            self._registers[offset] = value
            if offset == self._CR1 and not value & self._PE:
                self._status = self._TXE
        self._drive()

    def _drive(self) -> None:
        pending = self._status & self._registers.get(self._CR1, 0) & (self._NACKF | self._STOPF)
        self._event(bool(pending))
        self._error(False)
