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
    """Check that the vector table, all words and all segments are where the chip needs them."""
    region, ram, name = target.load_region, target.memory.ram, target.name
    table = elf.vector_table(-1)
    data = elf.read(table, _VECTORS * 4)
    assert data is not None, name
    vectors = struct.unpack(f"<{_VECTORS}I", data)
    if target.load == "flash":
        assert table == region.origin, f"{name}: the vector table is at {table:#x}"
    else:
        assert table % 1024 == 0, f"{name}: the vector table is at {table:#x}"
        assert table in region, name
    assert vectors[0] - 1 in ram, f"{name}: the stack begins at {vectors[0]:#x}"
    assert vectors[0] % 8 == 0, name
    assert vectors[1] & _THUMB, name
    assert vectors[1] in region, f"{name}: the image starts at {vectors[1]:#x}"
    checksum = sum(vectors[:8]) & 0xFFFF_FFFF
    assert (checksum == 0) == (target.image.vector_checksum and target.load == "flash"), name
    for fixed in target.image.words if target.load == "flash" else ():
        expected = struct.pack(f"<{len(fixed.values)}I", *fixed.values)
        assert elf.read(fixed.address, len(expected)) == expected, f"{name}: {fixed.address:#x}"
    assert isinstance(target.board, Pyocd)
    parts = _parts(memory_of(target.board.target))
    for span in elf.memory():
        assert any(_inside(span, part) for part in parts), (
            f"{name}: {span.start:#x} to {span.stop:#x} is outside pyOCD's map"
        )


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
