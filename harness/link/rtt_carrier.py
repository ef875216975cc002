"""Carries the link over RTT: the host reads and writes two rings in the device's memory."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from harness.elf import Elf
from harness.errors import InfrastructureError, InputError
from harness.link import rtt_block
from harness.link.device_clock import DeviceClock
from harness.link.due_time import DueTime
from harness.link.rtt_block import RttBlock
from harness.support.memory_map import Region
from harness.support.process_activity import Activity

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.004  # seconds between two looks while the device answers
_SHORTEST_ANSWER = 16  # bytes
_MARGIN = 1 / 4  # of a distant look, to come late rather than once in vain
_UNFINISHED = 1.0  # seconds in which a firmware that starts has finished the control block


Piece = tuple[int, bytes]
"""An address, and what to write there."""


Transfer = Callable[[Sequence[Piece], Sequence[range]], list[bytes]]
"""Writes pieces in their order, then returns the bytes at ranges of addresses."""


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
    together, through `transfer` if the memory has a way to access several pieces at once.

    If the device `is_far`, an access takes a round trip over a network. So a look reads bytes
    after the position of the ring, too, before it is known whether they are there.

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
        transfer: Transfer | None = None,
        is_far: bool = False,
    ) -> None:
        self.name = name
        self.burst: int | None = None
        self.looks = 0
        self._memory = memory
        self._transfer = transfer or self._each
        self._is_far = is_far
        self._address = address
        self._ram = ram
        self._clock = DeviceClock(activity)
        self._due = DueTime()
        self._resting_since: float | None = None
        self._inferences = 1
        self._known: RttBlock | None = None  # the control block, as last seen
        self._expected = _SHORTEST_ANSWER if is_far else 0  # bytes that a look reads in advance
        self._looked = 0.0  # when the last look was
        self._latency = 0.0
        self._quickest = math.inf  # seconds of a look
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

    @property
    def latency(self) -> float:
        """Seconds of the last look that found bytes, if it went over a network."""
        return self._latency

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
                self._found()
                return data
            pause = self._next_pause(pause)
            if not self._sleep(pause, end):
                self._known = None  # after silence, the whole block is checked again
                return b""

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; `InfrastructureError` if that takes the device over `timeout` s."""
        self._resting_since = None  # the result may have come with the answer before it
        view = memoryview(data)
        end = self.device_time + timeout
        while view:
            known = self._known
            # The ring has at least as many free bytes as the last time.
            block = known if known and known.down.free >= len(view) else self._look()[0]
            count = min(len(view), block.down.free) if block else 0
            if block and count:
                self._store(block, bytes(view[:count]))
                view = view[count:]
                continue
            if self.device_time > end:
                raise InfrastructureError(
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
        if self._is_far and self._quickest < math.inf:
            due += _MARGIN * self._quickest
        return max(due - time.monotonic(), 0.0)

    def _next_pause(self, pause: float) -> float:
        """Return the seconds until the next look after one in vain."""
        self.looks += 1
        if self._resting_since is None:
            return min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        elapsed = self._looked - self._resting_since
        self._due.computes(elapsed / self._inferences)
        return self._due.next_look(elapsed)

    def _sleep(self, seconds: float, end: float) -> bool:
        """Sleep for `seconds`, but not beyond `end`; return whether there is time left."""
        seconds = min(seconds, end - time.monotonic())
        if seconds > 0:
            self._clock.will_wait(seconds)
            time.sleep(seconds)
        return time.monotonic() < end

    def _found(self) -> None:
        """Learn from a look that found bytes."""
        if self._is_far:
            self._latency = time.monotonic() - self._looked
            self._quickest = min(self._quickest, self._latency)
        if self._resting_since is not None:
            self._due.ended((self._looked - self._resting_since) / self._inferences)
            self._resting_since = None

    def _fetch(self) -> bytes:
        """Return what is in the ring from the device, and mark it as read, with the next access."""
        began = time.monotonic()
        block, data = self._look(ahead=self._expected)
        # What the host did when the device began took as long to get there as a distant look.
        self._looked = began if self._is_far else time.monotonic()
        if block is None or not block.up.filled:
            return b""
        ring = block.up
        if self._is_far:
            self._expected = max(self._expected, ring.filled)
        rest = ring.pieces((ring.read + len(data)) % ring.size, max(ring.filled - len(data), 0))
        data = data[: ring.filled] + b"".join(self._access(*rest))
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
        """Write what is to be written."""
        if self._later:
            self._access()

    def _access(self, *ranges: range) -> list[bytes]:
        """Write what is to be written, in its order; then return the bytes at `ranges`."""
        pieces, self._later = self._later, []
        return self._transfer(pieces, ranges) if pieces or ranges else []

    def _each(self, pieces: Sequence[Piece], ranges: Sequence[range]) -> list[bytes]:
        for address, data in pieces:
            self._memory.write_memory(address, data)
        return [self._memory.read_memory(each.start, len(each)) for each in ranges]

    def _look(self, ahead: int = 0) -> tuple[RttBlock | None, bytes]:
        """Return the control block, and `ahead` bytes after the position of the ring to the host.

        There is no block while the firmware starts and has not made it yet. There are no bytes if
        the place of the ring was not known. Those that the device has not written yet are invalid.
        """
        data = b""
        if self._known is not None:
            ring = self._known.up
            begin, size = self._address + rtt_block.POSITIONS.start, len(rtt_block.POSITIONS)
            ranges = ring.pieces(ring.read, min(ahead, ring.size - 1))
            positions, *parts = self._access(range(begin, begin + size), *ranges)
            self._known = rtt_block.moved(self._known, positions)
            data = b"".join(parts)
        if self._known is None:
            self._known, data = self._whole_block(), b""
        return self._known, data

    def _whole_block(self) -> RttBlock | None:
        (data,) = self._access(range(self._address, self._address + rtt_block.SIZE))
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
