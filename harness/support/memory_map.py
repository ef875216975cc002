"""The flash and RAM of a chip that an image may use."""

from typing import Annotated, Literal

import msgspec

from harness.support.toml_file import Section

Address = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
Size = Annotated[int, msgspec.Meta(gt=0, le=0xFFFF_FFFF)]
Load = Literal["flash", "ram"]
"""The memory that an image is loaded to, and runs from."""


class Region(Section, frozen=True):
    """A contiguous memory: first address and size in bytes."""

    origin: Address
    """First address."""
    size: Size
    """Size in bytes."""

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.origin + self.size

    def __contains__(self, address: int) -> bool:
        return self.origin <= address < self.end


class Memory(Section, frozen=True):
    """Memory that the image may use."""

    flash: Region
    """Flash."""
    ram: Region
    """RAM."""
