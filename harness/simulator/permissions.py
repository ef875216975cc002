"""The permissions of the emulated core: the MPU's regions.

The emulator itself checks them, because they are in its hidden state.

At each store to memory that may be executed, Unicorn looks for translated code, which takes a third
of a network's time. So while the program's MPU is off, the emulator's forbids execution in RAM. The
first fetch from there opens RAM until the next reset.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from harness.simulator.bus import Memory
from harness.simulator.emulator import Emulator
from harness.simulator.mpu import ENABLE, HFNMIENA
from harness.simulator.stops import Reason, Stop

_FETCH_ABORT, _DATA_ABORT = 3, 4  # QEMU's exceptions
_FAULT_STATUS, _ALIGNMENT = 0x40F, 0x001  # a fault status in the short format

_REGIONS_V7, _REGIONS_V8 = [8] * 3, [16] * 2  # the lengths of lists of words: see `Mpu`
_ALL = 1 << 32
# Of the default memory map (Armv7-M ARM, B3.1): SRAM, and what is never executed.
_SRAM = 0x2000_0000
_DATA = (
    range(_SRAM, 0x4000_0000),
    range(0x4000_0000, 0x6000_0000),
    range(0xA000_0000, 0xC000_0000),
    range(0xC000_0000, _ALL),
)
_CODE = (range(_SRAM), range(0x6000_0000, 0xA000_0000))
_FULL_ACCESS, _XN = 3 << 8, 1 << 12  # in the upper half of RASR (B3.5.9)
_FULL_ACCESS_V8, _XN_V8 = 1 << 1, 1 << 0  # in RBAR (Armv8-M ARM, D1.2)


class Permissions:
    """The permissions in `emulator` with `memories`; `changed` is called when they change."""

    def __init__(
        self, emulator: Emulator, memories: Iterable[Memory], changed: Callable[[], None]
    ) -> None:
        self._emulator = emulator
        self._hidden = emulator.hidden
        self._changed = changed
        self._closed = _closed_ram(memories, [len(words) for words in self._hidden.regions])
        self._opened = True
        self._program: tuple[int, Sequence[Sequence[int]]] = 0, ()
        self._control = 0  # of the emulator's MPU

    def reset(self) -> None:
        """Close RAM; the program's MPU is off."""
        self._opened = not self._closed
        self.protect(0, ())

    def open(self) -> bool:
        """Let RAM be executed from now on; return whether only that was missing."""
        if self._opened or self._program[0]:
            return False
        self._opened = True
        self.protect(*self._program)
        return True

    def protect(self, control: int, regions: Sequence[Sequence[int]]) -> None:
        """Let the MPU check all accesses from now on, with the value of its CTRL: see `Mpu`."""
        self._program = control, regions
        if not control and not self._opened:
            control, regions = ENABLE | HFNMIENA, self._closed
        if not control and not self._control:
            return
        self._control = control
        with self._hidden as machine:
            machine.mpu_ctrl[self._hidden.bank] = control
            if control:
                for words, values in zip(self._hidden.regions, regions, strict=True):
                    words[:] = list(values)
        self._emulator.forget_permissions()
        self._changed()

    def stop_for(self, exception: int) -> Stop | None:
        """Return the reason of an exception of the MPU or the default memory map; None of others.

        `exception` is QEMU's number of it.
        """
        if exception == _FETCH_ABORT:
            return Stop(Reason.DENIED_FETCH)
        if exception != _DATA_ABORT:
            return None
        self._hidden.load()
        fault = self._hidden.fault
        is_alignment = fault.status & _FAULT_STATUS == _ALIGNMENT
        return Stop(Reason.UNALIGNED if is_alignment else Reason.DENIED, address=fault.address)


def _closed_ram(memories: Iterable[Memory], lengths: Sequence[int]) -> Sequence[Sequence[int]]:
    """Return words that allow all accesses, but no execution in RAM; nothing without an MPU."""
    if lengths == _REGIONS_V8:
        regions = [(each, _FULL_ACCESS_V8) for each in _CODE]
        regions += [(each, _FULL_ACCESS_V8 | _XN_V8) for each in _DATA]
        bases = [each.start | attributes for each, attributes in regions]
        limits = [each.stop - 0x20 | ENABLE for each, _ in regions]
        return [_filled(words, lengths[0]) for words in (bases, limits)]
    if lengths != _REGIONS_V7:
        return ()
    data = [*_DATA, *_ram_below(_SRAM, memories)][: lengths[0] - 1]
    bases = [0, *(each.start for each in data)]
    sizes = [_size(_ALL), *(_size(len(each)) for each in data)]
    attributes = [_FULL_ACCESS, *[_FULL_ACCESS | _XN] * len(data)]
    return [_filled(words, lengths[0]) for words in (bases, sizes, attributes)]


def _ram_below(limit: int, memories: Iterable[Memory]) -> Iterator[range]:
    """Yield the RAM below `limit` in ranges that can be regions of PMSAv7."""
    for memory in memories:
        size = 1 << (memory.size - 1).bit_length()
        if not memory.flash:
            yield from (range(b, b + size) for b in memory.bases if b < limit and not b % size)


def _size(length: int) -> int:
    """Return the lower half of RASR for a region of `length` bytes."""
    return length.bit_length() - 2 << 1 | ENABLE


def _filled(words: list[int], length: int) -> list[int]:
    return words + [0] * (length - len(words))
