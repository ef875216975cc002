"""How an STM32 is put together: its blocks at their addresses, and what connects them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.errors import InfrastructureError
from harness.simulator.bus import Device, Window
from harness.simulator.chips.chip import ABSENT, MODELLED
from harness.simulator.core import Core
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.gpio import Pins
from harness.simulator.peripherals.plain_registers import PlainRegisters
from harness.simulator.peripherals.slow_clock import SlowClock
from harness.simulator.peripherals.stm32_rcc import Rcc, RccDesign
from harness.simulator.peripherals.uart import Uart


@dataclass(frozen=True)
class Block:
    """A peripheral at `base`, made by `make`; without one it is absent.

    `lines` are its interrupts, and `reset` is its bit in the RCC: the register and the place.
    """

    name: str
    base: int
    make: Callable[[Wiring, Block], Device] | None = None
    lines: tuple[int, ...] = ()
    reset: tuple[int, int] | None = None
    size: int = 0x400
    model: str = MODELLED

    @property
    def state(self) -> str:
        """Modelled, idle or absent."""
        return ABSENT if self.make is None else self.model


class Wiring:
    """What the blocks of the chip with `core` have in common.

    DMA requests have names such as "USART1_RX". `triggers` are called by the trigger output of the
    timer with this name. `exti` pulses a line of EXTI; whoever makes EXTI sets it. `wake` ends
    Standby; whoever makes PWR sets it.
    """

    def __init__(self, core: Core, design: RccDesign) -> None:
        self.core = core
        self.agenda = Agenda(core.clock, core.executor.interrupt)
        core.timed.append(self.agenda)
        self.rcc = Rcc(design, core.clock, lambda: core.held_in_reset)
        self.tree = self.rcc.tree
        self.pins = Pins(core.executor.now)
        self.requests: defaultdict[str, DmaRequest] = defaultdict(DmaRequest)
        self.triggers: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self.uarts: dict[str, Uart] = {}
        self.exti: Callable[[int], None] = lambda _line: None
        self.wake: Callable[[], None] = lambda: None
        self.moved: Callable[[int, int, int], None] = lambda _port, _before, _after: None
        self.devices: dict[str, Device] = {}
        self._asserted: defaultdict[int, set[object]] = defaultdict(set)

    def line(self, interrupt: int) -> Callable[[bool], None]:
        """Return an input of `interrupt`, which several devices can share."""
        drive, asserted, source = (
            self.core.nvic.line(interrupt),
            self._asserted[interrupt],
            object(),
        )

        def assert_line(level: bool) -> None:
            if level:
                asserted.add(source)
            else:
                asserted.discard(source)
            drive(bool(asserted))

        return assert_line

    def slow_clock(self, hertz: int) -> SlowClock:
        """Return a clock of `hertz` in the time of the core."""
        return SlowClock(self.core.clock, hertz)

    def reset_by_watchdog(self, flag: int) -> None:
        """Reset the chip, with `flag` in CSR."""
        self.rcc.note_cause(flag)
        self.core.request_reset()

    def place(self, blocks: Iterable[Block], windows: Iterable[Window]) -> None:
        """Make the blocks and place them."""
        windows = tuple(windows)
        for block in blocks:
            device = PlainRegisters() if block.make is None else block.make(self, block)
            self.devices[block.name] = device
            window = _window(windows, block.base)
            window.add(block.base, device, size=block.size)
            if block.reset is not None:
                self.rcc.resets(block.reset, device.reset)


def _window(windows: Iterable[Window], address: int) -> Window:
    for window in windows:
        if window.base <= address < window.base + window.size:
            return window
    raise InfrastructureError(f"no window contains {address:#010x}", where="virtual board")
