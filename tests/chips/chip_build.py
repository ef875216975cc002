"""Builds the largest bundled model that fits a chip, and checks what is where in the image."""

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.elf import Elf
from harness.engines.cmsis_nn.cmsis_nn_engine import CmsisNN
from harness.errors import InputError
from harness.image.build import firmware_options
from harness.image.compilation import compile_firmware
from harness.image.toolchain import find_toolchain
from harness.model.folder import find_model
from harness.support import bundled_files
from harness.target.chip_target import derive_chip
from harness.target.pyocd_chips import memory_of
from harness.target.target_file import Pyocd, Target

# Model, compiler and flag, the largest model first. The last ones are for the smallest chips.
TRIES = (
    ("digits", "gcc", "-O2"),
    ("digits", "gcc", "-Os"),
    ("anomaly", "gcc", "-O2"),
    ("gesture", "gcc", "-O2"),
    ("vowels", "gcc", "-O2"),
    ("vowels", "gcc", "-Os"),
    ("anomaly", "clang", "-Oz"),
)
_VECTORS = 16
_THUMB = 1
# Options of firmware/CMakeLists.txt that the chip before may have left in the build folder.
_UNSET = {"FIXED_WORDS": "", "START_WRITES": "", "VECTOR_CHECKSUM": "OFF", "WINDOW": "2048"}


_UP_TO_240 = ("cortex-m23", "cortex-m3", "cortex-m4", "cortex-m4f", "cortex-m7")  # interrupts


class UnsuitableError(Exception):
    """An image that does not suit its chip: what is wrong, and for which chip."""


@dataclass(frozen=True)
class Built:
    """A chip for which an image was built, and what the image is."""

    chip: str
    core: str
    image: str


@dataclass(frozen=True)
class Refused:
    """A chip for which there is no image, and why."""

    chip: str
    reason: str


def with_flash_and_ram() -> list[str]:
    """Return the names of pyOCD's own targets that have flash and RAM in their maps."""
    from pyocd.target.builtin import BUILTIN_TARGETS  # noqa: PLC0415 - pyOCD

    maps = {name: memory_of(name) for name in sorted(BUILTIN_TARGETS)}
    return [
        name
        for name, regions in maps.items()
        if any(r.is_flash for r in regions) and any(r.is_ram for r in regions)
    ]


def build(chip: str, root: Path) -> Built | Refused:
    """Build the largest model that fits `chip`, in folders of `root` that chips share."""
    try:
        target = derive_chip(chip)
    except InputError as error:
        return Refused(chip, str(error))
    reason = ""
    for model, compiler, opt in TRIES:
        folder = root / f"{target.mcu.core}-{model}-{compiler}{opt}"
        try:
            elf = compiled(target, model, compiler, opt, folder)
        except InputError as error:
            reason = str(error).splitlines()[0]
            continue
        check(elf, target)
        return Built(chip, target.mcu.core, f"{model}, {compiler} {opt}, from {target.load}")
    return Refused(chip, f"even the smallest image does not fit: {reason}")


def compiled(target: Target, model: str, compiler: str, opt: str, folder: Path) -> Elf:
    """Link the image for `target`; the objects of the model are compiled once for all chips."""
    if not folder.exists():
        (folder / "model").mkdir(parents=True)
        roots = (bundled_files.bundled("models"),)
        CmsisNN().generate(find_model(model, roots).graph, folder / "model", core=target.mcu.core)
    toolchain = replace(find_toolchain(compiler), opt=opt)
    elf = folder / "cmake" / "firmware.elf"
    elf.unlink(missing_ok=True)  # Ninja does not see that memory.ld changed
    compile_firmware(target, toolchain, folder, {**_UNSET, **firmware_options(target, toolchain)})
    return Elf(elf)


def check(elf: Elf, target: Target) -> None:
    """Check that the vector table, all words and all segments are where the chip needs them.

    Raises `UnsuitableError` that says what is wrong, for which chip.
    """
    _check_table(elf, target)
    in_flash = target.load == "flash"
    for fixed in target.image.words if in_flash else ():
        expected = struct.pack(f"<{len(fixed.values)}I", *fixed.values)
        found = elf.read(fixed.address, len(expected)) or b""
        what = f"at {fixed.address:#x} is {found.hex(' ', 4)}, not {expected.hex(' ', 4)}"
        _require(found == expected, target, what)
    board = target.board
    if not isinstance(board, Pyocd):
        raise UnsuitableError(f"{target.name}: its board is not one of pyOCD's")
    parts = _parts(memory_of(board.target))
    for span in elf.memory():
        inside = any(_inside(span, part) for part in parts)
        what = f"{span.start:#x} to {span.stop:#x} is outside pyOCD's map"
        _require(inside, target, what)


def _check_table(elf: Elf, target: Target) -> None:
    """Check where the vector table is, and the vectors that a reset needs."""
    region, ram = target.load_region, target.memory.ram
    table = elf.vector_table(region)
    if target.load == "flash":
        placed = table == region.origin
    else:
        placed = table in region and table % table_alignment(target.mcu.core) == 0
    _require(placed, target, f"the vector table is at {table:#x}")
    data = elf.read(table, _VECTORS * 4)
    if data is None:
        raise UnsuitableError(f"{target.name}: the image has no vectors at {table:#x}")
    vectors = struct.unpack(f"<{_VECTORS}I", data)
    stack, start = vectors[:2]
    _require(stack - 1 in ram, target, f"the stack begins at {stack:#x}, outside the RAM")
    _require(stack % 8 == 0, target, f"the stack begins at {stack:#x}, no multiple of 8")
    _require(bool(start & _THUMB), target, f"the reset vector {start:#x} has no Thumb bit")
    _require(start in region, target, f"the image starts at {start:#x}, outside {region}")
    if target.load == "flash":
        is_zero = sum(vectors[:8]) & 0xFFFF_FFFF == 0
        what = f"the sum of the first eight vectors is {'' if is_zero else 'not '}0"
        _require(is_zero == target.image.vector_checksum, target, what)


def table_alignment(core: str) -> int:
    """Return what VTOR wants the address of a table to be a multiple of, whatever the chip.

    It is the power of two that is no less than the largest table of chips with `core`: 16
    exceptions, and interrupts as many as the core can have.
    """
    if core in ("cortex-m0", "cortex-m0plus"):
        return 256  # 32 interrupts
    return 1024 if core in _UP_TO_240 else 2048  # 240 or 480 interrupts


def _require(holds: bool, target: Target, otherwise: str) -> None:
    if not holds:
        raise UnsuitableError(f"{target.name}: {otherwise}")


def _parts(regions: Any) -> list[range]:
    """Return the flash and RAM of `regions`; those that touch each other are one."""
    parts: list[range] = []
    for region in sorted(regions, key=lambda region: region.start):
        if not (region.is_flash or region.is_ram):
            continue
        if parts and parts[-1].stop == region.start:
            parts[-1] = range(parts[-1].start, region.end + 1)
        else:
            parts.append(range(region.start, region.end + 1))
    return parts


def _inside(span: range, part: range) -> bool:
    return part.start <= span.start and span.stop <= part.stop
