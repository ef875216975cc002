"""What pytest does not tell in its public interface. The tests run with pytest 8.0 to 9.2."""

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_MARK = "_pytestfixturefunction"  # of a fixture's function, before pytest 8.4


def declared_options(parser: pytest.Parser) -> Mapping[str, str]:
    """Return the options that plugins have declared so far, each with its dest."""
    groups = (parser._anonymous, *parser._groups)
    options = (option for group in groups for option in group.options)
    return {name: option.dest for option in options for name in option.names()}


def plugin_fixtures(pluginmanager: pytest.PytestPluginManager) -> set[str]:
    """Return the names of the fixtures of all plugins, without those of conftest.py files."""
    plugins = (plugin for plugin in pluginmanager.get_plugins() if not is_conftest(plugin))
    return {
        _name(attribute, value)
        for plugin in plugins
        for attribute, value in inspect.getmembers_static(plugin)
        if hasattr(value, _MARK) or type(value).__name__ == "FixtureFunctionDefinition"
    }


def is_conftest(plugin: object) -> bool:
    """Tell whether a plugin is a conftest.py file."""
    file = getattr(plugin, "__file__", None)
    return isinstance(file, str) and Path(file).name == "conftest.py"


def make_paths_relative(config: pytest.Config) -> None:
    """Write the paths that pytest collects from its folder, if the path of that has a `[`.

    pytest takes what follows a `[` as the parameters of a test, also in the folder it starts in.
    """
    folder = config.invocation_params.dir
    for index, argument in enumerate(config.args):
        path, separator, names = argument.partition("::")
        if "[" in path and Path(folder, path).exists():
            config.args[index] = os.path.relpath(Path(folder, path), folder) + separator + names


def definitions_used(
    definition: pytest.Function | pytest.Item, name: str
) -> Sequence[pytest.FixtureDef[Any]]:
    """Return the definitions of the fixture `name` that a test sees, the nearest last."""
    info = getattr(definition, "_fixtureinfo", None)
    found = info.name2fixturedefs.get(name) if info else None
    return found or _definitions(definition, name)


def asking_item(request: pytest.FixtureRequest) -> pytest.Item:
    """Return the test for which a fixture is made, also one that several tests share."""
    item: pytest.Item = request._pyfuncitem
    return item


@contextmanager
def renamed(items: Sequence[pytest.Item], endings: Sequence[str]) -> Iterator[None]:
    """Add an ending to the id of each test meanwhile."""
    before = [item.nodeid for item in items]
    for item, nodeid, ending in zip(items, before, endings, strict=True):
        _set_id(item, f"{nodeid}{ending}")
    try:
        yield
    finally:
        for item, nodeid in zip(items, before, strict=True):
            _set_id(item, nodeid)


def _set_id(item: Any, nodeid: str) -> None:
    """Set the id of a test: a text until pytest 9.1, later an object that is made of it."""
    if hasattr(item, "_id"):
        item._id = type(item._id).parse(nodeid)
    else:
        item._nodeid = nodeid


def source_of(fixture: pytest.FixtureDef[Any], root: Path) -> str:
    """Return the file and line of a fixture."""
    code = inspect.unwrap(fixture.func).__code__
    path = Path(code.co_filename)
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{shown}:{code.co_firstlineno}"


def _name(attribute: str, value: Any) -> str:
    """Return the name of a fixture, which may differ from that of its function."""
    mark = getattr(value, _MARK, None)
    return str((mark.name if mark else value.name) or attribute)


def _definitions(node: pytest.Item | pytest.Session, name: str) -> Sequence[pytest.FixtureDef[Any]]:
    manager = node.session._fixturemanager
    where: Any = node if pytest.version_tuple >= (8, 1) else node.nodeid
    return manager.getfixturedefs(name, where) or ()
