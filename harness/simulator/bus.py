"""Memories and the bus: everything that the core and a debugger access by address.

A memory is a host buffer that the emulator maps. A debugger therefore reads and writes it
while the core runs, as a MEM-AP does.
"""

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

WORD = 4
MASK32 = 0xFFFF_FFFF


class BusError(Exception):
    """Nothing responds at `address`."""

    def __init__(self, address: int) -> None:
        super().__init__(f"nothing at {address:#010x}")
        self.address = address


class Device(Protocol):
    """A peripheral: 32-bit registers at byte offsets that are multiples of four.

    A write of 1 or 2 bytes is merged into what `peek` returns, unless it is a `NarrowDevice`.
    """

    def read(self, offset: int) -> int:
        """Return the register; reading may have side effects, as on the chip."""

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; no side effects."""

    def write(self, offset: int, value: int) -> None:
        """Write all 32 bits of the register."""

    def reset(self) -> None:
        """Return to the state after reset."""


class NarrowDevice(Device, Protocol):
    """A peripheral that knows the size of each write."""

    def write_narrow(self, offset: int, size: int, value: int) -> None:
        """Write the first `size` bytes, 1 or 2, of the register."""


class Programmer(Protocol):
    """A flash controller: decides what a write to flash stores."""

    def program(self, offset: int, size: int, value: int) -> int:
        """Return the `size` bytes at `offset` after an attempt to write `value`."""


class Memory:
    """`size` bytes at address `base`, and again at `aliases`; all equal `fill` at power-on.

    If it is `flash`, stores go through its `programmer`, the flash controller. One that is not
    `executable` has no connection to the core's instruction bus.
    """

    def __init__(
        self,
        base: int,
        size: int,
        *,
        fill: int = 0,
        flash: bool = False,
        executable: bool = True,
        aliases: Sequence[int] = (),
    ) -> None:
        self.base = base
        self.size = size
        self.executable = executable
        self.bases = (base, *aliases)
        self.flash = flash
        self.programmer: Programmer | None = None
        self._buffer = (ctypes.c_uint8 * size)()
        self.bytes = memoryview(self._buffer).cast("B")
        self.address = ctypes.addressof(self._buffer)
        ctypes.memset(self.address, fill, size)

    def value(self, offset: int, size: int) -> int:
        """Return `size` bytes at `offset` as a little-endian number."""
        return int.from_bytes(self.bytes[offset : offset + size], "little")

    def store(self, offset: int, size: int, value: int) -> None:
        """Store `size` bytes of `value` at `offset`, also in flash."""
        self.bytes[offset : offset + size] = value.to_bytes(size, "little")

    def fill(self, offset: int, size: int, value: int) -> None:
        """Set `size` bytes from `offset` on to `value`."""
        ctypes.memset(self.address + offset, value, size)


class AliasRegion(Protocol):
    """A range of bus addresses whose accesses become others; not all of it needs to answer."""

    base: int
    size: int

    def answers(self, address: int) -> bool:
        """Return whether something responds to an access to `address`."""

    def read(self, address: int, size: int) -> int:
        """Return what an access of `size` bytes at `address` reads."""

    def write(self, address: int, size: int, value: int) -> None:
        """Do what a write of `size` bytes at `address` does."""


class Window:
    """A range of bus addresses for devices.

    `add` places a device; it takes a multiple of `1 << shift` bytes. A word without a device keeps
    what is written to it; in a `strict` window, nothing responds there. `exact` contains the pages
    of the devices that need the exact instruction count, and of those with empty places: only
    there can the core's access to an empty place fault. Elsewhere, it reads as zero.
    """

    PAGE = 0x1000

    def __init__(self, base: int, size: int, *, shift: int = 10, strict: bool = False) -> None:
        self.base = base
        self.size = size
        self.exact: set[int] = set()
        self._shift = shift
        self._strict = strict
        self._devices: dict[int, tuple[Device, int]] = {}
        self._narrow: dict[int, Callable[[int, int, int], None]] = {}
        self._plain: dict[int, int] = {}

    def add(self, base: int, device: Device, *, size: int = 0x400, exact: bool = False) -> None:
        """Place `device` at bus address `base`."""
        places = range(base >> self._shift, (base + size - 1 >> self._shift) + 1)
        self._devices.update(dict.fromkeys(places, (device, base)))
        write_narrow = getattr(device, "write_narrow", None)  # isinstance takes ten times as long
        if write_narrow is not None:
            self._narrow.update(dict.fromkeys(places, write_narrow))
        if exact:
            self.exact.add(base & ~(self.PAGE - 1))

    def answers(self, address: int) -> bool:
        """Return whether something responds to an access to `address`."""
        return not self._strict or address >> self._shift in self._devices

    def read(self, address: int, size: int) -> int:
        """Return `size` bytes at `address`; `BusError` if nothing responds."""
        found = self._devices.get(address >> self._shift)
        if found is None:
            if self._strict:
                raise BusError(address)
            word = self._plain.get(address & ~3, 0)
        else:
            word = found[0].read((address & ~3) - found[1])
        if size == WORD:
            return word
        return word >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        """Write `size` bytes at `address`; a narrow write keeps the register's other bytes.

        Raises `BusError` if nothing responds.
        """
        found = self._devices.get(address >> self._shift)
        if found is None:
            if self._strict:
                raise BusError(address)
            self._plain[address & ~3] = _merge(
                self._plain.get(address & ~3, 0), address, size, value
            )
            return
        device, base = found
        offset = (address & ~3) - base
        if size != WORD:
            narrow = self._narrow.get(address >> self._shift)
            if narrow is not None and not address & 3:
                narrow(offset, size, value & ((1 << 8 * size) - 1))
                return
            value = _merge(device.peek(offset), address, size, value)
        device.write(offset, value & MASK32)

    def reset(self) -> None:
        """Reset every device and clear all words without a device."""
        self._plain.clear()
        for device in {id(device): device for device, _ in self._devices.values()}.values():
            device.reset()


def _merge(old: int, address: int, size: int, value: int) -> int:
    shift = 8 * (address & 3)
    mask = ((1 << 8 * size) - 1) << shift
    return old & ~mask | value << shift & mask


class Bus:
    """All memories and windows, and the `alias_regions` of its core.

    `written(address, size)` is called for each change of memory that is not the core's own store.
    """

    def __init__(self, memories: Sequence[Memory], windows: Sequence[Window]) -> None:
        self.memories = memories
        self.windows = windows
        self.alias_regions: Sequence[AliasRegion] = ()
        self._pages: dict[int, Window | AliasRegion] = {}
        self._memories: dict[int, tuple[Memory, int]] = {}  # by page, with the base address
        self.written: Callable[[int, int], None] = lambda _address, _size: None

    def memory(self, address: int, size: int) -> tuple[Memory, int] | None:
        """Return the memory that contains `size` bytes at `address`, and their offset in it."""
        found = self._memories.get(address // Window.PAGE)
        if found is not None:
            memory, base = found
            if base <= address and address + size <= base + memory.size:
                return memory, address - base
        return self._find_memory(address, size)

    def _find_memory(self, address: int, size: int) -> tuple[Memory, int] | None:
        for memory in self.memories:
            for base in memory.bases:
                if base <= address and address + size <= base + memory.size:
                    self._memories[address // Window.PAGE] = memory, base
                    return memory, address - base
        return None

    def read(self, address: int, size: int) -> int:
        """Return `size` bytes at `address`; `BusError` if nothing is there."""
        found = self.memory(address, size)
        if found is not None:
            return found[0].value(found[1], size)
        return self._window(address).read(address, size)

    def write(self, address: int, size: int, value: int) -> None:
        """Write `size` bytes at `address`; `BusError` if nothing is there."""
        found = self.memory(address, size)
        if found is None:
            self._window(address).write(address, size, value)
            return
        memory, offset = found
        if memory.flash:
            if memory.programmer is None:
                raise BusError(address)
            value = memory.programmer.program(offset, size, value)
        memory.store(offset, size, value)
        self.written(address, size)

    def read_words(self, address: int, count: int) -> Sequence[int]:
        """Return `count` words from `address` on."""
        found = self.memory(address, WORD * count)
        if found is not None:
            return struct.unpack_from(f"<{count}I", found[0].bytes, found[1])
        return [self.read(address + WORD * index, WORD) for index in range(count)]

    def write_words(self, address: int, words: Sequence[int]) -> None:
        """Write `words` from `address` on."""
        found = self.memory(address, WORD * len(words))
        if found is not None and not found[0].flash:
            struct.pack_into(f"<{len(words)}I", found[0].bytes, found[1], *words)
            self.written(address, WORD * len(words))
            return
        for index, word in enumerate(words):
            self.write(address + WORD * index, WORD, word)

    def answers(self, address: int) -> bool:
        """Return whether a memory or a device responds to an access to `address`."""
        if self.memory(address, 1) is not None:
            return True
        region = self.region(address)
        return region is not None and region.answers(address)

    def is_mapped(self, address: int) -> bool:
        """Return whether memory, or a region of devices or aliases, contains `address`."""
        return self.memory(address, 1) is not None or self.region(address) is not None

    def _window(self, address: int) -> Window | AliasRegion:
        found = self.region(address)
        if found is None:
            raise BusError(address)
        return found

    def region(self, address: int) -> Window | AliasRegion | None:
        """Return the region of devices or aliases with `address`; it is looked for once a page."""
        found = self._pages.get(address // Window.PAGE)
        if found is None:
            for region in (*self.windows, *self.alias_regions):
                if region.base <= address < region.base + region.size:
                    found = self._pages[address // Window.PAGE] = region
                    break
        return found
