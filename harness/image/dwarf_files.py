"""Finds in DWARF from which source file each function and variable comes."""

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from elftools.dwarf.die import DIE

from harness.elf import Elf
from harness.support.input_file import read_input

_DW_OP_ADDR = 3  # DWARF 5, 7.7.1: an address follows


class DwarfFiles(NamedTuple):
    """Paths of source files: of each address, and by the last component of the path."""

    by_address: dict[int, str]
    by_name: dict[str, str]


def dwarf_files(elf: Elf) -> DwarfFiles:
    """Return the source files of `elf`; none without DWARF.

    Raises `InputError` if it cannot be read as an ELF.
    """
    digest = sha256(read_input(elf.path)).digest()
    return _read(elf, digest)


@lru_cache(maxsize=16)
def _read(elf: Elf, _digest: bytes) -> DwarfFiles:
    """Read DWARF, which takes as long as a small run; every run needs it twice."""
    found = DwarfFiles({}, {})
    with elf.opened() as file:
        for unit in file.get_dwarf_info().iter_CUs() if file.has_dwarf_info() else ():
            name = unit.get_top_DIE().attributes["DW_AT_name"].value.decode("utf-8", "replace")
            found.by_name[name.rsplit("/", 1)[-1]] = name
            for entry in unit.iter_DIEs():
                address = _address_of(entry)
                if address is not None:
                    found.by_address[address] = name
    return found


def _address_of(entry: DIE) -> int | None:
    """Return the address of the function or variable of a DWARF entry; None if it has none."""
    attributes = entry.attributes
    if entry.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in attributes:
        value: int = attributes["DW_AT_low_pc"].value
        return value
    location = attributes.get("DW_AT_location") if entry.tag == "DW_TAG_variable" else None
    if location is not None and isinstance(location.value, list):
        operation = bytes(location.value)
        if operation[:1] == bytes([_DW_OP_ADDR]):
            return int.from_bytes(operation[1:], "little")
    return None
