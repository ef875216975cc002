"""The environment for TensorFlow: made once, whole or not at all. No package is downloaded."""

import io
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from harness.errors import InfrastructureError
from harness.intake.convert import tensorflow_environment
from harness.intake.convert.tensorflow_environment import (
    find_python,
    provide_environment,
    tensorflow_requirement,
)
from harness.support.progress import Progress

ROOT = Path(__file__).parents[2]
_INFO = "tensorflow-99.0.dist-info"
_METADATA = "Metadata-Version: 2.1\nName: tensorflow\nVersion: 99.0\n"
_KERAS_INFO = "keras-99.0.dist-info/METADATA"
_KERAS = "Metadata-Version: 2.1\nName: keras\nVersion: {}\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The wheel of empty packages `tensorflow` and `keras`; pip has no index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    path = tmp_path / "tensorflow-99.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tensorflow/__init__.py", "")
        archive.writestr(f"{_INFO}/METADATA", _METADATA)
        archive.writestr(f"tensorflow-99.0.data/purelib/{_KERAS_INFO}", _KERAS.format("99.0"))
        archive.writestr(f"{_INFO}/WHEEL", _WHEEL)
        archive.writestr(f"{_INFO}/RECORD", "")
    return str(path)


def quiet() -> Progress:
    return Progress(io.StringIO())


def test_it_is_made_once_and_has_the_package(wheel: str, tmp_path: Path) -> None:
    cache, said = tmp_path / "cache", io.StringIO()
    python = provide_environment(cache, wheel, Progress(said))
    assert "about 1.5 GB" in said.getvalue()
    assert str(python.parents[1]) in said.getvalue()
    assert list(python.parents[1].glob("lib/python3*/site-packages/tensorflow/__init__.py"))
    said.truncate(0)
    assert provide_environment(cache, wheel, Progress(said)) == python
    assert "TensorFlow is missing" not in said.getvalue()
    assert list(cache.iterdir()) == [python.parents[1]]


def test_a_failure_says_what_to_run_and_leaves_nothing(wheel: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(InfrastructureError) as failed:
        provide_environment(cache, "tensorflow==98", quiet())
    assert "No matching distribution found for tensorflow==98" in failed.value.what
    assert f"python3.12 -m venv {cache}" in failed.value.remedy
    assert "pip install 'tensorflow==98'" in failed.value.remedy
    assert ".partial" not in str(failed.value)
    assert list(cache.iterdir()) == []


def test_one_without_tensorflow_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(entry: Path, *_: object) -> None:
        (entry / "bin").mkdir(parents=True)
        (entry / "bin" / "python").write_text(f"#!/bin/sh\nexec {sys.executable} -c 'print()'")
        (entry / "bin" / "python").chmod(0o755)

    monkeypatch.setattr(tensorflow_environment, "_make", make)
    with pytest.raises(InfrastructureError, match="has no TensorFlow") as failed:
        provide_environment(tmp_path, "tensorflow", quiet())
    assert "remove " in failed.value.remedy


def test_one_whose_python_is_gone_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[list[str]] = []

    def run(command: list[str], *_: object) -> None:
        made.append(command)
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir()
            (Path(command[-1]) / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(tensorflow_environment, "run_long", run)
    monkeypatch.setattr(tensorflow_environment, "_check", lambda *_: None)
    python = provide_environment(tmp_path, "tensorflow", quiet())
    assert len(made) == 2
    python.unlink()
    python.symlink_to(tmp_path / "gone")
    assert provide_environment(tmp_path, "tensorflow", quiet()) == python
    assert len(made) == 4
    assert python.exists()


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match="cannot be installed") as failed:
        provide_environment(tmp_path / "file", "tensorflow", quiet())
    assert "HARNESS_CACHE_DIR" in failed.value.remedy


@pytest.mark.parametrize(
    ("keras", "used"),
    [("3.11.3", True), ("3.12.0rc1", True), ("3.11.2", False), ("2.15.0", False), (None, False)],
)
def test_a_python_with_tensorflow_is_used_itself_if_its_keras_is_safe(
    keras: str | None, used: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = install_tensorflow(tmp_path, keras)
    monkeypatch.setattr(sys, "executable", str(python))
    own = tmp_path / "own"
    monkeypatch.setattr(tensorflow_environment, "provide_environment", lambda *_: own)
    assert find_python(tmp_path, quiet()) == (python if used else own)


def test_what_a_conversion_cannot_see_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_tensorflow(tmp_path, "3.12.0")
    packages = str(next(tmp_path.glob("lib/python3*/site-packages")))
    other = tmp_path / "other"
    venv.create(other)
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", packages)
    monkeypatch.setattr(sys, "executable", str(other / "bin" / "python"))
    own = tmp_path / "own"
    monkeypatch.setattr(tensorflow_environment, "provide_environment", lambda *_: own)
    assert find_python(tmp_path, quiet()) == own


def install_tensorflow(folder: Path, keras: str | None) -> Path:
    """Make an environment with an empty package `tensorflow` in `folder`; return its Python."""
    venv.create(folder)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "tensorflow").mkdir()
    (packages / "tensorflow" / "__init__.py").write_text("")
    if keras is not None:
        (packages / "keras.dist-info").mkdir()
        (packages / "keras.dist-info" / "METADATA").write_text(_KERAS.format(keras))
    return folder / "bin" / "python"


def test_the_version_is_that_of_the_extra_train() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [
        line.partition(";")[0].strip() for line in project["optional-dependencies"]["train"]
    ]
    assert tensorflow_requirement() in required
