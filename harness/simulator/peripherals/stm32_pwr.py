"""Power control of the STM32: RM0090 rev 19, 5.3 and 5.4; RM0351 rev 9, 5.3 and 5.4.

The core sleeps in Stop, and in Standby until an event of the RTC, or a watchdog, resets the chip.
Memory keeps its contents in Standby.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.simulator.peripherals.plain_registers import Follow, PlainRegisters

CONTROL = 0x00


@dataclass(frozen=True)
class PowerDesign:
    """What differs between the families.

    `standby` returns, for CR, the flags in the register `status` after Standby, or None if a deep
    sleep is not Standby. Ones in the register `clear`, from `clear_shift` on, clear flags.
    """

    values: Mapping[int, int]
    follows: tuple[Follow, ...]
    standby: Callable[[int], int | None]
    status: int
    clear: int
    clear_shift: int = 0


class Power(PlainRegisters):
    """PWR; a system reset keeps the flags of Standby."""

    def __init__(self, design: PowerDesign) -> None:
        super().__init__(design.values, design.follows)
        self._design = design
        self._flags = 0

    @property
    def writable(self) -> bool:
        """Whether DBP allows writing to the backup domain."""
        return bool(self.peek(CONTROL) & 1 << 8)

    @property
    def is_standby(self) -> bool:
        """Whether a deep sleep now is Standby or Shutdown."""
        return self._design.standby(self.peek(CONTROL)) is not None

    def end_standby(self) -> None:
        """Set the flags with which the chip begins again."""
        self._flags |= self._design.standby(self.peek(CONTROL)) or 0

    def read(self, offset: int) -> int:
        """Return a register."""
        value = super().read(offset)
        return value | self._flags if offset == self._design.status else value

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == self._design.clear:
            self._flags &= ~(value >> self._design.clear_shift)
        super().write(offset, value)


def f4_standby(control: int) -> int | None:
    """Return WUF and SBF if PDDS is set."""
    return 0b11 if control & 1 << 1 else None


def l4_standby(control: int) -> int | None:
    """Return SBF if LPMS is Standby; Shutdown leaves no flag."""
    mode = control & 7
    if mode == 3:  # noqa: PLR2004 - LPMS
        return 1 << 8
    return 0 if mode & 4 else None
