"""What the runs of a selection are made from: the files to watch, and a digest for each run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from msgspec import structs

from harness.errors import HarnessError
from harness.harness_toml import FILE
from harness.image.firmware_sources import firmware_sources
from harness.model.folder import list_models
from harness.model.model_file import DESCRIPTION
from harness.options.selection import Choice, Selection
from harness.results.combination import Combination
from harness.support.bundled_files import is_path
from harness.support.watched_files import WatchedFiles, files_in
from harness.target.target_file import Port
from harness.workspace import Workspace


def combinations_of(selection: Selection) -> list[Combination]:
    """Return the names of all combinations, grouped by target."""
    axes = (selection.targets, selection.models, selection.engines, selection.toolchains)
    return [Combination(*names) for names in product(*axes, selection.opts)]


def lasting_names(selection: Selection, names: Combination) -> Combination:
    """Return what stays of `names` if the user builds prebuilt firmware with other flags."""
    return names._replace(toolchain="", optimize="") if selection.prebuilt else names


def choice_of(selection: Selection, names: Combination) -> Choice:
    """Return the target, model, engine and toolchain with these names; raises their errors."""
    return Choice(
        selection.target(names.target),
        selection.model(names.model),
        selection.engine(names.engine),
        selection.toolchain(names.toolchain, names.optimize),
    )


def files_of_selection(options: Any, workspace: Workspace) -> Iterator[Path]:
    """Yield the files that decide which combinations there are, and what their targets are.

    `options` are those of a run, which argparse parsed.
    """
    yield workspace.root / FILE
    yield from sorted(workspace.models[0].glob(f"*/{DESCRIPTION}"))
    named = (Path(name).parent for name in options.target if is_path(name))
    for folder in dict.fromkeys((workspace.targets[0], *named)):
        yield from sorted(folder.glob("*.toml"))
    for option in ("bundle", "elf", "sketch", "pack"):
        if value := getattr(options, option, ""):
            yield from files_in(Path(value))


@dataclass(frozen=True)
class Inputs:
    """What a run is made from: files and folders, the firmware for a `port`, and a target.

    `target` is what was read of the target's file and its base.
    """

    places: Sequence[Path]
    target: str
    port: Port | None = None

    def files(self) -> Iterator[Path]:
        """Yield the files; there may be other ones each time."""
        for place in self.places:
            yield from files_in(place)
        if self.port:
            yield from firmware_sources(self.port).values()

    def digest(self, files: WatchedFiles) -> str:
        """Return a digest of what the inputs hold now."""
        return f"{files.digest(self.files())} {self.target}"


def inputs_of(selection: Selection, names: Combination) -> Inputs:
    """Return what the run of `names` is made from.

    If something is damaged, it is the whole folder of the model, since any file may mend it.
    """
    try:
        target, model, *_ = choice_of(selection, names)
    except HarnessError as error:
        folder = _folder(selection, names.model)
        return Inputs([folder] if folder else [], str(error))
    read = repr(structs.asdict(target))
    if selection.bundle:
        return Inputs([selection.bundle.path], read)
    described = (getattr(target.board, key, "") for key in ("platform", "overlay", "pack"))
    board = [Path(name) for name in described if name and Path(name).is_absolute()]
    places = [model.path / DESCRIPTION, model.tflite_path, model.vectors_path, *board]
    if selection.prebuilt:
        return Inputs([*places, selection.prebuilt.path], read)
    return Inputs(places, read, target.port)


def _folder(selection: Selection, name: str) -> Path | None:
    """Return the folder of a model that may be damaged; None if there is none, or in a bundle."""
    if selection.bundle:
        return None
    if is_path(name):
        path = Path(name)
        return path.parent if path.name == DESCRIPTION else path
    return list_models(selection.workspace.models).get(name)
