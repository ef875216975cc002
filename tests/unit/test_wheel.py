"""The built wheel in somebody else's repository: nothing of this checkout is needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

TEST = """\
from pathlib import Path

import harness


def test_digits(dut):
    assert Path(harness.__file__).is_relative_to({installed!r})
    run = dut.run()
    run.check()
    assert run.ticks.max() < 9_000_000
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout and installed without its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    wheel = ["wheel", *offline, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *wheel], check=True, capture_output=True, timeout=120)
    [built] = folder.glob("*.whl")
    target = folder / "installed"
    subprocess.run(
        [*pip, "install", *offline, "--target", str(target), str(built)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return target


@pytest.fixture
def repository(tmp_path: Path, installed: Path) -> Path:
    """A user's repository: a target file, a model folder, and a test."""
    (tmp_path / "targets").mkdir()
    shutil.copy(ROOT / "targets" / "qemu-stm32.toml", tmp_path / "targets" / "bench.toml")
    model = tmp_path / "models" / "mine"
    shutil.copytree(ROOT / "models" / "digits", model)
    with np.load(model / "vectors.npz") as arrays:
        few = {name: arrays[name][:10] for name in ("inputs", "labels")}
    np.savez(model / "vectors.npz", **few)  # without golden: it is computed
    (tmp_path / "test_mine.py").write_text(TEST.format(installed=str(installed)))
    return tmp_path


def run(installed: Path, repository: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=repository,
        env=os.environ | {"PYTHONPATH": str(installed), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_pytest_runs_a_users_model_on_a_users_target(installed: Path, repository: Path) -> None:
    result = run(installed, repository, "pytest", "--target=bench", "-p", "no:cacheprovider")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 passed" in result.stdout
    assert "bench" in result.stdout
    assert len(list((repository / "reports" / "runs").glob("*-bench-mine-*.json"))) == 1
    result = run(installed, repository, "harness", "report")
    assert result.returncode == 0, result.stderr
    report = (repository / "reports" / "report.html").read_text()
    assert "bench" in report
    assert "uPlot" in report  # the chart library is in the wheel


def test_the_bundled_model_and_target_are_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    result = run(installed, tmp_path, "harness", "list", "targets")
    assert "qemu-stm32" in result.stdout
    result = run(installed, tmp_path, "harness", "list", "models")
    assert "digits" in result.stdout


def test_the_wheel_has_all_files_of_a_new_repository(installed: Path, tmp_path: Path) -> None:
    result = run(installed, tmp_path, "harness", "init", "mine")
    assert result.returncode == 0, result.stderr
    for name in (".gitignore", "models/gesture/model.toml", "tests/test_on_target.py"):
        assert (tmp_path / "mine" / name).is_file()
