"""The core's registers, read and written in batches.

One call of Unicorn transfers a batch: a call takes more time than what it does.
"""

import ctypes
from collections.abc import Sequence

from unicorn import arm_const as arm
from unicorn.unicorn_py3.unicorn import uclib

# Functions of our own: those of the binding convert each argument, which takes as long as the call.
_read, _write = uclib["uc_reg_read"], uclib["uc_reg_write"]
_read_batch, _write_batch = uclib["uc_reg_read_batch"], uclib["uc_reg_write_batch"]

SP = arm.UC_ARM_REG_SP
LR = arm.UC_ARM_REG_LR
PC = arm.UC_ARM_REG_PC
XPSR = arm.UC_ARM_REG_XPSR
XPSR_ALL = arm.UC_ARM_REG_XPSR_NZCVQG  # writes the GE bits, too; XPSR does not
FLAGS = arm.UC_ARM_REG_APSR_NZCV
"""Write it, with the flags unchanged, after XPSR or CONTROL: only then does Unicorn notice a change
between thread and handler mode, or of privilege."""
MSP = arm.UC_ARM_REG_MSP
PSP = arm.UC_ARM_REG_PSP
CONTROL = arm.UC_ARM_REG_CONTROL
PRIMASK = arm.UC_ARM_REG_PRIMASK
BASEPRI = arm.UC_ARM_REG_BASEPRI
FAULTMASK = arm.UC_ARM_REG_FAULTMASK
FPSCR = arm.UC_ARM_REG_FPSCR
R: tuple[int, ...] = tuple(getattr(arm, f"UC_ARM_REG_R{index}") for index in range(13))
S: tuple[int, ...] = tuple(getattr(arm, f"UC_ARM_REG_S{index}") for index in range(32))


class Batch:
    """Some registers of the core with the Unicorn handle `uc`, in a fixed order."""

    def __init__(self, uc: ctypes.c_void_p, registers: Sequence[int]) -> None:
        count = len(registers)
        self._uc = uc
        self._count = ctypes.c_int(count)
        self._ids = (ctypes.c_int * count)(*registers)
        # Eight bytes each: Unicorn may write that many, although it uses four.
        self._values = (ctypes.c_uint64 * count)()
        start = ctypes.addressof(self._values)
        self._pointers = (ctypes.c_void_p * count)(*(start + 8 * i for i in range(count)))

    def read(self) -> list[int]:
        """Return the values, in the order of the batch."""
        _read_batch(self._uc, self._ids, self._pointers, self._count)
        return self._values[:]

    def write(self, values: Sequence[int]) -> None:
        """Set the registers, in the order of the batch."""
        self._values[:] = list(values)
        _write_batch(self._uc, self._ids, self._pointers, self._count)


class Registers:
    """The core's registers, identified by Unicorn's numbers.

    Unicorn has no number for some of them, such as the stack limits of Armv8-M. The state of the
    new emulator is therefore saved, and `reset` restores it.
    """

    def __init__(self, uc: ctypes.c_void_p) -> None:
        self._uc = uc
        self._at_power_on = ctypes.c_void_p()
        uclib.uc_context_alloc(uc, ctypes.byref(self._at_power_on))
        uclib.uc_context_save(uc, self._at_power_on)
        self._value = ctypes.c_uint64()
        self._pointer = ctypes.byref(self._value)
        self._status = self.batch(XPSR_ALL, FLAGS)

    def read(self, register: int) -> int:
        """Return the register's 32 bits."""
        self._value.value = 0
        _read(self._uc, register, self._pointer)
        return self._value.value & 0xFFFF_FFFF

    def write(self, register: int, value: int) -> None:
        """Set the register."""
        self._value.value = value
        _write(self._uc, register, self._pointer)

    def write_status(self, value: int) -> None:
        """Set xPSR, with all that depends on it and on CONTROL: see FLAGS."""
        self._status.write((value, value))

    def refresh(self) -> None:
        """Make a change of XPSR or CONTROL take effect: see FLAGS."""
        self.write(FLAGS, self.read(XPSR))

    def reset(self) -> None:
        """Set all registers but SP and PC to their values after reset (Armv7-M ARM, B1.5.5)."""
        uclib.uc_context_restore(self._uc, self._at_power_on)
        self.write(XPSR_ALL, 1 << 24)
        for register in (CONTROL, PRIMASK, BASEPRI, FAULTMASK, FPSCR):
            self.write(register, 0)
        self.refresh()
        self.batch(*R).write([0] * len(R))
        self.write(LR, 0xFFFF_FFFF)

    def batch(self, *registers: int) -> Batch:
        """Return a batch of `registers`."""
        return Batch(self._uc, registers)
