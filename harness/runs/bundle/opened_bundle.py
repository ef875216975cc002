"""An opened bundle: the targets, models and images that it has."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.elf import Elf
from harness.errors import InputError
from harness.image.build import Image, firmware_options
from harness.image.origin import Origin
from harness.image.toolchain import Toolchain
from harness.model.edge_impulse_export import Export
from harness.model.folder import Model
from harness.runs.bundle.bundle_file import REMEDY, not_by_hand, read_bytes, read_manifest, unpack
from harness.runs.bundle.manifest import (
    MANIFEST,
    BundledVariant,
    ExportEntry,
    ImageEntry,
    Manifest,
)
from harness.support import checked_cache, toml_file
from harness.support.suggestions import suggest
from harness.support.whole_files import explained_errors
from harness.target.target_file import Pyocd, Target, TargetFile
from harness.target.target_rules import check_rules_of_chip
from harness.workspace import Workspace

_STEM = 40  # characters of the bundle's name in the name of its folder


@dataclass(frozen=True, eq=False)
class StoredExport(Export):
    """An export whose sources are elsewhere, with their digests."""

    stored: ExportEntry

    @property
    def has_sources(self) -> bool:
        """They are elsewhere."""
        return False

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the sources."""
        return self.stored.digest

    @property
    def sdk(self) -> str:
        """The SDK."""
        return self.stored.sdk


@dataclass(frozen=True)
class Bundle:
    """The bundle `path` with the SHA-256 `digest`, whose files are in `folder`."""

    path: Path
    digest: str
    manifest: Manifest
    folder: Path

    def names(self, axis: str) -> tuple[str, ...]:
        """Return what the images were built from: their targets, models, engines and so on."""
        return tuple(dict.fromkeys(_axes(entry)[axis] for entry in self.manifest.images))

    def check_name(self, axis: str, name: str) -> None:
        """Raise `InputError` if no image of the bundle was built from the model `name`, say."""
        known = self.names(axis)
        if name not in known:
            raise InputError(
                f"no image in the bundle has the {axis} {name!r}",
                where=f"--{axis}={name}",
                remedy=f"{suggest(name, known)}, or build another bundle",
            )

    def target(self, name: str) -> Target:
        """Return the target `name`, which is one of `names`.

        Its command for a power cycle stays behind: it switches a board of the other machine.
        """
        entry = self.manifest.targets[name]
        where = self.path / f"{MANIFEST}: targets.{name}.description"
        described = toml_file.convert(entry.description, TargetFile, where)
        files = {key: str(self.folder / file) for key, file in entry.files.items()}
        if not set(files) <= set(described.board.__struct_fields__):
            raise InputError(
                f"this board has no {', '.join(files)}", where=str(where), remedy=REMEDY
            )
        board = msgspec.structs.replace(described.board, **files)
        if isinstance(board, Pyocd):
            board = msgspec.structs.replace(board, power_cycle="")
        described = msgspec.structs.replace(described, board=board)
        check_rules_of_chip(where, described)
        keys = msgspec.structs.asdict(described)
        return Target(name=name, path=self.path, doubt=entry.doubt, **keys)

    def check_target(self, target: Target) -> None:
        """Raise `InputError` if no image of the bundle is for the chip of `target`."""
        reasons = [self._difference(name, target) for name in self.names("target")]
        if all(reasons):
            raise InputError(
                f"no image in the bundle is for this target: {'; '.join(reasons)}",
                where=f"--target={target.name}",
                remedy=f"name a target with the same chip and memory, or build a bundle with "
                f"--target={target.name}",
            )

    def model(self, name: str) -> Model:
        """Return the model `name`; `InputError` if the bundle has none of this name."""
        self.check_name("model", name)
        entry = self.manifest.models[name]
        network = self.folder / entry.network
        return Model(
            name=name,
            path=self.path,
            description=entry.description,
            task=entry.task,
            metric=entry.metric,
            quality_target=entry.quality_target,
            classes=entry.classes,
            preprocessing=entry.preprocessing,
            provenance=entry.provenance,
            tflite=b"" if entry.export else network.read_bytes(),
            tflite_path=self.path if entry.export else network,
            vectors_path=self.folder / entry.vectors,
            export=_export(entry.export, self.path) if entry.export else None,
            unit=entry.unit,
        )

    def toolchain(self, name: str, opt: str) -> Toolchain:
        """Return the toolchain that built the images; it may not be on this machine."""
        self.check_name("toolchain", name)
        self.check_name("opt", opt)
        versions = (
            entry.toolchain.version
            for entry in self.manifest.images
            if entry.toolchain.name == name
        )
        return Toolchain(name, Path(name), next(versions), opt)

    def engine_version(self, engine: str) -> str:
        """Return the version of `engine`, which is one of the bundle's."""
        entries = (entry for entry in self.manifest.images if entry.engine == engine)
        return next(entries).engine_version

    def image(
        self,
        target: Target,
        model: Model,
        engine: str,
        toolchain: Toolchain | None,
        variant: BundledVariant,
    ) -> Image:
        """Return the image; `InputError` if the bundle has none of these.

        Without a `toolchain`, the first one is taken.
        """
        toolchain = toolchain or self.toolchain(self.names("toolchain")[0], self.names("opt")[0])
        wanted = (model.name, engine, toolchain.name, toolchain.opt, variant)
        for entry in self.manifest.images:
            found = (*list(_axes(entry).values())[1:], entry.variant)
            if found == wanted and not self._difference(entry.target, target):
                return self._image(entry, target)
        what = f"{variant} " if variant != "measured" else ""
        raise InputError(
            f"the bundle has no {what}image of {model.name} for {target.name} with {engine}, "
            f"{toolchain.name} and {toolchain.opt}",
            where=str(self.path),
            remedy=f"build it with harness build{' --profile' * bool(what)} --bundle",
        )

    def _image(self, entry: ImageEntry, target: Target) -> Image:
        elf = Elf(self.folder / entry.elf)
        flash, ram = elf.sizes(target.memory)
        return Image(
            elf,
            entry.build_id,
            entry.engine,
            entry.engine_version,
            self.toolchain(entry.toolchain.name, entry.toolchain.opt),
            flash,
            ram,
            cached=True,
            arena=entry.arena,
            arena_least=entry.arena_least,
            layers=entry.layers,
            heap=entry.heap,
            hook=entry.hook,
            arena_state=entry.arena_state,
            origin=Origin(self.digest, self.manifest.commit, self.manifest.harness),
        )

    def _difference(self, name: str, target: Target) -> str:
        """Return why the images for the bundle's target `name` do not run on `target`."""
        if target.path == self.path:
            return "" if target.name == name else f"the images for {name} are not for {target.name}"
        described = self.target(name)
        chips = [each.mcu.name for each in (described, target)]
        if chips[0].casefold() != chips[1].casefold():
            return f"the images for {name} are for the chip {chips[0]}, not {chips[1]}"
        ours, theirs = (self._options(each) for each in (described, target))
        keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        texts = (
            f"{key} {ours.get(key, 'none')} instead of {theirs.get(key, 'none')}" for key in keys
        )
        return f"the images for {name} are built with {', '.join(texts)}" if keys else ""

    def _options(self, target: Target) -> Mapping[str, str]:
        """Return the options of the firmware that an image for `target` depends on."""
        toolchain = self.manifest.images[0].toolchain
        options = firmware_options(target, self.toolchain(toolchain.name, toolchain.opt))
        return options | ({"PORT": target.port.title} if target.port.dir else {})


def _axes(entry: ImageEntry) -> Mapping[str, str]:
    return {
        "target": entry.target,
        "model": entry.model,
        "engine": entry.engine,
        "toolchain": entry.toolchain.name,
        "opt": entry.toolchain.opt,
    }


def _export(entry: ExportEntry, path: Path) -> Export:
    facts = {name: getattr(entry, name) for name in entry.__struct_fields__}
    del facts["digest"], facts["sdk"]
    return StoredExport(path=path, stored=entry, **facts)


def open_bundle(
    path: Path, workspace: Workspace, warn: Callable[[str], None] = checked_cache.warn_on_stderr
) -> Bundle:
    """Check the bundle `path`, and unpack it into the caches of `workspace`.

    Raises `InputError` if it is not a bundle, or damaged; `InfrastructureError` if the caches
    cannot be written.
    """
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    manifest = read_manifest(data, path)
    _check_references(manifest, path)
    folder = workspace.bundles / f"{path.stem[:_STEM]}-{digest[:12]}"
    with explained_errors("the bundle cannot be unpacked", workspace.bundles):
        checked_cache.provide(folder, digest, lambda new: unpack(data, manifest, path, new), warn)
    bundle = Bundle(path, digest, manifest, folder)
    for name in manifest.targets:
        with not_by_hand():
            bundle.target(name)
    return bundle


def _check_references(manifest: Manifest, path: Path) -> None:
    """Raise `InputError` if the manifest refers to something that the bundle does not have."""
    for key, name, known in _references(manifest):
        if name not in known:
            raise InputError(
                f"the bundle has no {name!r}", where=f"{path / MANIFEST}: {key}", remedy=REMEDY
            )


def _references(manifest: Manifest) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """Yield each key that refers to something, with the name, and where the name must be."""
    for index, image in enumerate(manifest.images):
        yield f"images[{index}].target", image.target, manifest.targets
        yield f"images[{index}].model", image.model, manifest.models
        yield f"images[{index}].elf", image.elf, manifest.files
    for name, model in manifest.models.items():
        yield f"models.{name}.vectors", model.vectors, manifest.files
        if model.export is None:
            yield f"models.{name}.network", model.network, manifest.files
    for name, target in manifest.targets.items():
        for key, file in target.files.items():
            yield f"targets.{name}.files.{key}", file, manifest.files
