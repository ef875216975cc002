"""The frames that exceptions push and pop (Armv7-M ARM, DDI 0403E: B1.5.6 to B1.5.8).

PushStack and PopStack of the pseudocode, with the checks of the MPU.
"""

from collections.abc import Sequence
from typing import NamedTuple

from harness.simulator import fault_status, nvic
from harness.simulator.bus import MASK32, WORD, Bus, BusError
from harness.simulator.mpu import Mpu

BASIC, EXTENDED = 8, 26
"""Words of a frame without and with the float context."""

_CHECKED = 32  # bytes: the smallest region of an MPU


class StackError(Exception):
    """A frame cannot be written or read: set the bits `status` of CFSR and raise `exception`."""

    def __init__(self, exception: int, status: int) -> None:
        super().__init__(f"exception {exception}, status {status:#x}")
        self.exception = exception
        self.status = status


class Access(NamedTuple):
    """An access to the stack: whether it is privileged, and whether its priority is negative."""

    privileged: bool
    negative: bool


class Stacking:
    """Reads and writes frames on `bus`, with the permissions of `mpu`, if there is one."""

    def __init__(self, bus: Bus, mpu: Mpu | None) -> None:
        self._bus = bus
        self._mpu = mpu

    @property
    def is_checked(self) -> bool:
        """Whether the MPU checks accesses."""
        return self._mpu is not None and self._mpu.enabled

    @staticmethod
    def check_limit(address: int, limit: int) -> None:
        """Raise `StackError` if a frame at `address` passes the limit of the stack."""
        if address < limit:
            raise StackError(nvic.USAGE_FAULT, fault_status.STKOF)

    def push(self, address: int, words: Sequence[int], access: Access) -> None:
        """Write a frame; raise `StackError` if the MPU or memory refuses it."""
        if self._is_denied(address, len(words), access, write=True):
            raise StackError(nvic.MEM_MANAGE, fault_status.MSTKERR)
        try:
            self._bus.write_words(address, words)
        except BusError as error:
            raise StackError(nvic.BUS_FAULT, fault_status.STKERR) from error

    def pop(self, address: int, count: int, access: Access) -> Sequence[int]:
        """Return `count` words of a frame; raise `StackError` as `push` does."""
        if self._is_denied(address, count, access, write=False):
            raise StackError(nvic.MEM_MANAGE, fault_status.MUNSTKERR)
        try:
            return self._bus.read_words(address, count)
        except BusError as error:
            raise StackError(nvic.BUS_FAULT, fault_status.UNSTKERR) from error

    def check_lazy(self, address: int, count: int, access: Access) -> None:
        """Raise `StackError` if `count` words cannot be written later."""
        if self._is_denied(address, count, access, write=True):
            raise StackError(nvic.MEM_MANAGE, fault_status.MLSPERR)
        found = self._bus.memory(address, WORD * count)
        if found is None or found[0].flash:
            raise StackError(nvic.BUS_FAULT, fault_status.LSPERR)

    def _is_denied(self, address: int, count: int, access: Access, *, write: bool) -> bool:
        mpu = self._mpu
        if mpu is None or not mpu.enabled:
            return False
        end = address + WORD * count
        places = (address, *range((address | _CHECKED - 1) + 1, end, _CHECKED))
        return not all(
            mpu.allows(
                place & MASK32,
                write=write,
                privileged=access.privileged,
                negative=access.negative,
            )
            for place in places
        )
