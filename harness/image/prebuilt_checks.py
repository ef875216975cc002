"""Checks of prebuilt firmware: whether it is a program that can start on the target."""

import struct

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection

from harness.elf import Elf, attributes
from harness.errors import InputError
from harness.target.flash_security import security_fault
from harness.target.target_file import Target

_VECTORS = struct.Struct("<II")  # initial stack pointer, reset: Armv7-M ARM, B1.5.3
_EXTERNAL = range(0x6000_0000, 0xA000_0000)  # Armv7-M ARM, B3.1: external RAM
_TABLE = 128  # VTOR takes no more of the address: Armv7-M ARM, B3.2.5


def check_firmware(elf: Elf, target: Target) -> None:
    """Raise `InputError` if `elf` is not for Cortex-M, or cannot start on `target`."""
    _check_kind(elf)
    _check_place(elf, target)
    _check_vectors(elf, target)
    _check_security(elf, target)


def _check_kind(elf: Elf) -> None:
    """Check that `elf` is a program for Cortex-M."""
    with elf.opened() as file:
        kind = file["e_type"], file["e_machine"], file.elfclass, file.little_endian
        profile = _profile(file)
    wrong = ""
    if kind != ("ET_EXEC", "EM_ARM", 32, True):
        wrong = (
            f"is {kind[0]} for {kind[1]}, {kind[2]} bits, {'little' if kind[3] else 'big'}-endian"
        )
    elif profile not in {"", "M"}:
        wrong = f"is for the {profile} profile of the Arm architecture"
    if wrong:
        raise InputError(
            f"{wrong}, not a linked program for Cortex-M",
            where=str(elf.path),
            remedy="give the linker's output for the device, not an object file or a host program",
        )


def _profile(file: ELFFile) -> str:
    """Return the profile in .ARM.attributes, "M" for Cortex-M; empty if there is none."""
    section = file.get_section_by_name(".ARM.attributes")
    if not isinstance(section, ARMAttributesSection):
        return ""
    profiles = (value for tag, value in attributes(section) if tag == "TAG_CPU_ARCH_PROFILE")
    return next(map(chr, profiles), "")


def _check_place(elf: Elf, target: Target) -> None:
    """Check that everything is loaded to flash or RAM, and that the RAM is large enough."""
    memory, ram = target.load_region, target.memory.ram
    segments = elf.segments()
    if not segments:
        raise InputError("has no segments to load", where=str(elf.path))
    for segment in segments:
        end = segment.address + len(segment.data)
        if segment.address in ram and target.load == "flash":
            raise InputError(
                f"{len(segment.data):,} bytes are loaded into RAM, at {segment.address:#010x}, "
                "which is empty after power-up",
                where=str(elf.path),
                remedy="in the linker script, load initialised data into flash (AT> FLASH), and "
                "make sections without content, such as .noinit, NOLOAD; or, to run all of it from "
                'RAM, write load = "ram" into the target file',
            )
        if segment.address not in memory:
            raise InputError(
                f"{len(segment.data):,} bytes are loaded to {segment.address:#010x}, outside the "
                f"{_name(target)} of {target.name}, {memory.origin:#010x} to {memory.end:#010x}",
                where=str(elf.path),
                remedy="external flash or RAM is not written here: link all of it into the chip's "
                "flash, or leave it out (NOLOAD) and program it with the vendor's tool"
                if segment.address in _EXTERNAL
                else f"check that it is built for this chip, and that memory.{target.load} in "
                f"{target.path} matches the linker script",
            )
        if end > memory.end:
            raise _too_large(elf, target, target.load, end - memory.end)
    excess = max((span.stop for span in elf.memory() if span.start in ram), default=0) - ram.end
    if excess > 0:
        raise _too_large(elf, target, "ram", excess)


def _name(target: Target) -> str:
    return "RAM" if target.load == "ram" else "flash"


def _too_large(elf: Elf, target: Target, key: str, excess: int) -> InputError:
    return InputError(
        f"ends {excess:,} bytes beyond the {key} of {target.name}",
        where=str(elf.path),
        remedy=f"compare memory.{key} in {target.path} with the linker script",
    )


def _check_vectors(elf: Elf, target: Target) -> None:
    """Check that the program begins with a vector table: a stack pointer and a reset handler.

    With a bootloader it begins somewhere in flash. An image in RAM may name another place, since
    the probe starts it.
    """
    flash, address = target.memory.flash, elf.vector_table(target.load_region)
    vectors = elf.read(address, _VECTORS.size)
    stack, reset = _VECTORS.unpack(vectors) if vectors else (0, 0)
    wrong = stack in flash or stack % 4 or not stack
    if wrong or address % _TABLE or not reset & 1 or elf.read(reset & ~1, 2) is None:
        raise InputError(
            f"there is no vector table at {address:#010x}, where the program begins: the first "
            f"words are {stack:#010x} and {reset:#010x}",
            where=str(elf.path),
            remedy="in the linker script, place the vectors (.isr_vector) before everything else, "
            f"at a multiple of {_TABLE}",
        )


def _check_security(elf: Elf, target: Target) -> None:
    """Check that the chip stays open to debuggers: code in place of FSEC can lock it for good."""

    def byte(address: int) -> int | None:
        found = elf.read(address, 1)
        return found[0] if found else None

    fault = security_fault(target, byte)
    if fault:
        raise InputError(
            fault,
            where=str(elf.path),
            remedy="link the flash configuration field with FSEC 0xFE, as the vendor's start-up "
            "code does",
        )
