"""What is asked for, the same for pytest and `harness`.

`--target`, `--model`, `--engine`, `--toolchain` and `--opt`: a run for every combination.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

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
from harness.target.find_target import find_target
from harness.target.target_file import Target
from harness.workspace import Workspace

DEFAULT_TARGET = "virtual-stm32"

_OPTIONS = (
    ("--target", "TARGET", f"run on TARGET, a name or a .toml file (default: {DEFAULT_TARGET})"),
    ("--model", "MODEL", "run MODEL, a name or a folder (default: every model of this repository)"),
    ("--engine", "ENGINE", f"build with ENGINE: {', '.join(ENGINES)} (default: {DEFAULT_ENGINE})"),
    (
        "--toolchain",
        "TOOLCHAIN",
        f"compile with TOOLCHAIN: {', '.join(TOOLCHAINS)} (default: the first that is there)",
    ),
    (
        "--opt",
        "FLAG",
        f"with FLAG, as --opt=-Os: {', '.join(OPTS)} (default: {DEFAULT_OPT})",
    ),
)


def add_options(add: Callable[..., Any]) -> None:
    """Declare the options through `add`, which is argparse's or pytest's.

    Each may be repeated, or have several names with commas between them.
    """
    for option, name, text in _OPTIONS:
        add(option, action="append", default=[], metavar=name, help=text)
    add(
        "--tflm-dir",
        default="",
        metavar="DIR",
        help="the TFLM tree of engine tflm, or the folder in it with its library (docs/tflm.md)",
    )


class Choice(NamedTuple):
    """One of the runs that are asked for."""

    target: Target
    model: Model
    engine: Engine
    toolchain: Toolchain


@dataclass(frozen=True)
class Selection:
    """The names asked for, with the defaults where nothing was."""

    workspace: Workspace
    targets: Sequence[str]
    models: Sequence[str]
    engines: Sequence[str]
    toolchains: Sequence[str]
    opts: Sequence[str]
    prebuilt: PrebuiltFirmware | None = None  # then there is nothing to build
    tflm: Path | None = None

    @classmethod
    def of(cls, options: Any, workspace: Workspace) -> "Selection":
        """Return what `options`, parsed by argparse or pytest, ask for.

        Raises `InputError` if they ask for an ELF and also for how to build one.
        """
        targets = _names(options.target) or (DEFAULT_TARGET,)
        sketch = None
        if getattr(options, "sketch", ""):
            known = [find_target(name, workspace.targets) for name in targets]
            sketch = sketch_elf(options, known, workspace.sketches)
        prebuilt = prebuilt_firmware(options, sketch)
        built = prebuilt.toolchain if prebuilt else None
        return cls(
            workspace,
            targets,
            _names(options.model) or _default_models(workspace),
            (prebuilt.name,) if prebuilt else _names(options.engine) or (DEFAULT_ENGINE,),
            (built.name,) if built else _names(options.toolchain) or (default_toolchain(),),
            (built.opt,) if built else _names(options.opt) or (DEFAULT_OPT,),
            prebuilt,
            Path(options.tflm_dir) if options.tflm_dir else tflm_tree(workspace.root),
        )

    @property
    def compares_engines(self) -> bool:
        """Whether engines stand side by side: then their layers say why they differ."""
        return len(self.engines) > 1

    def target(self, name: str) -> Target:
        """Return the target called `name`; `InputError` if there is none or it is wrong."""
        return find_target(name, self.workspace.targets)

    def model(self, name: str) -> Model:
        """Return the model called `name`; `InputError` if there is none or it is wrong."""
        return find_model(name, self.workspace.models)

    def engine(self, name: str) -> Engine:
        """Return the engine called `name`, or the firmware in its place.

        Raises `InputError` if there is no such engine, or it cannot be used.
        """
        if self.prebuilt:
            return self.prebuilt
        engine = find_engine(name, self.tflm)
        _ = engine.version  # looks at what the engine is made of
        return engine

    def toolchain(self, name: str, opt: str) -> Toolchain:
        """Return the toolchain called `name` with the flag `opt`, or what the firmware tells."""
        return self.prebuilt.toolchain if self.prebuilt else find_toolchain(name, opt)

    def check(self) -> None:
        """Raise `InputError` for the first name that does not stand for something usable."""
        if not self.models:
            raise InputError(
                "there is no model",
                where=str(self.workspace.root / "models"),
                remedy="put a model folder there, or name one with --model",
            )
        for name in self.targets:
            self.target(name)
        for name in self.models:
            self.model(name)
        if self.prebuilt:
            return
        for name in self.engines:
            self.engine(name)
        for name in self.toolchains:
            check_name(name)
        for opt in self.opts:
            check_opt(opt)

    def combinations(self) -> Iterator[Choice]:
        """Yield all of target, model, engine and toolchain, those of one target together."""
        toolchains = [
            self.toolchain(name, opt) for name, opt in product(self.toolchains, self.opts)
        ]
        for target, model, engine, toolchain in product(
            self.targets, self.models, self.engines, toolchains
        ):
            yield Choice(self.target(target), self.model(model), self.engine(engine), toolchain)


def _names(asked: Sequence[str]) -> tuple[str, ...]:
    """Return what is asked for, each once; commas part names."""
    return tuple(dict.fromkeys(name for text in asked for name in text.split(",")))


def _default_models(workspace: Workspace) -> Sequence[str]:
    """Return the repository's own models; the bundled ones where it has none."""
    for root in workspace.models:
        names = list_models([root])
        if names:
            return tuple(names)
    return ()
