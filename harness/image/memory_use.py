"""Use of flash and RAM by section, part of the firmware, file and symbol.

Bytes that no symbol covers count as padding, so the pieces add up to the sections exactly.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from harness.elf import Elf
from harness.image.dwarf_files import dwarf_files
from harness.image.linker_map import archives
from harness.image.memory_record import MemoryUse, SymbolUse, Use
from harness.support.memory_map import Load

K = TypeVar("K")

_THUMB = 1  # bit 0 of a function's address
_PADDING = "padding"
_LEAST = 16  # bytes; a Record does not name smaller symbols
# Parts of sections that only reserve memory, by a word in the section's name, for example .stack
# of this firmware or ._user_heap_stack of ST's.
_RESERVED = {"stack": "stack", "heap": "heap"}
_HEAP = ".heap"  # not a section: the used RAM after the last section

# The part of a source file, by the start of its path. The build maps the paths
# (firmware/CMakeLists.txt); those of the engine's library start with the library's name.
_PARTS = (
    ("model/", "model"),
    ("firmware/nn/", "engine"),
    ("firmware/app/", "application"),
    ("firmware/link/", "link"),
    ("firmware/ports/", "port"),
    ("firmware/toolchains/", "libc"),
)
_OURS = "firmware/app/"
_LIBC = ("newlib/", "libgcc/", "compiler_rt", "compiler-rt")


@dataclass(frozen=True)
class Piece:
    """`size` bytes of `symbol` at `address` in `section`; padding has an empty `symbol`.

    Initialised data is in both: `flash` holds its initial values, `ram` the variables.
    """

    section: str
    part: str
    file: str
    symbol: str
    address: int
    size: int
    flash: bool
    ram: bool

    @property
    def use(self) -> Use:
        """Its bytes in each memory."""
        return Use(self.size * self.flash, self.size * self.ram)


class _Symbol(NamedTuple):
    address: int
    size: int
    name: str
    source: str  # the last component of the file's path; empty if it is unknown


def pieces(elf: Elf, load: Load | None = None) -> list[Piece]:
    """Return all pieces of `elf`, by address.

    `load` is the memory that it is loaded to; without it, the ELF tells.
    Raises `InputError` if it cannot be read as an ELF.
    """
    in_ram = (load or elf.load) == "ram"
    with elf.opened() as file:
        symbols = _symbols(file)
        moved = [s for s in file.iter_segments(type="PT_LOAD") if s["p_vaddr"] != s["p_paddr"]]
        files = _files(elf, symbols, archives(elf.path.with_suffix(".map")))
        ours = any(name.startswith(_OURS) for name in files.values())
        return [
            piece
            for section in file.iter_sections()
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
            for piece in _pieces_of(
                section,
                symbols,
                files,
                ours=ours,
                loaded_to_ram=in_ram,
                copied=any(segment.section_in_segment(section) for segment in moved),
            )
        ]


def memory_use(elf: Elf, heap: int = 0, load: Load | None = None) -> MemoryUse:
    """Return the memory use of `elf`, plus `heap` bytes of RAM, for a Record.

    `load` is as for `pieces`.

    Raises `InputError` if it cannot be read.
    """
    all_pieces = pieces(elf, load)
    if heap:
        all_pieces.append(Piece(_HEAP, _HEAP[1:], "", "", 0, heap, flash=False, ram=True))
    symbols = _sums(all_pieces, lambda piece: (piece.part, piece.file, piece.symbol))
    large = [
        SymbolUse(*key, use.flash, use.ram)
        for key, use in symbols.items()
        if key[-1] and max(use.flash, use.ram) >= _LEAST
    ]
    large.sort(key=lambda symbol: (-max(symbol.flash, symbol.ram), symbol.symbol))
    return MemoryUse(by_part(all_pieces), by_section(all_pieces), large)


def by_part(all_pieces: list[Piece]) -> dict[str, Use]:
    """Return the memory use of each part of the firmware, the largest first."""
    totals = _sums(all_pieces, lambda piece: piece.part)
    return dict(sorted(totals.items(), key=lambda item: -(item[1].flash + item[1].ram)))


def by_section(all_pieces: list[Piece]) -> dict[str, Use]:
    """Return the memory use of each section, in the ELF's order."""
    return _sums(all_pieces, lambda piece: piece.section)


def total(all_pieces: list[Piece]) -> Use:
    """Return the sum of all pieces, the same as `Elf.sizes`."""
    return sum((piece.use for piece in all_pieces), Use())


def _sums(all_pieces: list[Piece], key: Callable[[Piece], K]) -> dict[K, Use]:
    totals: dict[K, Use] = {}
    for piece in all_pieces:
        totals[key(piece)] = totals.get(key(piece), Use()) + piece.use
    return totals


def growth(before: list[Piece], after: list[Piece]) -> dict[tuple[str, str, str], int]:
    """Return the growth in bytes of each (part, file, symbol), the largest change first."""
    change: dict[tuple[str, str, str], int] = {}
    for sign, side in ((-1, before), (1, after)):
        for piece in side:
            key = (piece.part, piece.file, piece.symbol)
            change[key] = change.get(key, 0) + sign * piece.size
    changed = ((key, size) for key, size in change.items() if size)
    return dict(sorted(changed, key=lambda item: (-abs(item[1]), item[0])))


def _pieces_of(
    section: Section,
    symbols: list[_Symbol],
    files: Mapping[int, str],
    *,
    ours: bool,
    loaded_to_ram: bool,
    copied: bool,
) -> Iterator[Piece]:
    """Yield the pieces of a section, including padding.

    A `copied` section is loaded to another address than it runs at.
    """
    name, position = section.name, section["sh_addr"]
    end = position + section["sh_size"]
    in_flash = section["sh_type"] != "SHT_NOBITS" and not loaded_to_ram
    in_ram = bool(section["sh_flags"] & SH_FLAGS.SHF_WRITE) or not in_flash or copied

    def piece(part: str, file: str, symbol: str, address: int, size: int) -> Piece:
        return Piece(name, part, file, symbol, address, size, flash=in_flash, ram=in_ram)

    for symbol in symbols:
        if not position <= symbol.address < end:
            continue  # in another section, or an alias of a symbol that was counted already
        if symbol.address > position:
            yield piece(_PADDING, "", "", position, symbol.address - position)
        file = files.get(symbol.address, "")
        size = min(symbol.size, end - symbol.address)
        yield piece(part_of(file, ours=ours), file, symbol.name, symbol.address, size)
        position = symbol.address + size
    if position < end:
        rest = next((part for word, part in _RESERVED.items() if word in name), _PADDING)
        yield piece(rest, "", "", position, end - position)


def part_of(file: str, *, ours: bool = True) -> str:
    """Return the part of the firmware that a source file belongs to.

    In prebuilt firmware (not `ours`), only the C library can be recognized.
    """
    for start, part in _PARTS:
        if file.startswith(start):
            return part
    if any(name in file for name in _LIBC) or (ours and not file):
        return "libc"
    if ours:
        return "engine"
    return "application" if file else "unknown"


def _symbols(file: ELFFile) -> list[_Symbol]:
    """Return functions and objects by address; at the same address, the larger comes first.

    In the table, the local symbols of a file follow the symbol with the file's name.
    """
    symbols = []
    for section in file.iter_sections(type="SHT_SYMTAB"):
        source = ""
        for symbol in section.iter_symbols() if isinstance(section, SymbolTableSection) else ():
            kind = symbol["st_info"]["type"]
            if kind == "STT_FILE":
                source = symbol.name
            elif kind in {"STT_FUNC", "STT_OBJECT"} and symbol["st_size"]:
                address = symbol["st_value"] & ~(_THUMB if kind == "STT_FUNC" else 0)
                local = symbol["st_info"]["bind"] == "STB_LOCAL"
                symbols.append(
                    _Symbol(address, symbol["st_size"], symbol.name, source if local else "")
                )
    return sorted(symbols, key=lambda symbol: (symbol.address, -symbol.size, symbol.name))


def _files(elf: Elf, symbols: list[_Symbol], archive_of: Callable[[int], str]) -> dict[int, str]:
    """Return the source file of each address, from DWARF and symbols.

    For code of a library without DWARF, it is the member of the archive.
    """
    known = dwarf_files(elf)
    files = dict(known.by_address)
    for symbol in symbols:
        known_file = known.by_name.get(symbol.source)
        files.setdefault(symbol.address, known_file or archive_of(symbol.address))
    return files
