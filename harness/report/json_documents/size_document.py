"""The document of `harness size`: the memory use of an image, or the growth to another one."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.image.memory_record import SymbolUse, Use
from harness.image.memory_use import Piece, by_part, by_section, growth, total
from harness.support.json_output import Document
from harness.support.memory_map import Memory


class ImageUse(msgspec.Struct, frozen=True, kw_only=True):
    """The memory use of an image, in bytes."""

    file: str
    """Path of the ELF file."""
    total: Use
    """Use of the whole image."""
    left: Use | None
    """What it leaves of the target's memory. It is null without `--target`."""
    parts: dict[str, Use]
    """Use by part, such as the model, the kernels or the link."""
    sections: dict[str, Use]
    """Use by section of the ELF file."""
    symbols: list[SymbolUse]
    """Functions and variables, the largest first."""


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """How much a symbol has grown."""

    part: str
    """Part of the image."""
    file: str
    """Source file."""
    symbol: str
    """Name of the symbol. It is empty for what no symbol covers."""
    bytes: int
    """Growth in bytes; negative if it has shrunk."""


class SizeDocument(Document, frozen=True, tag="tinyml-harness/size/1"):
    """`harness size`: one image, or two."""

    images: list[ImageUse]
    """The image A, and the image B if one is given."""
    growth: list[Growth] | None
    """What has grown or shrunk from A to B, the largest change first. It is null without B."""


def size_document(
    paths: Sequence[Path], uses: Sequence[list[Piece]], memory: Memory | None
) -> SizeDocument:
    """Return the pieces of one or two ELF files; the last one is for a target with `memory`."""
    last = len(paths) - 1
    images = [
        _use(path, pieces, memory if index == last else None)
        for index, (path, pieces) in enumerate(zip(paths, uses, strict=True))
    ]
    changes = None
    if last:
        changes = [
            Growth(part=part, file=file, symbol=symbol, bytes=size)
            for (part, file, symbol), size in growth(*uses).items()
        ]
    return SizeDocument(images=images, growth=changes)


def _use(path: Path, pieces: list[Piece], memory: Memory | None) -> ImageUse:
    whole, left = total(pieces), None
    if memory:
        left = Use(memory.flash.size - whole.flash, memory.ram.size - whole.ram)
    named = sorted((piece for piece in pieces if piece.symbol), key=lambda piece: -piece.size)
    return ImageUse(
        file=str(path),
        total=whole,
        left=left,
        parts=by_part(pieces),
        sections=by_section(pieces),
        symbols=[
            SymbolUse(piece.part, piece.file, piece.symbol, piece.use.flash, piece.use.ram)
            for piece in named
        ],
    )
