"""SDIO (RM0090 rev 19, 31) and SDMMC (RM0351 rev 9, 45) without a card.

A command that wants a response, and every data transfer, ends with its timeout at once.
"""

from collections.abc import Callable

_COMMAND, _DATA_CONTROL, _STATUS, _CLEAR, _MASK = 0x0C, 0x2C, 0x34, 0x38, 0x3C
_READ_ONLY = (0x10, 0x14, 0x18, 0x1C, 0x20, 0x30, _STATUS, 0x48, 0x80)
_WAITS, _STARTS = 1 << 6, 1 << 10  # WAITRESP: without its lowest bit, there is no response
_DATA = 1 << 0
_COMMAND_TIMEOUT, _DATA_TIMEOUT, _COMMAND_SENT = 1 << 2, 1 << 3, 1 << 7  # in STA


class SdHost:
    """The host at an empty socket; `line` is its interrupt."""

    def __init__(self, line: Callable[[bool], None]) -> None:
        self._line = line
        self.reset()

    def reset(self) -> None:
        """Switch the socket's power off."""
        self._registers: dict[int, int] = {}
        self._flags = 0
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        return self._flags if offset == _STATUS else self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; ICR's ones clear flags."""
        return 0 if offset == _CLEAR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _CLEAR:
            self._flags &= ~value
        elif offset not in _READ_ONLY:
            self._registers[offset] = value
        if offset == _COMMAND and value & _STARTS:
            self._flags |= _COMMAND_TIMEOUT if value & _WAITS else _COMMAND_SENT
        elif offset == _DATA_CONTROL and value & _DATA:
            self._flags |= _DATA_TIMEOUT
        self._drive()

    def _drive(self) -> None:
        self._line(bool(self._flags & self._registers.get(_MASK, 0)))
