"""Stops at a store that faults.

Unicorn cannot stop inside a store; it runs on to the end of the block. The state of the core at the
store is therefore kept, and the emulator's MPU denies all further accesses of the block.
"""

from harness.simulator.emulator import Emulator
from harness.simulator.hidden_state import HiddenState
from harness.simulator.stops import Reason, Stop

_DENY_ALL = 1  # MPU_CTRL with ENABLE only, and no region


class StoreAborts:
    """Aborts stores of `emulator`; `stop` is the last aborted one's.

    Until `take_back`, hooks must refuse what the MPU does not check: the private peripheral bus.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.stop: Stop | None = None
        self._emulator = emulator
        self._hidden: HiddenState = emulator.hidden
        self._kept: bytes | None = None

    @property
    def pending(self) -> bool:
        """Whether the rest of the block runs after an aborted store."""
        return self._kept is not None

    def abort(self, address: int) -> None:
        """Abort the store to `address`; a hook calls this, and the store must then fail."""
        if self._kept is not None:
            return
        self.stop = Stop(Reason.STORE, address=address)
        self._kept = self._hidden.snapshot()
        with self._hidden as machine:
            machine.mpu_ctrl[self._hidden.bank] = _DENY_ALL
            for words in self._hidden.regions:
                words[:] = [0] * len(words)
        self._emulator.forget_permissions()

    def take_back(self) -> None:
        """After a run: restore the state at an aborted store."""
        if self._kept is not None:
            self._hidden.restore(self._kept)
            self._kept = None
            self._emulator.forget_permissions()
