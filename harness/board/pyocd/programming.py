"""Programs an image into flash and verifies it."""

from collections.abc import Callable

from pyocd.core.session import Session
from pyocd.flash.file_programmer import FileProgrammer

from harness.board.pyocd import remote_flash
from harness.board.pyocd.pyocd_errors import is_remote, translated_errors
from harness.board.pyocd.remote_memory import read_memory
from harness.elf import Elf, Segment
from harness.errors import InfrastructureError, InputError

_DIFFERS = {
    "flash": "program again; if it keeps failing here, the flash is worn out",
    "RAM": "is there RAM at that address, and does nothing else write to it? Some chips need a "
    "write to a register before (`before_start` in the target file)",
}


def flash(
    session: Session, probe: str, target: str, elf: Elf, step: Callable[[float], None]
) -> None:
    """Program the sectors of `elf` that differ from the flash contents, and verify all of it.

    `step` is called with the progress, 0 to 1, first of erasing and then of programming.
    Raises `InputError` for a segment that is not in the chip's flash, and
    `InfrastructureError` if programming fails or a byte reads back differently.
    """
    segments = elf.segments()
    for segment in segments:
        _check_in_flash(session, segment, target, elf)
    with translated_errors(probe, target, "programming flash"):
        if is_remote(probe) and remote_flash.can_program(session, segments):
            remote_flash.program(session, segments, step)
        else:
            FileProgrammer(
                session, progress=step, chip_erase="sector", smart_flash=True, trust_crc=False
            ).program(str(elf.path))
    # pyOCD does not verify by reading back.
    with translated_errors(probe, target, "reading flash back"):
        for segment in segments:
            verify(session, probe, segment, "flash")


def _check_in_flash(session: Session, segment: Segment, target: str, elf: Elf) -> None:
    """Reject a segment outside flash; pyOCD skips it with only a warning in its log."""
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
        if region.flash is None:
            raise InputError(
                f"pyOCD has no flash algorithm for {target} at {address:#010x}",
                where="board.target",
                remedy="is its CMSIS pack damaged, or of another version? Take another pack with "
                "--pack=FILE",
            )


def verify(session: Session, probe: str, segment: Segment, memory: str) -> None:
    """Compare `segment` with the chip's contents; `memory` names where it is."""
    actual = _read_back(session, probe, segment)
    if len(actual) != len(segment.data):
        raise InfrastructureError(
            f"reading {len(segment.data):,} bytes of {memory} back returned {len(actual):,}",
            where=f"probe {probe}",
            remedy="program again; if it keeps failing here, try another probe",
        )
    for offset, (expected, value) in enumerate(zip(segment.data, actual, strict=True)):
        if expected != value:
            raise InfrastructureError(
                f"verification failed: {segment.address + offset:#010x} reads {value:#04x}, "
                f"{expected:#04x} was written",
                where=f"probe {probe}",
                remedy=_DIFFERS[memory],
            )


def _read_back(session: Session, probe: str, segment: Segment) -> bytes:
    if is_remote(probe):
        return read_memory(session, segment.address, len(segment.data))
    return bytes(session.target.read_memory_block8(segment.address, len(segment.data)))
