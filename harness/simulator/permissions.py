"""The permissions of the emulated core: the MPU's regions.

The emulator itself checks them, because they are in its hidden state.
"""

from collections.abc import Callable, Sequence

from harness.simulator.emulator import Emulator
from harness.simulator.stops import Reason, Stop

_FETCH_ABORT, _DATA_ABORT = 3, 4  # QEMU's exceptions
_FAULT_STATUS, _ALIGNMENT = 0x40F, 0x001  # a fault status in the short format


class Permissions:
    """The permissions in `emulator`; `interrupt` stops before the next block."""

    def __init__(self, emulator: Emulator, interrupt: Callable[[], None]) -> None:
        self._emulator = emulator
        self._hidden = emulator.hidden
        self._interrupt = interrupt
        self._protected = False

    def protect(self, control: int, regions: Sequence[Sequence[int]]) -> None:
        """Let the MPU check all accesses from now on, with the value of its CTRL: see `Mpu`."""
        if not control and not self._protected:
            return
        self._protected = bool(control)
        with self._hidden as machine:
            machine.mpu_ctrl[self._hidden.bank] = control
            for words, values in zip(self._hidden.regions, regions, strict=True):
                words[:] = list(values)
        self._emulator.forget_permissions()
        self._interrupt()

    def stop_for(self, exception: int) -> Stop | None:
        """Return the reason of an exception of the MPU or the default memory map; None of others.

        `exception` is QEMU's number of it.
        """
        if exception == _FETCH_ABORT:
            return Stop(Reason.DENIED_FETCH)
        if exception != _DATA_ABORT:
            return None
        self._hidden.load()
        fault = self._hidden.fault
        is_alignment = fault.status & _FAULT_STATUS == _ALIGNMENT
        return Stop(Reason.UNALIGNED if is_alignment else Reason.DENIED, address=fault.address)
