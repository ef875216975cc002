"""Why the emulator stopped."""

from dataclasses import dataclass
from enum import Enum, auto


class Reason(Enum):
    """Why execution stopped."""

    LIMIT = auto()
    """The limit, or `interrupt`."""
    SLEEP = auto()
    """WFI."""
    EVENT = auto()
    """WFE or YIELD: whether it sleeps is for the core to say."""
    BREAKPOINT = auto()
    EXCEPTION = auto()
    """`number` is QEMU's: see reaction.py."""
    UNDEFINED = auto()
    """An undefined instruction."""
    STATE = auto()
    """A jump out of Thumb state."""
    LOAD = auto()
    """A load from nowhere, precise."""
    STORE = auto()
    """A store to nowhere; execution went on for up to a block, as with a write buffer."""
    FETCH = auto()
    """Code that is nowhere, or must not be executed."""


@dataclass(frozen=True)
class Stop:
    """Why execution stopped; `address` of a failed access."""

    reason: Reason
    number: int = 0
    address: int = 0
