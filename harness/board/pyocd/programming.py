"""An image into flash, and back out of it to see that it is there."""

from collections.abc import Callable

from pyocd.core.session import Session
from pyocd.flash.file_programmer import FileProgrammer

from harness.board.pyocd.pyocd_errors import explained
from harness.elf import Elf, Segment
from harness.errors import InfrastructureError, InputError


def flash(
    session: Session, probe: str, target: str, elf: Elf, step: Callable[[float], None]
) -> None:
    """Program `elf` by sector, as far as it differs from what is there, and verify it.

    `step` is told the share that is done, 0 to 1, of erasing and then of programming.
    Raises `InputError` for a segment that is not in the chip's flash, and
    `InfrastructureError` if programming fails or another byte is read back.
    """
    segments = elf.segments()
    for segment in segments:
        _check_place(session, segment, target, elf)
    with explained(probe, target, "programming flash"):
        FileProgrammer(
            session, progress=step, chip_erase="sector", smart_flash=True, trust_crc=False
        ).program(str(elf.path))
    # pyOCD does not read back what it has programmed.
    for segment in segments:
        _verify(session, probe, target, segment)


def _check_place(session: Session, segment: Segment, target: str, elf: Elf) -> None:
    """Refuse what pyOCD would leave out with a warning in its log."""
    last = segment.address + len(segment.data) - 1
    for address in (segment.address, last):
        region = session.target.memory_map.get_region_for_address(address)
        if region is None or not region.is_flash:
            raise InputError(
                f"a segment of {len(segment.data)} bytes at {segment.address:#010x} is not in "
                f"the flash of {target}",
                where=str(elf.path),
                remedy="compare memory.flash in the target file with the chip's datasheet",
            )


def _verify(session: Session, probe: str, target: str, segment: Segment) -> None:
    with explained(probe, target, "reading flash back"):
        found = bytes(session.target.read_memory_block8(segment.address, len(segment.data)))
    for offset, (want, got) in enumerate(zip(segment.data, found, strict=True)):
        if want != got:
            raise InfrastructureError(
                f"verification failed: {segment.address + offset:#010x} reads {got:#04x}, "
                f"{want:#04x} was programmed",
                where=f"probe {probe}",
                remedy="program again; a flash that keeps failing here is worn out",
            )
