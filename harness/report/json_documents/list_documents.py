"""The documents of `harness list`: targets, models, engines, toolchains."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.engines.registry import ENGINES, find_engine
from harness.errors import HarnessError
from harness.harness_toml import tflm_tree
from harness.image.toolchain import TOOLCHAINS, find_toolchain
from harness.model.folder import list_models, load_model
from harness.support.json_output import Document, Problem
from harness.target.find_target import list_targets, load_target
from harness.workspace import Workspace

T = TypeVar("T")


class ListedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A target that has a file."""

    name: str
    """What `--target` takes."""
    file: str
    """Path of the file."""
    kind: str = ""
    """Kind of board: `pyocd`, `labgrid`, `qemu`, `renode` or `virtual`."""
    mcu: str = ""
    """Name of the chip."""
    core: str = ""
    """Core of the chip."""
    description: str = ""
    """A sentence about it."""
    error: Problem | None = None
    """What is wrong with the file. Then only `name` and `file` are known."""


class TargetForm(msgspec.Struct, frozen=True, kw_only=True):
    """A form of names that need no file."""

    form: str
    """The form, such as `chip:NAME`."""
    description: str
    """What such a name stands for."""


class TargetsDocument(Document, frozen=True, tag="tinyml-harness/list-targets/1"):
    """`harness list targets`: the targets that can be named."""

    targets: list[ListedTarget]
    """Targets with a file, by name."""
    forms: list[TargetForm]
    """The forms of names that need no file."""


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the repository, or one that is bundled with the harness."""

    name: str
    """What `--model` takes."""
    folder: str
    """Path of the model's folder."""
    bundled: bool
    """Whether it is bundled with the harness."""
    runs_by_default: bool
    """Whether it runs if `--model` names none."""
    description: str = ""
    """A sentence about it."""
    error: Problem | None = None
    """What is wrong with the folder."""


class ModelsDocument(Document, frozen=True, tag="tinyml-harness/list-models/1"):
    """`harness list models`: the models that can be named."""

    models: list[ListedModel]
    """Those that run by default come first."""


class ListedTool(msgspec.Struct, frozen=True, kw_only=True):
    """An engine or a toolchain."""

    name: str
    """What `--engine` or `--toolchain` takes."""
    version: str = ""
    """Its version."""
    error: Problem | None = None
    """Why it cannot be used here."""


class EnginesDocument(Document, frozen=True, tag="tinyml-harness/list-engines/1"):
    """`harness list engines`: the engines, and which of them can be used."""

    engines: list[ListedTool]
    """The engines, by name."""


class ToolchainsDocument(Document, frozen=True, tag="tinyml-harness/list-toolchains/1"):
    """`harness list toolchains`: the toolchains, and which of them can be used."""

    toolchains: list[ListedTool]
    """The toolchains, by name."""


def targets_document(workspace: Workspace, forms: Iterable[tuple[str, str]]) -> TargetsDocument:
    """Return the targets of `workspace`, and the `forms` of names that need no file."""
    return TargetsDocument(
        targets=[
            _target(name, path) for name, path in sorted(list_targets(workspace.targets).items())
        ],
        forms=[TargetForm(form=form, description=text) for form, text in forms],
    )


def _target(name: str, path: Path) -> ListedTarget:
    try:
        target = load_target(path)
    except HarnessError as error:  # one invalid file must not hide the rest of the list
        return ListedTarget(name=name, file=str(path), error=Problem.of(error))
    return ListedTarget(
        name=name,
        file=str(path),
        kind=str(target.board.__struct_config__.tag),
        mcu=target.mcu.name,
        core=target.mcu.core,
        description=target.description,
    )


def models_document(workspace: Workspace, default: Sequence[str]) -> ModelsDocument:
    """Return the models of `workspace`; those named in `default` run if none is named."""
    paths = list_models(workspace.models)
    own = list_models(workspace.models[:1])
    models = []
    for name in sorted(paths, key=lambda name: (name not in default, name)):
        description, error = _tried(lambda path: load_model(path).description, paths[name])
        models.append(
            ListedModel(
                name=name,
                folder=str(paths[name]),
                bundled=name not in own,
                runs_by_default=name in default,
                description=description,
                error=error,
            )
        )
    return ModelsDocument(models=models)


def engines_document(workspace: Workspace) -> EnginesDocument:
    """Return the engines as they are in `workspace`."""
    tflm = tflm_tree(workspace.root)
    return EnginesDocument(engines=_tools(ENGINES, lambda name: find_engine(name, tflm).version))


def toolchains_document() -> ToolchainsDocument:
    """Return the toolchains of this machine."""
    return ToolchainsDocument(
        toolchains=_tools(TOOLCHAINS, lambda name: find_toolchain(name).version)
    )


def _tools(names: Iterable[str], version: Callable[[str], str]) -> list[ListedTool]:
    tried = {name: _tried(version, name) for name in sorted(names)}
    return [
        ListedTool(name=name, version=found, error=error) for name, (found, error) in tried.items()
    ]


def _tried(describe: Callable[[T], str], item: T) -> tuple[str, Problem | None]:
    """Return the description, or the error: one that fails must not hide the others."""
    try:
        return describe(item), None
    except HarnessError as error:
        return "", Problem.of(error)
