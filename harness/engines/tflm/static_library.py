"""Reads a static library: the core that it is built for, and the symbols that it defines."""

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import arpy
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection, SymbolTableSection

from harness.elf import attributes, parsed
from harness.errors import InputError
from harness.support.input_file import read_input

# "Addenda to, and Errata in, the ABI for the Arm Architecture", build attributes: Tag_CPU_arch.
_ARCHITECTURES = {
    10: "Armv7",
    11: "Armv6-M",
    12: "Armv6S-M",
    13: "Armv7E-M",
    16: "Armv8-M baseline",
    17: "Armv8-M mainline",
    21: "Armv8.1-M mainline",
}
_V6M = {"Armv6-M", "Armv6S-M"}
_V7M = _V6M | {"Armv7"}
_V7EM = _V7M | {"Armv7E-M"}
_V8M = _V7EM | {"Armv8-M baseline", "Armv8-M mainline"}
_EXECUTES = {
    "cortex-m0": _V6M,
    "cortex-m0plus": _V6M,
    "cortex-m23": _V6M | {"Armv8-M baseline"},
    "cortex-m3": _V7M,
    "cortex-m4": _V7EM,
    "cortex-m4f": _V7EM,
    "cortex-m7": _V7EM,
    "cortex-m33": _V8M,
    "cortex-m33-nofp": _V7M | {"Armv8-M baseline", "Armv8-M mainline"},
    "cortex-m55": _V8M | {"Armv8.1-M mainline"},
    "cortex-m85": _V8M | {"Armv8.1-M mainline"},
}
_SOFT_FLOAT = {
    "cortex-m0",
    "cortex-m0plus",
    "cortex-m23",
    "cortex-m3",
    "cortex-m4",
    "cortex-m33-nofp",
}  # firmware/cores.cmake
# What the two libraries raise for a damaged file.
_DAMAGES = (
    *(arpy.ArchiveFormatError, arpy.ArchiveAccessError),
    *(ValueError, LookupError, AttributeError, TypeError),
)
_VFP_REGISTERS = 1  # Tag_ABI_VFP_args: floats are passed in VFP registers


@dataclass(frozen=True)
class Archive:
    """Properties of a static library.

    `architecture` is Arm's name of the architecture that it is compiled for. `hard_float` means
    that it passes floats in FPU registers. `symbols` are the names that it defines.
    """

    path: Path
    architecture: str
    hard_float: bool
    symbols: frozenset[str]

    def check(self, core: str) -> None:
        """Raise `InputError` if the library's code does not run on `core` ("cortex-m4f")."""
        if self.architecture not in _EXECUTES[core]:
            raise InputError(
                f"is compiled for {self.architecture}, which {core} does not execute",
                where=str(self.path),
                remedy=_remedy(core),
            )
        hard = core not in _SOFT_FLOAT
        if self.hard_float != hard:
            convention = {True: "in FPU registers", False: "as integers"}
            raise InputError(
                f"passes floats {convention[self.hard_float]}, but images for {core} pass them "
                f"{convention[hard]}",
                where=str(self.path),
                remedy=_remedy(core),
            )


def _remedy(core: str) -> str:
    architecture = {"cortex-m4f": "cortex-m4+fp", "cortex-m7": "cortex-m7+sfp"}.get(core, core)
    return (
        "build it again: make -f tensorflow/lite/micro/tools/make/Makefile "
        f"TARGET=cortex_m_generic TARGET_ARCH={architecture} microlite"
    )


def read_archive(path: Path) -> Archive:
    """Read the static library at `path`; `InputError` if it is not a library, or not for Arm."""
    return _parsed(path, read_input(path))


# By contents, not by name: the library may be built again while this process runs.
@lru_cache(maxsize=2)
def _parsed(path: Path, data: bytes) -> Archive:
    architectures: set[str] = set()
    floats: set[bool] = set()
    symbols: set[str] = set()
    try:
        with arpy.Archive(str(path), fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                with parsed(io.BytesIO(member.read()), f"{path}: {member.header.name!r}") as elf:
                    if elf["e_machine"] != "EM_ARM":
                        raise InputError(
                            f"is not for Arm: {member.header.name!r} is for {elf['e_machine']}",
                            where=str(path),
                            remedy="give the library that was built for the target's core",
                        )
                    symbols |= _defined(elf)
                    _collect_attributes(elf, architectures, floats)
    except _DAMAGES as error:
        raise InputError(f"cannot be read as a static library: {error}", where=str(path)) from error
    if len(architectures) != 1 or not floats:
        raise InputError(
            f"its objects are compiled for {', '.join(sorted(architectures)) or 'no known core'}",
            where=str(path),
            remedy="build it again, for a single core",
        )
    return Archive(path, architectures.pop(), True in floats, frozenset(symbols))


def _defined(elf: ELFFile) -> set[str]:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return set()
    return {
        symbol.name
        for symbol in table.iter_symbols()
        if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] != "STB_LOCAL"
    }


def _collect_attributes(elf: ELFFile, architectures: set[str], floats: set[bool]) -> None:
    """Add the architecture, and whether floats are passed in VFP registers, to the sets."""
    for section in elf.iter_sections():
        if not isinstance(section, ARMAttributesSection):
            continue
        values = dict(attributes(section))
        number = int(values.get("TAG_CPU_ARCH") or 0)
        architectures.add(_ARCHITECTURES.get(number, f"architecture {number}"))
        floats.add(values.get("TAG_ABI_VFP_ARGS") == _VFP_REGISTERS)
