"""Carries the link over RTT: the host reads and writes two rings in the device's memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from harness.elf import Elf
from harness.errors import HangError, InfrastructureError, InputError
from harness.link import rtt_block
from harness.link.device_clock import DeviceClock
from harness.link.due_time import DueTime
from harness.link.rtt_block import RttBlock
from harness.support.memory_map import Region
from harness.support.process_activity import Activity

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.004  # seconds between two looks while the device answers
_UNFINISHED = 1.0  # seconds in which a firmware that starts has finished the control block


Piece = tuple[int, bytes]
"""An address, and what to write there."""


class Memory(Protocol):
    """The memory of a started device, for a debugger."""

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`."""

    def write_memory(self, address: int, data: bytes) -> None:
        """Write `data` at `address`; it is there when this returns."""


def block_address(elf: Elf) -> int:
    """Return the address of the control block in `elf`; `InputError` if it has none."""
    found = elf.symbols(rtt_block.SYMBOL)
    if found is None:
        raise InputError(
            f"has no RTT control block: there is no symbol {rtt_block.SYMBOL}",
            where=str(elf.path),
            remedy="build the firmware with a port whose carrier is rtt",
        )
    return found[0]


class RttCarrier:
    """The rings of the control block at `address`, in the `memory` of a device with `ram`.

    An access through a probe takes about a millisecond, so there are few: sizes and addresses are
    read once, the host remembers the positions that it moves itself, and what it writes goes out
    together, through `write_pieces` if the memory has a way to write several pieces at once.

    While the device computes, each access takes a cycle of its bus. So the host stays away until
    the computation is due to end, and counts its `looks` in vain from then on.
    """

    def __init__(
        self,
        memory: Memory,
        address: int,
        ram: Region,
        *,
        name: str,
        activity: Callable[[], Activity | None] = lambda: None,
        write_pieces: Callable[[Sequence[Piece]], None] | None = None,
    ) -> None:
        self.name = name
        self.burst: int | None = None
        self.looks = 0
        self._memory = memory
        self._write_pieces = write_pieces or self._write_each
        self._address = address
        self._ram = ram
        self._clock = DeviceClock(activity)
        self._due = DueTime()
        self._resting_since: float | None = None
        self._inferences = 1
        self._known: RttBlock | None = None  # the control block, as last seen
        self._was_made = False
        self._unfinished_since: float | None = None
        self._later: list[Piece] = []  # positions to write before or with the next access

    @property
    def host_time(self) -> float:
        """See `DeviceClock`."""
        return self._clock.host_time

    @property
    def device_time(self) -> float:
        """See `DeviceClock`."""
        return self._clock.device_time

    def gather(self) -> None:
        """Do nothing: a look fetches all that is there."""

    def rest(self, inferences: int = 1) -> None:
        """Leave the device alone until the `inferences` that begin now are due to end."""
        self._write()  # the device begins when the host has taken its bytes
        self._resting_since = time.monotonic()
        self._inferences = inferences
        self.looks = 0

    def read(self, timeout: float) -> bytes:
        """Return the bytes received, waiting up to `timeout` seconds; b"" if there are none."""
        self._write()
        end = time.monotonic() + max(timeout, 0)
        pause = self._first_pause()
        if pause and not self._sleep(pause, end):
            return b""
        while True:
            data = self._fetch()
            if data:
                return data
            pause = self._next_pause(pause)
            if not self._sleep(pause, end):
                self._known = None  # after silence, the whole block is checked again
                return b""

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; `HangError` if that takes the device over `timeout` s."""
        self._resting_since = None  # the result may have come with the answer before it
        view = memoryview(data)
        end = self.device_time + timeout
        while view:
            known = self._known
            # The ring has at least as many free bytes as the last time.
            block = known if known and known.down.free >= len(view) else self._look()
            count = min(len(view), block.down.free) if block else 0
            if block and count:
                self._store(block, bytes(view[:count]))
                view = view[count:]
                continue
            if self.device_time > end:
                raise HangError(
                    f"the device did not take all bytes within {timeout:g} s",
                    where=self.name,
                    remedy="does the firmware run?",
                )
            self._sleep(_LONGEST_PAUSE, time.monotonic() + _LONGEST_PAUSE)

    def _first_pause(self) -> float:
        """Return the seconds until the first look of a read."""
        if self._resting_since is None:
            return 0.0
        due = self._resting_since + self._inferences * self._due.first_look()
        return max(due - time.monotonic(), 0.0)

    def _next_pause(self, pause: float) -> float:
        """Return the seconds until the next look after one in vain."""
        self.looks += 1
        if self._resting_since is None:
            return min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        elapsed = time.monotonic() - self._resting_since
        self._due.computes(elapsed / self._inferences)
        return self._due.next_look(elapsed)

    def _sleep(self, seconds: float, end: float) -> bool:
        """Sleep for `seconds`, but not beyond `end`; return whether there is time left."""
        seconds = min(seconds, end - time.monotonic())
        if seconds > 0:
            self._clock.will_wait(seconds)
            time.sleep(seconds)
        return time.monotonic() < end

    def _fetch(self) -> bytes:
        """Return what is in the ring from the device, and mark it as read, with the next access."""
        block = self._look()
        if block is None or not block.up.filled:
            return b""
        ring = block.up
        if self._resting_since is not None:
            elapsed = time.monotonic() - self._resting_since
            self._due.ended(elapsed / self._inferences)
            self._resting_since = None
        pieces = ring.pieces(ring.read, ring.filled)
        data = b"".join(self._memory.read_memory(piece.start, len(piece)) for piece in pieces)
        self._later.append((ring.position, _word(ring.write)))
        self._known = replace(block, up=replace(ring, read=ring.write))
        return data

    def _store(self, block: RttBlock, data: bytes) -> None:
        """Put `data`, which fits, into the ring to the device."""
        ring = block.down
        for piece in ring.pieces(ring.write, len(data)):
            self._later.append((piece.start, data[: len(piece)]))
            data = data[len(piece) :]
            last = piece.stop - ring.buffer
        self._later.append((ring.position, _word(last % ring.size)))
        self._known = replace(block, down=replace(ring, write=last % ring.size))
        self._write()

    def _write(self) -> None:
        """Write what is to be written, in its order."""
        if self._later:
            pieces, self._later = self._later, []
            self._write_pieces(pieces)

    def _write_each(self, pieces: Sequence[Piece]) -> None:
        for address, data in pieces:
            self._memory.write_memory(address, data)

    def _look(self) -> RttBlock | None:
        """Return the control block; None while the firmware starts and has not made it yet."""
        self._write()
        if self._known is not None:
            begin, size = rtt_block.POSITIONS.start, len(rtt_block.POSITIONS)
            data = self._memory.read_memory(self._address + begin, size)
            self._known = rtt_block.moved(self._known, data)
        if self._known is None:
            self._known = self._whole_block()
        return self._known

    def _whole_block(self) -> RttBlock | None:
        data = self._memory.read_memory(self._address, rtt_block.SIZE)
        try:
            block = rtt_block.parse(data, self._address, self._ram)
        except ValueError as error:
            raise self._overwritten(str(error)) from error
        if block is not None:
            self._was_made = True
            self._unfinished_since = None
        elif data.startswith(rtt_block.CLEARED) and not self._was_made:
            self._unfinished_since = None  # the firmware has not started
        elif self._unfinished_since is None:
            self._unfinished_since = self.host_time
        elif self.host_time - self._unfinished_since > _UNFINISHED:
            raise self._overwritten(f"its ID is {data[:16]!r}")
        return block

    def _overwritten(self, how: str) -> InfrastructureError:
        return InfrastructureError(
            f"the RTT control block at {self._address:#010x} was overwritten: {how}",
            where=self.name,
            remedy="does the firmware write beyond a buffer, or use memory that it does not own? "
            "Does another debugger write to the chip?",
        )


def _word(value: int) -> bytes:
    return value.to_bytes(4, "little")
