"""What identifies a chip, and what it needs at its start: parts of target files and chip data."""

from typing import Annotated, Literal

import msgspec

from harness.support.memory_map import Address
from harness.support.toml_file import Section

FlashCodes = Annotated[tuple[Annotated[int, msgspec.Meta(ge=0)], ...], msgspec.Meta(max_length=16)]

IdWords = Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=8)]


class ChipId(Section, frozen=True):
    """A register that identifies the chip. The harness checks it before it flashes."""

    address: Address
    """Address of the register."""
    value: Address | tuple[Address, ...]
    """Value that the register must have in the bits of `mask`, or a list of values."""
    mask: Address = 0xFFFF_FFFF
    """Bits of the register that are compared."""
    flash_size: Address | None = None
    """Address of the register with the size of the flash."""
    flash_codes: FlashCodes = ()
    """What the bits 27 to 24 of that register stand for, in KiB; 0 is not known. Without them, it
    is a half-word with the size in KiB.
    """
    flash_kib: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Size of the flash in KiB that the chip must have."""

    @property
    def values(self) -> tuple[int, ...]:
        """The values that the register may have."""
        return (self.value,) if isinstance(self.value, int) else self.value


class FixedWords(Section, frozen=True):
    """Words that the chip expects in flash at a fixed address."""

    address: Address
    """Address of the first word."""
    values: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1)]
    """The words, 32 bits each."""


class Write(Section, frozen=True):
    """A write to a register."""

    address: Address
    """Address of the register."""
    value: Address
    """Value that is written."""
    width: Literal[8, 16, 32] = 32
    """Bits of the access."""


class ImageNeeds(Section, frozen=True):
    """What the chip looks for in the image before it starts it, and what the image does first."""

    vector_checksum: bool = False
    """Whether vector 7 makes the sum of the first eight vectors 0, as the boot ROM of LPC chips
    checks.
    """
    words: tuple[FixedWords, ...] = ()
    """Words at fixed addresses in ascending order, such as the flash configuration field of
    Kinetis chips.
    """
    writes: tuple[Write, ...] = ()
    """What the image writes first of all, in this order: for registers that must be written within
    a few cycles, as a watchdog's, which a debugger is too slow for.
    """
