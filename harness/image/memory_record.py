"""What a Record has of the use of flash and RAM."""

import msgspec


class Use(msgspec.Struct, frozen=True):
    """Bytes of flash and of RAM."""

    flash: int = 0
    """Bytes of flash."""
    ram: int = 0
    """Bytes of RAM."""

    def __add__(self, other: "Use") -> "Use":
        return Use(self.flash + other.flash, self.ram + other.ram)


class SymbolUse(msgspec.Struct, frozen=True):
    """Bytes of a function or variable."""

    part: str
    """Part of the image that the symbol belongs to."""
    file: str
    """Source file of the symbol."""
    symbol: str
    """Name of the function or variable."""
    flash: int
    """Bytes of flash."""
    ram: int
    """Bytes of RAM."""


class MemoryUse(msgspec.Struct, frozen=True):
    """Memory use of an image: `parts` add up to its flash and RAM, and so do `sections`.

    `symbols` lists symbols of 16 bytes and more, the largest first. The rest of a part consists
    of smaller ones.
    """

    parts: dict[str, Use]
    """Use by part, such as the model, the kernels or the link."""
    sections: dict[str, Use]
    """Use by section of the ELF file."""
    symbols: list[SymbolUse]
    """Functions and variables of 16 bytes and more, the largest first."""
