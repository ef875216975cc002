"""Clears the IT state that hooks on memory accesses leave set.

Unicorn updates the program counter before it calls such a hook. Inside an IT block this also sets
the IT state, which then makes the first instructions of the next block conditional. On x86-64 the
repair is machine code (below, with its assembly source), unless the IT state is set.
"""

import ctypes
import platform
from collections.abc import Iterable

from unicorn.unicorn_py3.unicorn import uclib

from harness.simulator.counting import address_of, executable
from harness.simulator.emulator import AccessHook, Emulator
from harness.simulator.registers import XPSR

IT_STATE = 0x0600_FC00
"""The bits of ITSTATE in xPSR."""

# The calling convention of System V: rdi uc, r9 repair; the slow function needs no arguments.
#     push  r9
#     mov   rdx, r9
#     mov   esi, [r9+8]
#     call  [r9+16]           uc_reg_read(uc, repair.register, &repair.value)
#     pop   r9
#     test  dword [r9], IT_STATE
#     jnz   is_set
#     ret
# is_set: jmp [r9+24]
_X86_64 = bytes.fromhex("41514c89ca418b710841ff5110415941f70100fc00067501c341ff6118")


class _Repair(ctypes.Structure):
    """Shared with the machine code above, which fixes the order of the fields."""

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
        self._hook: object = self._slow
        self._repair = _Repair(0, XPSR, address_of(uclib.uc_reg_read), address_of(self._slow))
        if not portable and platform.machine().lower() in ("x86_64", "amd64"):
            self._code = executable(_X86_64)
            self._hook = ctypes.addressof(ctypes.c_char.from_buffer(self._code))

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
