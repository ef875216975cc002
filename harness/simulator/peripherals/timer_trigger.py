"""The trigger output of an STM32 timer, TRGO: RM0090 rev 19, 18.4.2 (MMS) and 18.4.7 (OCxM).

It is the update, the compare match of channel 1, or the reference signal of a channel, and starts
conversions. Enable and reset as trigger are not modelled.
"""

from collections.abc import Callable

_UPDATE, _COMPARE, _REFERENCES = 2, 3, 4  # MMS
_ACTIVE, _INACTIVE, _TOGGLE, _PWM1, _PWM2 = 1, 2, 3, 6, 7  # OCxM


class TriggerOutput:
    """Calls `reactions` at each rising edge of what `select`, the value of MMS, selects."""

    def __init__(self) -> None:
        self.reactions: list[Callable[[], None]] = []
        self.reset()

    def reset(self) -> None:
        """Select nothing."""
        self.select = 0
        self._reference = False

    @property
    def needs_update(self) -> bool:
        """Whether the update can be, or start, a rising edge."""
        return bool(self.reactions) and (self.select == _UPDATE or self.select >= _REFERENCES)

    def needs_match(self, channel: int) -> bool:
        """Return whether the match of `channel`, counted from 0, can be or prepare an edge."""
        compares = self.select == _COMPARE and channel == 0
        return bool(self.reactions) and (compares or self.select == _REFERENCES + channel)

    def updated(self, mode: int) -> None:
        """React to an update event; `mode` is OCxM of the selected channel."""
        if self.select == _UPDATE:
            self._fire()
        elif mode in (_PWM1, _PWM2):
            self._refer(mode == _PWM1)

    def matched(self, channel: int, mode: int) -> None:
        """React to a match of `channel` with OCxM = `mode`."""
        if self.select == _COMPARE and channel == 0:
            self._fire()
        elif self.select == _REFERENCES + channel:
            levels = {_ACTIVE: True, _INACTIVE: False, _PWM1: False, _PWM2: True}
            self._refer(not self._reference if mode == _TOGGLE else levels.get(mode, False))

    def _refer(self, level: bool) -> None:
        rises, self._reference = level and not self._reference, level
        if rises and self.select >= _REFERENCES:
            self._fire()

    def _fire(self) -> None:
        for react in self.reactions:
            react()
