"""Registers that store their value, with status bits that follow control bits."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Follow:
    """Bits of register `target` that follow bits of register `source`.

    For each i below `width`, bit `status + i` of `target` equals bit `control + i` of `source`.
    """

    source: int
    control: int
    target: int
    status: int
    width: int = 1


class PlainRegisters:
    """Registers with `values` after reset; `follows` are, for example, ready bits of clocks.

    The registers at the offsets `constant` keep their values.
    """

    def __init__(
        self,
        values: Mapping[int, int] | None = None,
        follows: tuple[Follow, ...] = (),
        constant: Collection[int] = (),
    ) -> None:
        self._constant = constant
        self._initial = dict(values or {})
        self._follows = follows
        self._values = dict(self._initial)

    def reset(self) -> None:
        """Return to the values after reset."""
        self._values = dict(self._initial)

    def read(self, offset: int) -> int:
        """Return a register with its status bits."""
        value = self._values.get(offset, 0)
        for follow in self._follows:
            if follow.target == offset:
                mask = (1 << follow.width) - 1
                bits = self._values.get(follow.source, 0) >> follow.control & mask
                value = value & ~(mask << follow.status) | bits << follow.status
        return value

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Store the value."""
        if offset not in self._constant:
            self._values[offset] = value
