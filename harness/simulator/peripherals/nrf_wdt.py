"""WDT of the nRF52840 (PS 1.7, 6.36): a reset if the firmware does not reload it in time.

It runs in the time of the board, in which an instruction takes a tick.
"""

from collections.abc import Callable, Mapping

from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf import NrfPeripheral

_START, _TIMEOUT = 0x000, 0x100
_RUNSTATUS, _REQSTATUS, _CRV, _RREN, _CONFIG = 0x400, 0x404, 0x504, 0x508, 0x50C
_RR = range(0x600, 0x620, 4)
_RELOAD = 0x6E52_4635
_RUNS_IN_SLEEP = 1 << 0
_HERTZ = 32_768
_UNTIL_RESET = 2  # cycles from the event to the reset


class NrfWdt(NrfPeripheral):
    """The watchdog; it calls `bite` to reset the chip.

    It runs on in a reset if `runs_on` is true: only some kinds of reset stop it (PS, "Reset
    behavior").
    """

    initial: Mapping[int, int] = {_CRV: 0xFFFF_FFFF, _RREN: 1, _CONFIG: 1}

    def __init__(
        self,
        clock: Clock,
        line: Callable[[bool], None],
        agenda: Agenda,
        bite: Callable[[], None],
        runs_on: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._agenda = agenda
        self._bite = bite
        self._runs_on = runs_on
        self._running = False
        super().__init__(line)

    def reset(self) -> None:
        """Stop, unless this reset lets it run on."""
        if self._running and self._runs_on():
            return
        super().reset()
        self._running = False
        self._requested = 0  # the reload requests that are still missing
        for event in (self._check, self._bite):
            self._agenda.put(event, None)

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _RUNSTATUS:
            return int(self._running)
        return self._requested if offset == _REQSTATUS else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; CRV, RREN and CONFIG cannot be written while it runs."""
        if offset in _RR:
            if self._running and value == _RELOAD:
                self._requested &= ~(1 << _RR.index(offset))
                if not self._requested:
                    self._reload()
        elif not (self._running and offset in (_CRV, _RREN, _CONFIG)):
            super().write(offset, value)

    def _task(self, offset: int) -> None:
        if offset == _START and not self._running:
            self._running = True
            self._reload()

    def _reload(self) -> None:
        self._requested = self._registers[_RREN] & 0xFF
        cycles = self._registers[_CRV] + 1
        self._expires_at = self._now() + cycles * self._clock.hertz // _HERTZ
        self._agenda.put(self._check, self._agenda.now() + self._expires_at - self._now())

    def _now(self) -> int:
        """Return the time that counts: it may stand still while the core sleeps."""
        if self._registers[_CONFIG] & _RUNS_IN_SLEEP:
            return self._clock.ticks()
        return self._clock.instructions()

    def _check(self) -> None:
        left = self._expires_at - self._now()
        if left > 0:  # the core has slept
            self._agenda.put(self._check, self._agenda.now() + left)
            return
        self._event(_TIMEOUT)
        ticks = _UNTIL_RESET * self._clock.hertz // _HERTZ
        self._agenda.put(self._bite, self._agenda.now() + ticks)
