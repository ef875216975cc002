"""Prebuilt firmware: an ELF that the harness did not build, but checks, stamps and runs.

It must be a program for Cortex-M that loads into the target's flash, fits into its memory and
begins with a vector table. For the link it needs an object `link_build_id`
(firmware/link/link.h). In the copy that is flashed, this object holds the hash of the ELF, and the
firmware answers HELLO with it; so the harness knows that the device runs this file.
"""

import hashlib
import re
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection, SymbolTableSection

from harness.elf import Elf, attributes
from harness.engines.registry import Generated
from harness.errors import InputError
from harness.image.build import Image
from harness.image.memory_use import part_of, pieces, total
from harness.image.stack_paint import stack_of
from harness.image.toolchain import Toolchain
from harness.model.graph import Graph
from harness.support import checked_cache
from harness.support.input_file import read_input
from harness.support.whole_files import explained_errors
from harness.target.target_file import Target

ENGINE = "elf"
"""The name of the engine in a Record of prebuilt firmware."""

_BUILT_HERE = ("engine", "toolchain", "opt", "profile")
_BUILD_ID = "link_build_id"  # firmware/link/link.h
_BUILD_ID_SIZE = 16
_VECTORS = struct.Struct("<II")  # initial stack pointer, reset: Armv7-M ARM, B1.5.3
_UNKNOWN = "unknown"
_STEM = 40  # characters of the file's name in the name of its copy's folder
_ASSEMBLER = b"GNU AS"
_COMPILERS = {"clang": "clang", "GCC": "gcc", "GNU": "gcc"}
_OPT = re.compile(r"(?<!\S)-O(?:[0-3gsz]|fast)?(?!\S)")


def add_option(add: Callable[..., Any]) -> None:
    """Declare `--elf` through `add`, which is argparse's or pytest's."""
    add(
        "--elf",
        default="",
        metavar="FILE",
        help="run the prebuilt firmware in FILE, which supports the link, instead of building one",
    )


def prebuilt_firmware(options: Any, sketch: Path | None = None) -> "PrebuiltFirmware | None":
    """Return the firmware that `options`, parsed by argparse or pytest, name; None without one.

    `sketch` is the ELF of a sketch in the options. Raises `InputError` if the options name two
    firmwares, or contain options for building one.
    """
    file = getattr(options, "elf", "")
    if file and sketch:
        raise InputError(
            "--sketch names another firmware",
            where=f"--elf={file}",
            remedy="remove --sketch or --elf",
        )
    file = file or str(sketch or "")
    if not file:
        return None
    for name in _BUILT_HERE:
        if getattr(options, name, None):
            raise InputError(
                f"--{name} only applies to firmware that the harness builds",
                where=f"--elf={file}",
                remedy=f"remove --{name} or --elf",
            )
    return PrebuiltFirmware(Path(file))


@dataclass(frozen=True)
class PrebuiltFirmware:
    """Takes the place of an engine for prebuilt firmware."""

    path: Path
    name = ENGINE
    operators = frozenset[str]()

    @property
    def version(self) -> str:
        """The file's name and the first digits of its hash."""
        return f"{self.path.name} {_digest(self.path)[:12]}"

    @property
    def toolchain(self) -> Toolchain:
        """The compiler, as far as the ELF names it."""
        return toolchain_of(Elf(self.path))

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:  # noqa: ARG002
        """Raise `InputError`: there is nothing to generate."""
        raise InputError("prebuilt firmware has no engine", where=self.name)


def prebuilt_image(
    target: Target,
    elf: Path,
    images: Path,
    *,
    stamped: bool = True,
    warn: Callable[[str], None] = checked_cache.warn_on_stderr,
) -> Image:
    """Check the firmware in the file `elf` and return its image, a copy in `images`.

    A `stamped` copy, which the link needs, answers HELLO with the ELF's hash, or with the ID that
    the ELF already contains. `warn` is called as by `build_image`. Raises `InputError` if the
    firmware cannot run on `target`, `InfrastructureError` if the copy cannot be written.
    """
    digest = _digest(elf)
    original = Elf(elf)
    _check_kind(original)
    _check_place(original, target)
    _check_vectors(original, target)
    build_id = digest[: 2 * _BUILD_ID_SIZE]
    offset = _offset_of_id(original) if stamped else None
    content = bytearray(read_input(elf))
    if offset is not None:
        field = slice(offset, offset + _BUILD_ID_SIZE)
        if any(content[field]):
            build_id = content[field].hex()  # the user's own
        else:
            content[field] = bytes.fromhex(build_id)
    key = hashlib.sha256(content).hexdigest()
    copy = Elf(images / f"{elf.stem[:_STEM]}-{ENGINE}-{key[:12]}" / "firmware.elf")
    with explained_errors("the firmware cannot be copied", images):
        cached = checked_cache.provide(
            copy.path.parent, key, lambda new: (new / copy.path.name).write_bytes(content), warn
        )
    parts = pieces(copy, target.load)
    use = total(parts)
    elsewhere = sum(p.size for p in parts if p.ram and p.address not in target.memory.ram)
    return Image(
        copy,
        build_id,
        ENGINE,
        f"{elf.name} {digest[:12]}",
        toolchain_of(original),
        use.flash,
        use.ram,
        cached,
        arena=0,
        arena_least=0,
        stack=stack_of(copy, copy.vector_table(target.load_region.origin), target.memory.ram),
        ram_elsewhere=elsewhere,
    )


def toolchain_of(elf: Elf) -> Toolchain:
    """Return the compiler of most of `elf`, from its DWARF and .comment; otherwise "unknown".

    Only GCC's DWARF contains the optimization flag.
    """
    producers: Counter[str] = Counter()
    with elf.opened() as file:
        section = file.get_section_by_name(".comment")
        comment = section.data().decode("utf-8", "replace").split("\0")[0] if section else ""
        for unit in file.get_dwarf_info().iter_CUs() if file.has_dwarf_info() else ():
            attributes = unit.get_top_DIE().attributes
            producer = attributes.get("DW_AT_producer")
            if producer is None or producer.value.startswith(_ASSEMBLER):
                continue
            source = attributes.get("DW_AT_name")
            if source is None or part_of(source.value.decode("utf-8", "replace")) != "libc":
                producers[producer.value.decode("utf-8", "replace")] += 1
    flags: Counter[str] = Counter()
    for producer, units in producers.items():
        options = _OPT.findall(producer)
        flags[options[-1] if options else _UNKNOWN] += units  # the last one counts
    main = next((name for name, _ in producers.most_common(1)), comment or _UNKNOWN)
    name = next((name for word, name in _COMPILERS.items() if word in main), _UNKNOWN)
    opt = next((flag for flag, _ in flags.most_common(1)), _UNKNOWN)
    return Toolchain(name, Path(), comment or main.split(" -")[0], opt)


def _digest(path: Path) -> str:
    return hashlib.sha256(read_input(path)).hexdigest()


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
                remedy=f"check that it is built for this chip, and that memory.{target.load} in "
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
    """Check that there is a vector table: a stack pointer and a reset handler.

    Flash begins with it. An image in RAM may name another place, since the probe starts it.
    """
    flash = target.memory.flash
    address = elf.vector_table(target.load_region.origin) if target.load == "ram" else flash.origin
    vectors = elf.read(address, _VECTORS.size)
    stack, reset = _VECTORS.unpack(vectors) if vectors else (0, 0)
    if not reset & 1 or elf.read(reset & ~1, 2) is None or stack in flash or stack % 4 or not stack:
        raise InputError(
            f"there is no vector table at {address:#010x}, where {target.name} starts: "
            + (
                f"the first words are {stack:#010x} and {reset:#010x}"
                if vectors
                else "the ELF loads nothing there"
            ),
            where=str(elf.path),
            remedy=f"if it is linked for a bootloader, set memory.{target.load} to the start of "
            "this ELF",
        )


def _offset_of_id(elf: Elf) -> int:
    """Return the offset of `link_build_id` in the file."""
    with elf.opened() as file:
        table = file.get_section_by_name(".symtab")
        symbols = (
            table.get_symbol_by_name(_BUILD_ID) if isinstance(table, SymbolTableSection) else None
        )
        for symbol in symbols or ():
            for segment in file.iter_segments(type="PT_LOAD"):
                begin = symbol["st_value"] - segment["p_vaddr"]
                if begin >= 0 and begin + _BUILD_ID_SIZE <= segment["p_filesz"]:
                    offset: int = segment["p_offset"] + begin
                    return offset
    raise InputError(
        f"has no object {_BUILD_ID} in flash, which identifies this file on the device",
        where=str(elf.path),
        remedy="compile firmware/link/link.c into it, give link_start() a device with `.build_id = "
        f"{_BUILD_ID}`, and do not strip the symbols",
    )
