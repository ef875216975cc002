"""Counting instructions at the speed of the emulator.

Unicorn's own counter (and its UC_HOOK_CODE) omits conditional instructions whose IT condition
fails; silicon and QEMU count them. A hook on every basic block therefore adds the block's number
of instructions, taken from a table that is filled when a block is first entered.

The hook is `count_block` of machine_code/, or a Python function that does the same; a run then
takes about ten times as long.
"""

import ctypes
from collections.abc import Callable

from harness.simulator.machine_code.native_hooks import address_of, hook

NEVER = (1 << 63) - 1
"""A limit that is never reached."""

_ENTRIES = 1 << 16
_KEY = (1 << 48) - 1  # address and size of an entry

BlockHook = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)


class _State(ctypes.Structure):
    """Shared with the machine code, which fixes the order of the fields."""

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
        self.always_begins = False
        """Whether the limit does not stop the first block of a run, if it is not in the table."""
        self._seen = seen
        self._stop = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(stop)
        self._table = (ctypes.c_uint64 * _ENTRIES)()
        self._slow = BlockHook(self._on_block)
        self.state = _State(limit=NEVER, table=ctypes.addressof(self._table), stop=stop)
        self.state.slow = address_of(self._slow)
        self.hook = hook("count_block", self._slow, portable=portable)

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
        if state.count >= state.limit and (state.block or not self.always_begins):
            state.block = 0  # it does not run: its special instructions have no effect yet
            self._stop(uc)
            return
        place, key = address >> 1 & _ENTRIES - 1, address | size << 32
        entry, refuse = self._table[place], False
        if entry & _KEY != key:
            count, keep, refuse = self._seen(address, size)
            entry = key | count << 48
            if keep:
                self._table[place] = entry
        state.block = entry
        state.count += entry >> 48
        if refuse:
            self._stop(uc)
