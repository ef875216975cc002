"""What families of chips need, from `targets/chips/*.toml`: core, boot, memory, start."""

from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated

import msgspec

from harness.support import bundled_files, toml_file
from harness.support.memory_map import Address, Load, Region
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


class Identity(Section, frozen=True):
    """A register that tells chips apart, and the chip that it stands for."""

    chip: Text
    """pyOCD's name of the chip; of chips with the same value, one whose map suits them."""
    address: Address
    """Address of the register."""
    value: Address
    """Value of the register in the bits of `mask`."""
    mask: Address
    """Bits of the register that are compared."""


class _File(Section, frozen=True):
    family: tuple[Family, ...]
    identity: tuple[Identity, ...] = ()


def families() -> tuple[Family, ...]:
    """Return all families, file by file in the order of their names."""
    return tuple(family for file in _files() for family in file.family)


def identities() -> tuple[Identity, ...]:
    """Return the registers that identify chips."""
    return tuple(identity for file in _files() for identity in file.identity)


@cache
def _files() -> tuple[_File, ...]:
    folder = bundled_files.bundled("targets") / "chips"
    return tuple(toml_file.read(path, _File) for path in sorted(folder.glob("*.toml")))


def family_of(chip: str) -> Family | None:
    """Return the family of `chip`, pyOCD's name of it; None if no pattern matches."""
    matches = (f for f in families() if any(fnmatchcase(chip, pattern) for pattern in f.chips))
    return next(matches, None)
