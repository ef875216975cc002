"""Faults of a serial line: of single bytes, or noise."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Harm(Enum):
    """What happens to the byte."""

    DROP = "drop"
    CORRUPT = "corrupt"
    DOUBLE = "double"
    DELAY = "delay"
    NOISE = "noise"


@dataclass(frozen=True)
class LineFault:
    """A fault of the `index`-th byte (from 0) from now on, in one direction.

    With DELAY, this byte and all that follow are delayed by `seconds`. With NOISE, `size` random
    bytes come before it; they are always the same at the same `index`.
    """

    harm: Harm
    to_device: bool
    index: int
    seconds: float = 0.0
    size: int = 0


class Disturbance:
    """The line faults of one direction."""

    def __init__(self) -> None:
        self._passed = 0
        self._faults: dict[int, list[LineFault]] = {}

    def add(self, fault: LineFault) -> None:
        """Add `fault`; its index counts from the next byte."""
        self._faults.setdefault(self._passed + fault.index, []).append(fault)

    def apply(self, data: bytes) -> bytes:
        """Return `data` with the faults applied; delays block."""
        begin = self._passed
        self._passed += len(data)
        if not self._faults:
            return data
        result = bytearray()
        for index, byte in enumerate(data, begin):
            result += _harmed(byte, self._faults.pop(index, ()))
        return bytes(result)


def _harmed(byte: int, faults: Sequence[LineFault]) -> bytes:
    result = bytes((byte,))
    for fault in faults:
        if fault.harm is Harm.DROP:
            result = b""
        elif fault.harm is Harm.CORRUPT:
            result = bytes(value ^ 1 for value in result)
        elif fault.harm is Harm.DOUBLE:
            result *= 2
        elif fault.harm is Harm.NOISE:
            result = random.Random(fault.index).randbytes(fault.size) + result  # noqa: S311 - noise
        else:
            time.sleep(fault.seconds)
    return result
