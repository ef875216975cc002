"""The trap for every unaligned access, CCR.UNALIGN_TRP (Armv7-M ARM, A3.2.1).

It slows all accesses down. The hook is `trap_unaligned` of machine_code/, which leaves only
unaligned accesses to Python, or a Python function.
"""

import ctypes
from collections.abc import Callable

from unicorn import unicorn_const

from harness.simulator.bus import WORD
from harness.simulator.emulator import AccessHook, Emulator
from harness.simulator.it_repair import ItRepair
from harness.simulator.machine_code.native_hooks import address_of, hook

_KINDS = (unicorn_const.UC_HOOK_MEM_READ, unicorn_const.UC_HOOK_MEM_WRITE)


class UnalignedTrap:
    """Calls `unaligned(address, size)` before each unaligned access while it is on."""

    def __init__(
        self, emulator: Emulator, unaligned: Callable[[int, int], None], *, portable: bool = False
    ) -> None:
        self._emulator = emulator
        self._unaligned = unaligned
        self._hooks: list[int] = []
        self._repair = ItRepair(emulator, portable=portable)
        self._slow = AccessHook(self._on_unaligned)
        self._slow_at = ctypes.c_uint64(address_of(self._slow))
        self._in_python = AccessHook(self._on_access)
        self._hook = hook("trap_unaligned", self._in_python, portable=portable)

    def switch(self, on: bool) -> bool:
        """Switch the trap on or off; return whether that is a change.

        The change is complete when the translated code has been flushed.
        """
        if on == bool(self._hooks):
            return False
        while self._hooks:
            self._emulator.remove_hook(self._hooks.pop())
        if on:
            data = ctypes.addressof(self._slow_at)
            for kind in _KINDS:
                self._hooks.append(self._emulator.add_hook(kind, self._hook, data=data))
            self._hooks += self._repair.add(_KINDS)
        return True

    def _on_access(
        self, uc: int, kind: int, address: int, size: int, value: int, data: int
    ) -> bool:
        if address & min(size, WORD) - 1:
            self._on_unaligned(uc, kind, address, size, value, data)
        return True

    def _on_unaligned(self, _uc: int, _kind: int, address: int, size: int, *_: int) -> bool:
        self._unaligned(address, size)
        return True
