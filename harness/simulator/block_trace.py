"""Which blocks of code run, how often, and where each goes on: at the emulator's speed.

Hooks write a word for each block that is entered, and, if asked to, for each load of data from
flash; when their buffer is full, it is counted. On x86-64 they are machine code (below, with its
assembler source); elsewhere Python does the same at a fiftieth of the speed.
"""

import ctypes
import platform
from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harness.simulator.counting import BlockHook, address_of, executable
from harness.simulator.emulator import AccessHook

_ENTRIES = 1 << 18
_ADDRESS = 0xFFFF_FFFF
_LOAD = 1 << 63

# The calling convention of System V. Of a block: rsi address, edx size, rcx state.
#     shl  rdx, 32
#     or   rdx, rsi           entry: address, size << 32
#     mov  rax, [rcx]
#     mov  [rax], rdx         *state.next = entry
#     add  rax, 8
#     mov  [rcx], rax         state.next += 1
#     cmp  rax, [rcx+8]
#     jae  full               if state.next has reached state.end
#     ret
# full: jmp [rcx+16]
_BLOCK_X86_64 = bytes.fromhex("48c1e2204809f2488b014889104883c008488901483b41087301c3ff6110")
# Of a load: rdx address, r9 state.
#     bts  rdx, 63            entry: address, 1 << 63
#     mov  rax, [r9]
#     mov  [rax], rdx
#     add  rax, 8
#     mov  [r9], rax
#     cmp  rax, [r9+8]
#     jae  full
#     ret
# full: jmp [r9+16]
_LOAD_X86_64 = bytes.fromhex("480fbaea3f498b014889104883c008498901493b41087301c341ff6110")

_Entries = npt.NDArray[np.uint64]


class _State(ctypes.Structure):
    """Shared with the machine code above: the order of the fields is its business."""

    _fields_ = (
        ("next", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("full", ctypes.c_uint64),
    )


class Trace:
    """Blocks by (address, size in bytes): how often each ran, and how often it was left by a jump.

    `jumps` counts successors other than the block behind; `loads` those of flash, where
    `load_hook` is installed. `on_full` is called whenever some have been counted.
    """

    def __init__(self, on_full: Callable[[], None], *, portable: bool = False) -> None:
        self.runs: Counter[tuple[int, int]] = Counter()
        self.jumps: Counter[tuple[int, int]] = Counter()
        self.loads: Counter[tuple[int, int]] = Counter()
        self._on_full = on_full
        self._entries = np.zeros(_ENTRIES, np.uint64)
        self._open: _Entries = self._entries[:0]  # the last block, whose successor is not known
        self._full = ctypes.CFUNCTYPE(None)(self._count_all)
        self._state = _State(full=address_of(self._full))
        self._rewind()
        self._state.end = self._entries.ctypes.data + self._entries.nbytes
        self.user_data = ctypes.addressof(self._state)
        if portable or platform.machine().lower() not in ("x86_64", "amd64"):
            self._hooks = (BlockHook(self._on_block), AccessHook(self._on_load))
            self.block_hook, self.load_hook = map(address_of, self._hooks)
        else:
            self._code = executable(_BLOCK_X86_64 + _LOAD_X86_64)
            self.block_hook = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
            self.load_hook = self.block_hook + len(_BLOCK_X86_64)

    def clear(self) -> None:
        """Forget what has run."""
        for counter in (self.runs, self.jumps, self.loads):
            counter.clear()
        self._open = self._entries[:0]
        self._rewind()

    def finish(self, pc: int) -> None:
        """Count what is left; execution stopped before the instruction at `pc`."""
        self._count(self._taken())
        # The core enters the block at `pc` and stops there.
        last = [int(entry) for entry in self._open]
        if last and last[0] & _ADDRESS != pc:
            self._add(self._open, np.array([last[0] & _ADDRESS, pc]))
        self._open = self._entries[:0]

    def _taken(self) -> _Entries:
        """Return a copy of the entries, and begin anew."""
        used = (self._state.next - self._entries.ctypes.data) // self._entries.itemsize
        entries = np.concatenate([self._open, self._entries[:used]])
        self._rewind()
        return entries

    def _rewind(self) -> None:
        self._state.next = self._entries.ctypes.data

    def _count_all(self) -> None:
        self._count(self._taken())
        self._on_full()

    def _count(self, entries: _Entries) -> None:
        """Count all blocks but the last, which is kept with its loads."""
        starts = np.flatnonzero(entries < _LOAD)
        if len(starts):
            self._open = entries[starts[-1] :]
            addresses = (entries[starts] & np.uint64(_ADDRESS)).astype(np.int64)
            self._add(entries[: starts[-1]], addresses)

    def _add(self, entries: _Entries, addresses: npt.NDArray[np.int64]) -> None:
        """Count the blocks of `entries`; `addresses` are theirs and that of their successor."""
        starts = np.flatnonzero(entries < _LOAD)
        blocks, index, runs = np.unique(entries[starts], return_inverse=True, return_counts=True)
        sizes = (entries[starts] >> np.uint64(32)).astype(np.int64)
        jumped = addresses[1:] != addresses[:-1] + sizes
        jumps = np.bincount(index, jumped)
        loads = np.bincount(index, np.diff(starts, append=len(entries)) - 1)
        for block, *counts in zip(blocks.tolist(), runs, jumps, loads, strict=True):
            key = (block & _ADDRESS, block >> 32)
            for counter, count in zip((self.runs, self.jumps, self.loads), counts, strict=True):
                counter[key] += int(count)

    def _on_block(self, _uc: int, address: int, size: int, _data: int) -> None:
        self._append(address | size << 32)

    def _on_load(self, _uc: int, _kind: int, address: int, *_: int) -> bool:
        self._append(address | _LOAD)
        return True

    def _append(self, entry: int) -> None:
        self._entries[(self._state.next - self._entries.ctypes.data) // 8] = entry
        self._state.next += 8
        if self._state.next >= self._state.end:
            self._count_all()
