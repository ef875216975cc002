"""A user's own firmware: an ELF that is not built here, but looked at, stamped and run.

What it must be: a program for Cortex-M that loads into the target's flash, fits its memory, and
begins with a vector table. For the link it has an object `link_build_id` (firmware/link/link.h):
in the copy that is flashed it holds the hash of the ELF, and HELLO is answered with it, so that
what answers is what was given.
"""

import hashlib
import os
import re
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection, SymbolTableSection

from harness.elf import Elf
from harness.engines.registry import Generated
from harness.errors import InputError
from harness.image.build import Image
from harness.image.memory_use import part_of, pieces, total
from harness.image.stack_paint import stack_of
from harness.image.toolchain import Toolchain
from harness.model.graph import Graph
from harness.target.target_file import Target

ENGINE = "elf"
"""What a Record says in the place of an engine's name."""

_BUILT_HERE = ("engine", "toolchain", "opt", "profile")
_BUILD_ID = "link_build_id"  # firmware/link/link.h
_BUILD_ID_SIZE = 16
_VECTORS = struct.Struct("<II")  # initial stack pointer, reset: Armv7-M ARM, B1.5.3
_UNKNOWN = "unknown"
_ASSEMBLER = b"GNU AS"
_COMPILERS = {"clang": "clang", "GCC": "gcc", "GNU": "gcc"}
_OPT = re.compile(r"(?<!\S)-O(?:[0-3gsz]|fast)?(?!\S)")


def add_option(add: Callable[..., Any]) -> None:
    """Declare `--elf` through `add`, which is argparse's or pytest's."""
    add(
        "--elf",
        default="",
        metavar="FILE",
        help="run the firmware in FILE, which speaks the link, instead of building one",
    )


def prebuilt_firmware(options: Any, sketch: Path | None = None) -> "PrebuiltFirmware | None":
    """Return the firmware that `options`, parsed by argparse or pytest, name; None without one.

    `sketch` is the ELF of a sketch that they name. Raises `InputError` if they also say how to
    build one, or name two.
    """
    file = getattr(options, "elf", "")
    if file and sketch:
        raise InputError("--sketch names another firmware", where=f"--elf={file}")
    file = file or str(sketch or "")
    if not file:
        return None
    for name in _BUILT_HERE:
        if getattr(options, name, None):
            raise InputError(
                f"--{name} is for firmware that is built here",
                where=f"--elf={file}",
                remedy=f"leave --{name} or --elf out",
            )
    return PrebuiltFirmware(Path(file))


@dataclass(frozen=True)
class PrebuiltFirmware:
    """In an engine's place where the firmware is there already."""

    path: Path
    name = ENGINE
    operators = frozenset[str]()

    @property
    def version(self) -> str:
        """The file's name and the beginning of its hash."""
        return f"{self.path.name} {_digest(self.path)[:12]}"

    @property
    def toolchain(self) -> Toolchain:
        """What compiled it, as far as it tells."""
        return toolchain_of(Elf(self.path))

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:  # noqa: ARG002
        """Raise `InputError`: there is nothing to generate."""
        raise InputError("firmware that was built elsewhere has no engine here", where=self.name)


def prebuilt_image(target: Target, elf: Path, images: Path, *, stamped: bool = True) -> Image:
    """Return the image of the firmware in the file `elf`, once it has been looked at.

    It is a copy in `images`. If that is `stamped`, which the link asks for, it answers HELLO with
    the ELF's hash, or with the ID that it brings. Raises `InputError` if it is nothing that can
    run on `target`.
    """
    digest = _digest(elf)
    original = Elf(elf)
    _check_kind(original)
    _check_place(original, target)
    _check_vectors(original, target)
    build_id = digest[: 2 * _BUILD_ID_SIZE]
    offset = _place_of_id(original) if stamped else None
    content = bytearray(elf.read_bytes())
    if offset is not None:
        field = slice(offset, offset + _BUILD_ID_SIZE)
        if any(content[field]):
            build_id = content[field].hex()  # the user's own
        else:
            content[field] = bytes.fromhex(build_id)
    copy, cached = _kept(images / f"{elf.stem}-{ENGINE}-{digest[:12]}", bytes(content))
    parts = pieces(copy)
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
        stack=stack_of(copy, target.memory),
        ram_elsewhere=elsewhere,
    )


def toolchain_of(elf: Elf) -> Toolchain:
    """Return what compiled most of `elf`, by its DWARF and .comment; "unknown" if they do not tell.

    Of the two, only the DWARF of GCC says the optimization flag.
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
        found = _OPT.findall(producer)
        flags[found[-1] if found else _UNKNOWN] += units  # the last one counts
    main = next((name for name, _ in producers.most_common(1)), comment or _UNKNOWN)
    name = next((name for word, name in _COMPILERS.items() if word in main), _UNKNOWN)
    opt = next((flag for flag, _ in flags.most_common(1)), _UNKNOWN)
    return Toolchain(name, Path(), comment or main.split(" -")[0], opt)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=f"--elf={path}") from error


def _check_kind(elf: Elf) -> None:
    """Check that it is a program for Cortex-M."""
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
            remedy="give what the linker wrote: neither an object file nor a program of the host",
        )


def _profile(file: ELFFile) -> str:
    """Return the profile that .ARM.attributes tell, "M" for Cortex-M; empty if they do not."""
    section = file.get_section_by_name(".ARM.attributes")
    if not isinstance(section, ARMAttributesSection):
        return ""
    for subsection in section.iter_subsections():
        for part in subsection.iter_subsubsections():
            for attribute in part.iter_attributes("TAG_CPU_ARCH_PROFILE"):
                return chr(attribute.value)
    return ""


def _check_place(elf: Elf, target: Target) -> None:
    """Check that what is loaded lies in flash, and what runs in RAM fits."""
    flash, ram = target.memory.flash, target.memory.ram
    segments = elf.segments()
    if not segments:
        raise InputError("loads nothing", where=str(elf.path))
    for segment in segments:
        end = segment.address + len(segment.data)
        if segment.address in ram:
            raise InputError(
                f"{len(segment.data):,} bytes are loaded into RAM, at {segment.address:#010x}, "
                "where nothing is after power-up",
                where=str(elf.path),
                remedy="in the linker script, give initialised data a place in flash (AT> FLASH), "
                "and make what needs no content, as .noinit, a section of type NOLOAD",
            )
        if segment.address not in flash:
            raise InputError(
                f"{len(segment.data):,} bytes are loaded to {segment.address:#010x}, outside the "
                f"flash of {target.name}, {flash.origin:#010x} to {flash.end:#010x}",
                where=str(elf.path),
                remedy=f"is it for this chip, and is memory.flash in {target.path} the same as in "
                "the linker script?",
            )
        if end > flash.end:
            raise _too_large(elf, target, "flash", end - flash.end)
    excess = max((span.stop for span in elf.memory() if span.start in ram), default=0) - ram.end
    if excess > 0:
        raise _too_large(elf, target, "ram", excess)


def _too_large(elf: Elf, target: Target, key: str, excess: int) -> InputError:
    return InputError(
        f"ends {excess:,} bytes behind the {key} of {target.name}",
        where=str(elf.path),
        remedy=f"compare memory.{key} in {target.path} with the linker script",
    )


def _check_vectors(elf: Elf, target: Target) -> None:
    """Check that a core that starts at the flash's begin finds a stack and code."""
    flash = target.memory.flash
    found = elf.read(flash.origin, _VECTORS.size)
    stack, reset = _VECTORS.unpack(found) if found else (0, 0)
    if not reset & 1 or elf.read(reset & ~1, 2) is None or stack in flash or stack % 4 or not stack:
        raise InputError(
            f"there is no vector table at {flash.origin:#010x}, where {target.name} starts: "
            + (f"its first words are {stack:#010x} and {reset:#010x}" if found else "nothing is"),
            where=str(elf.path),
            remedy="is it linked for a bootloader? Then let memory.flash begin where it begins",
        )


def _place_of_id(elf: Elf) -> int:
    """Return where in the file the bytes of `link_build_id` are."""
    with elf.opened() as file:
        table = file.get_section_by_name(".symtab")
        found = (
            table.get_symbol_by_name(_BUILD_ID) if isinstance(table, SymbolTableSection) else None
        )
        for symbol in found or ():
            for segment in file.iter_segments(type="PT_LOAD"):
                begin = symbol["st_value"] - segment["p_vaddr"]
                if begin >= 0 and begin + _BUILD_ID_SIZE <= segment["p_filesz"]:
                    place: int = segment["p_offset"] + begin
                    return place
    raise InputError(
        f"has no object {_BUILD_ID} in flash, by which the device says that it runs this file",
        where=str(elf.path),
        remedy="compile firmware/link/link.c into it, give link_start() a device with `.build_id = "
        f"{_BUILD_ID}`, and do not strip the symbols",
    )


def _kept(folder: Path, content: bytes) -> tuple[Elf, bool]:
    """Keep `content` as the ELF in `folder`; return it, and whether it was there."""
    elf = folder / "firmware.elf"
    if elf.is_file() and elf.read_bytes() == content:
        return Elf(elf), True
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{os.getpid()}.partial"
    partial.write_bytes(content)
    partial.replace(elf)
    return Elf(elf), False
