"""Starts an image from reset, or where reset does not start it: in RAM, or for a bootloader."""

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.core.target import Target as PyocdTarget

from harness.board.pyocd.programming import verify
from harness.elf import Elf, Segment
from harness.errors import InfrastructureError, InputError
from harness.image.stack_paint import paint
from harness.target.chip_needs import Write
from harness.target.target_file import Target

# Armv7-M ARM (DDI 0403E), B3.2.5 and B1.4.2; the same in Armv6-M and Armv8-M.
_VTOR = 0xE000ED08
_XPSR_THUMB = 1 << 24
_WORD = 4
# CONTROL, FAULTMASK, BASEPRI and PRIMASK in one: privileged thread mode with MSP, interrupts on.
_MODE = "cfbp"
_STACK_LIMITS = ("msplim", "msplim_s", "msplim_ns")  # of Armv8-M; 0 switches them off


def start(
    session: Session,
    probe: str,
    target: Target,
    elf: Elf,
    *,
    stack: range | None,
    cleared: range | None,
    simulated: bool = False,
) -> None:
    """Reset the chip, prepare it for `target`, and start `elf`.

    `elf` is in flash, or it is written to RAM here. `stack` is RAM to paint, and `cleared` RAM that
    must not keep what an earlier run left. A `simulated` chip has no bootloader: a program that is
    linked for one is started here. Raises `InfrastructureError` if the core does not stop at reset
    or RAM reads back differently, and `InputError` if the chip cannot start from RAM.
    """
    chip = session.target
    chip.set_vector_catch(PyocdTarget.VectorCatch.HARD_FAULT)
    chip.reset_and_halt()
    if not chip.is_halted():  # pyOCD only warns
        raise InfrastructureError(
            "the core does not stop after a reset",
            where=f"probe {probe}",
            remedy="does a watchdog or another debugger reset it? Check nRESET and the power",
        )
    for index, write in enumerate(target.before_start):
        _write(session, write, f"{target.path}: before_start[{index}]")
    if target.load == "ram":
        for segment in elf.segments():
            _check_in_ram(session, segment, target, elf)
            chip.write_memory_block8(segment.address, segment.data)
            verify(session, probe, segment, "RAM")
    if target.load == "ram" or (simulated and not _is_at_start(session, target, elf)):
        _set_registers(session, target, elf)
    if stack:
        chip.write_memory_block8(stack.start, paint(stack))
    if cleared:
        chip.write_memory_block8(cleared.start, bytes(len(cleared)))
    chip.resume()


def _write(session: Session, write: Write, where: str) -> None:
    """Write a register. What it reads as proves nothing: those for keys never return the key."""
    try:
        session.target.write_memory(write.address, write.value, write.width)
        session.target.flush()
    except exceptions.TransferFaultError as error:
        raise InputError(
            f"the chip does not take {write.value:#x} at {write.address:#010x}: {error}",
            where=where,
            remedy="compare address and width with the chip's reference manual; a peripheral may "
            "need its clock first",
        ) from error


def _check_in_ram(session: Session, segment: Segment, target: Target, elf: Elf) -> None:
    """Reject a segment outside the chip's RAM, as far as pyOCD knows it."""
    last = segment.address + len(segment.data) - 1
    for address in (segment.address, last):
        region = session.target.memory_map.get_region_for_address(address)
        if region is not None and not region.is_ram:
            raise InputError(
                f"a segment of {len(segment.data):,} bytes at {segment.address:#010x} is not in "
                f"the RAM of {target.mcu.name}: pyOCD has {region.name!r} there",
                where=str(elf.path),
                remedy=f"compare memory.ram in {target.path} with the chip's datasheet",
            )


def _is_at_start(session: Session, target: Target, elf: Elf) -> bool:
    """Return whether the core, which was reset, is at the first instruction of `elf`."""
    vectors = elf.vector_table(target.load_region)
    start = int.from_bytes(elf.read(vectors + _WORD, _WORD) or b"", "little")
    at: int = session.target.read_core_register("pc")
    return at & ~1 == start & ~1


def _set_registers(session: Session, target: Target, elf: Elf) -> None:
    """Set the core's registers as a reset does, with the vector table of `elf`."""
    chip = session.target
    vectors = elf.vector_table(target.load_region)
    chip.write32(_VTOR, vectors)
    if chip.read32(_VTOR) != vectors:
        raise InputError(
            f"the chip cannot start from RAM: its VTOR does not take {vectors:#010x}",
            where=f"{target.path}: load",
            remedy='write load = "flash": the core has no VTOR, or one that cannot point to RAM',
        )
    stack, entry = chip.read_memory_block32(vectors, 2)
    known = chip.selected_core_or_raise.core_registers.by_name
    limits = {name: 0 for name in _STACK_LIMITS if name in known}
    values = {**limits, _MODE: 0, "xpsr": _XPSR_THUMB, "msp": stack, "pc": entry & ~1}
    chip.write_core_registers_raw(list(values), list(values.values()))
