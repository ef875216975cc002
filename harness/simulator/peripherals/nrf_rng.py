"""RNG of the nRF52840 (PS 1.7, 6.21). Its numbers are the same after each reset."""

from collections.abc import Callable, Mapping

from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf import NrfPeripheral

_START, _STOP = 0x000, 0x004
_VALRDY = 0x100
_CONFIG, _VALUE = 0x504, 0x508
_SECONDS, _CORRECTED_SECONDS = 30e-6, 120e-6  # per byte ("Electrical specification")
_SEED = 0x2545_F491


class NrfRng(NrfPeripheral):
    """The generator of a chip at `hertz`: the next byte comes some time after the last.

    A byte that nobody has noticed stays, where silicon replaces it.
    """

    shorts: Mapping[int, tuple[int, int]] = {0: (_VALRDY, _STOP)}

    def __init__(self, line: Callable[[bool], None], agenda: Agenda, hertz: int) -> None:
        self._agenda = agenda
        self._hertz = hertz
        super().__init__(line)

    def reset(self) -> None:
        """Stop, and begin anew."""
        super().reset()
        self._running = False
        self._state = _SEED
        self._agenda.put(self._finish, None)

    def write(self, offset: int, value: int) -> None:
        """Write a register; the next byte comes after the firmware has cleared VALRDY."""
        waited = self._running and self._happened(_VALRDY)
        super().write(offset, value)
        if waited and self._running and not self._happened(_VALRDY):
            self._plan()

    def _task(self, offset: int) -> None:
        self._running = offset == _START
        if self._running:
            self._plan()
        else:
            self._agenda.put(self._finish, None)

    def _plan(self) -> None:
        seconds = _CORRECTED_SECONDS if self._registers.get(_CONFIG, 0) & 1 else _SECONDS
        self._agenda.put(self._finish, self._agenda.now() + int(seconds * self._hertz))

    def _finish(self) -> None:
        """Deliver a byte of a 32-bit xorshift sequence."""
        state = self._state
        state ^= state << 13 & 0xFFFF_FFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFF_FFFF
        self._state = state
        self._registers[_VALUE] = state >> 24
        self._event(_VALRDY)
        if self._running and self.routed:
            self._plan()
