"""Readings of the counter: between two of them, Renode counts what an inference executes."""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

_KEPT = 1 << 16  # readings; more inferences do not come at once

# Peripherals and the system region (Armv7-M ARM, B3.1): a platform has only some of the chip's.
_PERIPHERALS = (range(0x4000_0000, 0x6000_0000), range(0xE000_0000, 1 << 32))


class Access(NamedTuple):
    """A read or write by the instruction at `pc` of an address where the platform has nothing."""

    pc: int
    kind: str
    size: int
    address: int

    def __str__(self) -> str:
        unit = "byte" if self.size == 1 else "bytes"
        return f"a {self.kind} of {self.size} {unit} at {self.address:#010x}"

    @property
    def is_peripheral(self) -> bool:
        """Whether the address is one of a peripheral, which the chip may have."""
        return any(self.address in region for region in _PERIPHERALS)


@dataclass
class Accesses:
    """How many accesses there were, and the first of them."""

    count: int = 0
    first: Access | None = None
    inference: int = 0
    """The inference of the first, of those since the counts were last asked for."""

    def add(self, access: Access | None, count: int = 1, inference: int = 0) -> None:
        """Count `count` more accesses. The first of them is `access`, in `inference`."""
        if self.first is None and access is not None:
            self.first, self.inference = access, inference
        self.count += count


@dataclass(frozen=True)
class Interrupts:
    """How many interrupts ended, and the instructions executed in them."""

    count: int = 0
    instructions: int = 0


class Inference(NamedTuple):
    """Renode's numbers for an inference, which lies between two readings of the counter."""

    instructions: int
    """Instructions, with those of interrupts."""
    interrupts: Interrupts
    """The interrupts."""


class Counts(NamedTuple):
    """Renode's numbers for the inferences that have just ended."""

    inferences: tuple[Inference, ...]
    """One entry for each of them."""
    empty: int | None
    """Instructions between the first two readings; None if they are not told apart from others."""


class Reading(NamedTuple):
    """A reading of the counter, and what happened since the one before."""

    at: int
    """The instructions that the core had executed."""
    accesses: Accesses
    """Those to peripherals that the platform lacks."""
    interrupts: Interrupts


Pair = tuple[Reading, Reading]
"""The readings before and after an inference."""


class Readings:
    """The last readings of the counter that one place in the code makes."""

    def __init__(self) -> None:
        self._last: deque[Reading] = deque(maxlen=_KEPT)
        self._since = Accesses()
        self._handled = Interrupts()

    def add(self, at: int) -> None:
        """Add a reading after `at` instructions."""
        self._last.append(Reading(at, self._since, self._handled))
        self._since, self._handled = Accesses(), Interrupts()

    def add_access(self, access: Access) -> None:
        """Add an access to a peripheral that the platform lacks."""
        self._since.add(access)

    def add_interrupt(self, instructions: int) -> None:
        """Add an interrupt that has executed this number of `instructions`."""
        handled = self._handled
        self._handled = Interrupts(handled.count + 1, handled.instructions + instructions)

    def last(self, inferences: int) -> list[Pair] | None:
        """Return the readings of the last `inferences`; None if some are missing."""
        readings = list(self._last)[-2 * inferences :]
        if len(readings) < 2 * inferences:
            return None
        return list(zip(readings[::2], readings[1::2], strict=True))

    @property
    def inferences(self) -> int:
        """How many inferences have ended since the readings were forgotten."""
        return len(self._last) // 2

    def clear(self) -> None:
        """Forget the readings."""
        self._last.clear()


def agree(calls: list[Pair], loads: list[Pair]) -> bool:
    """Return whether `loads` are of the same inferences as `calls`, with the same counts.

    A call of the function that reads the counter ends in a load of the counter's register.
    """
    return all(
        call_before.at <= load_before.at < call_after.at <= load_after.at
        and load_after.at - load_before.at == call_after.at - call_before.at
        for (call_before, call_after), (load_before, load_after) in zip(calls, loads, strict=True)
    )
