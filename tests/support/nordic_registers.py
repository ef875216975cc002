"""A chip of Nordic whose core does not run: a test accesses its bus and moves its clock."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.simulator import chips
from harness.simulator.chips.chip import ChipOptions
from harness.simulator.clock import next_deadline

RAM = 0x2000_0000
HERTZ = 64_000_000
POWER, RADIO, SPI0, TWI1, GPIOTE, SAADC, TIMER0, TIMER1, TIMER3, RTC0, TEMP, RNG = (
    0x4000_0000 + 0x1000 * identity for identity in (0, 1, 3, 4, 6, 7, 8, 9, 26, 11, 12, 13)
)
ECB, WDT, EGU0, PWM0, NVMC, PPI, USBD, QSPI = (
    0x4000_0000 + 0x1000 * identity for identity in (14, 16, 20, 28, 30, 31, 39, 41)
)
P0, P1 = 0x5000_0000, 0x5000_0300
OUT, OUTSET, OUTCLR, IN, DIR, DIRSET, DIRCLR, LATCH, DETECTMODE = range(0x504, 0x528, 4)
PIN_CNF = 0x700
PULL_DOWN, PULL_UP = 1 << 2, 3 << 2
SENSE_HIGH, SENSE_LOW = 2 << 16, 3 << 16
OUTPUT, OUTPUT_WITH_INPUT = 0b11, 0b01


class Registers:
    """The registers of the chip `name`."""

    def __init__(self, name: str = "nrf52840") -> None:
        self.chip = chips.build(name, ChipOptions())
        self.core = self.chip.core
        self.core.halted = True
        self.reset()

    def read(self, address: int) -> int:
        return self.core.bus.read(address, 4)

    def write(self, address: int, value: int = 1) -> None:
        self.core.bus.write(address, 4, value)

    def flags(self, base: int, *offsets: int) -> tuple[int, ...]:
        return tuple(self.read(base + offset) for offset in offsets)

    def wait(self, ticks: int) -> None:
        """Let time pass; each event comes at its tick."""
        clock = self.core.clock
        end = clock.ticks() + ticks
        while clock.ticks() < end:
            deadline = next_deadline(self.core.timed)
            due = end if deadline is None else min(deadline, end)
            clock.slept += max(due - clock.ticks(), 0)
            for timed in self.core.timed:
                timed.expire()

    def reset(self, *, by_pin: bool = False) -> None:
        """Reset the peripherals, as the core does."""
        self.core._held_in_reset = by_pin
        for hook in self.core.reset_hooks:
            hook()

    def start_anew(self) -> None:
        """Reset, and forget why."""
        self.reset()
        self.write(POWER + 0x400, 0xFFFF_FFFF)
        self.core.nvic.reset()

    def pending(self, interrupt: int) -> bool:
        return 16 + interrupt in self.core.nvic.pending


@contextmanager
def registers(name: str = "nrf52840") -> Iterator[Registers]:
    """Yield the registers of a new chip."""
    chip = Registers(name)
    try:
        yield chip
    finally:
        chip.core.close()
