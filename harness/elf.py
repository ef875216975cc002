"""Sizes, segments, symbols and source lines of an ELF, read with pyelftools."""

import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.dwarf.lineprogram import LineProgram
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection, SymbolTableSection

from harness.errors import InputError
from harness.support.file_kind import kind_of
from harness.support.input_file import open_input
from harness.support.memory_map import Load, Memory, Region

# What pyelftools raises for a damaged file, depending on where the damage is.
_DAMAGED = (
    *(ELFError, DWARFError, ConstructError, struct.error, zlib.error, ValueError, TypeError),
    *(LookupError, AttributeError, ArithmeticError, AssertionError, MemoryError, RecursionError),
    StopIteration,
)
_MAX_PARTS = 16  # of .ARM.attributes; compilers write one
_START = 64  # bytes that show the kind of a file
_DWARF_5 = 5  # counts files from 0; earlier versions count from 1
_IN_RAM = "image_in_ram"  # symbol that firmware/CMakeLists.txt defines
# Symbols of firmware/ports/cortexm/sections.ld, and of Zephyr, behind the header of MCUboot.
_VECTOR_TABLES = ("vector_table", "_vector_table")
_THUMB = ~1  # clears bit 0 of a code address, which marks Thumb code


class Segment(NamedTuple):
    """Bytes of the file and their load address."""

    address: int
    data: bytes


class Symbol(NamedTuple):
    """A row of the symbol table."""

    value: int
    size: int


@contextmanager
def parsed(file: IO[bytes], where: str) -> Iterator[ELFFile]:
    """Parse `file`, whose name is `where`; `InputError` if it is damaged, now or in the block."""
    try:
        kind = kind_of(file.read(_START))
        if kind != "an ELF file":
            raise InputError(
                f"cannot be read as ELF: it is {kind}",
                where=where,
                remedy="give the linker's output, from which .bin and .hex files are made",
            )
        elf = ELFFile(file)
        _check_extent(elf)
        yield elf
    except _DAMAGED as error:
        raise InputError(
            f"cannot be read as ELF: {str(error) or type(error).__name__}",
            where=where,
            remedy="link or download it again; it is damaged",
        ) from error


@dataclass(frozen=True)
class Elf:
    """An ELF file on disk."""

    path: Path

    @contextmanager
    def opened(self) -> Iterator[ELFFile]:
        """Open the file with pyelftools; `InputError` if it cannot be read, now or in the block."""
        with open_input(self.path) as file, parsed(file, str(self.path)) as elf:
            yield elf

    @property
    def load(self) -> Load:
        """The memory that the image is loaded to; "flash" unless the linker script says "ram"."""
        return "flash" if self.symbols(_IN_RAM) is None else "ram"

    def vector_table(self, memory: Region) -> int:
        """Return the address of the vector table of a program that is loaded to `memory`.

        A symbol may name it; otherwise the program begins with it. A program for a bootloader
        lies higher than `memory.origin`.
        """
        for name in _VECTOR_TABLES:
            found = self.symbols(name)
            if found and found[0] in memory:
                return found[0]
        loaded = (segment.address for segment in self.segments())
        return min((at for at in loaded if at in memory), default=memory.origin)

    def sizes(self, memory: Memory) -> tuple[int, int]:
        """Return the bytes of flash and of RAM that the image takes.

        Initialised data counts twice: flash holds its initial values, RAM the variables. An image
        that is loaded to RAM takes no flash. Raises `InputError` if a section lies in neither
        memory.
        """
        in_ram = self.load == "ram"
        flash = ram = 0
        for section in self._sections():
            in_flash = section["sh_addr"] in memory.flash
            if not in_flash and section["sh_addr"] not in memory.ram:
                raise InputError(
                    f"section {section.name} at {section['sh_addr']:#010x} is outside the "
                    "target's memory",
                    where=str(self.path),
                )
            size = section["sh_size"]
            if not in_ram and (in_flash or section["sh_type"] != "SHT_NOBITS"):
                flash += size
            if not in_flash:
                ram += size
        return flash, ram

    def segments(self) -> list[Segment]:
        """Return the segments to load, with their physical addresses."""
        with self.opened() as file:
            return [
                Segment(segment["p_paddr"], segment.data())
                for segment in file.iter_segments(type="PT_LOAD")
                if segment["p_filesz"]
            ]

    def read(self, address: int, size: int) -> bytes | None:
        """Return the `size` bytes loaded to `address`; None unless the file has all of them."""
        for segment in self.segments():
            begin = address - segment.address
            if begin >= 0 and begin + size <= len(segment.data):
                return segment.data[begin : begin + size]
        return None

    def variable_at(self, address: int) -> range | None:
        """Return the address range of the variable at `address`; None if there is none."""
        with self.opened() as file:
            table = file.get_section_by_name(".symtab")
            for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
                begin, size = symbol["st_value"], symbol["st_size"]
                if symbol["st_info"]["type"] == "STT_OBJECT" and begin <= address < begin + size:
                    return range(begin, begin + size)
        return None

    def memory(self) -> list[range]:
        """Return the address ranges that the program headers use, for loading and for running."""
        with self.opened() as file:
            headers = list(file.iter_segments(type="PT_LOAD"))
        loaded = [range(h["p_paddr"], h["p_paddr"] + h["p_filesz"]) for h in headers]
        used = [range(h["p_vaddr"], h["p_vaddr"] + h["p_memsz"]) for h in headers]
        return [span for span in (*loaded, *used) if span]

    def symbols(self, *names: str) -> list[int] | None:
        """Return the values of the symbols called `names`; None if one is missing."""
        if any(name not in self._symbols for name in names):
            return None
        return [self._symbols[name].value for name in names]

    def size_of(self, name: str) -> int:
        """Return the bytes of the symbol called `name`; `InputError` if there is none."""
        if name not in self._symbols:
            raise InputError(f"has no symbol {name}", where=str(self.path))
        return self._symbols[name].size

    def locate(self, address: int) -> str:
        """Return `address` as `function file:line (address)`.

        Without a symbol it is the address alone, without DWARF there is no file and line.
        """
        instruction = address & _THUMB
        starts = [start for start, _, _ in self._functions]
        index = bisect_right(starts, instruction) - 1
        if index < 0:
            return f"{address:#010x}"
        start, size, name = self._functions[index]
        if instruction - start >= max(size, 1):
            return f"{address:#010x}"
        try:
            line = self._line(instruction)
        except InputError:  # damaged debug information must not hide the address
            line = ""
        return f"{name} {line}({instruction:#010x})"

    def _line(self, address: int) -> str:
        """Return "file:line " of a code address; empty if DWARF does not cover it."""
        with self.opened() as elf:
            if not elf.has_dwarf_info():
                return ""
            dwarf = elf.get_dwarf_info()
            for unit in dwarf.iter_CUs():
                program = dwarf.line_program_for_CU(unit)
                row = _row_at(program, address) if program else None
                if program and row:
                    first = 0 if program.header["version"] >= _DWARF_5 else 1
                    name = program["file_entry"][row.file - first].name.decode("utf-8", "replace")
                    return f"{name}:{row.line} "
        return ""

    @cached_property
    def _symbols(self) -> dict[str, Symbol]:
        """The first symbol of each name; a run asks for a dozen."""
        found: dict[str, Symbol] = {}
        with self.opened() as file:
            table = file.get_section_by_name(".symtab")
            for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
                found.setdefault(symbol.name, Symbol(symbol["st_value"], symbol["st_size"]))
        return found

    @cached_property
    def _functions(self) -> list[tuple[int, int, str]]:
        """Start, size and name of each function; of several names for one, a strong one is last.

        The weak ones are those of handlers that the start-up code points to one loop.
        """
        functions = []
        with self.opened() as file:
            for section in file.iter_sections(type="SHT_SYMTAB"):
                if isinstance(section, SymbolTableSection):
                    functions += [
                        (
                            symbol["st_value"] & _THUMB,
                            symbol["st_size"],
                            symbol["st_info"]["bind"] != "STB_WEAK",
                            symbol.name,
                        )
                        for symbol in section.iter_symbols()
                        if symbol["st_info"]["type"] == "STT_FUNC"
                    ]
        return [(start, size, name) for start, size, _, name in sorted(functions)]

    def _sections(self) -> list:  # type: ignore[type-arg]
        with self.opened() as file:
            return [
                section
                for section in file.iter_sections()
                if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
            ]


def attributes(section: ARMAttributesSection) -> Iterator[tuple[str, Any]]:
    """Yield the tags and values in .ARM.attributes."""
    # A limit: in a damaged section, pyelftools returns the first part again and again.
    for subsection in islice(section.iter_subsections(), _MAX_PARTS):
        for part in islice(subsection.iter_subsubsections(), _MAX_PARTS):
            yield from ((attribute.tag, attribute.value) for attribute in part.iter_attributes())


def _check_extent(elf: ELFFile) -> None:
    """Raise `ELFError` if headers, segments or sections are not in the file, whatever they say."""
    size = elf.stream.seek(0, os.SEEK_END)
    for what in ("ph", "sh"):
        count = elf.num_segments() if what == "ph" else elf.num_sections()
        width = elf[f"e_{what}entsize"]
        if count and (not width or elf[f"e_{what}off"] + count * width > size):
            raise ELFError(f"its table of {count:,} headers is not in the file")
    for index, segment in enumerate(elf.iter_segments()):
        if segment["p_offset"] + segment["p_filesz"] > size:
            raise ELFError(f"segment {index} has {segment['p_filesz']:,} bytes, beyond its end")
    for section in elf.iter_sections():
        in_file = section["sh_type"] not in {"SHT_NOBITS", "SHT_NULL"}
        if in_file and section["sh_offset"] + section["sh_size"] > size:
            raise ELFError(f"section {section.name!r} has {section['sh_size']:,} bytes, too many")


def _row_at(program: LineProgram, address: int) -> Any:
    """Return the row of a line table that covers `address`."""
    before = None
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if before is not None and before.address <= address < state.address:
            return before
        before = None if state.end_sequence else state
    return None
