"""QEMU's log: accesses that the firmware made to addresses where the machine has nothing."""

import re
from pathlib import Path
from typing import NamedTuple

from harness.link.device_errors import DeviceFaultError

OPTIONS = ("-d", "guest_errors")
"""What makes QEMU write such accesses into its log; it costs nothing while there are none."""

# QEMU's memory_region_access_valid(). A machine of older date goes on without a fault: the read
# gives 0. On the others, the core takes a BusFault as well.
_REFUSED = re.compile(
    r"^Invalid (?P<kind>read|write) at addr (?P<address>0x[0-9A-F]+), size (?P<size>\d+),"
    r" region '[^']*', reason: rejected$",
    re.IGNORECASE | re.MULTILINE,
)


class Refused(NamedTuple):
    """An access that a chip refuses; `size` is in bytes."""

    kind: str
    size: int
    address: int

    def __str__(self) -> str:
        return f"a {self.kind} of {self.size} bytes at {self.address:#010x}"


class QemuLog:
    """The log at `path`, from its end on: at first QEMU itself reads, before there is an image."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size

    def refused(self) -> Refused | None:
        """Return the first access of the firmware to nothing; None if there is none yet."""
        if self._path.stat().st_size == self._position:
            return None
        with self._path.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._position)
            match = _REFUSED.search(file.read())
        if match is None:
            return None
        return Refused(match["kind"].lower(), int(match["size"]), int(match["address"], 16))


def access_error(access: Refused, where: str, by: str) -> DeviceFaultError:
    """Return the error of the board `where` for an access; `by` is ", by" and a place, or ""."""
    return DeviceFaultError(
        f"{access}, where the machine has neither memory nor a peripheral{by}: a chip takes a "
        "fault there, this machine of QEMU may not",
        where=where,
        remedy="correct the firmware. If it looks for memory or peripherals in this way, allow "
        'such accesses in the target file: board.unmapped = "ignore"',
    )
