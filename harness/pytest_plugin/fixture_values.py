"""The values of our fixtures, also where a test suite has fixtures of its own with these names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.board.board import Board
from harness.engines.registry import Engine
from harness.errors import HarnessError, InputError
from harness.image.build import Image
from harness.image.toolchain import Toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.options.run_options import RunOptions
from harness.options.selection import AXES
from harness.pytest_plugin.pytest_internals import asking_item, definitions_used, source_of
from harness.runs.request import RunRequest
from harness.target.target_file import Target

RUN_OPTIONS = pytest.StashKey[RunOptions]()
# What is wrong with the options, if another plugin has them too and no test may use ours.
WRONG_OPTION = pytest.StashKey[HarnessError]()

# The type of each fixture that another fixture of ours uses.
_TYPES: dict[str, type] = {
    "target": Target,
    "model": Model,
    "engine": Engine,
    "toolchain": Toolchain,
    "opt": str,
    "metering": Metering,
    "run_request": RunRequest,
    "image": Image,
    "board": Board,
}
NAMES = (*_TYPES, "run", "dut")
_FOUND = pytest.StashKey[dict[tuple[str, str, str], Any]]()
_FIXTURES = f"{__package__}.fixtures"
# A protocol has no type to look at, but a part that nothing else has.
_PARTS: dict[object, str] = {Engine: "operators", Board: "read_memory"}


def selected(request: pytest.FixtureRequest, axis: str) -> Any:
    """Return what `request` has as its parameter: a name or an object of ours.

    A test that asks by `getfixturevalue` has none; then it is what the options select.
    """
    if hasattr(request, "param"):
        return checked(request, axis, request.param)
    names = getattr(request.config.stash[RUN_OPTIONS].selection, f"{axis}s")
    if len(names) != 1:
        raise InputError(
            f"{len(names)} are selected, but `getfixturevalue` runs the test once",
            where=f"{asking_item(request).nodeid}: {axis}",
            remedy=f"name the fixture in the test's arguments, or select one with --{axis}",
        )
    return checked(request, axis, names[0])


def checked(request: pytest.FixtureRequest, name: str, value: Any) -> Any:
    """Return `value` of the fixture `name` as one of ours; a name is looked up.

    Raises `InputError` if the test suite has its own fixture, and `value` is none of ours.
    """
    definition = definitions_used(asking_item(request), name)[-1]
    if isinstance(value, (str, Path)) and name in AXES:
        try:
            return _found(request, name, str(value))
        except InputError as error:
            if definition.func.__module__ == _FIXTURES:
                raise
            raise InputError(
                f"the fixture `{name}` returns {str(value)!r}: {error}",
                where=source_of(definition, request.config.rootpath),
            ) from error
    if is_ours(name, value) or definition.func.__module__ == _FIXTURES:
        return value
    kind = _TYPES[name]
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    what = f"{article} {kind.__name__}" + (" or a name" if name in AXES else "")
    raise InputError(
        f"the fixture `{name}` returns {_kind_of(value)}, not {what} of the harness",
        where=source_of(definition, request.config.rootpath),
        remedy="give this fixture another name, because `dut` and others use the harness's "
        f"`{name}`; if it is another plugin's, add -p harness.pytest_plugin (docs/pytest.md)",
    )


def is_ours(name: str, value: object) -> bool:
    """Tell whether `value` has the type that the fixture `name` has in the harness."""
    kind = _TYPES[name]
    part = _PARTS.get(kind)
    return hasattr(value, part) if part else isinstance(value, kind)


def _kind_of(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _found(request: pytest.FixtureRequest, axis: str, name: str) -> Any:
    """Return what has this `name`; it is read once, so that the same name is the same object."""
    found = request.config.stash.setdefault(_FOUND, {})
    opt = ""
    if axis == "toolchain":
        opt = checked(request, "opt", request.getfixturevalue("opt"))
    key = (axis, name, opt)
    if key not in found:
        found[key] = _looked_up(request.config, *key)
    return found[key]


def _looked_up(config: pytest.Config, axis: str, name: str, opt: str) -> Any:
    run_options = config.stash[RUN_OPTIONS]
    selection = run_options.selection
    if axis == "opt":
        return name
    if axis == "toolchain":
        return selection.toolchain(name, opt)
    find: Callable[[str], Any] = getattr(selection, axis)
    return run_options.target(find(name)) if axis == "target" else find(name)
