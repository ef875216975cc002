"""Checks of registers before the instructions that fault for some of their values.

Unicorn executes unaligned LDRD, LDM or VLDR and divides by zero without a fault. A hook on each
such instruction therefore reads the register that decides. On x86-64 the hook is machine code
(below, with its assembly source), which leaves only unsuitable values to Python.
"""

import ctypes
import platform
from collections.abc import Callable, Mapping

from unicorn import unicorn_const
from unicorn.unicorn_py3.unicorn import uclib

from harness.simulator.counting import address_of, executable
from harness.simulator.emulator import CodeHook, Emulator
from harness.simulator.registers import LR, R
from harness.simulator.thumb_operands import Operand

# The calling convention of System V: rdi uc, rsi address, edx size, rcx check.
#     push  rdi
#     push  rsi
#     push  rdx
#     push  rcx
#     sub   rsp, 8
#     mov   rdx, rcx
#     mov   esi, [rcx+8]
#     call  [rcx+16]          uc_reg_read(uc, check.register, &check.value)
#     add   rsp, 8
#     pop   rcx
#     pop   rdx
#     pop   rsi
#     pop   rdi
#     mov   eax, [rcx]
#     test  eax, [rcx+12]     check.value & check.mask
#     jnz   unsuitable        jz for a divisor
#     ret
# unsuitable: jmp [rcx+24]
_X86_64 = bytes.fromhex("575652514883ec084889ca8b7108ff51104883c408595a5e5f8b0185410c7501c3ff6118")
_JNZ, _JZ = b"\x75\x01", b"\x74\x01"
_ALL = 0xFFFF_FFFF


class _Check(ctypes.Structure):
    """Shared with the machine code above, which fixes the order of the fields."""

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
        self._stale: list[tuple[int, int]] = []
        self._slow = CodeHook(self._on_unsuitable)
        self._portable = CodeHook(self._on_instruction)
        self._read = address_of(uclib.uc_reg_read)
        self._code = None
        if not portable and platform.machine().lower() in ("x86_64", "amd64"):
            self._code = executable(_X86_64 + _X86_64.replace(_JNZ, _JZ))

    def require(self, start: int, size: int, operands: Mapping[int, Operand]) -> bool:
        """Check exactly `operands`, by address, in the translated code of `size` bytes at `start`.

        Returns whether it must be translated again before it runs; see `retranslate`.
        """
        before = len(self._stale)
        for address in range(start, start + size, 2):
            known, wanted = self._checks.get(address), operands.get(address)
            if (known and known[0]) == wanted:
                continue
            if known is not None:
                self._emulator.remove_hook(self._checks.pop(address)[1])
            if wanted is not None:
                self._add(address, wanted)
            self._stale[before:] = [(start, size)]
        return len(self._stale) > before

    def clear(self) -> None:
        """Remove all checks: all translated code was discarded."""
        for _, hook, _ in self._checks.values():
            self._emulator.remove_hook(hook)
        self._checks.clear()
        self._stale.clear()

    def retranslate(self) -> bool:
        """Discard the code that must be translated again; return whether there was any."""
        stale, self._stale = self._stale, []
        for start, size in stale:
            self._emulator.forget(start, size)
        return bool(stale)

    def value(self, operand: Operand) -> int:
        """Return the value of an operand."""
        return self._emulator.registers.read(number(operand))

    def _add(self, address: int, operand: Operand) -> None:
        check = _Check(0, number(operand), operand.mask or _ALL, self._read, address_of(self._slow))
        hook = self._emulator.add_hook(
            unicorn_const.UC_HOOK_CODE,
            self._hook(operand),
            address,
            address,
            data=ctypes.addressof(check),
        )
        self._checks[address] = (operand, hook, check)

    def _hook(self, operand: Operand) -> object:
        if self._code is None:
            return self._portable
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        return start + len(_X86_64) * operand.divides

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
