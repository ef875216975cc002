"""Peripherals of the nRF52840 that do nothing, but answer each task with its events (PS 1.7, 6).

Firmware that brings them up, or waits for the end of what it started, therefore does not hang.
Nothing comes from outside, and nothing is sent or stored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.simulator.peripherals.nrf import NrfPeripheral


@dataclass(frozen=True)
class Idle:
    """What an idle peripheral shows.

    `tasks` names for each task the events that follow at once, `shorts` for each bit of SHORTS an
    event and the task that it starts. `values` are those of registers after reset.
    """

    tasks: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    shorts: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    values: Mapping[int, int] = field(default_factory=dict)


class NrfIdle(NrfPeripheral):
    """A peripheral that behaves as `kind`."""

    def __init__(self, line: Callable[[bool], None], kind: Idle) -> None:
        self._kind = kind
        self.initial = kind.values
        self.shorts = kind.shorts
        super().__init__(line)

    def _task(self, offset: int) -> None:
        for event in self._kind.tasks.get(offset, ()):
            self._event(event)


EGU = Idle({4 * n: (0x100 + 4 * n,) for n in range(16)})
"""6.8; this is all that an event generator does."""

TEMP = Idle({0x000: (0x100,)}, values={0x508: 4 * 25})
"""6.28: always 25 °C."""

COMPARATOR = Idle({0x000: (0x100,)})
"""COMP and LPCOMP, 6.5 and 6.12: the input never crosses the reference."""

QDEC = Idle({0x004: (0x110,)}, {0: (0x104, 0x008), 1: (0x100, 0x004)})
"""6.18: nobody turns the knob."""

PDM = Idle({0x000: (0x100,), 0x004: (0x104,)}, values={0x518: 0x28, 0x51C: 0x28})
"""6.15: no buffer is ever full."""

I2S = Idle({0x004: (0x108,)}, values={0x504: 1, 0x50C: 1, 0x514: 0x2000_0000, 0x518: 6, 0x51C: 1})
"""6.11: no buffer is ever used up."""

PWM = Idle(
    {
        0x004: (0x104,),
        0x008: (0x108, 0x110, 0x118, 0x11C),
        0x00C: (0x10C, 0x114, 0x118, 0x11C),
        0x010: (0x118,),
    },
    {0: (0x110, 0x004), 1: (0x114, 0x004), 4: (0x11C, 0x004)},
    {0x508: 0x3FF, **{0x560 + 4 * n: 0xFFFF_FFFF for n in range(4)}},
)
"""6.17: each sequence ends at once, and the pins keep their levels."""

QSPI = Idle(
    {0x000: (0x100,), 0x004: (0x100,), 0x008: (0x100,), 0x00C: (0x100,), 0x010: ()},
    values={0x600: 0x0004_0480, 0x604: 1 << 3},
)
"""6.19: ready after each task, but nothing answers: what it reads stays as it was."""

NFCT = Idle({0x004: (), 0x008: ()}, values={0x404: 0, 0x504: 2})
"""6.14: no field is ever detected."""

CCM_AAR = Idle({0x000: (0x100, 0x108), 0x004: (0x104, 0x108)})
"""6.2 and 6.4, which share registers: an address is never resolved, a packet's MIC never right."""

MWU = Idle()
"""6.13: it watches nothing."""

USBD = Idle(values={0x400: 0, 0x51C: 0})
"""6.35: without power at VBUS it never becomes ready."""
