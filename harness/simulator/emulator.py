"""Unicorn as a C library: the functions that the simulator needs, typed and with error checks.

The Python binding loads the library; it is also used where speed does not matter.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import unicorn.unicorn
from unicorn import unicorn_const
from unicorn.unicorn_py3.arch.arm import UcAArch32
from unicorn.unicorn_py3.unicorn import uclib

from harness.errors import InfrastructureError
from harness.simulator.bus import Memory
from harness.simulator.hidden_state import HiddenState
from harness.simulator.registers import Registers

UNICORN = "2.1.4"

_NO_ADDRESS = 0xFFFF_FFFF  # odd: never the address of an instruction
_NO_TIMEOUT = ctypes.c_uint64(0)

# Functions of our own: see registers.py.
_start, _stop, _control = uclib["uc_emu_start"], uclib["uc_emu_stop"], uclib["uc_ctl"]
_FLUSH_TLB = unicorn_const.UC_CTL_TLB_FLUSH | unicorn_const.UC_CTL_IO_WRITE << 30

ReadDevice = ctypes.CFUNCTYPE(
    ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p
)
WriteDevice = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint64, ctypes.c_void_p
)
AccessHook = ctypes.CFUNCTYPE(
    ctypes.c_bool,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_uint64,
    ctypes.c_int,
    ctypes.c_uint64,
    ctypes.c_void_p,
)
ExceptionHook = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
CodeHook = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)


class Translated(ctypes.Structure):
    """A translated block: its address, number of instructions, and size in bytes."""

    _fields_ = (
        ("address", ctypes.c_uint64),
        ("instructions", ctypes.c_uint16),
        ("size", ctypes.c_uint16),
    )


TranslatedHook = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.POINTER(Translated),
    ctypes.POINTER(Translated),
    ctypes.c_void_p,
)


class Emulator:
    """A bare core; `model` is Unicorn's number of the CPU.

    UC_MODE_MCLASS is not set: it selects a Cortex-M33 and ignores `model`.
    """

    def __init__(self, model: int) -> None:
        _check_version()
        self._binding: Any = UcAArch32(
            unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB, model
        )
        self._handle: ctypes.c_void_p = self._binding._uch
        self.hidden = HiddenState(self._handle)
        self.registers = Registers(self._handle)
        self._begin, self._until = ctypes.c_uint64(), ctypes.c_uint64()
        self._count = ctypes.c_size_t()
        self._kept: dict[int, Any] = {}  # keeps callbacks alive while Unicorn may call them

    @property
    def stop_function(self) -> int:
        """The address of `uc_emu_stop`."""
        return ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value or 0

    def start(self, pc: int, count: int = 0, until: int = _NO_ADDRESS) -> int:
        """Run from `pc`, for `count` instructions unless it is 0; return Unicorn's error code.

        Execution stops before the instruction at `until`.
        """
        self._begin.value, self._until.value, self._count.value = pc | 1, until, count
        error: int = _start(self._handle, self._begin, self._until, _NO_TIMEOUT, self._count)
        return error

    def stop(self) -> None:
        """Stop; only hooks on code and exceptions may call this: see execution.py."""
        _stop(self._handle)

    def flush(self) -> None:
        """Forget all translated code."""
        self._binding.ctl_flush_tb()

    def forget_permissions(self) -> None:
        """Forget which accesses the MPU allows; callbacks for devices may call this, too."""
        _control(self._handle, _FLUSH_TLB)

    def forget(self, address: int, size: int) -> None:
        """Forget the translated code of a range; not while code runs."""
        self._binding.ctl_remove_cache(address, address + size)

    def error_text(self, error: int) -> str:
        """Return the meaning of an error code."""
        text: bytes = uclib.uc_strerror(error)
        return text.decode("ascii", "replace")

    def map_memory(self, memory: Memory) -> None:
        """Map `memory` at its base and all its aliases."""
        permissions = unicorn_const.UC_PROT_READ
        if memory.executable:
            permissions |= unicorn_const.UC_PROT_EXEC
        if not memory.flash:
            permissions |= unicorn_const.UC_PROT_WRITE
        for base in memory.bases:
            self._binding.mem_map_ptr(base, memory.size, permissions, memory.address)

    def map_zeros(self, base: int, size: int) -> None:
        """Map memory that is not on the bus; see `unmap`."""
        self._binding.mem_map(base, size)

    def unmap(self, base: int, size: int) -> None:
        """Take memory of `map_zeros` away."""
        self._binding.mem_unmap(base, size)

    def map_devices(
        self,
        base: int,
        size: int,
        read: Callable[[int, int, int, int], int],
        write: Callable[[int, int, int, int, int], None],
    ) -> None:
        """Map `size` bytes at `base`; Unicorn passes offsets from `base` to the callbacks."""
        callbacks = (ReadDevice(read), WriteDevice(write))
        self._kept[id(callbacks)] = callbacks
        self._check(
            uclib.uc_mmio_map(
                self._handle,
                ctypes.c_uint64(base),
                ctypes.c_size_t(size),
                callbacks[0],
                None,
                callbacks[1],
                None,
            ),
            f"map devices at {base:#010x}",
        )

    def forbid(self, base: int, size: int) -> None:
        """Remove all permissions of a range: every access then calls the hooks for violations."""
        self._binding.mem_protect(base, size, unicorn_const.UC_PROT_NONE)

    def add_hook(
        self, kind: int, callback: Any, begin: int = 1, end: int = 0, data: int = 0
    ) -> int:
        """Call `callback` at addresses from `begin` to `end`; without them at every address.

        `callback` is an instance of one of the types above, or an address.
        """
        hook = ctypes.c_size_t()
        self._check(
            uclib.uc_hook_add(
                self._handle,
                ctypes.byref(hook),
                kind,
                ctypes.cast(callback, ctypes.c_void_p),
                ctypes.c_void_p(data),
                ctypes.c_uint64(begin),
                ctypes.c_uint64(end),
            ),
            f"add a hook of kind {kind}",
        )
        self._kept[hook.value] = callback
        return hook.value

    def remove_hook(self, hook: int) -> None:
        """Remove a hook of `add_hook`; code that is already translated calls it until `flush`."""
        uclib.uc_hook_del(self._handle, ctypes.c_size_t(hook))

    def _check(self, error: int, what: str) -> None:
        if error != unicorn_const.UC_ERR_OK:
            raise InfrastructureError(
                f"the emulator cannot {what}: {self.error_text(error)}", where="virtual board"
            )


def _check_version() -> None:
    found = unicorn.unicorn.__version__
    if found != UNICORN:
        raise InfrastructureError(
            f"unicorn {found} is installed; the virtual boards need exactly {UNICORN}",
            where="virtual board",
            remedy=f"pip install unicorn=={UNICORN}",
        )
