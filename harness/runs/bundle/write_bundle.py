"""Makes a bundle of built images: what `harness run --bundle` needs elsewhere."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from harness.errors import InputError
from harness.golden import oracle
from harness.image.build import Image
from harness.image.linker_map import archive_lines
from harness.model.edge_impulse_export import Export
from harness.model.folder import Model
from harness.model.vectors import named_arrays
from harness.runs.bundle.bundle_file import described, pack
from harness.runs.bundle.manifest import (
    SCHEMA,
    BundledVariant,
    ExportEntry,
    FileEntry,
    ImageEntry,
    Manifest,
    ModelEntry,
    TargetEntry,
    ToolchainEntry,
)
from harness.support.git_commit import commit_of
from harness.support.input_file import MAX_BYTES, read_input
from harness.support.version import VERSION
from harness.support.whole_files import npz, replace_files
from harness.target.target_file import Target, TargetFile
from harness.workspace import Workspace

_FILE_KEYS: tuple[Literal["platform", "overlay", "pack"], ...] = ("platform", "overlay", "pack")


@dataclass(frozen=True)
class BuiltImage:
    """An image for the bundle, and what it was built from."""

    target: Target
    model: Model
    image: Image
    variant: BundledVariant = "measured"


def write_bundle(
    path: Path,
    built: Sequence[BuiltImage],
    workspace: Workspace,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> str:
    """Write the images `built` in `workspace` into the bundle `path`; return its SHA-256.

    Golden outputs are computed if a model has none; `say` and `warn` are those of
    `oracle.of_model`. Raises `InputError` if two models or two targets have the same name, or
    `path` cannot be written, or the bundle is too large.
    """
    contents = _Contents(workspace, say, warn)
    for each in built:
        contents.add(each)
    data = contents.packed()
    if len(data) > MAX_BYTES:
        raise InputError(
            f"has {len(data) >> 20:,} MiB, more than the {MAX_BYTES >> 20} MiB that are read",
            where=str(path),
            remedy="write several bundles, with fewer models or targets each",
        )
    replace_files(path.absolute().parent, {path.name: data})
    return hashlib.sha256(data).hexdigest()


class _Contents:
    """The files of a bundle by name, and their description."""

    def __init__(
        self, workspace: Workspace, say: Callable[[str], None], warn: Callable[[str], None]
    ) -> None:
        self._workspace = workspace
        self._say, self._warn = say, warn
        self._files: dict[str, bytes] = {}
        self._targets: dict[str, TargetEntry] = {}
        self._models: dict[str, ModelEntry] = {}
        self._images: list[ImageEntry] = []
        self._paths: dict[str, Path] = {}

    def add(self, built: BuiltImage) -> None:
        """Add an image with its target and model, each of them once."""
        target, model, image = built.target, built.model, built.image
        self._check_name("target", target.name, target.path)
        self._check_name("model", model.name, model.path)
        if target.name not in self._targets:
            self._targets[target.name] = self._target(target)
        if model.name not in self._models:
            self._models[model.name] = self._model(model)
        toolchain = image.toolchain
        name = f"images/{len(self._images)}-{_plain(image.directory.name)}"
        self._files[f"{name}/firmware.map"] = archive_lines(
            image.elf.path.with_suffix(".map")
        ).encode()
        self._images.append(
            ImageEntry(
                target=target.name,
                model=model.name,
                engine=image.engine,
                variant=built.variant,
                engine_version=image.engine_version,
                toolchain=ToolchainEntry(toolchain.name, toolchain.version, toolchain.opt),
                build_id=image.build_id,
                elf=self._added(f"{name}/firmware.elf", read_input(image.elf.path)),
                arena=image.arena,
                arena_least=image.arena_least,
                arena_state=image.arena_state,
                heap=image.heap,
                layers=image.layers,
                hook=image.hook,
            )
        )

    def packed(self) -> bytes:
        """Return the bytes of the bundle."""
        files = {
            name: FileEntry(len(data), hashlib.sha256(data).hexdigest())
            for name, data in sorted(self._files.items())
        }
        commit = commit_of(self._workspace.root)
        images = tuple(self._images)
        manifest = Manifest(SCHEMA, VERSION, commit, self._targets, self._models, images, files)
        return pack(described(manifest), self._files)

    def _check_name(self, what: str, name: str, path: Path) -> None:
        """Raise `InputError` if another target or model has the same name."""
        other = self._paths.setdefault(f"{what} {name}", path)
        if other != path:
            raise InputError(
                f"a bundle cannot have two {what}s with the name {name!r}: the other is {other}",
                where=str(path),
                remedy="write two bundles, or rename one of them",
            )

    def _added(self, name: str, data: bytes) -> str:
        self._files[name] = data
        return name

    def _target(self, target: Target) -> TargetEntry:
        """Return the entry of `target`; the files that its board needs become part of the bundle.

        Renode has the files whose names it resolves itself.
        """
        folder = f"targets/{len(self._targets)}-{_plain(target.name)}"
        files = {}
        board = target.board
        for key in _FILE_KEYS:
            file = Path(getattr(board, key, ""))
            if file.is_absolute() and file.is_file():
                files[key] = self._added(f"{folder}/{_plain(file.name)}", read_input(file))
                board = msgspec.structs.replace(board, **{key: _plain(file.name)})
        port = msgspec.structs.replace(
            target.port, dir=target.port.title if target.port.dir else ""
        )
        target = msgspec.structs.replace(target, board=board, port=port)
        return TargetEntry(_keys_of(target, TargetFile), files, target.doubt)

    def _model(self, model: Model) -> ModelEntry:
        """Return the entry of `model`, whose vectors get golden outputs."""
        model.check(model.graph)
        vectors = model.vectors
        golden, source = oracle.of_model(
            model, vectors, self._workspace.golden, self._say, self._warn
        )
        folder = f"models/{len(self._models)}-{_plain(model.name)}"
        arrays = named_arrays("inputs", vectors.all_inputs) | named_arrays("golden", golden)
        for name in ("labels", "recordings"):
            if (values := getattr(vectors, name)) is not None:
                arrays[name] = values
        export = model.export
        return ModelEntry(
            description=model.description,
            task=model.task,
            metric=model.metric,
            quality_target=model.quality_target,
            classes=model.classes,
            unit=model.unit,
            preprocessing=model.preprocessing,
            provenance=model.provenance,
            vectors=self._added(
                f"{folder}/vectors.npz", npz(arrays | {"golden_source": np.array(source)})
            ),
            network="" if export else self._added(f"{folder}/model.tflite", model.tflite),
            export=_export(export) if export else None,
        )


def _keys_of(struct: msgspec.Struct, schema: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the keys of `schema` in `struct` that differ from their defaults."""
    keys = {}
    for field in msgspec.structs.fields(schema):
        value = getattr(struct, field.name)
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if value != default:
            inner = isinstance(value, msgspec.Struct)
            keys[field.encode_name] = (
                _keys_of(value, type(value)) if inner else msgspec.to_builtins(value)
            )
    config = schema.__struct_config__
    return keys | ({config.tag_field: config.tag} if config.tag_field else {})


def _export(export: Export) -> ExportEntry:
    return ExportEntry(**{name: getattr(export, name) for name in ExportEntry.__struct_fields__})


def _plain(name: str) -> str:
    """Return `name` for a file of the bundle."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)[-80:].lstrip(".") or "-"
