"""What several unit tests share."""

from pathlib import Path

import pytest

from tests.support.engine_host import Host
from tests.support.repository import Repository, make_repository


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(tmp_path_factory.mktemp("cmsis_nn"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images that all tests of a module share."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture
def repository(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    built: Path,
) -> Repository:
    """A user's repository without models, whose images are kept for the module."""
    made = make_repository(tmp_path, monkeypatch, capsys)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "images").symlink_to(built)
    return made
