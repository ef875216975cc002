"""Runs each test for the targets, models, engines, toolchains and flags that it uses."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.options.selection import AXES
from harness.pytest_plugin import fixtures
from harness.pytest_plugin.failures import uses_our_fixtures
from harness.pytest_plugin.fixture_values import RUN_OPTIONS, is_ours
from harness.pytest_plugin.marks import marked, selected_among
from harness.pytest_plugin.pytest_internals import definitions_used, source_of
from harness.pytest_plugin.short_ids import id_of, ids_of
from harness.support.shown import shown

# What the fixtures are for that need them: for the whole session.
_NEEDED_BY = {
    "run_request": (*AXES, "metering"),
    "image": ("run_request",),
    "board": ("target", "metering"),
}


class TestAxes:
    """The axes of one test: it may be parametrized with some of them itself, or have marks.

    A test that names targets, models or the like in `parametrize` gives names to our fixtures, as
    with `indirect=True`, if it uses others of ours that need them, such as `dut`. A test that uses
    no other fixture of ours keeps its parameters: they may mean something else.
    """

    __test__ = False  # not a test, whatever its name

    def __init__(self, metafunc: pytest.Metafunc) -> None:
        self._metafunc = metafunc
        self._parametrize = metafunc.parametrize
        self._done: set[str] = set()
        self._needed = {
            name for user, names in _NEEDED_BY.items() if self._is_used(user) for name in names
        }

    def parametrize(
        self,
        argnames: str | Sequence[str],
        argvalues: Iterable[Any],
        indirect: bool | Sequence[str] = False,
        *rest: Any,
        **options: Any,
    ) -> None:
        """Parametrize as pytest does, with names for our fixtures."""
        texts = argnames.split(",") if isinstance(argnames, str) else argnames
        names = [name.strip() for name in texts]
        given = names if indirect is True else list(indirect or ())
        ours = [name for name in names if name in AXES and self._takes(name, name in given)]
        self._done.update(names)
        if ours:
            argvalues = list(argvalues)
            self._check(names, argvalues, ours)
            indirect = list(dict.fromkeys([*given, *ours]))
            if not rest[1:] and options.get("scope") is None:
                options["scope"] = "session"
            if not rest and options.get("ids") is None and len(names) == 1:
                options["ids"] = [_own_id(names[0], value) for value in argvalues]
        if rest:  # pytest before 9.1 takes them by position
            options |= dict(zip(("ids", "scope"), rest, strict=False))
        self._parametrize(argnames, argvalues, indirect=indirect, **options)

    def parametrize_others(self) -> None:
        """Parametrize with what its marks name, or the selected names, what the test does not.

        Raises an error of the collection if a fixture of the test suite cannot replace ours, or if
        a mark is wrong.
        """
        config = self._metafunc.config
        selection = config.stash[RUN_OPTIONS].selection
        for axis in AXES:
            if axis in self._done:
                continue
            is_ours = axis in self._metafunc.fixturenames and self._reaches_ours(axis)
            names = self._marked(axis)
            values = selected_among(config, axis, names) or getattr(selection, f"{axis}s")
            if is_ours:
                ids = ids_of(selection, axis, values)
                self._parametrize(axis, values, indirect=True, ids=ids, scope="session")
        self._separate_own(sorted(self._needed - self._done))

    def _marked(self, axis: str) -> list[Any]:
        """Return what the marks name; what a fixture of the test suite returns may be any name."""
        definition = self._metafunc.definition
        if not uses_our_fixtures(definition):
            return []  # the mark may mean something else
        try:
            names = marked(definition, axis)
        except InputError as error:
            raise self._error(shown(error)) from error
        is_own = axis in self._metafunc.fixturenames and not self._reaches_ours(axis)
        if is_own or self._metafunc.config.stash[RUN_OPTIONS].selection.bundle:
            return names  # a bundle selects among them
        for name in names:
            self._check_value(axis, name, f"mark {axis}")
        return names

    def _separate_own(self, names: Sequence[str]) -> None:
        """Have pytest make our fixtures anew for a test in whose place others replace some.

        pytest keeps `run_request` and `board` for the session, whatever replaces what they use.
        """
        own = {name: self._nearest(name) for name in names}
        own = {name: each for name, each in own.items() if not _is_ours(each)}
        root = self._metafunc.config.rootpath
        for name, each in own.items():
            if each.scope != "session":
                raise self._error(
                    f"the fixture `{name}` of {source_of(each, root)} is made for each "
                    f"{each.scope}, but `dut` and others of the harness need a `{name}` for the "
                    'session\n  -> give it another name, or scope="session" (docs/pytest.md)'
                )
        users = [user for user in ("run_request", "board") if self._is_used(user)]
        if own and users:
            key = ", ".join(source_of(each, root) for each in own.values())
            values, text = [key] * len(users), f"own {' and '.join(own)}"
            self._parametrize(users, [values], indirect=True, ids=[text], scope="session")

    def _nearest(self, name: str) -> pytest.FixtureDef[Any]:
        return definitions_used(self._metafunc.definition, name)[-1]

    def _takes(self, axis: str, is_indirect: bool) -> bool:
        """Tell whether a parameter of this name is one of our fixtures."""
        return (is_indirect or axis in self._needed) and self._reaches_ours(axis)

    def _is_used(self, name: str) -> bool:
        return name in self._metafunc.fixturenames and self._reaches_ours(name)

    def _reaches_ours(self, name: str) -> bool:
        """Tell whether the fixture is ours, or one that uses ours of the same name."""
        for each in reversed(definitions_used(self._metafunc.definition, name)):
            if _is_ours(each):
                return True
            if name not in each.argnames:
                return False
        return False

    def _check(self, names: Sequence[str], values: Sequence[Any], ours: Sequence[str]) -> None:
        """Raise an error of the collection for an unknown name in `parametrize`."""
        for each in values:
            parameters = each.values if hasattr(each, "marks") else each
            if len(names) == 1 and parameters is each:
                parameters = (each,)
            for name, value in zip(names, parameters, strict=False):  # pytest checks the number
                if name in ours:
                    self._check_value(name, value, "parametrize")

    def _check_value(self, axis: str, value: Any, where: str) -> None:
        selection = self._metafunc.config.stash[RUN_OPTIONS].selection
        if not isinstance(value, (str, Path)):
            if not is_ours(axis, value):
                raise self._error(f"{where}: {axis} must be a name or an object, not {value!r}")
            return
        try:
            selection.check_name(axis, str(value))
        except InputError as error:
            raise self._error(f"{where}: {shown(error)}") from error

    def _error(self, text: str) -> Exception:
        return pytest.Collector.CollectError(f"{self._metafunc.definition.nodeid}: {text}")


def _is_ours(definition: pytest.FixtureDef[Any]) -> bool:
    return bool(definition.func.__module__ == fixtures.__name__)


def _own_id(axis: str, value: Any) -> str | None:
    """Return the id of a value in `parametrize`; None if the test names it itself."""
    return None if hasattr(value, "marks") else id_of(axis, value)
