"""The SIM of the KW41Z with its watchdog, the COP (MKW41Z512RM, "SIM").

The COP runs after reset, and resets the chip unless the firmware disables or services it. Its
windowed mode and its other clocks are not modelled: it counts the LPO clock.
"""

from collections.abc import Callable, Mapping

from harness.simulator.clock import Clock
from harness.simulator.peripherals.plain_registers import PlainRegisters

_SDID, _COPC, _SRVCOP = 0x1024, 0x1100, 0x1104
_COPC_RESET, _SHORT_TIMEOUTS, _LONG_TIMEOUTS = 0x0C, (0, 5, 8, 10), (0, 13, 16, 18)
_LONG = 1 << 1
_LPO_HERTZ = 1000
_FIRST, _SECOND = 0x55, 0xAA


class KinetisSim(PlainRegisters):
    """Registers with `values` after reset; `reset_requested` is called when the COP expires.

    `changed` is called for a new deadline.
    """

    def __init__(
        self,
        values: Mapping[int, int],
        clock: Clock,
        reset_requested: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._reset_requested = reset_requested
        self._changed = changed
        self._expires_at: int | None = None
        super().__init__({**values, _COPC: _COPC_RESET})
        self.reset()

    def reset(self) -> None:
        """Start the COP with its longest short timeout."""
        super().reset()
        self._is_configured = False
        self._is_half_serviced = False
        self._start()

    def disable_watchdog(self) -> None:
        """Disable the COP, as a bootloader does."""
        self.write(_COPC, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register; COPC can be written once after reset, SDID never."""
        if offset == _SRVCOP:
            self._service(value & 0xFF)
        elif offset == _COPC:
            if not self._is_configured:
                self._is_configured = True
                super().write(offset, value)
                self._start()
                self._changed()
        elif offset != _SDID:
            super().write(offset, value)

    def deadline(self) -> int | None:
        """Return the tick at which the COP resets the chip; None if it is disabled."""
        return self._expires_at

    def expire(self) -> None:
        """Reset the chip if the COP was not serviced in time."""
        if self._expires_at is not None and self._clock.ticks() >= self._expires_at:
            self._expires_at = None
            self._reset_requested()

    def _start(self) -> None:
        control = self.read(_COPC)
        timeouts = _LONG_TIMEOUTS if control & _LONG else _SHORT_TIMEOUTS
        exponent = timeouts[control >> 2 & 3]
        ticks = (1 << exponent) * self._clock.hertz // _LPO_HERTZ
        self._expires_at = self._clock.ticks() + ticks if exponent else None

    def _service(self, value: int) -> None:
        """Service the COP with 0x55 and then 0xAA; another value resets the chip."""
        if self._expires_at is None:
            return
        if value == _SECOND and self._is_half_serviced:
            self._start()
            self._changed()
        elif value != _FIRST:
            self._reset_requested()
        self._is_half_serviced = value == _FIRST
