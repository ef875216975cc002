"""Carries the link over RTT: the host reads and writes two rings in the device's memory."""

import time
from collections.abc import Callable
from typing import Protocol

from harness.elf import Elf
from harness.errors import InfrastructureError, InputError
from harness.link import rtt_block
from harness.link.device_clock import DeviceClock
from harness.link.rtt_block import Ring, RttBlock
from harness.support.memory_map import Region
from harness.support.process_activity import Activity

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.004  # seconds between two looks while the device answers
_UNKNOWN = 0.01  # seconds between two looks at a computation of unknown length
_GROWTH = 1 / 16  # the pause between two looks at a late computation, per second of it
_UNFINISHED = 1.0  # seconds in which a firmware that starts has finished the control block


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

    While the device computes, each access takes a cycle of its bus. So the host stays away until
    the shortest computation so far has passed, and counts its `looks` from then on; before the
    first result, it looks rarely.
    """

    def __init__(
        self,
        memory: Memory,
        address: int,
        ram: Region,
        *,
        name: str,
        activity: Callable[[], Activity | None] = lambda: None,
    ) -> None:
        self.name = name
        self.burst: int | None = None
        self.looks = 0
        self._memory = memory
        self._address = address
        self._ram = ram
        self._clock = DeviceClock(activity)
        self._resting_since: float | None = None
        self._inferences = 1
        self._shortest: float | None = None  # seconds of an inference
        self._unfinished_since: float | None = None

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
        self._resting_since = time.monotonic()
        self._inferences = inferences
        self.looks = 0

    def read(self, timeout: float) -> bytes:
        """Return the bytes received, waiting up to `timeout` seconds; b"" if there are none."""
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
                return b""

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; `InfrastructureError` if that takes the device over `timeout` s."""
        view = memoryview(data)
        end = self.device_time + timeout
        while view:
            block = self._block()
            count = min(len(view), block.down.free) if block else 0
            if block and count:
                self._store(block.down, bytes(view[:count]))
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
        if self._shortest is None:
            return _UNKNOWN
        due = self._resting_since + self._inferences * self._shortest
        return max(due - time.monotonic(), 0.0)

    def _next_pause(self, pause: float) -> float:
        """Return the seconds until the next look after one in vain."""
        if self._resting_since is None:
            return min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        self.looks += 1
        late = _GROWTH * (time.monotonic() - self._resting_since)
        return max(late, _UNKNOWN if self._shortest is None else _FIRST_PAUSE)

    def _sleep(self, seconds: float, end: float) -> bool:
        """Sleep for `seconds`, but not beyond `end`; return whether there is time left."""
        seconds = min(seconds, end - time.monotonic())
        if seconds > 0:
            self._clock.will_wait(seconds)
            time.sleep(seconds)
        return time.monotonic() < end

    def _fetch(self) -> bytes:
        """Return what is in the ring from the device, and mark it as read."""
        block = self._block()
        if block is None or not block.up.filled:
            return b""
        ring = block.up
        pieces = ring.pieces(ring.read, ring.filled)
        data = b"".join(self._memory.read_memory(piece.start, len(piece)) for piece in pieces)
        if self._resting_since is not None:
            duration = (time.monotonic() - self._resting_since) / self._inferences
            self._shortest = min(duration, self._shortest or duration)
            self._resting_since = None
        self._move(ring, ring.write)
        return data

    def _store(self, ring: Ring, data: bytes) -> None:
        """Put `data`, which fits, into the ring to the device."""
        for piece in ring.pieces(ring.write, len(data)):
            self._memory.write_memory(piece.start, data[: len(piece)])
            data = data[len(piece) :]
            last = piece.stop - ring.buffer
        self._move(ring, last % ring.size)

    def _move(self, ring: Ring, offset: int) -> None:
        self._memory.write_memory(ring.position, offset.to_bytes(4, "little"))

    def _block(self) -> RttBlock | None:
        """Return the control block; None while the firmware starts and has not made it yet."""
        data = self._memory.read_memory(self._address, rtt_block.SIZE)
        try:
            block = rtt_block.parse(data, self._address, self._ram)
        except ValueError as error:
            raise self._overwritten(str(error)) from error
        if block is not None or data.startswith(rtt_block.CLEARED):
            self._unfinished_since = None
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
