"""SysTick (Armv7-M ARM, B3.3): a 24-bit down-counter. Both clock sources are the core clock."""

from collections.abc import Callable

from harness.simulator.clock import Clock

CSR, RVR, CVR, CALIB = 0x010, 0x014, 0x018, 0x01C
OFFSETS = (CSR, RVR, CVR, CALIB)
"""Offsets in the system control space."""

_ENABLE, _TICKINT, _CLKSOURCE, _COUNTFLAG = 1 << 0, 1 << 1, 1 << 2, 1 << 16
_NO_REFERENCE = 1 << 31  # bit of CALIB
_MASK24 = 0xFF_FFFF


class SysTick:
    """The timer; `pend` makes its exception pending, `changed` is called for a new deadline.

    `unchanged` is called at a read of COUNTFLAG, with the ticks until it is set.
    """

    def __init__(
        self,
        clock: Clock,
        pend: Callable[[], None],
        changed: Callable[[], None],
        unchanged: Callable[[int], None],
    ) -> None:
        self._clock = clock
        self._unchanged = unchanged
        self._pend = pend
        self._changed = changed
        self.reset()

    def reset(self) -> None:
        """Stop and clear."""
        self._control = 0
        self._reload = 0
        self._value = 0  # valid while the timer is disabled
        self._zero_at = 0  # tick at which it next reaches zero
        self._flag = False
        self._held: int | None = None  # ticks until zero, while the clock stands

    def hold(self) -> None:
        """Stop the clock, as in a deep sleep."""
        if self._held is None:
            self._held = self._zero_at - self._clock.ticks()

    def release(self) -> None:
        """Let the clock run again."""
        if self._held is not None:
            self._zero_at, self._held = self._clock.ticks() + self._held, None

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._control if offset == CSR else self._reload if offset == RVR else 0

    def read(self, offset: int) -> int:
        """Return a register; reading CSR clears COUNTFLAG."""
        if offset == CVR:
            return self._current()
        if offset == CSR:
            return self._control | (_COUNTFLAG if self._take_flag() else 0)
        if offset == RVR:
            return self._reload
        return _NO_REFERENCE

    def _take_flag(self) -> bool:
        """Return COUNTFLAG, and clear it."""
        if self._control & _ENABLE and self._reload:
            now = self._clock.ticks()
            self._reach(now)
            if not self._flag:
                self._unchanged(self._zero_at - now)
        flag, self._flag = self._flag, False
        return flag

    def write(self, offset: int, value: int) -> None:
        """Write a register; any write to CVR clears it and COUNTFLAG."""
        self.expire()
        if offset == CSR:
            if value & _ENABLE and not self._control & _ENABLE:
                self._zero_at = self._clock.ticks() + (self._value or self._reload + 1)
            elif not value & _ENABLE:
                self._value = self._current()
            self._control = value & (_ENABLE | _TICKINT | _CLKSOURCE)
            self._changed()
        elif offset == RVR:
            self._reload = value & _MASK24
        elif offset == CVR:
            self._value = 0
            self._flag = False
            self._zero_at = self._clock.ticks() + self._reload + 1
            self._changed()

    def deadline(self) -> int | None:
        """Return the tick at which it reaches zero; None if it is stopped."""
        runs = self._control & _ENABLE and self._reload and self._held is None
        return self._zero_at if runs else None

    def expire(self) -> None:
        """If zero was reached, reload and pend the exception."""
        if self._control & _ENABLE and self._reload and self._held is None:
            self._reach(self._clock.ticks())

    def _reach(self, now: int) -> None:
        """Do what happened until the tick `now`; the timer runs."""
        late = now - self._zero_at
        if late < 0:
            return
        period = self._reload + 1
        self._zero_at += (late // period + 1) * period
        self._flag = True
        if self._control & _TICKINT:
            self._pend()

    def _current(self) -> int:
        """Return the counter; do what happened until now."""
        if not self._control & _ENABLE or not self._reload:
            return self._value
        now = self._clock.ticks()
        self._reach(now)
        remaining = self._zero_at - now
        return remaining if remaining <= self._reload else 0  # it reloads with the next tick
