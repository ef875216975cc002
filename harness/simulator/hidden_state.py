"""The state of Unicorn's core that has no register number: MPU, lazy stacking, exclusive monitor.

Unicorn saves and restores it in a context. That is a copy of QEMU's CPU structure (CPUARMState in
target/arm/cpu.h of QEMU 5.0), followed by the regions of the MPU, each array after its length. The
structure begins with R0 to R15.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from unicorn import arm_const
from unicorn.unicorn_py3.unicorn import uclib

from harness.errors import InfrastructureError
from harness.simulator.exception_bits import (
    CONTROL_FPCA,
    CONTROL_NPRIV,
    CONTROL_SFPA,
    CONTROL_SPSEL,
)

# Functions of our own: see registers.py.
_save, _restore = uclib["uc_context_save"], uclib["uc_context_restore"]

_WORD = 4
_BOTH = ctypes.c_uint32 * 2  # Non-secure, Secure; a core without the extension uses the first
_SECURE = 1  # the bank that has FPCA and SFPA on all cores
_SP, _LR, _GENERAL = 13, 14, 15
_STACKED = (0, 1, 2, 3, 12, _LR)  # before PC and xPSR (B1.5.6)
_NOTHING = (1 << 64) - 1  # no address is monitored

# The lengths of the arrays behind the structure: the base addresses, sizes and attributes of
# PMSAv7; base and limit of PMSAv8, each for both states; the base and limit of the SAU.
_LENGTHS = ((8, 8, 8, 0, 0, 0, 0, 0, 0), (0, 0, 0, 16, 16, 16, 16, 8, 8), (0,) * 9)


class _Machine(ctypes.Structure):
    """The part of the structure that only Armv7-M and Armv8-M use."""

    _fields_ = (
        ("other_sp", ctypes.c_uint32),
        ("other_state_stacks", _BOTH),
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

    `load` updates the attributes. `changing` also writes them back at the end; until then, no code
    may run, and nothing else may write registers. `bank` is the index of the current security state
    in fields that exist for both.
    """

    def __init__(self, uc: ctypes.c_void_p) -> None:
        self._uc = uc
        self._changes = 0
        self._context = ctypes.c_void_p()
        uclib.uc_context_size.restype = ctypes.c_size_t
        self._size: int = uclib.uc_context_size(uc)
        uclib.uc_context_alloc(uc, ctypes.byref(self._context))
        start = self._context.value or 0
        self._bytes = (ctypes.c_uint8 * self._size).from_address(start)
        first = self._find(arm_const.UC_ARM_REG_R0)
        general = (ctypes.c_uint32 * _GENERAL).from_address(start + first)
        self.general = memoryview(general).cast("B").cast("I")
        """R0 to R12, the current SP, and LR."""
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
        if not self._changes:
            _save(self._uc, self._context)

    def changing(self) -> "HiddenState":
        """Return a context that yields the fields as they are, and writes them back at its end.

        Inside another one, it is a part of that.
        """
        return self

    def __enter__(self) -> _Machine:
        self.load()
        self._changes += 1
        return self.machine

    def __exit__(self, *_: object) -> None:
        self._changes -= 1
        if not self._changes:
            _restore(self._uc, self._context)

    def masks(self) -> tuple[int, int, int]:
        """Return PRIMASK, BASEPRI and FAULTMASK; Unicorn's registers read as zero in user mode."""
        self.load()
        primask, basepri, faultmask = self._masks
        return primask.value, basepri.value, faultmask.value

    def end_user_mode(self) -> int:
        """Clear CONTROL.nPRIV, with which Unicorn refuses special registers; return its value."""
        with self.changing() as machine:
            user: int = machine.control[self.bank] & CONTROL_NPRIV
            machine.control[self.bank] &= ~CONTROL_NPRIV
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

    @property
    def control(self) -> int:
        """CONTROL."""
        self.load()
        control: int = self.machine.control[self.bank] & (CONTROL_NPRIV | CONTROL_SPSEL)
        context: int = self.machine.control[_SECURE] & (CONTROL_FPCA | CONTROL_SFPA)
        return control | context

    def snapshot(self) -> bytes:
        """Return the complete state of the core, with all registers."""
        self.load()
        return bytes(self._bytes)

    def restore(self, snapshot: bytes) -> None:
        """Return to the state of a snapshot."""
        with self.changing():
            ctypes.memmove(self._bytes, snapshot, self._size)

    def enter_handler(self, link: int, sp: int | None = None) -> None:
        """Give a handler the main stack, and EXC_RETURN `link` in LR, but no float context.

        `sp` is what stacking has left of the interrupted code's stack. Also clear the exclusive
        monitor (Armv7-M ARM, B1.5.6, ExceptionTaken).
        """
        with self.changing() as machine:
            if sp is not None:
                self.general[_SP] = sp
            if not machine.exception and machine.control[self.bank] & CONTROL_SPSEL:
                self.general[_SP], machine.other_sp = machine.other_sp, self.general[_SP]
            machine.control[self.bank] &= ~CONTROL_SPSEL
            machine.control[_SECURE] &= ~(CONTROL_FPCA | CONTROL_SFPA)
            self.general[_LR] = link
            self._exclusive.value = _NOTHING

    def handlers_stack(self, *, process: bool) -> int:
        """Return the main or the process stack pointer; a handler must run."""
        self.load()
        value: int = self.machine.other_sp if process else self.general[_SP]
        return value

    def leave_handler(self, frame: Sequence[int], sp: int, context: int, *, process: bool) -> None:
        """Give the interrupted code its registers from `frame`, and `sp` as its stack pointer.

        `context` are FPCA and SFPA of CONTROL. The stack is the process stack or the main stack;
        xPSR still shows the handler. Also clear the exclusive monitor.
        """
        with self.changing() as machine:
            for register, value in zip(_STACKED, frame, strict=False):
                self.general[register] = value
            if process:
                machine.other_sp = sp
            else:
                self.general[_SP] = sp
            machine.control[self.bank] = (
                machine.control[self.bank] & ~CONTROL_SPSEL | CONTROL_SPSEL * process
            )
            machine.control[_SECURE] = (
                machine.control[_SECURE] & ~(CONTROL_FPCA | CONTROL_SFPA) | context
            )
            self._exclusive.value = _NOTHING

    def _find(self, register: int) -> int:
        """Return the offset of a register in the context: a change tells it."""
        bits = 0
        for value in (1, 0):
            changed = ctypes.c_uint64(value)
            uclib.uc_reg_write(self._uc, register, ctypes.byref(changed))
            self.load()
            bits ^= int.from_bytes(self._bytes, "little")
        return (bits.bit_length() - 1) // 8

    def _find_machine(self) -> int:
        """Return the offset of `_Machine` in the context."""
        primask = self._find(arm_const.UC_ARM_REG_PRIMASK)
        for bank in (1, 0):
            offset = primask - _Machine.primask.offset - _WORD * bank
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
