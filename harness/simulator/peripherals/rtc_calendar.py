"""Calendar and alarms of the RTC of the STM32, in BCD: RM0090 rev 19, 26.6.1, 26.6.2 and 26.6.7."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

_HOUR, MINUTE, _DAY = 3600, 60, 86_400
"""Seconds."""
_FIRST_DAY = date(2000, 1, 1).toordinal()
_HALF_DAY = 12
_AFTERNOON = 1 << 22


def _from_bcd(value: int) -> int:
    return (value >> 4) * 10 + (value & 0xF)


def _bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


@dataclass(frozen=True)
class Time:
    """A time in seconds since 2000-01-01; `weekday_shift` is what firmware has set the day to.

    `impossible` is a date that firmware has written and that is in no calendar, such as 0. The RTC
    keeps it until the day ends.
    """

    seconds: int
    weekday_shift: int
    impossible: int | None = None

    @property
    def is_set(self) -> bool:
        """Whether the year is not 0 (INITS)."""
        return self._date().year != 2000  # noqa: PLR2004

    def after(self, seconds: int) -> Time:
        """Return the time `seconds` later."""
        later = self.seconds + seconds
        same_day = later // _DAY == self.seconds // _DAY
        return replace(self, seconds=later, impossible=self.impossible if same_day else None)

    def time_register(self, *, twelve_hours: bool) -> int:
        """Return TR."""
        second_of_day = self.seconds % _DAY
        hour, afternoon = second_of_day // _HOUR, 0
        if twelve_hours:
            afternoon = _AFTERNOON if hour >= _HALF_DAY else 0
            hour = hour % _HALF_DAY or _HALF_DAY
        minute, second = second_of_day // MINUTE % MINUTE, second_of_day % MINUTE
        return afternoon | _bcd(hour) << 16 | _bcd(minute) << 8 | _bcd(second)

    def date_register(self) -> int:
        """Return DR."""
        if self.impossible is not None:
            return self.impossible
        day = self._date()
        return (
            _bcd(day.year % 100) << 16
            | self._weekday() << 13
            | _bcd(day.month) << 8
            | _bcd(day.day)
        )

    def with_time(self, register: int) -> Time:
        """Return the same day with the time of TR."""
        hour = _from_bcd(register >> 16 & 0x3F)
        if register & _AFTERNOON:
            hour = hour % _HALF_DAY + _HALF_DAY
        minute, second = _from_bcd(register >> 8 & 0x7F), _from_bcd(register & 0x7F)
        return replace(
            self, seconds=self.seconds // _DAY * _DAY + hour * _HOUR + minute * MINUTE + second
        )

    def with_date(self, register: int) -> Time:
        """Return the same time on the day of DR."""
        impossible = None
        year, month = _from_bcd(register >> 16 & 0xFF), _from_bcd(register >> 8 & 0x1F)
        try:
            day = date(2000 + year, month, _from_bcd(register & 0x3F))
        except ValueError:
            day, impossible = date(2000 + year % 100, 1, 1), register & 0xFF_FF3F
        days = day.toordinal() - _FIRST_DAY
        shift = ((register >> 13 & 7) - 1 - days) % 7
        return Time(days * _DAY + self.seconds % _DAY, shift, impossible)

    def seconds_to(self, alarm: int, *, twelve_hours: bool) -> int | None:
        """Return the seconds until ALRMxR matches, if that is within a minute."""
        second = self.seconds % MINUTE
        if alarm >> 7 & 1:  # any second: it matches now, or when the minute changes
            candidates = (0, MINUTE - second)
        else:
            candidates = ((_from_bcd(alarm & 0x7F) - second) % MINUTE, MINUTE)
        for ahead in candidates:
            if self.after(ahead).matches(alarm, twelve_hours=twelve_hours):
                return ahead
        return None

    def matches(self, alarm: int, *, twelve_hours: bool) -> bool:
        """Return whether date and time are those of ALRMxR, as far as it does not mask them."""
        now, today = self.time_register(twelve_hours=twelve_hours), self.date_register()
        day = today >> 13 & 7 if alarm >> 30 & 1 else today & 0x3F
        parts = ((0x7F, 7), (0x7F00, 15), (0x7F_0000, 23))
        for bits, mask in parts:
            if not alarm >> mask & 1 and (now ^ alarm) & bits:
                return False
        return bool(alarm >> 31 & 1) or alarm >> 24 & 0x3F == day

    def _date(self) -> date:
        return date.fromordinal(_FIRST_DAY + self.seconds // _DAY % 36_525)

    def _weekday(self) -> int:
        return (self.seconds // _DAY + self.weekday_shift) % 7 + 1


START = Time(0, 0)
"""The time after a reset of the backup domain: 2000-01-01, a Monday for the RTC."""
