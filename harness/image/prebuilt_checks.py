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
_HEADER = b"\x7fELF"
_TABLE = 128  # VTOR takes no more of the address: Armv7-M ARM, B3.2.5


# Tag_CPU_arch in .ARM.attributes (Arm, "Addenda to, and Errata in, the ABI", IHI 0045): the
# architectures of Cortex-M, and of these the ones that a core executes. Armv8-M with the Main
# Extension has all of Armv7-M. Whether a chip has the optional FPU and DSP is not judged here.
_ARCHITECTURES = {
    11: "Armv6-M",
    12: "Armv6S-M",
    10: "Armv7-M",
    13: "Armv7E-M",
    16: "Armv8-M Baseline",
    17: "Armv8-M Mainline",
    21: "Armv8.1-M Mainline",
}
_V6, _V7, _V7E, _V8 = {11, 12}, {10, 11, 12}, {10, 11, 12, 13}, {10, 11, 12, 13, 16, 17}
_EXECUTED = {
    "cortex-m0": _V6,
    "cortex-m0plus": _V6,
    "cortex-m23": {*_V6, 16},
    "cortex-m3": _V7,
    "cortex-m4": _V7E,
    "cortex-m4f": _V7E,
    "cortex-m7": _V7E,
    "cortex-m33": _V8,
    "cortex-m33-nofp": _V8,
    "cortex-m55": {*_V8, 21},
    "cortex-m85": {*_V8, 21},
}


def check_firmware(elf: Elf, target: Target) -> None:
    """Raise `InputError` if `elf` is not for Cortex-M, or cannot start on `target`."""
    _check_kind(elf)
    _check_architecture(elf, target)
    _check_place(elf, target)
    _check_vectors(elf, target)
    _check_security(elf, target)


def _check_kind(elf: Elf) -> None:
    """Check that `elf` is a program for Cortex-M."""
    with elf.opened() as file:
        kind = file["e_type"], file["e_machine"], file.elfclass, file.little_endian
        profile = chr(_attribute(file, "TAG_CPU_ARCH_PROFILE"))
    wrong = ""
    if kind != ("ET_EXEC", "EM_ARM", 32, True):
        wrong = (
            f"is {kind[0]} for {kind[1]}, {kind[2]} bits, {'little' if kind[3] else 'big'}-endian"
        )
    elif profile not in {"\0", "M"}:
        wrong = f"is for the {profile} profile of the Arm architecture"
    if wrong:
        raise InputError(
            f"{wrong}, not a linked program for Cortex-M",
            where=str(elf.path),
            remedy="give the linker's output for the device, not an object file or a host program",
        )


def _check_architecture(elf: Elf, target: Target) -> None:
    """Check that the core has the instructions of the architecture that `elf` is built for."""
    with elf.opened() as file:
        architecture = _attribute(file, "TAG_CPU_ARCH")
    core = target.mcu.core
    if architecture in _ARCHITECTURES and architecture not in _EXECUTED[core]:
        raise InputError(
            f"is built for {_ARCHITECTURES[architecture]}, but {target.name} has a {core}, which "
            "does not have all its instructions",
            where=str(elf.path),
            remedy="compile and link all of it for the core (-mcpu=...), or choose another target",
        )


def _attribute(file: ELFFile, tag: str) -> int:
    """Return the number in .ARM.attributes; 0 if there is none."""
    section = file.get_section_by_name(".ARM.attributes")
    if not isinstance(section, ARMAttributesSection):
        return 0
    return next((int(value) for name, value in attributes(section) if name == tag), 0)


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
        remedy = (
            "in the linker script, place the vectors (.isr_vector) before everything else, "
            f"at a multiple of {_TABLE}"
        )
        if vectors and vectors.startswith(_HEADER):
            remedy = (
                "the linker put the header of the ELF before the program, to begin at a page: "
                "link with -Wl,-n"
            )
        raise InputError(
            f"there is no vector table at {address:#010x}, where the program begins: the first "
            f"words are {stack:#010x} and {reset:#010x}",
            where=str(elf.path),
            remedy=remedy,
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
