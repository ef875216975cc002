"""Reset and clock control of the STM32: RM0090 rev 19, 6.3; RM0351 rev 9, 6.4.

Oscillators and PLLs are ready as soon as they are on. A peripheral also works without its clock
enabled. The backup domain keeps its registers at a system reset (RM0090, 5.1.2; RM0351, 5.1.4).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.simulator.clock import Clock
from harness.simulator.peripherals.plain_registers import Follow, PlainRegisters
from harness.simulator.peripherals.stm32_clock_tree import CCIPR, ClockTree, Layout

_PIN, _POWER = 1 << 26, 1 << 27
SOFTWARE, INDEPENDENT_WATCHDOG, WINDOW_WATCHDOG = 1 << 28, 1 << 29, 1 << 30
"""Flags of CSR: the reasons for a reset."""
_FLAGS = 0xFF << 24
_CR, _CFGR, _HSE_AND_PLL = 0x00, 0x08, 1 << 16 | 1 << 24
_BACKUP_RESET = 1 << 16
_LAST_CLOCK = 0x14  # the last register with settings of the PLLs


@dataclass(frozen=True)
class RccDesign:
    """What differs between the families.

    `resets` are the offsets of the peripheral reset registers. `clear` is the place of RMVF in
    CSR, and `power_on` are CSR's flags after power-on.
    """

    layout: Layout
    values: Mapping[int, int]
    follows: tuple[Follow, ...]
    resets: tuple[int, ...]
    clear: int
    power_on: int
    oscillators: tuple[int, ...] = (1,)
    """Their bits in CR, by SW: HSI; on the STM32L4 MSI and HSI."""
    stop_oscillator: int = 0
    """The place in CFGR of the choice between them for the end of Stop; 0 without one."""


@dataclass
class Rcc:
    """The RCC; it sets the frequency of `clock`.

    `in_reset` returns whether nRESET is low, `writable` whether the backup domain can be written.
    It calls `adjusted` when a clock has changed, and `backup_reset` for a reset of the backup
    domain.
    """

    design: RccDesign
    clock: Clock
    in_reset: Callable[[], bool]
    writable: Callable[[], bool] = lambda: True
    adjusted: list[Callable[[], None]] = field(default_factory=list)
    backup_reset: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._registers = PlainRegisters(self.design.values, self.design.follows)
        self._reset_cause = 0
        self._flags = 0
        self._backup = 0
        self._peripherals: dict[tuple[int, int], Callable[[], None]] = {}
        self.tree = ClockTree(self.design.layout, self._stored)

    def resets(self, place: tuple[int, int], reset: Callable[[], None]) -> None:
        """Call `reset` when firmware sets a bit, `place[1]`, of the reset register `place[0]`."""
        self._peripherals[place] = reset

    def note_cause(self, flag: int) -> None:
        """Note the reason of the reset that follows."""
        self._reset_cause = flag

    def stop(self) -> None:
        """Select the oscillator with which the chip leaves Stop; HSE and PLL are off then."""
        control, selection = (self._registers.peek(offset) for offset in (_CR, _CFGR))
        oscillator = (
            selection >> self.design.stop_oscillator & 1 if self.design.stop_oscillator else 0
        )
        if selection & 3 == oscillator and not control & _HSE_AND_PLL:
            return
        self._registers.write(_CR, control & ~_HSE_AND_PLL | self.design.oscillators[oscillator])
        self._registers.write(_CFGR, selection & ~3 | oscillator)
        self._adjust()

    def note_power_reset(self) -> None:
        """Note that the reset that follows is one of the power, as that at the end of Standby."""
        self._flags = 0

    def reset(self) -> None:
        """Return to the internal oscillator; add the reason for the reset to CSR's flags."""
        if not self._flags:
            self._flags = self.design.power_on
        elif self.in_reset():
            self._flags |= _PIN
        else:
            self._flags |= _PIN | (self._reset_cause or SOFTWARE)
        self._reset_cause = 0
        self._registers.reset()
        self._adjust()

    def read(self, offset: int) -> int:
        """Return a register."""
        value = self._registers.read(offset)
        if offset == self._backup_control:
            return self._backup | (self._backup & 1) << 1
        return value | self._flags & _FLAGS if offset == self._backup_control + 4 else value

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._stored(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == self._backup_control:
            self._write_backup(value)
        elif offset == self._backup_control + 4:
            if value >> self.design.clear & 1:
                self._flags = 1  # not zero: only power-on clears it
            self._registers.write(offset, value & ~_FLAGS & ~(1 << self.design.clear))
        else:
            self._registers.write(offset, value)
            if offset in self.design.resets:
                self._reset_peripherals(offset, value)
        if offset <= _LAST_CLOCK or offset >= min(self._backup_control, CCIPR):
            self._adjust()

    @property
    def _backup_control(self) -> int:
        return self.design.layout.control_backup

    def _stored(self, offset: int) -> int:
        return self._backup if offset == self._backup_control else self._registers.peek(offset)

    def _write_backup(self, value: int) -> None:
        if not self.writable():
            return
        self._backup = value
        if value & _BACKUP_RESET:
            self._backup = _BACKUP_RESET
            for reset in self.backup_reset:
                reset()

    def _reset_peripherals(self, offset: int, value: int) -> None:
        while value:
            bit = value.bit_length() - 1
            value &= ~(1 << bit)
            reset = self._peripherals.get((offset, bit))
            if reset is not None:
                reset()

    def _adjust(self) -> None:
        """Take over new clocks."""
        self.clock.hertz = self.tree.core_hz()
        for adjusted in self.adjusted:
            adjusted()
