"""The ids of parametrized tests: short, and the same whatever else is selected.

`test_it[virtual-stm32-wake]` leaves out the default engine, toolchain and flag. `-k` knows them,
too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.engines.registry import DEFAULT_ENGINE
from harness.image.toolchain import DEFAULT_OPT, default_toolchain
from harness.options.selection import AXES, Selection
from harness.pytest_plugin.marks import name_of
from harness.support.bundled_files import is_path

_HIDDEN: Any = getattr(pytest, "HIDDEN_PARAM", None)  # pytest 8.4 has it


def id_of(axis: str, value: Any) -> str:
    """Return a name for a test's id: of a path, only the name at its end."""
    text = name_of(value)
    if axis == "opt":
        return text.removeprefix("-")
    if not is_path(text):
        return text
    return Path(text).stem if axis == "target" else Path(text).resolve().name


def ids_of(selection: Selection, axis: str, values: Sequence[Any]) -> list[Any]:
    """Return the ids of `values`; the default is hidden, because it goes without saying."""
    default = _default(selection, axis)
    return [
        _HIDDEN if _HIDDEN and name_of(value) == default else id_of(axis, value) for value in values
    ]


def keywords(item: pytest.Item) -> set[str]:
    """Return the names of what a test runs for, so that `-k` knows them all."""
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params if callspec else {}
    return {id_of(axis, parameters[axis]) for axis in AXES if axis in parameters}


def _default(selection: Selection, axis: str) -> str | None:
    if axis in {"target", "model"}:
        return None
    if selection.prebuilt or selection.bundle:  # built already, so this machine has no say
        names: Sequence[str] = getattr(selection, f"{axis}s")
        return names[0] if len(names) == 1 else None
    if axis == "toolchain":
        return default_toolchain()
    return DEFAULT_ENGINE if axis == "engine" else DEFAULT_OPT
