"""PPI of the nRF52840 (PS 1.7, 6.16): channels from an event of a peripheral to tasks of others.

A task starts at the same tick as its event.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from harness.simulator.peripherals.nrf import (
    EVENTS,
    EVENTS_END,
    TASKS_END,
    NrfPeripheral,
    event_bit,
)

_CHEN, _CHENSET, _CHENCLR = 0x500, 0x504, 0x508
_CH0, _CHG0, _FORK0 = 0x510, 0x800, 0x910
_CHANNELS, _GROUPS, _ENDS = 20, 6, 32  # programmable channels; channels with fixed ends are after
_PAGE = 0x1000
_RADIO, _TIMER0, _RTC0, _CCM_AAR = 0x4000_1000, 0x4000_8000, 0x4000_B000, 0x4000_F000
FIXED: Mapping[int, tuple[int, int]] = {
    20: (_TIMER0 + 0x140, _RADIO + 0x000),  # COMPARE[0] to TXEN
    21: (_TIMER0 + 0x140, _RADIO + 0x004),  # COMPARE[0] to RXEN
    22: (_TIMER0 + 0x144, _RADIO + 0x010),  # COMPARE[1] to DISABLE
    23: (_RADIO + 0x128, _CCM_AAR + 0x000),  # BCMATCH to START of the AAR
    24: (_RADIO + 0x100, _CCM_AAR + 0x000),  # READY to KSGEN of the CCM
    25: (_RADIO + 0x104, _CCM_AAR + 0x004),  # ADDRESS to CRYPT
    26: (_RADIO + 0x104, _TIMER0 + 0x044),  # ADDRESS to CAPTURE[1]
    27: (_RADIO + 0x10C, _TIMER0 + 0x048),  # END to CAPTURE[2]
    28: (_RTC0 + 0x140, _RADIO + 0x000),  # COMPARE[0] to TXEN
    29: (_RTC0 + 0x140, _RADIO + 0x004),  # COMPARE[0] to RXEN
    30: (_RTC0 + 0x140, _TIMER0 + 0x00C),  # COMPARE[0] to CLEAR
    31: (_RTC0 + 0x140, _TIMER0 + 0x000),  # COMPARE[0] to START
}
"""For each channel with fixed ends the addresses of its event and its task (6.16.1)."""


class NrfPpi:
    """The interconnect of the peripherals that `connect` adds."""

    def __init__(self) -> None:
        self._peripherals: dict[int, NrfPeripheral] = {}
        self._tasks: dict[int, list[int]] = {}  # for each event the tasks, by their addresses
        self._running: set[int] = set()  # the events that are being handled
        self._registers: dict[int, int] = {}
        self._enabled = 0

    def connect(self, base: int, peripheral: NrfPeripheral) -> None:
        """Connect the peripheral at `base`."""
        self._peripherals[base] = peripheral
        peripheral.published = lambda offset: self._happened(base + offset)

    def reset(self) -> None:
        """Disable all channels."""
        self._registers.clear()
        self._set(0)

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset in (_CHEN, _CHENSET, _CHENCLR):
            return self._enabled
        return 0 if offset < TASKS_END else self._registers.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _CHEN:
            self._set(value)
        elif offset == _CHENSET:
            self._set(self._enabled | value)
        elif offset == _CHENCLR:
            self._set(self._enabled & ~value)
        elif offset < 8 * _GROUPS:
            if value & 1:
                self._switch_group(*divmod(offset, 8))
        else:
            self._registers[offset] = value
            self._set(self._enabled)

    def _switch_group(self, group: int, disable: int) -> None:
        channels = self._registers.get(_CHG0 + 4 * group, 0)
        self._set(self._enabled & ~channels if disable else self._enabled | channels)

    def _set(self, enabled: int) -> None:
        """Enable these channels, and no others."""
        self._enabled = enabled
        tasks: dict[int, list[int]] = defaultdict(list)
        for channel in range(_ENDS):
            if enabled >> channel & 1:
                event, *ends = self._ends(channel)
                tasks[event] += [end for end in ends if end]
        self._tasks = dict(tasks)
        routed: dict[int, int] = defaultdict(int)
        for event in self._tasks:
            if EVENTS <= event % _PAGE < EVENTS_END:
                routed[event - event % _PAGE] |= event_bit(event % _PAGE)
        for base, peripheral in self._peripherals.items():
            if peripheral.routed != routed.get(base, 0):
                peripheral.route(routed.get(base, 0))

    def _ends(self, channel: int) -> Iterator[int]:
        """Yield the addresses of the event, the task and the second task of `channel`."""
        if channel in FIXED:
            yield from FIXED[channel]
        else:
            yield self._registers.get(_CH0 + 8 * channel, 0)
            yield self._registers.get(_CH0 + 8 * channel + 4, 0)
        yield self._registers.get(_FORK0 + 4 * channel, 0)

    def _happened(self, event: int) -> None:
        """Start the tasks of `event`; one that leads back to it starts nothing."""
        if event in self._running:
            return
        self._running.add(event)
        for task in self._tasks.get(event, ()):
            self._start(task)
        self._running.discard(event)

    def _start(self, address: int) -> None:
        base, offset = address - address % _PAGE, address % _PAGE
        if base == PPI:
            self.write(offset, 1)
        elif base in self._peripherals and offset < TASKS_END:
            self._peripherals[base].write(offset, 1)


PPI = 0x4001_F000
"""The address of the PPI itself: its tasks enable and disable groups of channels."""
