"""The control block of RTT: where its two rings are, and how far they are filled.

The layout is that of SEGGER's RTT, with one ring in each direction (J-Link user guide UM08001,
"Real Time Transfer"): an ID of 16 bytes, the numbers of rings, and for each ring the addresses of
its name and its buffer, its size, the offsets of writer and reader, and flags.
"""

import struct
from dataclasses import dataclass, replace

from harness.support.memory_map import Region

SYMBOL = "_SEGGER_RTT"
"""The symbol of the control block in an ELF."""

_ID = b"SEGGER RTT".ljust(16, b"\0")
_LAYOUT = struct.Struct("<16s 2i 6I 6I")
SIZE = _LAYOUT.size
"""Bytes of the control block."""

CLEARED = bytes(len(_ID))
"""The ID of a block that the firmware has not made yet."""

_UP, _DOWN = 24, 48  # offsets of the rings' descriptions in the block
_WRITE, _READ = 12, 16  # offsets of the writer's and the reader's position in them

_POSITIONS = struct.Struct("<8I")
POSITIONS = range(_UP + _WRITE, _UP + _WRITE + _POSITIONS.size)
"""The bytes of the control block from the first to the last position."""


@dataclass(frozen=True)
class Ring:
    """A ring of `size` bytes at `buffer`; one byte stays free.

    `write` and `read` are where the next byte is written and read. The host moves one of them: its
    address is `position`.
    """

    buffer: int
    size: int
    write: int
    read: int
    position: int

    @property
    def filled(self) -> int:
        """The number of bytes to read."""
        return (self.write - self.read) % self.size

    @property
    def free(self) -> int:
        """The number of bytes that can be written."""
        return self.size - 1 - self.filled

    def pieces(self, offset: int, count: int) -> list[range]:
        """Return the addresses of `count` bytes from `offset`: one range, or two at the end."""
        until_end = min(count, self.size - offset)
        begin = self.buffer + offset
        first = range(begin, begin + until_end)
        second = range(self.buffer, self.buffer + count - until_end)
        return [piece for piece in (first, second) if piece]


@dataclass(frozen=True)
class RttBlock:
    """The rings from the device (`up`) and to it (`down`)."""

    up: Ring
    down: Ring


def parse(data: bytes, address: int, ram: Region) -> RttBlock | None:
    """Return the control block in `data`, `SIZE` bytes at `address`.

    Returns None if the firmware has not made it yet: the ID is the last that it writes. Raises
    `ValueError`, with the reason, if a part of the block is not possible.
    """
    name, up_count, down_count, *words = _LAYOUT.unpack(data)
    if name != _ID:
        return None
    if (up_count, down_count) != (1, 1):
        raise ValueError(
            f"it has {up_count} rings to the host and {down_count} from it, not 1 and 1"
        )
    up = _ring(words[:6], address + _UP + _READ, ram, "to the host")
    down = _ring(words[6:], address + _DOWN + _WRITE, ram, "from the host")
    return RttBlock(up, down)


def moved(block: RttBlock, data: bytes) -> RttBlock | None:
    """Return `block` with the device's positions from `data`, its bytes `POSITIONS`.

    Returns None if anything else differs from `block`, or a position is not possible: then the
    firmware has restarted, or something has overwritten the control block.
    """
    up, down = block.up, block.down
    up_write, up_read, _, _, buffer, size, down_write, down_read = _POSITIONS.unpack(data)
    if (up_read, buffer, size, down_write) != (up.read, down.buffer, down.size, down.write):
        return None
    if up_write >= up.size or down_read >= down.size:
        return None
    return RttBlock(replace(up, write=up_write), replace(down, read=down_read))


def _ring(words: list[int], position: int, ram: Region, which: str) -> Ring:
    _, buffer, size, write, read, _ = words
    if size < 2 or buffer not in ram or buffer + size > ram.end:  # noqa: PLR2004
        raise ValueError(f"the ring {which}, {size:,} bytes at {buffer:#010x}, is outside the RAM")
    if max(write, read) >= size:
        raise ValueError(
            f"the ring {which} has {size:,} bytes, but its positions are {write:,} and {read:,}"
        )
    return Ring(buffer, size, write, read, position)
