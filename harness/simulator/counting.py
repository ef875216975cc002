"""Counting instructions at the speed of the emulator.

Unicorn's own counter (and its UC_HOOK_CODE) omits conditional instructions whose IT condition
fails; silicon and QEMU count them. A hook on every basic block therefore adds the block's number
of instructions, taken from a table that is filled when a block is first entered.

On x86-64 the hook is 60 bytes of machine code (below, with its assembly source). On other hosts
it is a Python function that does the same at a hundredth of the speed.
"""

import ctypes
import mmap
import os
import platform
from collections.abc import Callable

from harness.errors import InfrastructureError

NEVER = (1 << 63) - 1
"""A limit that is never reached."""

_ENTRIES = 1 << 16

# The calling convention of System V: rdi uc, rsi address, edx size, rcx state.
#     mov   eax, esi
#     shr   eax, 1
#     movzx eax, ax
#     mov   r8, [rcx+24]      table
#     mov   rax, [r8+rax*8]   entry: address, size << 32, count << 48
#     cmp   eax, esi
#     jne   slow
#     mov   r9, rax
#     shr   rax, 32
#     cmp   ax, dx
#     jne   slow
#     shr   eax, 16
#     mov   [rcx+16], r9      state.block = entry
#     mov   r9, [rcx]
#     add   rax, r9
#     mov   [rcx], rax        state.count += count
#     cmp   r9, [rcx+8]
#     jae   stop              if the count before this block has reached state.limit
#     ret
# slow: jmp [rcx+32]
# stop: jmp [rcx+40]
_X86_64 = bytes.fromhex(
    "89f0d1e80fb7c04c8b4118498b04c039f075234989c148c1e8206639d075"
    "17c1e8104c8949104c8b094c01c84889014c3b49087304c3ff6120ff6128"
)

BlockHook = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)


class _State(ctypes.Structure):
    """Shared with the machine code above, which fixes the order of the fields."""

    _fields_ = (
        ("count", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("block", ctypes.c_uint64),
        ("table", ctypes.c_uint64),
        ("slow", ctypes.c_uint64),
        ("stop", ctypes.c_uint64),
    )


class InstructionCounter:
    """Counts executed instructions and stops execution at a limit.

    `seen(address, size)` is called for a block that is not in the table. It returns the block's
    number of instructions, whether the table may keep it, and whether the block must not run.
    `stop` is the address of `uc_emu_stop`.
    """

    def __init__(
        self,
        seen: Callable[[int, int], tuple[int, bool, bool]],
        stop: int,
        *,
        portable: bool = False,
    ) -> None:
        self._seen = seen
        self._stop = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(stop)
        self._table = (ctypes.c_uint64 * _ENTRIES)()
        self._slow = BlockHook(self._on_block)
        self.state = _State(limit=NEVER, table=ctypes.addressof(self._table), stop=stop)
        self.state.slow = address_of(self._slow)
        self.hook = self.state.slow
        if not portable and platform.machine().lower() in ("x86_64", "amd64"):
            self._code = executable(_X86_64)
            self.hook = ctypes.addressof(ctypes.c_char.from_buffer(self._code))

    @property
    def user_data(self) -> int:
        """The address to pass to the hook as its last argument."""
        return ctypes.addressof(self.state)

    @property
    def entered(self) -> tuple[int, int]:
        """Address and number of instructions of the last entered block; both 0 before the first."""
        entry: int = self.state.block
        return entry & 0xFFFF_FFFF, entry >> 48

    def interrupt(self) -> None:
        """Stop before the next block; any thread may call this."""
        self.state.limit = 0

    def forget(self) -> None:
        """Clear the table: the code, or the set of special instructions, has changed."""
        ctypes.memset(self._table, 0, ctypes.sizeof(self._table))

    def forget_block(self, address: int) -> None:
        """Forget the block at `address`."""
        self._table[address >> 1 & _ENTRIES - 1] = 0

    def _on_block(self, uc: int, address: int, size: int, _data: int) -> None:
        state = self.state
        limit = state.limit  # if `seen` changes it, the change applies from the next block on
        count, keep, refuse = self._seen(address, size)
        entry = address | size << 32 | count << 48
        if keep:
            self._table[address >> 1 & _ENTRIES - 1] = entry
        state.block = entry
        before = state.count
        state.count = before + count
        if refuse or before >= limit:
            self._stop(uc)


def address_of(function: object) -> int:
    """Return the address of a ctypes function."""
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    if address is None:
        raise AssertionError("a ctypes function always has an address")
    return address


def executable(code: bytes) -> mmap.mmap:
    """Return executable memory that contains `code`."""
    try:
        memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        memory.write(code)
        libc = ctypes.CDLL(None, use_errno=True)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    except OSError as error:
        raise _no_executable_memory(error.strerror) from error
    execute = mmap.PROT_READ | mmap.PROT_EXEC
    if libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(mmap.PAGESIZE), execute):
        raise _no_executable_memory(os.strerror(ctypes.get_errno()))
    return memory


def _no_executable_memory(why: str | None) -> InfrastructureError:
    return InfrastructureError(
        f"the operating system refuses executable memory: {why}",
        where="virtual board",
        remedy="allow executable memory in the security policy; the emulator needs it, too",
    )
