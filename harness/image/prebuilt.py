"""Prebuilt firmware: an ELF that the harness did not build, but checks, stamps and runs.

It must be a program for Cortex-M that loads into the target's flash, fits into its memory and
begins with a vector table. For the link it needs an object `link_build_id`
(firmware/link/link.h). In the copy that is flashed, this object holds the hash of the ELF, and the
firmware answers HELLO with it; so the harness knows that the device runs this file.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.sections import SymbolTableSection

from harness.elf import Elf
from harness.engines.prebuilt_engine import PREBUILT
from harness.engines.registry import Generated
from harness.errors import InputError
from harness.image.build import Image
from harness.image.elf_toolchain import toolchain_of
from harness.image.memory_use import pieces, total
from harness.image.prebuilt_checks import check_firmware
from harness.image.stack_paint import stack_of
from harness.image.toolchain import Toolchain
from harness.model.graph import Graph
from harness.support import checked_cache
from harness.support.input_file import read_input
from harness.support.whole_files import explained_errors
from harness.target.target_file import Target

_BUILT_HERE = ("engine", "toolchain", "opt", "profile")
_BUILD_ID = "link_build_id"  # firmware/link/link.h
_BUILD_ID_SIZE = 16
_COPY = "firmware.elf"
_STEM = 40  # characters of the file's name in the name of its copy's folder


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
    name = PREBUILT
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
    firmware cannot run on `target`, or has the ID of another one in `images`;
    `InfrastructureError` if the copy cannot be written.
    """
    digest = _digest(elf)
    original = Elf(elf)
    check_firmware(original, target)
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
    copy = Elf(images / f"{elf.stem[:_STEM]}-{PREBUILT}-{key[:12]}" / _COPY)
    if stamped and build_id != digest[: 2 * _BUILD_ID_SIZE]:
        _check_is_new(elf, build_id, content, images)
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
        PREBUILT,
        f"{elf.name} {digest[:12]}",
        toolchain_of(original),
        use.flash,
        use.ram,
        cached,
        arena=0,
        arena_least=0,
        stack=stack_of(copy, copy.vector_table(target.load_region), target.memory.ram),
        ram_elsewhere=elsewhere,
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(read_input(path)).hexdigest()


def _check_is_new(elf: Path, build_id: str, content: bytearray, images: Path) -> None:
    """Check that nothing else with this ID than `content` was run here."""
    stamp = bytes.fromhex(build_id)
    for other in images.glob(f"*-{PREBUILT}-*/{_COPY}"):
        theirs = other.read_bytes()
        known = stamp in theirs and theirs != content
        if known and theirs.startswith(stamp, _offset_of_id(Elf(other))):
            raise InputError(
                f"has the build ID {build_id}, as another firmware that was run here, {other}: "
                "the device's answer cannot tell which of them runs",
                where=str(elf),
                remedy="give each build an ID of its own, or compile without BUILD_ID_BYTES: then "
                f"the harness writes one. If the other one is out of use, delete {other.parent}",
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
