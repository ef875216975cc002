"""The document of `harness build`: the images, and the bundle of them."""

from collections.abc import Sequence

import msgspec

from harness.image.build import Image
from harness.measure.number import Number
from harness.report.json_documents.named_combination import NamedCombination
from harness.runs.bundle.manifest import BundledVariant
from harness.runs.bundle.write_bundle import BuiltImage
from harness.support.json_output import Document
from harness.target.target_file import Target


class DescribedImage(NamedCombination, frozen=True, kw_only=True):
    """An image."""

    variant: BundledVariant
    """`measured`: what `harness run` takes. The others are for `--profile` and for a mismatch."""
    elf: str
    """Path of the ELF file."""
    log: str
    """Path of the build's log."""
    build_id: str
    """Build ID that the firmware answers with."""
    cached: bool
    """Whether an earlier build was used again."""
    engine_version: str
    """Version of the engine."""
    compiler: str
    """Version of the compiler."""
    heap: bool
    """Whether the arena is allocated on the heap. Then only a run measures its use."""
    numbers: dict[str, Number]
    """Sizes by name, as in Records: `flash`, `flash_left`, `ram`, `ram_left`, `arena`."""


class WrittenBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was written."""

    file: str
    """Path of the bundle."""
    size: int
    """Size in bytes."""
    sha256: str
    """SHA-256 of the file."""


class BuildDocument(Document, frozen=True, tag="tinyml-harness/build/1"):
    """`harness build`: the images of all combinations."""

    images: list[DescribedImage]
    """The images, in their order."""
    bundle: WrittenBundle | None
    """The bundle. It is null without `--bundle`."""
    notes: list[str]
    """What else the user should know."""


def build_document(
    built: Sequence[BuiltImage], bundle: WrittenBundle | None, notes: Sequence[str]
) -> BuildDocument:
    """Return what was built."""
    return BuildDocument(images=list(map(_described, built)), bundle=bundle, notes=list(notes))


def _described(built: BuiltImage) -> DescribedImage:
    image = built.image
    return DescribedImage(
        target=built.target.name,
        model=built.model.name,
        engine=image.engine,
        toolchain=image.toolchain.name,
        opt=image.toolchain.opt,
        variant=built.variant,
        elf=str(image.elf.path),
        log=str(image.directory / "build.log"),
        build_id=image.build_id,
        cached=image.cached,
        engine_version=image.engine_version,
        compiler=image.toolchain.version,
        heap=image.heap,
        numbers=_sizes(image, built.target),
    )


def _sizes(image: Image, target: Target) -> dict[str, Number]:
    sizes = {
        "flash": image.flash,
        "flash_left": target.memory.flash.size - image.flash,
        "ram": image.ram,
        "ram_left": target.memory.ram.size - image.ram + image.ram_elsewhere,
    }
    if not image.heap:
        sizes["arena"] = image.arena
        sizes |= {"arena_least": image.arena_least} if image.arena_least else {}
        sizes |= {"arena_state": image.arena_state} if image.arena_state else {}
    return {name: Number(size, "byte", "exact") for name, size in sizes.items()}
