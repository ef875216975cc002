"""What `bundle.json` in a bundle describes, key by key."""

from typing import Annotated, Any, Literal

import msgspec

from harness.engines.generated import Hook, LayerInfo
from harness.model.edge_impulse_export import Kind
from harness.model.metric import Metric
from harness.model.model_file import Provenance, Task
from harness.support.git_commit import Commit
from harness.support.toml_file import Section
from harness.target.target_file import Text

SCHEMA = 1
MANIFEST = "bundle.json"

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 32)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
BundledVariant = Literal["measured", "traced", "profiled"]
"""The variants of an image that a bundle can have."""
Name = Annotated[str, msgspec.Meta(pattern=r"\A[^/\x00-\x1f]+\Z", max_length=80)]
"""A name that is part of a Record's file."""


class FileEntry(Section, frozen=True):
    """A file of the bundle."""

    size: Count
    sha256: Sha256


class ExportEntry(Section, frozen=True):
    """What a run needs to know of an Edge Impulse export; its sources are not in the bundle."""

    project: str
    deployment: int
    kind: Kind
    labels: tuple[str, ...]
    samples: Count
    axes: Count
    frequency: float
    image: bool
    anomaly: bool
    boxes: Count
    threshold: float
    network_inputs: Count
    compiled: bool
    impulses: Count
    slices: Count
    continuous: bool
    digest: Sha256
    sdk: str


class ModelEntry(Section, frozen=True):
    """A model: its description, and the names of its files.

    `vectors` hold the golden outputs, too. An `export` has no `network`.
    """

    description: str
    task: Task
    metric: Metric
    quality_target: float
    classes: tuple[str, ...]
    unit: Text
    preprocessing: str
    provenance: Provenance
    vectors: str
    network: str = ""
    export: ExportEntry | None = None


class TargetEntry(Section, frozen=True):
    """A target: what its file describes, without a `base`, and what the board needs, by key."""

    description: dict[str, Any]
    files: dict[Literal["platform", "overlay", "pack"], str] = msgspec.field(default_factory=dict)
    doubt: str = ""


class ToolchainEntry(Section, frozen=True):
    """The compiler: see `Toolchain`."""

    name: Text
    version: str
    opt: Text


class ImageEntry(Section, frozen=True):
    """An image: what it was built from and with, and what its ELF does not tell: see `Image`."""

    target: str
    model: str
    engine: Name
    variant: BundledVariant
    engine_version: str
    toolchain: ToolchainEntry
    build_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    elf: str
    arena: Count
    arena_least: Count
    arena_state: Count
    heap: bool
    layers: tuple[LayerInfo, ...]
    hook: Hook


class Manifest(Section, frozen=True):
    """The whole description. `files` are all other files of the bundle, by name."""

    schema: int
    harness: str
    commit: Commit | None
    targets: dict[Text, TargetEntry]
    models: dict[Name, ModelEntry]
    images: Annotated[tuple[ImageEntry, ...], msgspec.Meta(min_length=1)]
    files: dict[str, FileEntry]
