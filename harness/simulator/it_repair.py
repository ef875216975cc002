"""Clears the IT state that hooks on memory accesses leave set.

Unicorn updates the program counter before it calls such a hook. Inside an IT block this also sets
the IT state, which then makes the first instructions of the next block conditional. The hook is
`repair_it` of machine_code/, which leaves only a set IT state to Python, or a Python function.
"""

import ctypes
from collections.abc import Iterable

from unicorn.unicorn_py3.unicorn import uclib

from harness.simulator.emulator import AccessHook, Emulator
from harness.simulator.machine_code.native_hooks import address_of, hook
from harness.simulator.registers import IT_STATE, XPSR


class _Repair(ctypes.Structure):
    """Shared with the machine code, which fixes the order of the fields."""

    _fields_ = (
        ("value", ctypes.c_uint64),
        ("register", ctypes.c_int32),
        ("read", ctypes.c_uint64),
        ("slow", ctypes.c_uint64),
    )


class ItRepair:
    """The repair after other hooks on accesses of `emulator`; `portable` selects it in Python."""

    def __init__(self, emulator: Emulator, *, portable: bool = False) -> None:
        self._emulator = emulator
        self._slow = AccessHook(self._on_access)
        self._repair = _Repair(0, XPSR, address_of(uclib.uc_reg_read), address_of(self._slow))
        self._hook = hook("repair_it", self._slow, portable=portable)

    def add(self, kinds: Iterable[int], begin: int = 1, end: int = 0) -> list[int]:
        """Repair after each access of these kinds; return the hooks. Other hooks come first."""
        data = ctypes.addressof(self._repair)
        return [self._emulator.add_hook(kind, self._hook, begin, end, data) for kind in kinds]

    def _on_access(self, *_: int) -> bool:
        registers = self._emulator.registers
        status = registers.read(XPSR)
        if status & IT_STATE:
            registers.write(XPSR, status & ~IT_STATE)
        return True
