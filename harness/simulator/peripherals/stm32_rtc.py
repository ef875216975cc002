"""The real-time clock of the STM32: RM0090 rev 19, 26; RM0351 rev 9, 38: registers and alarms.

It runs from the clock that BDCR selects, in the time of the core's clock. Time stamps, tampering,
calibration and shifting only store their registers. rtc_calendar.py converts the time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from harness.simulator.peripherals import rtc_calendar
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.slow_clock import SlowClock

_TR, _DR, _CR, _ISR, _PRER, _WUTR = range(0x00, 0x18, 4)
_ALARMS = ((0x1C, 0x44), (0x20, 0x48))  # ALRMxR and ALRMxSSR
_WPR, _SSR = 0x24, 0x28
_UNPROTECTED = (_WPR, 0x40)  # and the backup registers
_BACKUP = 0x50
_KEYS = [0xCA, 0x53]
_AFTER_RESET = {_PRER: 0x7F_00FF, _WUTR: 0xFFFF}

_INITS, _RSF, _INITF, _INIT, _WUTF = 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 10
_ALARM_FLAG = 1 << 8  # the one of alarm B is the next bit, as are the enables in CR
_ALARM_ENABLE, _ALARM_INTERRUPT = 1 << 8, 1 << 12
_TWELVE_HOURS, _WUTE, _WUTIE = 1 << 6, 1 << 10, 1 << 14


@dataclass(frozen=True)
class RtcDesign:
    """What a chip connects: `hertz` returns RTCCLK, `writable` whether DBP allows writing.

    `alarm` and `wake_up` are pulsed for EXTI.
    """

    hertz: Callable[[], int]
    writable: Callable[[], bool]
    alarm: Callable[[], None]
    wake_up: Callable[[], None]


class Rtc:
    """The RTC and its backup registers, which a system reset does not change."""

    def __init__(self, agenda: Agenda, clock: SlowClock, design: RtcDesign) -> None:
        self._agenda = agenda
        self._clock = clock
        self._design = design
        self.reset_backup()

    def reset(self) -> None:
        """Protect the registers again; the time goes on."""
        self._keys: list[int] = []
        self._flags &= ~_INIT

    def reset_backup(self) -> None:
        """Return to the state after power-on of the backup domain."""
        self._registers = dict(_AFTER_RESET)
        self._keys = []
        self._flags = 0
        self._start(rtc_calendar.START)
        self._wake_from = 0  # the cycle since which the wake-up timer counts
        self._checked = 0  # the cycle up to which alarms have been looked for
        self._due: list[int | None] = [None, None]  # the cycles of the next alarms
        self._plan()

    def read(self, offset: int) -> int:
        """Return a register."""
        self._settle()
        if offset == _TR:
            return self._time().time_register(twelve_hours=self._twelve_hours)
        if offset == _DR:
            return self._time().date_register()
        if offset == _SSR:
            return self._synchronous - self._apres() % (self._synchronous + 1)
        return self._status() if offset == _ISR else self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; ISR's flags are cleared by zeros."""
        return self.read(offset) | 0xFF00 if offset == _ISR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register, if DBP and the write protection allow it."""
        self._settle()
        if offset == _WPR:
            self._keys = [*self._keys, value & 0xFF][-2:]
        elif not self._design.writable():
            return
        elif offset >= _BACKUP or offset in _UNPROTECTED:
            self._registers[offset] = value
        elif offset == _ISR:
            self._write_status(value)
        elif self._keys == _KEYS:
            self._store(offset, value)
        self._plan()

    def adjust(self) -> None:
        """Take over the clocks that the RCC selects now."""
        self._settle()
        hertz = self._design.hertz()
        self._clock.adjust(hertz)
        self._plan()

    # Time

    @property
    def _synchronous(self) -> int:
        return self._registers[_PRER] & 0x7FFF

    @property
    def _asynchronous(self) -> int:
        return (self._registers[_PRER] >> 16 & 0x7F) + 1

    @property
    def _twelve_hours(self) -> bool:
        return bool(self._registers.get(_CR, 0) & _TWELVE_HOURS)

    def _apres(self) -> int:
        """Return the cycles of ck_apre since the time was set."""
        if self._flags & _INIT:
            return 0
        return (self._clock.cycles() - self._since) // self._asynchronous

    def _time(self) -> rtc_calendar.Time:
        return self._begin.after(self._apres() // (self._synchronous + 1))

    def _start(self, time: rtc_calendar.Time) -> None:
        """Count from `time` on."""
        self._begin = time
        self._since = self._checked = self._clock.cycles()

    # Registers

    def _status(self) -> int:
        control = self._registers.get(_CR, 0)
        ready = sum(1 << n for n in range(2) if not control & _ALARM_ENABLE << n)
        ready |= 0 if control & _WUTE else 1 << 2
        if self._begin.is_set:
            ready |= _INITS
        if self._flags & _INIT:
            return self._flags | ready | (_INITF if self._clock.hertz else 0)
        if self._clock.hertz:
            self._flags |= _RSF
        return self._flags | ready

    def _write_status(self, value: int) -> None:
        """Clear flags by zeros; enter or leave the initialization mode (26.3.5)."""
        self._flags &= value | _INIT | 0xFF
        if self._keys != _KEYS:
            return
        self._flags &= value | ~_RSF
        if value & _INIT and not self._flags & _INIT:
            self._start(self._time())
            self._flags |= _INIT
        elif self._flags & _INIT and not value & _INIT:
            self._flags &= ~(_INIT | _RSF)
            self._start(self._begin)

    def _store(self, offset: int, value: int) -> None:
        if offset in (_TR, _DR):
            if self._flags & _INIT:
                change = self._begin.with_time if offset == _TR else self._begin.with_date
                self._start(change(value))
            return
        if offset == _PRER and self._flags & _INIT:
            self._start(self._begin)
        before = self._registers.get(_CR, 0)
        self._registers[offset] = value
        if offset == _CR and value & _WUTE and not before & _WUTE:
            self._wake_from = self._clock.cycles()
        if offset == _CR and value & ~before & 3 * _ALARM_ENABLE:
            self._checked = self._clock.cycles()

    # Events

    @property
    def _wake_cycles(self) -> int:
        """The cycles of RTCCLK between two events of the wake-up timer (26.3.4)."""
        selection = self._registers.get(_CR, 0) & 7
        counts = self._registers[_WUTR] + 1
        if selection < 4:  # noqa: PLR2004 - RTCCLK / 16, 8, 4 or 2
            return counts * (16 >> selection)
        counts += (selection >> 1 & 1) << 16
        return counts * self._asynchronous * (self._synchronous + 1)

    def _settle(self) -> None:
        """Set the flags of the events that have come since the last time."""
        control, now = self._registers.get(_CR, 0), self._clock.cycles()
        if control & _WUTE and now - self._wake_from >= self._wake_cycles:
            passed = now - self._wake_from
            self._wake_from = now - passed % self._wake_cycles
            self._flags |= _WUTF
            if control & _WUTIE:
                self._design.wake_up()
        for number, cycle in enumerate(self._due):
            if cycle is not None and cycle <= now:
                self._due[number] = None
                self._flags |= _ALARM_FLAG << number
                if control & _ALARM_INTERRUPT << number:
                    self._design.alarm()
        self._checked = max(self._checked, now)

    def _alarm_cycle(self, number: int) -> int | None:
        """Return the cycle after the last check at which the alarm comes; None for later."""
        if not self._registers.get(_CR, 0) & _ALARM_ENABLE << number or self._flags & _INIT:
            return None
        alarm, fraction = (self._registers.get(offset, 0) for offset in _ALARMS[number])
        second, period = self._synchronous + 1, self._asynchronous
        apre = (self._checked - self._since) // period + 1
        mask = (1 << (fraction >> 24 & 0xF)) - 1
        for _ in range(second + 1):  # to the next fraction that matches
            down = self._synchronous - apre % second
            at_second = apre % second == 0
            if at_second if not mask else not (down ^ fraction) & mask & 0x7FFF:
                break
            apre += second - apre % second if not mask else 1
        time = self._begin.after(apre // second)
        ahead = time.seconds_to(alarm, twelve_hours=self._twelve_hours)
        return None if ahead is None else self._since + (apre + ahead * second) * period

    def _plan(self) -> None:
        """Put the next event on the agenda."""
        cycles: list[int] = []
        control = self._registers.get(_CR, 0)
        self._due = [self._alarm_cycle(number) for number in range(len(_ALARMS))]
        if self._clock.hertz:
            if control & _WUTE:
                cycles.append(self._wake_from + self._wake_cycles)
            for number, cycle in enumerate(self._due):
                if control & _ALARM_ENABLE << number:
                    minute = rtc_calendar.MINUTE * self._asynchronous * (self._synchronous + 1)
                    cycles.append(self._checked + minute if cycle is None else cycle)
        tick = self._clock.tick_of(min(cycles)) if cycles else None
        self._agenda.put(self._expire, tick)

    def _expire(self) -> None:
        self._settle()
        self._plan()
