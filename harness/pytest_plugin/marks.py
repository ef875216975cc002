"""Marks that say what a test is for: `@pytest.mark.target("virtual-stm32")`, and the like.

Without an option, the test runs for all names in the mark. An option selects among these names: a
test is deselected if the option selects none of them. The marks nearest to the test count.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.options.selection import AXES, Selection
from harness.pytest_plugin.failures import uses_our_fixtures
from harness.pytest_plugin.fixture_values import RUN_OPTIONS
from harness.pytest_plugin.shared_options import own_values
from harness.pytest_plugin.usage_refusal import tell_reason

_OF_FIRMWARE = ("engine", "toolchain", "opt")
"""What prebuilt firmware has already, as if an option had selected it."""

_NO_TEST = pytest.StashKey[str]()


class LeftOut(str):
    """A name in a mark that the options do not select: its tests are deselected."""

    __slots__ = ()


def declare_marks(config: pytest.Config) -> None:
    """Register the marks, so that --strict-markers knows them."""
    for axis in AXES:
        config.addinivalue_line(
            "markers",
            f"{axis}(name, ...): run the test for these; --{axis} selects among them "
            "(tinyml-harness)",
        )


def marked(node: pytest.Item, axis: str) -> list[Any]:
    """Return what the nearest marks of this name say; empty without one.

    Raises `InputError` for a mark without a name, or with a keyword.
    """
    found = list(node.iter_markers_with_node(axis))
    marks = [mark for owner, mark in reversed(found) if owner is found[0][0]]
    for mark in marks:
        if mark.kwargs or not mark.args:
            raise InputError(
                "names nothing" if not mark.args else f"has no argument {next(iter(mark.kwargs))}",
                where=f"mark {axis}",
                remedy=f'write @pytest.mark.{axis}("NAME"), or several names',
            )
    names = [name for mark in marks for name in mark.args]
    return [name for index, name in enumerate(names) if name not in names[:index]]


def selected_among(config: pytest.Config, axis: str, names: Sequence[Any]) -> list[Any]:
    """Return the `names` of a mark; one that the options do not select is a `LeftOut`."""
    if axis not in _given(config):
        return list(names)
    selection = config.stash[RUN_OPTIONS].selection
    return [_selected(selection, axis, name) or LeftOut(name_of(name)) for name in names]


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that are for other names than the options select."""
    given = _given(config)
    left_out = [item for item in items if _is_left_out(item, given)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if left_out and not items:
        config.stash[_NO_TEST] = text = _no_test(config, left_out, given)
        tell_reason(config, text)


def no_test_text(config: pytest.Config) -> str:
    """Say why `deselect` left no test; empty if it left one."""
    return config.stash.get(_NO_TEST, "")


def _no_test(config: pytest.Config, left_out: Sequence[pytest.Item], given: Sequence[str]) -> str:
    """Name the options that select none of the tests, and what their marks name."""
    selection = config.stash[RUN_OPTIONS].selection
    reasons = []
    for axis in given:
        named = {name_of(name) for item in left_out for name in marked(item, axis)}
        others = sorted(name for name in named if not _selected(selection, axis, name))
        if others:
            option = ", ".join(map(name_of, getattr(selection, f"{axis}s")))
            reasons.append(f"the {axis} is {option}, and the marks name {', '.join(others)}")
    return f"no test is for what the options select: {'; '.join(reasons)}"


def name_of(value: Any) -> str:
    """Return the name of what a mark or `parametrize` has: a name, or an object with one."""
    return str(getattr(value, "name", value) if not isinstance(value, Path) else value)


def _given(config: pytest.Config) -> list[str]:
    """Return what the options select."""
    selection, values = config.stash[RUN_OPTIONS].selection, own_values(config)
    return [
        axis
        for axis in AXES
        if getattr(values, axis)
        or selection.bundle
        or (selection.prebuilt and axis in _OF_FIRMWARE)
    ]


def _is_left_out(item: pytest.Item, given: Sequence[str]) -> bool:
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params if callspec else {}
    if any(isinstance(parameters.get(axis), LeftOut) for axis in AXES):
        return True
    if not uses_our_fixtures(item):
        return False
    # What a test gets from a fixture of its own, or does not use, only a mark can tell.
    selection = item.config.stash[RUN_OPTIONS].selection
    for axis in given:
        names = [] if axis in parameters else marked(item, axis)
        if names and not any(_selected(selection, axis, name) for name in names):
            return True
    return False


def _selected(selection: Selection, axis: str, value: Any) -> str | None:
    """Return the selected name that means the same as `value`; None if there is none."""
    names: Sequence[str] = getattr(selection, f"{axis}s")
    if name_of(value) in names:
        return name_of(value)
    if axis not in {"target", "model"}:
        return None
    place = _place(selection, axis, value)
    return next((name for name in names if place and place == _place(selection, axis, name)), None)


def _place(selection: Selection, axis: str, value: Any) -> tuple[str, Path] | None:
    """Return the name and the path of a target or model; None if it is not known."""
    try:
        found = getattr(selection, axis)(str(value)) if isinstance(value, (str, Path)) else value
    except InputError:
        return None
    return found.name, found.path.resolve()
