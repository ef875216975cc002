"""The images of a bundle in the place of an engine: nothing is built."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.engines.registry import Generated
from harness.errors import InputError
from harness.image.build import Image
from harness.image.toolchain import Toolchain
from harness.model.folder import Model
from harness.model.graph import Graph
from harness.runs.bundle.manifest import BundledVariant
from harness.runs.bundle.opened_bundle import Bundle, open_bundle
from harness.target.target_file import Target
from harness.workspace import Workspace

_NOT_WITH = ("elf", "sketch", "tflm_dir")


@dataclass
class BundledFirmware:
    """Takes the place of the engine `name`, which built images of `bundle`."""

    bundle: Bundle
    name: str
    operators = frozenset[str]()

    @property
    def version(self) -> str:
        """The version of the engine."""
        return self.bundle.engine_version(self.name)

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:  # noqa: ARG002
        """Raise `InputError`: the images are built."""
        raise InputError("a bundle has images, not an engine", where=str(self.bundle.path))

    def image(
        self, target: Target, model: Model, toolchain: Toolchain | None, variant: BundledVariant
    ) -> Image:
        """Return the image; `InputError` if the bundle has none."""
        image = self.bundle.image(target, model, self.name, toolchain, variant)
        return replace(image, maker=self)


def add_option(add: Callable[..., Any]) -> None:
    """Declare `--bundle` through `add`, which is argparse's or pytest's."""
    add(
        "--bundle",
        default="",
        metavar="FILE",
        help="run the images in FILE, which harness build --bundle wrote on another machine; this "
        "machine needs no compiler (docs/bundles.md)",
    )


def bundle_of(options: Any, workspace: Workspace) -> Bundle | None:
    """Return the bundle that `options`, parsed by argparse or pytest, name; None without one.

    Raises the errors of `open_bundle`, and `InputError` if another option names firmware.
    """
    file = getattr(options, "bundle", "")
    if not file:
        return None
    for name in _NOT_WITH:
        if getattr(options, name, ""):
            option = f"--{name.replace('_', '-')}"
            raise InputError(
                f"{option} is for images that are not in a bundle",
                where=f"--bundle={file}",
                remedy=f"remove {option} or --bundle",
            )
    return open_bundle(Path(file), workspace)
