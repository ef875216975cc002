"""Whose fixtures a session uses where another plugin has some of the same names, such as `dut`.

They are ours where something says that the session uses the harness; otherwise the other plugin's.
"""

import os
from collections.abc import Iterable
from types import ModuleType

import pytest

from harness.options.selection import AXES
from harness.pytest_plugin import fixtures
from harness.pytest_plugin.fixture_values import NAMES, RUN_OPTIONS, WRONG_OPTION
from harness.pytest_plugin.pytest_internals import plugin_fixtures
from harness.pytest_plugin.shared_options import given_to_both, is_any_given

_PLUGIN = __name__.rpartition(".")[0]
_LEFT_OUT = pytest.StashKey[list[str]]()


def register_fixtures(config: pytest.Config) -> None:
    """Register our fixtures last, so that they replace those of other plugins, or leave some out.

    pytest has not looked at the fixtures of any plugin yet.
    """
    taken = plugin_fixtures(config.pluginmanager).intersection(NAMES)
    left_out = config.stash[_LEFT_OUT] = [] if _uses_harness(config) else sorted(taken)
    module: ModuleType = fixtures
    if left_out:
        module = ModuleType(fixtures.__name__)
        for name in set(NAMES).difference(left_out):
            setattr(module, name, getattr(fixtures, name))
    config.pluginmanager.register(module, fixtures.__name__)


def left_out_text(config: pytest.Config) -> str:
    """Return a line on the fixtures that are another plugin's; empty if there are none."""
    names = config.stash[_LEFT_OUT]
    if not names:
        return ""
    verb = "is" if len(names) == 1 else "are"
    return (
        f"tinyml-harness: {', '.join(names)} {verb} another plugin's; "
        f"-p {_PLUGIN} selects the harness's"
    )


def _uses_harness(config: pytest.Config) -> bool:
    """Tell whether the repository or the command names the harness."""
    workspace = config.stash[RUN_OPTIONS].selection.workspace
    return (
        workspace.has_own_files
        or _is_named(config)
        or is_any_given(config)
        or _shares_right_names(config)
    )


def _is_named(config: pytest.Config) -> bool:
    """Tell whether the command, the environment or a conftest.py names this plugin."""
    named = {*config.getoption("plugins"), *os.environ.get("PYTEST_PLUGINS", "").split(",")}
    for plugin in config.pluginmanager.get_plugins():
        plugins = getattr(plugin, "pytest_plugins", ())
        if isinstance(plugins, str):
            named.add(plugins)
        elif isinstance(plugins, Iterable):
            named.update(str(each) for each in plugins)
    return _PLUGIN in named


def _shares_right_names(config: pytest.Config) -> bool:
    """Tell whether what an option of another plugin names is something of the harness."""
    named = {f"--{axis}" for axis in AXES}.intersection(given_to_both(config))
    return bool(named) and WRONG_OPTION not in config.stash
