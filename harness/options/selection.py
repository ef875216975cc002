"""The options that select what is run, the same for pytest and the command line.

`--target`, `--model`, `--engine`, `--toolchain` and `--opt`: every combination is run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from harness.board.board_options import check_usable
from harness.board.derivations import derivations
from harness.engines.registry import DEFAULT_ENGINE, ENGINES, Engine, find_engine
from harness.errors import InputError
from harness.harness_toml import tflm_tree
from harness.image.arduino.sketch import sketch_elf
from harness.image.prebuilt import PrebuiltFirmware, prebuilt_firmware
from harness.image.toolchain import (
    DEFAULT_OPT,
    OPTS,
    TOOLCHAINS,
    Toolchain,
    check_name,
    check_opt,
    default_toolchain,
    find_toolchain,
)
from harness.model.folder import Model, find_model, list_models
from harness.runs.bundle.bundled_firmware import BundledFirmware, bundle_of
from harness.runs.bundle.opened_bundle import Bundle
from harness.runs.quick import Quick
from harness.support.bundled_files import is_path
from harness.target.find_target import find_target
from harness.target.target_file import Target
from harness.workspace import Workspace

DEFAULT_TARGET = "virtual-stm32"

AXES = ("target", "model", "engine", "toolchain", "opt")
"""What every test and every run has one of."""

_OPTIONS = (
    (
        "--target",
        "TARGET",
        "a target: a name, a .toml file, chip:NAME, qemu:MACHINE, renode:NAME, or auto for the "
        f"connected board; see harness list targets (default: {DEFAULT_TARGET})",
    ),
    ("--model", "MODEL", "a model: a name or a folder (default: all models in this repository)"),
    ("--engine", "ENGINE", f"an engine: {', '.join(ENGINES)} (default: {DEFAULT_ENGINE})"),
    (
        "--toolchain",
        "TOOLCHAIN",
        f"a toolchain: {', '.join(TOOLCHAINS)} (default: the first one that works)",
    ),
    (
        "--opt",
        "FLAG",
        f"an optimization flag: {', '.join(OPTS)} (default: {DEFAULT_OPT}); write --opt=-Os",
    ),
)


def add_options(add: Callable[..., Any]) -> None:
    """Declare the options through `add`, which is argparse's or pytest's.

    Each option may be repeated, or have several values separated by commas.
    """
    for option, name, text in _OPTIONS:
        add(option, action="append", default=[], metavar=name, help=text)
    add(
        "--tflm-dir",
        default="",
        metavar="DIR",
        help="the TFLM tree for the engine tflm, or the folder with its library (docs/tflm.md)",
    )


def words_of_options() -> Mapping[str, Sequence[str]]:
    """Return the words that some of the options take, for a shell that completes them."""
    return {"--engine": tuple(ENGINES), "--toolchain": tuple(TOOLCHAINS), "--opt": OPTS}


class Choice(NamedTuple):
    """One combination to run."""

    target: Target
    model: Model
    engine: Engine
    toolchain: Toolchain

    @property
    def names(self) -> tuple[str, str, str, str, str]:
        """The names of its parts, in the order of `AXES`."""
        toolchain = self.toolchain
        return self.target.name, self.model.name, self.engine.name, toolchain.name, toolchain.opt


@dataclass(frozen=True)
class Selection:
    """The selected names, or the defaults."""

    workspace: Workspace
    targets: Sequence[str]
    models: Sequence[str]
    engines: Sequence[str]
    toolchains: Sequence[str]
    opts: Sequence[str]
    prebuilt: PrebuiltFirmware | None = None  # if set, nothing is built
    tflm: Path | None = None
    bundled_models: bool = False  # because the repository has none, and none is named
    renode: str = ""  # the path of Renode, which derives targets from its platforms
    probe: str = ""  # the debug probe of the target `auto`
    pack: str = ""  # the path of a CMSIS pack, for targets such as `chip:stm32f446retx`
    serial: str = ""  # the serial port of the board
    place: str = ""  # the board's place in a farm
    coordinator: str = ""  # the address of the farm's coordinator
    bundle: Bundle | None = None  # if set, nothing is built, and it has the models

    @classmethod
    def of(cls, options: Any, workspace: Workspace) -> "Selection":
        """Return the selection from `options`, which argparse or pytest parsed.

        Raises `InputError` if they name prebuilt firmware and also an engine or compiler.
        """
        names = {axis: _split_names(getattr(options, axis)) for axis in AXES}
        board: dict[str, Any] = {
            name: getattr(options, name, "")
            for name in ("renode", "probe", "pack", "serial", "place", "coordinator")
        }
        if bundle := bundle_of(options, workspace):
            targets, models, engines, toolchains, opts = (
                names[axis] or bundle.names(axis) for axis in AXES
            )
            return cls(
                workspace,
                targets,
                models,
                engines,
                toolchains,
                opts,
                bundle=bundle,
                **board,
            )
        targets = names["target"] or (_default_target(board, workspace),)
        sketch = None
        if getattr(options, "sketch", ""):
            known = derivations(board["renode"], board["probe"], board["pack"], workspace.targets)
            sketch_targets = [find_target(name, workspace.targets, known) for name in targets]
            sketch = sketch_elf(options, sketch_targets, workspace.sketches)
        prebuilt = prebuilt_firmware(options, sketch)
        built = prebuilt.toolchain if prebuilt else None
        return cls(
            workspace,
            targets,
            names["model"] or default_models(workspace),
            (prebuilt.name,) if prebuilt else names["engine"] or (DEFAULT_ENGINE,),
            (built.name,) if built else names["toolchain"] or (default_toolchain(),),
            (built.opt,) if built else names["opt"] or (DEFAULT_OPT,),
            prebuilt,
            Path(options.tflm_dir) if options.tflm_dir else tflm_tree(workspace.root),
            not options.model and not list_models(workspace.models[:1]),
            **board,
        )

    @property
    def compares_engines(self) -> bool:
        """Whether several engines are compared side by side, which needs their layers."""
        return len(self.engines) > 1

    @property
    def note(self) -> str:
        """What the results do not show: that the models are not the user's; otherwise empty."""
        if not self.bundled_models:
            return ""
        return f"models: bundled with the harness, because {self.workspace.root} has none"

    def target(self, name: str) -> Target:
        """Return the target `name`; raises `InputError` if it is unknown or invalid.

        With a bundle, it is the bundle's target, or another with the same chip.
        """
        if self.bundle and name in self.bundle.names("target"):
            return self.bundle.target(name)
        roots = self.workspace.targets
        known = derivations(self.renode, self.probe, self.pack, roots)
        target = find_target(name, roots, known)
        if self.bundle:
            self.bundle.check_target(target)
        return target

    def model(self, name: str) -> Model:
        """Return the model `name`; raises `InputError` if it is unknown or invalid."""
        if self.bundle:
            return self.bundle.model(name)
        return find_model(name, self.workspace.models)

    def engine(self, name: str) -> Engine:
        """Return the engine `name`, or what takes its place: prebuilt firmware, or a bundle.

        Raises `InputError` if the engine is unknown, or cannot be used.
        """
        if self.bundle:
            self.bundle.check_name("engine", name)
            return BundledFirmware(self.bundle, name)
        if self.prebuilt:
            return self.prebuilt
        engine = find_engine(name, self.tflm)
        _ = engine.version  # checks that the engine's files exist
        return engine

    def toolchain(self, name: str, opt: str) -> Toolchain:
        """Return the toolchain `name` with the flag `opt`, or that of what was built elsewhere."""
        if self.bundle:
            return self.bundle.toolchain(name, opt)
        return self.prebuilt.toolchain if self.prebuilt else find_toolchain(name, opt)

    def check(self) -> None:
        """Raise `InputError` for the first name or option that is unknown or cannot be used."""
        if not self.models:
            raise InputError(
                "there is no model",
                where=str(self.workspace.root / "models"),
                remedy="put a model folder there, or name a model with --model",
            )
        targets = [self.target(name) for name in self.targets]
        board = ("probe", "pack", "serial", "renode", "place", "coordinator")
        check_usable({name: getattr(self, name) for name in board}, targets)
        for axis in AXES[1:]:
            for name in getattr(self, f"{axis}s"):
                self.check_name(axis, name)

    def check_vectors(self, quick: Quick) -> None:
        """Raise `InputError` for the first model that `quick` does not fit."""
        for name in self.models:
            quick.check(self.model(name))

    def check_name(self, axis: str, name: str) -> None:
        """Raise `InputError` if no target, model, engine, toolchain or flag has this `name`."""
        if axis == "target":
            self.target(name)
        elif axis == "model":
            self.model(name)
        elif self.bundle:
            self.bundle.check_name(axis, name)
        elif self.prebuilt:
            return
        elif axis == "engine":
            self.engine(name)
        elif axis == "toolchain":
            check_name(name)
        else:
            check_opt(name)

    @property
    def names(self) -> list[tuple[str, str, str, str, str]]:
        """The names of all combinations, grouped by target, in the order of `AXES`."""
        return list(product(self.targets, self.models, self.engines, self.toolchains, self.opts))

    def combinations(self) -> Iterator[Choice]:
        """Yield all combinations, grouped by target."""
        toolchains = [
            self.toolchain(name, opt) for name, opt in product(self.toolchains, self.opts)
        ]
        for target, model, engine, toolchain in product(
            self.targets, self.models, self.engines, toolchains
        ):
            yield Choice(self.target(target), self.model(model), self.engine(engine), toolchain)


def notes_of(selection: Selection) -> list[str]:
    """Return what a user should know of the results of `selection`, apart from the numbers."""
    return list(filter(None, (selection.note, selection.workspace.note)))


def _default_target(board: Mapping[str, str], workspace: Workspace) -> str:
    """Return the target that runs if none is named: that of the place, if one is."""
    if not board["place"]:
        return DEFAULT_TARGET
    from harness.runs.check.place_target import target_at  # noqa: PLC0415 - only farms need it

    return target_at(board["place"], board["coordinator"], board["pack"], workspace)


def _split_names(values: Sequence[str]) -> tuple[str, ...]:
    """Return the names in `values`, each once; commas separate names, unless they are in a path."""
    names = (
        name
        for text in values
        for name in ([text] if is_path(text) and Path(text).exists() else text.split(","))
    )
    return tuple(dict.fromkeys(names))


def default_models(workspace: Workspace) -> Sequence[str]:
    """Return the models that run if none is named: the repository's, or else the bundled ones."""
    for root in workspace.models:
        names = list_models([root])
        if names:
            return tuple(names)
    return ()
