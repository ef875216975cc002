"""Counts at the emulator's speed how often each block runs and how often it ends in a jump.

Hooks write a word for each entered block and, optionally, for each load of data from flash. When
their buffer is full, its entries are counted. The hooks are `trace_block` and `trace_load` of
machine_code/, or Python functions that do the same at a fiftieth of the speed.
"""

import ctypes
from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harness.simulator.counting import BlockHook
from harness.simulator.emulator import AccessHook
from harness.simulator.machine_code.native_hooks import address_of, hook

_ENTRIES = 1 << 18
_ADDRESS = 0xFFFF_FFFF
_LOAD = 1 << 63

_Entries = npt.NDArray[np.uint64]


class _State(ctypes.Structure):
    """Shared with the machine code, which fixes the order of the fields."""

    _fields_ = (
        ("next", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("full", ctypes.c_uint64),
    )


class Trace:
    """Counts per block; a block's key is (address, size in bytes).

    `runs` counts how often a block ran, `jumps` how often its successor was not the adjacent
    block, and `loads` its loads from flash if `load_hook` is installed. `on_full` is called each
    time the buffer has been counted.
    """

    def __init__(self, on_full: Callable[[], None], *, portable: bool = False) -> None:
        self.runs: Counter[tuple[int, int]] = Counter()
        self.jumps: Counter[tuple[int, int]] = Counter()
        self.loads: Counter[tuple[int, int]] = Counter()
        self._on_full = on_full
        self._entries = np.zeros(_ENTRIES, np.uint64)
        self._open: _Entries = self._entries[:0]  # the last block; its successor is not known
        self._full = ctypes.CFUNCTYPE(None)(self._count_all)
        self._state = _State(full=address_of(self._full))
        self._rewind()
        self._state.end = self._entries.ctypes.data + self._entries.nbytes
        self.user_data = ctypes.addressof(self._state)
        self._in_python = (BlockHook(self._on_block), AccessHook(self._on_load))
        self.block_hook = hook("trace_block", self._in_python[0], portable=portable)
        self.load_hook = hook("trace_load", self._in_python[1], portable=portable)

    def clear(self) -> None:
        """Set all counts to zero."""
        for counter in (self.runs, self.jumps, self.loads):
            counter.clear()
        self._open = self._entries[:0]
        self._rewind()

    def finish(self, pc: int) -> None:
        """Count the remaining entries; execution stopped before the instruction at `pc`."""
        self._count(self._take_entries())
        # The core enters the block at `pc` and stops there.
        last = [int(entry) for entry in self._open]
        if last and last[0] & _ADDRESS != pc:
            self._add(self._open, np.array([last[0] & _ADDRESS, pc]))
        self._open = self._entries[:0]

    def _take_entries(self) -> _Entries:
        """Return a copy of the entries and empty the buffer."""
        used = (self._state.next - self._entries.ctypes.data) // self._entries.itemsize
        entries = np.concatenate([self._open, self._entries[:used]])
        self._rewind()
        return entries

    def _rewind(self) -> None:
        self._state.next = self._entries.ctypes.data

    def _count_all(self) -> None:
        self._count(self._take_entries())
        self._on_full()

    def _count(self, entries: _Entries) -> None:
        """Count all blocks except the last one, which is kept with its loads."""
        starts = np.flatnonzero(entries < _LOAD)
        if len(starts):
            self._open = entries[starts[-1] :]
            addresses = (entries[starts] & np.uint64(_ADDRESS)).astype(np.int64)
            self._add(entries[: starts[-1]], addresses)

    def _add(self, entries: _Entries, addresses: npt.NDArray[np.int64]) -> None:
        """Count the blocks of `entries`; `addresses` are their addresses and the successor's."""
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
