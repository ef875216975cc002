"""What an image gets of a chip's memory, if no target file sets it.

The rules are the same for chips of pyOCD, machines of QEMU and platforms of Renode.
"""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from harness.support.memory_map import Region

LEAST_STACK = 1024
"""Bytes of stack: the bundled models need up to 716, since CMSIS-NN has its data in the arena."""

_STACK = 8192
_STACK_SHARE = 8  # `digits` fits into 16 KiB with an eighth of it for the stack, not with a quarter
_ALIGNED = 8  # AAPCS32, 6.2.1.2: the stack at a function's interface

# The link's buffers take twice WINDOW: with 2048, the default, an eighth of this RAM. They are not
# small everywhere, because an input then takes eight times as many frames.
_SMALL = 32 << 10
_SMALL_BUFFERS = {"WINDOW": 256}


class _Memory(Protocol):
    @property
    def origin(self) -> int: ...

    @property
    def size(self) -> int: ...


_M = TypeVar("_M", bound=_Memory)


def largest(memories: Iterable[_M]) -> _M | None:
    """Return the largest memory, of equal ones that at the lowest address; None without any."""
    return max(memories, key=lambda memory: (memory.size, -memory.origin), default=None)


def halves(memory: Region) -> tuple[Region, Region]:
    """Return the halves of a memory that has both code and data."""
    half = memory.size // 2 // _ALIGNED * _ALIGNED
    return Region(memory.origin, half), Region(memory.origin + half, memory.size - half)


def stack_size(ram: int) -> int:
    """Return the bytes of stack in `ram` bytes for data."""
    share = ram // _STACK_SHARE // _ALIGNED * _ALIGNED
    return min(max(share, LEAST_STACK), _STACK)


def buffer_options(ram: int) -> dict[str, str | int]:
    """Return the options of the port `generic` for its buffers in `ram` bytes for data."""
    return dict(_SMALL_BUFFERS) if ram < _SMALL else {}
