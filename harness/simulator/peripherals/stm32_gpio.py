"""A GPIO port of an STM32: RM0090 rev 19, 8.4; RM0351 rev 9, 8.5.

An output reads its own level, an input the level of what the board connects to it, or else of its
pull resistor; a floating one is low. A pin in its alternate function is not driven by its device.
"""

from collections.abc import Callable

from harness.simulator.peripherals.gpio import Pins

_MODER, _PUPDR, _IDR, _ODR, _BSRR, _LCKR = 0x00, 0x0C, 0x10, 0x14, 0x18, 0x1C
_BRR = 0x28
_LOCKED = (_MODER, 0x04, 0x08, _PUPDR, 0x20, 0x24)  # what LCKR freezes, with 2 or 4 bits a pin
_ALL = 0xFFFF
_LCKK = 1 << 16
_OUTPUT, _ANALOG, _UP = 1, 3, 1


class Stm32Gpio:
    """Port `name`, for example "PB", whose registers have these `values` after reset.

    `connected` are the pins that the board pulls high. `moved` is called with the levels before
    and after a change of them. A port `with_brr` has that register.
    """

    def __init__(
        self,
        name: str,
        pins: Pins,
        values: dict[int, int],
        *,
        connected: int = 0,
        with_brr: bool = False,
        moved: Callable[[int, int], None] = lambda _before, _after: None,
    ) -> None:
        self._name = name
        self._pins = pins
        self._values = values
        self._connected = connected
        self._with_brr = with_brr
        self._moved = moved
        self._registers = dict(values)
        self._output = self._driven = self._level = 0
        self._lock: list[int] = []
        self._frozen = 0
        self._connect()

    def reset(self) -> None:
        """Make the pins inputs, as the reset values say."""
        self._registers = dict(self._values)
        self._output = 0
        self._lock, self._frozen = [], 0
        self._connect()

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _IDR:
            return self._level
        if offset == _ODR:
            return self._output
        if offset == _LCKR:
            return self._read_lock()
        if offset in (_BSRR, _BRR):
            return 0
        return self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._output if offset == _ODR else self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _BSRR:  # set has priority over reset
            self._output = self._output & ~(value >> 16) | value & _ALL
            self._drive()
        elif offset == _ODR:
            self._output = value & _ALL
            self._drive()
        elif offset == _BRR:
            if self._with_brr:
                self._output &= ~value & _ALL
                self._drive()
        elif offset == _LCKR:
            self._write_lock(value)
        elif offset != _IDR:
            self._registers[offset] = self._unfrozen(offset, value) if self._frozen else value
            if offset in (_MODER, _PUPDR):
                self._connect()

    def _connect(self) -> None:
        """Take over which pins are outputs, and what pulls at the others."""
        modes, pulls = self._registers.get(_MODER, 0), self._registers.get(_PUPDR, 0)
        outputs = pulled = 0
        for pin in range(16):
            mode = modes >> 2 * pin & 3
            if mode == _OUTPUT:
                outputs |= 1 << pin
            elif mode != _ANALOG and (pulls >> 2 * pin & 3 == _UP or self._connected >> pin & 1):
                pulled |= 1 << pin
        self._outputs, self._pulled = outputs, pulled
        self._drive()

    def _drive(self) -> None:
        """Take over the levels."""
        before, driven = self._driven, self._output & self._outputs
        if driven != before:
            self._driven = driven
            self._pins.changed(self._name, before, driven)
        before, level = self._level, driven | self._pulled
        if level != before:
            self._level = level
            self._moved(before, level)

    # The lock (RM0090, 8.3.6; RM0351, 8.4.8)

    def _write_lock(self, value: int) -> None:
        """Follow the sequence of writes with LCKK set, clear and set."""
        if self._frozen:
            return
        self._lock = [*self._lock, value][-3:]

    def _read_lock(self) -> int:
        if not self._frozen and len(self._lock) == 3:  # noqa: PLR2004
            first, second, third = self._lock
            if first == third and first & _LCKK and second == first & ~_LCKK:
                self._frozen = first & _ALL
        if self._frozen:
            return _LCKK | self._frozen
        return self._lock[-1] & _ALL if self._lock else 0

    def _unfrozen(self, offset: int, value: int) -> int:
        """Return what register `offset` becomes: locked pins keep their bits."""
        if offset not in _LOCKED:
            return value
        width = {0x04: 1, 0x20: 4, 0x24: 4}.get(offset, 2)
        first = 8 if offset == 0x24 else 0  # noqa: PLR2004 - AFRH: pins 8 to 15
        keep = 0
        for pin in range(16):
            if self._frozen >> pin & 1 and 0 <= (pin - first) * width < 32:  # noqa: PLR2004
                keep |= ((1 << width) - 1) << (pin - first) * width
        return self._registers.get(offset, 0) & keep | value & ~keep
