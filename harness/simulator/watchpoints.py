"""Watchpoints: they notice accesses and executed instructions, and stop after the instruction.

Unicorn cannot stop inside an access to memory. A hook on every instruction therefore stops before
the next one if something has matched; in an IT block, before the first one after the block. The
hook is `check_matched` of machine_code/, or a Python function. Without watchpoints there are no
hooks.
"""

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from unicorn import unicorn_const

from harness.simulator.emulator import AccessHook, CodeHook, Emulator
from harness.simulator.it_repair import ItRepair
from harness.simulator.machine_code.native_hooks import address_of, hook

_WIDEST = 8  # bytes of an access; Unicorn compares only the first one with a hook's range
_LAST = 0xFFFF_FFFF


@dataclass(frozen=True)
class Watch:
    """What one comparator matches.

    `kinds` has the letters of reads ("r") and writes ("w") of bytes in `ranges`, or "x" for
    instructions there. With `data`, only accesses match that transfer this value, the first number,
    in as many bytes as the second says.
    """

    kinds: str
    ranges: tuple[range, ...]
    data: tuple[int, int] | None = None

    def includes(self, address: int, size: int, value: int) -> bool:
        """Return whether an access of `size` bytes, which transfers `value`, matches."""
        if self.data is not None and (value & (1 << 8 * size) - 1, size) != self.data:
            return False
        return any(part.start < address + size and address < part.stop for part in self.ranges)


class _State(ctypes.Structure):
    """Shared with the machine code, which fixes the order of the fields."""

    _fields_ = (("matched", ctypes.c_uint64), ("stop", ctypes.c_uint64))


class Watchpoints:
    """The watchpoints of `emulator`; `matched` is called with the number of a watch.

    It returns whether execution must stop. `in_it` returns whether the instruction at an address is
    in an IT block. `portable` selects the hook in Python.
    """

    def __init__(
        self, emulator: Emulator, in_it: Callable[[int], bool], *, portable: bool = False
    ) -> None:
        self.matched: Callable[[int], bool] = lambda _number: False
        self._emulator = emulator
        self._in_it = in_it
        self._watches: Mapping[int, Watch] = {}
        self._hooks: list[int] = []
        self._repair = ItRepair(emulator, portable=portable)
        self._on_match = CodeHook(self._on_next)
        self._state = _State(0, address_of(self._on_match))
        self._access, self._execute = AccessHook(self._on_access), CodeHook(self._on_instruction)
        self._in_python = CodeHook(self._on_any)
        self._check = hook("check_matched", self._in_python, portable=portable)

    def set(self, watches: Mapping[int, Watch]) -> bool:
        """Set exactly these watches, by their number; return whether that is a change.

        The change is complete when the translated code has been flushed.
        """
        if watches == self._watches:
            return False
        while self._hooks:
            self._emulator.remove_hook(self._hooks.pop())
        self._watches = dict(watches)
        if watches:
            data = ctypes.addressof(self._state)
            kind = unicorn_const.UC_HOOK_CODE
            self._hooks.append(self._emulator.add_hook(kind, self._check, data=data))
        for number, watch in watches.items():
            for part in watch.ranges:
                self._add(number, watch.kinds, part)
        return True

    def mark(self) -> None:
        """Note that something has matched."""
        self._state.matched = 1

    def take(self) -> bool:
        """Return whether something has matched since the last call."""
        if not self._state.matched:
            return False
        self._state.matched = 0
        return True

    def _add(self, number: int, kinds: str, part: range) -> None:
        add = self._emulator.add_hook
        if kinds == "x":
            kind = unicorn_const.UC_HOOK_CODE
            self._hooks.append(add(kind, self._execute, part.start, part.stop - 1, number))
            return
        begin, end = max(part.start - _WIDEST + 1, 0), min(part.stop - 1, _LAST)
        reads = (unicorn_const.UC_HOOK_MEM_READ_AFTER,) * ("r" in kinds)
        writes = (unicorn_const.UC_HOOK_MEM_WRITE,) * ("w" in kinds)
        for kind in (*reads, *writes):
            self._hooks.append(add(kind, self._access, begin, end, number))
        self._hooks += self._repair.add((*reads, *writes), begin, end)

    def _on_access(
        self, _uc: int, _kind: int, address: int, size: int, value: int, number: int | None
    ) -> bool:
        found = self._watches[number or 0]  # ctypes passes a zero as None
        if found.includes(address, size, value) and self.matched(number or 0):
            self.mark()
        return True

    def _on_instruction(self, _uc: int, _address: int, _size: int, number: int | None) -> None:
        if self.matched(number or 0):
            self.mark()

    def _on_any(self, uc: int, address: int, size: int, data: int) -> None:
        if self._state.matched:
            self._on_next(uc, address, size, data)

    def _on_next(self, _uc: int, address: int, _size: int, _data: int) -> None:
        if not self._in_it(address):
            self._emulator.stop()
