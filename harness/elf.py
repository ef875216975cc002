"""What an ELF tells: sizes and symbols, read with pyelftools."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from harness.errors import InputError
from harness.target import Memory

_THUMB = ~1  # bit 0 of a code address says Thumb, not where it is


@dataclass(frozen=True)
class Elf:
    """An ELF file on disk."""

    path: Path

    def sizes(self, memory: Memory) -> tuple[int, int]:
        """Return the bytes of flash and of RAM that the image takes.

        Initialised data counts in both: in RAM where it is used, in flash where it
        is kept. Raises `InputError` if a section lies in neither memory.
        """
        flash = ram = 0
        for section in self._sections():
            in_flash = section["sh_addr"] in memory.flash
            if not in_flash and section["sh_addr"] not in memory.ram:
                raise InputError(
                    f"section {section.name} at {section['sh_addr']:#010x} is in no memory "
                    "of the target",
                    where=str(self.path),
                )
            size = section["sh_size"]
            if in_flash or section["sh_type"] != "SHT_NOBITS":
                flash += size
            if not in_flash:
                ram += size
        return flash, ram

    def locate(self, address: int) -> str:
        """Return `address` as function and offset, as far as the symbols tell."""
        starts = [start for start, _, _ in self._functions]
        index = bisect_right(starts, address & _THUMB) - 1
        if index >= 0:
            start, size, name = self._functions[index]
            if (address & _THUMB) - start < max(size, 1):
                return f"{name}+{(address & _THUMB) - start:#x} ({address:#010x})"
        return f"{address:#010x}"

    @cached_property
    def _functions(self) -> list[tuple[int, int, str]]:
        functions = []
        with self.path.open("rb") as file:
            for section in ELFFile(file).iter_sections(type="SHT_SYMTAB"):
                if isinstance(section, SymbolTableSection):
                    functions += [
                        (symbol["st_value"] & _THUMB, symbol["st_size"], symbol.name)
                        for symbol in section.iter_symbols()
                        if symbol["st_info"]["type"] == "STT_FUNC"
                    ]
        return sorted(functions)

    def _sections(self) -> list:  # type: ignore[type-arg]
        try:
            with self.path.open("rb") as file:
                return [
                    section
                    for section in ELFFile(file).iter_sections()
                    if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
                ]
        except (OSError, ELFError) as error:
            raise InputError(f"cannot be read as ELF: {error}", where=str(self.path)) from error
