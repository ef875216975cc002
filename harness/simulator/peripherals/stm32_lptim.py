"""The low-power timers of the STM32L4: RM0351 rev 9, 34.

No pin drives them: an external clock, an encoder and external triggers stand still.
"""

from collections.abc import Callable

from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.slow_clock import SlowClock

_ISR, _ICR, _IER, _CFGR, _CR, _CMP, _ARR, _CNT, _OR = range(0x00, 0x24, 4)
_CMPM, _ARRM, _CMPOK, _ARROK = 1 << 0, 1 << 1, 1 << 3, 1 << 4  # in ISR, ICR and IER
_ENABLE, _SINGLE, _CONTINUOUS = 1 << 0, 1 << 1, 1 << 2
_CKSEL, _PRELOAD, _COUNTMODE, _ENCODER = 1 << 0, 1 << 22, 1 << 23, 1 << 24
_TRIGGERED = 3 << 17  # TRIGEN
_EXTERNAL = _CKSEL | _COUNTMODE | _ENCODER | _TRIGGERED
_TOP = 0xFFFF


class LowPowerTimer:
    """A 16-bit timer on `clock`, whose frequency `hertz` returns; `line` is its interrupt."""

    def __init__(
        self,
        agenda: Agenda,
        clock: SlowClock,
        line: Callable[[bool], None],
        hertz: Callable[[], int],
    ) -> None:
        self._agenda = agenda
        self._clock = clock
        self._line = line
        self._hertz = hertz
        self._counts: bool
        self._once: bool
        self.reset()

    def reset(self) -> None:
        """Disable, with the shortest period."""
        self._registers = {_ARR: 1}
        self._flags = 0
        self._stop()
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        self._settle()
        if offset == _CNT:
            return max(self._count, 0)
        if offset == _ICR:
            return 0
        return self._flags if offset == _ISR else self._registers.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register; a new compare or reload value is taken over at once."""
        self._settle()
        if offset == _ICR:
            self._flags &= ~value
        elif offset == _CR:
            self._control(value)
        elif offset in (_CMP, _ARR):
            if self._registers.get(_CR, 0) & _ENABLE:
                self._store(offset, value & _TOP)
        elif offset in (_IER, _CFGR, _OR):
            self._registers[offset] = value
        self._drive()

    def adjust(self) -> None:
        """Take over the clock that the RCC selects now."""
        self._settle()
        self._clock.adjust(self._hertz())
        self._drive()

    @property
    def _prescaler(self) -> int:
        """The place of the counter's lowest bit in the cycles of the clock."""
        return self._registers.get(_CFGR, 0) >> 9 & 7

    @property
    def _running(self) -> bool:
        return self._counts and bool(self._clock.hertz)

    def _control(self, value: int) -> None:
        """Enable, disable, start; only an enabled timer starts (34.4.6)."""
        if not value & _ENABLE:
            self._registers[_CR] = 0
            self._stop()
            return
        enabled = self._registers.get(_CR, 0) & _ENABLE
        self._registers[_CR] = _ENABLE
        if not value & (_SINGLE | _CONTINUOUS) or self._registers.get(_CFGR, 0) & _EXTERNAL:
            return
        self._once = not value & _CONTINUOUS
        if not (enabled and self._counts):
            self._active = {each: self._registers.get(each, 0) for each in (_CMP, _ARR)}
            self._begin = self._clock.cycles()
            self._count = -1  # also zero is a count to come
            self._counts = True
            self._settle()

    def _store(self, offset: int, value: int) -> None:
        self._registers[offset] = value
        if not self._registers.get(_CFGR, 0) & _PRELOAD:
            self._active[offset] = value
        self._flags |= _CMPOK if offset == _CMP else _ARROK

    def _stop(self) -> None:
        self._counts = False
        self._once = False
        self._count = 0
        self._begin = 0  # the cycle of the count zero
        self._active = {_CMP: 0, _ARR: self._registers[_ARR]}

    def _settle(self) -> None:
        """Count up to now, and set the flags of what was reached."""
        while self._running:
            passed = self._clock.cycles() - self._begin >> self._prescaler
            top = self._active[_ARR]
            for flag, value in ((_CMPM, self._active[_CMP]), (_ARRM, top)):
                if self._count < value <= min(passed, top):
                    self._flags |= flag
            self._count = max(self._count, min(passed, top))
            if passed <= top:
                return
            periods = max(passed // (top + 1) - 1, 1)  # all but the last one are equal
            self._begin += periods * (top + 1) << self._prescaler
            self._count = -1
            self._counts = not self._once
            self._active = {each: self._registers.get(each, 0) for each in (_CMP, _ARR)}
        self._count = max(self._count, 0)

    def _drive(self) -> None:
        """Drive the interrupt, and put the next event with an effect on the agenda."""
        enabled = self._registers.get(_IER, 0)
        self._line(bool(self._flags & enabled))
        counts: list[int] = []
        if self._running:
            top = self._active[_ARR]
            for flag, value in ((_CMPM, self._active[_CMP]), (_ARRM, top)):
                if enabled & flag & ~self._flags and value <= top:
                    counts.append(value if value > self._count else value + top + 1)
        cycle = self._begin + (min(counts) << self._prescaler) if counts else None
        tick = None if cycle is None else self._clock.tick_of(cycle)
        self._agenda.put(self._expire, tick)

    def _expire(self) -> None:
        self._settle()
        self._drive()
