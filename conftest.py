"""pytest in this repository: the harness's own plugin, and which tests `--target` runs."""

from importlib.util import find_spec
from pathlib import Path

import pytest

pytest_plugins = ["harness.pytest_plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the key `timeout` of pyproject.toml also without pytest-timeout, a development tool."""
    if find_spec("pytest_timeout") is None:
        parser.addini("timeout", "seconds until pytest-timeout ends a test")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`pytest --target=X` asks about X, of which the unit tests say nothing."""
    asked = config.getoption("--target") and config.args_source is not config.ArgsSource.ARGS
    return True if asked and collection_path.name == "unit" else None
