"""The state of Unicorn's core that has no register number: MPU, lazy stacking, exclusive monitor.

Unicorn saves and restores it in a context. That is a copy of QEMU's CPU structure (CPUARMState in
target/arm/cpu.h of QEMU 5.0), followed by the regions of the MPU, each array after its length.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from unicorn import arm_const
from unicorn.unicorn_py3.unicorn import uclib

from harness.errors import InfrastructureError

_WORD = 4
_BOTH = ctypes.c_uint32 * 2  # Non-secure, Secure; a core without the extension uses the first
_NPRIV, _SPSEL = 1, 2  # of CONTROL
_NOTHING = (1 << 64) - 1  # no address is monitored

# The lengths of the arrays behind the structure: the base addresses, sizes and attributes of
# PMSAv7; base and limit of PMSAv8, each for both states; the base and limit of the SAU.
_LENGTHS = ((8, 8, 8, 0, 0, 0, 0, 0, 0), (0, 0, 0, 16, 16, 16, 16, 8, 8), (0,) * 9)


class _Machine(ctypes.Structure):
    """The part of the structure that only Armv7-M and Armv8-M use."""

    _fields_ = (
        ("other_stacks", ctypes.c_uint32 * 3),
        ("vecbase", _BOTH),
        ("basepri", _BOTH),
        ("control", _BOTH),
        ("ccr", _BOTH),
        ("cfsr", _BOTH),
        ("hfsr_dfsr_sfsr", ctypes.c_uint32 * 3),
        ("mmfar", _BOTH),
        ("bfar_sfar", ctypes.c_uint32 * 2),
        ("mpu_ctrl", _BOTH),
        ("exception", ctypes.c_uint32),
        ("primask", _BOTH),
        ("faultmask", _BOTH),
        ("aircr", ctypes.c_uint32),
        ("secure", ctypes.c_uint32),
        ("csselr", _BOTH),
        ("scr", _BOTH),
        ("msplim", _BOTH),
        ("psplim", _BOTH),
        ("fpcar", _BOTH),
        ("fpccr", _BOTH),
        ("fpdscr", _BOTH),
        ("cpacr", _BOTH),
        ("nsacr", ctypes.c_uint32),
    )


class _Fault(ctypes.Structure):
    """The last denied access, after `_Machine`."""

    _fields_ = (
        ("syndrome", ctypes.c_uint32),
        ("status", ctypes.c_uint32),
        ("address", ctypes.c_uint32),
    )


class HiddenState:
    """The hidden state of the core with the Unicorn handle `uc`.

    `load` updates the attributes, `store` writes them back; no code may run between the two.
    `bank` is the index of the current security state in fields that exist for both.
    """

    def __init__(self, uc: ctypes.c_void_p) -> None:
        self._uc = uc
        self._context = ctypes.c_void_p()
        uclib.uc_context_size.restype = ctypes.c_size_t
        self._size: int = uclib.uc_context_size(uc)
        uclib.uc_context_alloc(uc, ctypes.byref(self._context))
        start = self._context.value or 0
        self._bytes = (ctypes.c_uint8 * self._size).from_address(start)
        machine = self._find_machine()
        self.machine = _Machine.from_address(start + machine)
        self.bank: int = self.machine.secure
        self._masks = [
            ctypes.c_uint32.from_address(start + machine + field.offset + _WORD * self.bank)
            for field in (_Machine.primask, _Machine.basepri, _Machine.faultmask)
        ]
        fault = -(-(machine + ctypes.sizeof(_Machine)) // 8) * 8
        self.fault = _Fault.from_address(start + fault)
        before = bytes(self._bytes).index(b"\xff" * 8, fault)
        self._exclusive = ctypes.c_uint64.from_address(start + before)
        arrays = self._find_arrays(start)
        self.regions = arrays[:3] if arrays[0] else [arrays[3 + self.bank], arrays[5 + self.bank]]
        """The words of the MPU's regions, as `Mpu.words` returns them."""

    def load(self) -> None:
        """Read the state from the core."""
        uclib.uc_context_save(self._uc, self._context)

    def store(self) -> None:
        """Write the state to the core."""
        uclib.uc_context_restore(self._uc, self._context)

    @contextmanager
    def changing(self) -> Iterator[_Machine]:
        """Yield the fields as they are, and write them back at the end."""
        self.load()
        yield self.machine
        self.store()

    def masks(self) -> tuple[int, int, int]:
        """Return PRIMASK, BASEPRI and FAULTMASK; Unicorn's registers read as zero in user mode."""
        self.load()
        primask, basepri, faultmask = self._masks
        return primask.value, basepri.value, faultmask.value

    def end_user_mode(self) -> int:
        """Clear CONTROL.nPRIV, with which Unicorn refuses special registers; return its value."""
        with self.changing() as machine:
            user: int = machine.control[self.bank] & _NPRIV
            machine.control[self.bank] &= ~_NPRIV
        return user

    @contextmanager
    def privileged(self) -> Iterator[None]:
        """Let Unicorn read and write all registers while the context is open."""
        user = self.end_user_mode()
        yield
        with self.changing() as machine:
            machine.control[self.bank] |= user

    @property
    def stack_limits(self) -> tuple[int, int]:
        """MSPLIM and PSPLIM of the current security state."""
        self.load()
        return self.machine.msplim[self.bank], self.machine.psplim[self.bank]

    def snapshot(self) -> bytes:
        """Return the complete state of the core, with all registers."""
        self.load()
        return bytes(self._bytes)

    def restore(self, snapshot: bytes) -> None:
        """Return to the state of a snapshot."""
        ctypes.memmove(self._bytes, snapshot, self._size)
        self.store()

    def clear_monitor(self) -> None:
        """Clear the exclusive monitor: the next STREX fails."""
        with self.changing():
            self._exclusive.value = _NOTHING

    def enter_handler(self) -> None:
        """Clear the exclusive monitor, and CONTROL.SPSEL: the handler's stack is the main one."""
        with self.changing() as machine:
            machine.control[self.bank] &= ~_SPSEL
            self._exclusive.value = _NOTHING

    def _find_machine(self) -> int:
        """Return the offset of `_Machine` in the context: a change of PRIMASK tells it."""
        bits = 0
        for value in (1, 0):
            primask = ctypes.c_uint64(value)
            uclib.uc_reg_write(self._uc, arm_const.UC_ARM_REG_PRIMASK, ctypes.byref(primask))
            self.load()
            bits ^= int.from_bytes(self._bytes, "little")
        changed = (bits.bit_length() - 1) // 8
        for bank in (1, 0):
            offset = changed - _Machine.primask.offset - _WORD * bank
            if _Machine.from_buffer(self._bytes, offset).secure == bank:
                return offset
        raise _unknown("the registers")

    def _find_arrays(self, start: int) -> list[ctypes.Array[ctypes.c_uint32]]:
        for lengths in _LENGTHS:
            words = len(lengths) + sum(lengths)
            found = []
            at = start + self._size - _WORD * words
            for length in lengths:
                if ctypes.c_uint32.from_address(at).value != length:
                    break
                found.append((ctypes.c_uint32 * length).from_address(at + _WORD))
                at += _WORD * (1 + length)
            else:
                return found
        raise _unknown("the regions of the MPU")


def _unknown(what: str) -> InfrastructureError:
    return InfrastructureError(
        f"the emulator's context does not contain {what} where they are expected",
        where="virtual board",
        remedy="install the version of unicorn that the package asks for",
    )
