"""What families of chips need, from `targets/chips/*.toml`: core, boot, memory, start."""

from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated

import msgspec

from harness.support import bundled_files, toml_file
from harness.support.memory_map import Address, Load, Region
from harness.support.toml_file import Section
from harness.target.chip_needs import ChipId, FlashCodes, IdWords, ImageNeeds, Write
from harness.target.target_file import Core, Text

_PRIVATE_BUS = 0xE000_0000  # of every Cortex-M; the debug registers of STM32 are behind it


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
    fsec: Address | None = None
    """Address of the byte in flash that secures the chip against debuggers, if there is one."""
    unsure: str = ""
    """What the sources do not tell: such a chip may not start."""


class Line(Section, frozen=True):
    """The chips that a value of an id register stands for: a whole line, most often."""

    name: Text
    """The maker's name of the line."""
    values: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1)]
    """Values of the register in the bits of its mask."""
    chips: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    """Patterns of pyOCD's names of the chips, with * and ?."""
    named: tuple[int, ...] = ()
    """Sizes of the flash in KiB for which the RAM differs: then the user names the chip."""


class Identity(Section, frozen=True):
    """A register that tells lines of chips apart."""

    core: Core
    """Core of the chips. On other cores, the register is not read: it may not exist."""
    address: Address
    """Address of the register."""
    mask: Address
    """Bits of the register that are compared."""
    source: Text
    """Documents and public projects that state register and values."""
    lines: Annotated[tuple[Line, ...], msgspec.Meta(min_length=1)]
    """What the values stand for."""
    flash_size: Address | None = None
    """Address of the register with the size of the flash, if the chips have one."""
    flash_codes: FlashCodes = ()
    """What the register stands for, as `ChipId` has it."""

    def line(self, value: int) -> Line | None:
        """Return the line of a chip whose register reads `value`."""
        return next((line for line in self.lines if value & self.mask in line.values), None)


class Lock(Section, frozen=True):
    """How chips shut debuggers out, which pyOCD does not know, and what lets them in again."""

    chips: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    """Patterns of pyOCD's names of the chips, with * and ?."""
    name: Text
    """What the maker calls the lock."""
    unlock: Text
    """What unlocks a chip, with {target} and {probe} for those in a command; it erases the flash.
    """
    source: Text
    """Documents and public projects that state this."""
    silent: bool = False
    """Whether a locked chip does not answer at all."""
    address: Address | None = None
    """Address of the register that shows the lock, if the debugger can read it."""
    mask: Address = 0xFFFF_FFFF
    """Bits of the register that are compared."""
    open: Address = 0
    """Value of these bits in a chip that is not locked."""


class UniqueId(Section, frozen=True):
    """Where chips have a number that no other chip has."""

    chips: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    """Patterns of pyOCD's names of the chips, with * and ?."""
    words: IdWords
    """Addresses of its words, 32 bits each, in the order of the document."""
    source: Text
    """Documents and public projects that state them."""


class _File(Section, frozen=True):
    family: tuple[Family, ...]
    identity: tuple[Identity, ...] = ()
    lock: tuple[Lock, ...] = ()
    unique_id: tuple[UniqueId, ...] = ()


def families() -> tuple[Family, ...]:
    """Return all families, file by file in the order of their names."""
    return tuple(family for file in _files() for family in file.family)


def identities() -> tuple[Identity, ...]:
    """Return the registers that identify chips, in the order in which they are read.

    To read a peripheral's register can disturb another maker's chip (0x50004004 is a FIFO of USB in
    STM32F4), so those of the core's private bus come first. Then, fewer compared bits match more
    chips by chance.
    """
    found = [identity for file in _files() for identity in file.identity]
    return tuple(sorted(found, key=lambda i: (i.address < _PRIVATE_BUS, -i.mask.bit_count())))


@cache
def _files() -> tuple[_File, ...]:
    folder = bundled_files.bundled("targets") / "chips"
    return tuple(toml_file.read(path, _File) for path in sorted(folder.glob("*.toml")))


def family_of(chip: str) -> Family | None:
    """Return the family of `chip`, pyOCD's name of it; None if no pattern matches."""
    return next((family for family in families() if _is_one(chip, family.chips)), None)


def lock_of(chip: str) -> Lock | None:
    """Return how `chip`, pyOCD's name of it, shuts debuggers out; None if that is not known."""
    locks = (lock for file in _files() for lock in file.lock)
    return next((lock for lock in locks if _is_one(chip, lock.chips)), None)


def unique_id_of(chip: str) -> tuple[int, ...]:
    """Return the addresses of the unique ID of `chip`, pyOCD's name of it; empty if not known."""
    ids = (each for file in _files() for each in file.unique_id)
    return next((each.words for each in ids if _is_one(chip, each.chips)), ())


def id_of(chip: str) -> ChipId | None:
    """Return the register that identifies `chip`, pyOCD's name of it, if one is known."""
    found = (
        ChipId(
            identity.address,
            line.values if len(line.values) > 1 else line.values[0],
            identity.mask,
            identity.flash_size,
            identity.flash_codes,
        )
        for identity in identities()
        for line in identity.lines
        if _is_one(chip, line.chips)
    )
    return next(found, None)


def _is_one(chip: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a pattern matches `chip`; pyOCD takes names in upper and lower case."""
    return any(fnmatchcase(chip.lower(), pattern) for pattern in patterns)
