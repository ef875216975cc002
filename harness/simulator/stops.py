"""The reasons why the emulator stops."""

from dataclasses import dataclass
from enum import Enum, auto

from unicorn import unicorn_const


class Reason(Enum):
    """Why execution stopped."""

    LIMIT = auto()
    """The instruction limit was reached, or `interrupt` was called."""
    SLEEP = auto()
    """WFI."""
    EVENT = auto()
    """WFE or YIELD; the core decides whether it sleeps."""
    SPECIAL = auto()
    """A special instruction of the next block must not run; the core knows which."""
    BREAKPOINT = auto()
    EXCEPTION = auto()
    """`number` is QEMU's exception number: see stop_handler.py."""
    UNDEFINED = auto()
    """An undefined instruction."""
    STATE = auto()
    """A branch that leaves Thumb state."""
    LOAD = auto()
    """A load from an address without memory or device; precise."""
    STORE = auto()
    """A store to such an address; precise."""
    LATE_STORE = auto()
    """A store to such an address; execution continued up to the end of the block, as behind a write
    buffer."""
    UNALIGNED = auto()
    """An instruction whose access must be aligned and is not; it has not run."""
    DIVISION = auto()
    """A division by zero while CCR.DIV_0_TRP is set; it has not run."""
    STACK_POINTER = auto()
    """A copy of an unaligned register, `number`, to a stack pointer; it has not run."""
    FETCH = auto()
    """An instruction fetch from such an address."""
    DENIED = auto()
    """A load or store that the MPU denies."""
    DENIED_FETCH = auto()
    """An instruction fetch that the MPU or the default memory map denies."""


ACCESS_FAULTS = {
    unicorn_const.UC_ERR_READ_UNMAPPED: Reason.LOAD,
    unicorn_const.UC_ERR_READ_PROT: Reason.LOAD,
    unicorn_const.UC_ERR_READ_UNALIGNED: Reason.LOAD,
    unicorn_const.UC_ERR_WRITE_UNMAPPED: Reason.LATE_STORE,
    unicorn_const.UC_ERR_WRITE_PROT: Reason.LATE_STORE,
    unicorn_const.UC_ERR_WRITE_UNALIGNED: Reason.LATE_STORE,
    unicorn_const.UC_ERR_FETCH_UNMAPPED: Reason.FETCH,
    unicorn_const.UC_ERR_FETCH_PROT: Reason.FETCH,
}
"""Unicorn's errors for failed accesses."""


@dataclass(frozen=True)
class Stop:
    """Why execution stopped: exception or register `number`, or `address` of a failed access."""

    reason: Reason
    number: int = 0
    address: int = 0


LIMIT = Stop(Reason.LIMIT)
