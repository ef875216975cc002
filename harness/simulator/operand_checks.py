"""Checks of registers before the instructions that fault for some of their values.

Unicorn executes unaligned LDRD, LDM or VLDR and divides by zero without a fault. A hook on each
such instruction therefore reads the register that decides. The hooks are `check_address` and
`check_divisor` of machine_code/, which leave only unsuitable values to Python, or a function in it.
"""

import ctypes
from collections.abc import Callable, Mapping

from unicorn import unicorn_const
from unicorn.unicorn_py3.unicorn import uclib

from harness.simulator.emulator import CodeHook, Emulator
from harness.simulator.machine_code.native_hooks import address_of, hook
from harness.simulator.registers import LR, R
from harness.simulator.thumb_operands import Operand

_ALL = 0xFFFF_FFFF


class _Check(ctypes.Structure):
    """Shared with the machine code, which fixes the order of the fields."""

    _fields_ = (
        ("value", ctypes.c_uint64),
        ("register", ctypes.c_int32),
        ("mask", ctypes.c_uint32),
        ("read", ctypes.c_uint64),
        ("unsuitable", ctypes.c_uint64),
    )


class OperandChecks:
    """Calls `unsuitable(address, operand)` before an instruction with an unsuitable operand runs.

    `portable` selects the hook in Python.
    """

    def __init__(
        self,
        emulator: Emulator,
        unsuitable: Callable[[int, Operand], None],
        *,
        portable: bool = False,
    ) -> None:
        self._emulator = emulator
        self._unsuitable = unsuitable
        self._checks: dict[int, tuple[Operand, int, _Check]] = {}  # address to operand and hook
        self.stale: list[tuple[int, int]] = []
        """Start and size of translated code without its checks: see `retranslate`."""
        self._slow = CodeHook(self._on_unsuitable)
        self._in_python = CodeHook(self._on_instruction)
        self._check_address = hook("check_address", self._in_python, portable=portable)
        self._check_divisor = hook("check_divisor", self._in_python, portable=portable)
        self._read = address_of(uclib.uc_reg_read)

    def require(
        self, start: int, size: int, operands: Mapping[int, Operand], *, again: bool = False
    ) -> bool:
        """Check exactly `operands`, by address, in the translated code of `size` bytes at `start`.

        Returns whether it must be translated again before it runs; see `retranslate`. With `again`,
        it must in any case.
        """
        before = len(self.stale)
        if again:
            self.stale.append((start, size))
        for address in range(start, start + size, 2):
            known, wanted = self._checks.get(address), operands.get(address)
            if (known and known[0]) == wanted:
                continue
            if known is not None:
                self._emulator.remove_hook(self._checks.pop(address)[1])
            if wanted is not None:
                self._add(address, wanted)
            self.stale[before:] = [(start, size)]
        return len(self.stale) > before

    def clear(self) -> None:
        """Remove all checks: all translated code was discarded."""
        for _, added, _ in self._checks.values():
            self._emulator.remove_hook(added)
        self._checks.clear()
        self.stale.clear()

    def retranslate(self) -> bool:
        """Discard the code that must be translated again; return whether there was any."""
        stale, self.stale = self.stale, []
        for start, size in stale:
            self._emulator.forget(start, size)
        return bool(stale)

    def value(self, operand: Operand) -> int:
        """Return the value of an operand."""
        return self._emulator.registers.read(number(operand))

    def _add(self, address: int, operand: Operand) -> None:
        check = _Check(0, number(operand), operand.mask or _ALL, self._read, address_of(self._slow))
        added = self._emulator.add_hook(
            unicorn_const.UC_HOOK_CODE,
            self._check_divisor if operand.divides else self._check_address,
            address,
            address,
            data=ctypes.addressof(check),
        )
        self._checks[address] = (operand, added, check)

    def _on_instruction(self, uc: int, address: int, size: int, data: int) -> None:
        operand = self._checks[address][0]
        value = self.value(operand)
        if value == 0 if operand.divides else value & operand.mask:
            self._on_unsuitable(uc, address, size, data)

    def _on_unsuitable(self, _uc: int, address: int, _size: int, _data: int) -> None:
        found = self._checks.get(address)
        if found is not None:  # else the hook was removed while this code ran
            self._unsuitable(address, found[0])


def number(operand: Operand) -> int:
    """Return Unicorn's number of the register."""
    return R[operand.register] if operand.register < len(R) else LR
