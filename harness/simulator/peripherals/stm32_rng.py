"""The random number generator of the STM32: RM0090 rev 19, 24.4; RM0351 rev 9, 27.7.

Its numbers are always the same ones, so that runs can be compared: a xorshift generator
(G. Marsaglia, "Xorshift RNGs", 2003).
"""

from collections.abc import Callable

_CR, _SR, _DR = 0x00, 0x04, 0x08
_RNGEN, _IE, _DRDY = 1 << 2, 1 << 3, 1 << 0
_SEED = 0x2545_F491
_MASK = 0xFFFF_FFFF


class Rng:
    """The generator with interrupt `line`; a number is always ready."""

    def __init__(self, line: Callable[[bool], None]) -> None:
        self._line = line
        self.reset()

    def reset(self) -> None:
        """Switch off."""
        self._control = 0
        self._state = _SEED
        self._line(False)

    def read(self, offset: int) -> int:
        """Return a register; reading DR takes a number."""
        if offset == _CR:
            return self._control
        enabled = bool(self._control & _RNGEN)
        if offset == _SR:
            return _DRDY if enabled else 0
        if offset != _DR or not enabled:
            return 0
        state = self._state
        state ^= state << 13 & _MASK
        state ^= state >> 17
        self._state = state ^ state << 5 & _MASK
        self._line(False)  # and again: the next number is ready
        self._drive()
        return self._state

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._control if offset == _CR else 0

    def write(self, offset: int, value: int) -> None:
        """Write a register; the error flags are never set."""
        if offset == _CR:
            self._control = value
            self._drive()

    def _drive(self) -> None:
        enabled = _RNGEN | _IE
        self._line(self._control & enabled == enabled)
