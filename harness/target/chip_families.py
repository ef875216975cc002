"""What families of chips need, from `targets/chips/*.toml`: core, boot, memory, start."""

from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated

import msgspec

from harness.support import bundled_files, toml_file
from harness.support.memory_map import Load, Region
from harness.support.toml_file import Section
from harness.target.target_file import Core, ImageNeeds, Text, Write


class Family(Section, frozen=True):
    """Chips with the same core and the same needs before the first instruction."""

    chips: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    """Patterns of pyOCD's names of the chips, with * and ?."""
    source: Text
    """Documents that state the core and the needs, with the section where there is one."""
    core: Core | None = None
    """Core of the chips. A CMSIS pack states it, so only chips that have no pack need it."""
    load: Load = "flash"
    """`ram` if the chip starts no image in flash that has no boot header or signature."""
    flash: Region | None = None
    """Memory for the image, where pyOCD's map does not tell which of several it is."""
    ram: Region | None = None
    """RAM, where the largest one in pyOCD's map is not the right one."""
    image: ImageNeeds = ImageNeeds()
    """What the chip looks for in the image, and what the image must do first."""
    before_start: tuple[Write, ...] = ()
    """What the debugger writes before the first instruction."""
    unsure: str = ""
    """What the sources do not tell: such a chip may not start."""


class _File(Section, frozen=True):
    family: tuple[Family, ...]


@cache
def families() -> tuple[Family, ...]:
    """Return all families, file by file in the order of their names."""
    files = sorted((bundled_files.bundled("targets") / "chips").glob("*.toml"))
    return tuple(family for file in files for family in toml_file.read(file, _File).family)


def family_of(chip: str) -> Family | None:
    """Return the family of `chip`, pyOCD's name of it; None if no pattern matches."""
    matches = (f for f in families() if any(fnmatchcase(chip, pattern) for pattern in f.chips))
    return next(matches, None)
