"""A device's RAM with RTT's control block, and what the firmware does with its rings."""

import struct
from dataclasses import dataclass, field

from harness.support.memory_map import Region

RAM = Region(0x2000_0000, 0x1000)
BLOCK = RAM.origin + 0x100
UP, DOWN = RAM.origin + 0x400, RAM.origin + 0x800
_ID = b"SEGGER RTT".ljust(16, b"\0")
_UP, _DOWN = BLOCK + 24, BLOCK + 48
_WRITE, _READ = 12, 16


@dataclass
class RttDevice:
    """The memory of a device; `accesses` are the addresses that the host has read and written."""

    up_size: int = 64
    down_size: int = 32
    ram: bytearray = field(default_factory=lambda: bytearray(RAM.size))
    accesses: list[int] = field(default_factory=list)
    halts: int = 0

    def start(self) -> None:
        """Make the control block, as the firmware does after a reset."""
        up = struct.pack("<6I", 0, UP, self.up_size, 0, 0, 0)
        down = struct.pack("<6I", 0, DOWN, self.down_size, 0, 0, 0)
        self.put(BLOCK, _ID + struct.pack("<2i", 1, 1) + up + down)

    def send(self, data: bytes) -> None:
        """Put `data`, which fits, into the ring to the host."""
        write = self.word(_UP + _WRITE)
        for byte in data:
            self.put(UP + write, bytes([byte]))
            write = (write + 1) % self.up_size
        self.put(_UP + _WRITE, write.to_bytes(4, "little"))

    def receive(self) -> bytes:
        """Take all bytes out of the ring from the host."""
        write, read = self.word(_DOWN + _WRITE), self.word(_DOWN + _READ)
        data = b""
        while read != write:
            data += self.get(DOWN + read, 1)
            read = (read + 1) % self.down_size
        self.put(_DOWN + _READ, read.to_bytes(4, "little"))
        return data

    def put(self, address: int, data: bytes) -> None:
        """Write RAM, as the firmware does."""
        begin = address - RAM.origin
        self.ram[begin : begin + len(data)] = data

    def get(self, address: int, size: int) -> bytes:
        """Read RAM, as the firmware does."""
        begin = address - RAM.origin
        return bytes(self.ram[begin : begin + size])

    def word(self, address: int) -> int:
        """Read a word of RAM."""
        return int.from_bytes(self.get(address, 4), "little")

    def read_memory(self, address: int, size: int) -> bytes:
        """Read RAM, as the host does."""
        self.accesses.append(address)
        return self.get(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """Write RAM, as the host does."""
        self.accesses.append(address)
        self.put(address, data)
