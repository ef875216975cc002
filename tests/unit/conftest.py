"""What several unit tests share: fixtures, and the profile of Hypothesis."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from harness.board.pyocd.pyocd_board import PyocdBoard
from tests.support.desk import Desk, dense
from tests.support.engine_host import Host
from tests.support.repository import Repository, make_repository

# No limit depends on the clock: a busy machine must not fail a test. In CI the examples are the
# same in every run, so a change fails because of what it changes. Elsewhere they are random, and
# a failure prints the line that repeats it.
settings.register_profile(
    "harness",
    deadline=None,
    print_blob=True,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("harness")

# No test adds its Records to the store of a team, or uses the folders of a developer.
for variable in ("HARNESS_STORE", "HARNESS_CACHE_DIR", "HARNESS_RESULTS_DIR"):
    os.environ.pop(variable, None)


@pytest.fixture(scope="session", autouse=True)
def signals_end_processes() -> None:
    """Let tests send signals: a shell lets background jobs ignore SIGINT, and nohup SIGHUP."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


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


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.tflite").write_bytes(dense(3, 2))
    return Desk(tmp_path, capsys)


@pytest.fixture
def cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let simulated boards pass for silicon, whose ticks are what the target file says."""
    monkeypatch.setattr(PyocdBoard, "counts_instructions", False)


@pytest.fixture
def no_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let gRPC be missing for what is imported from now on.

    A module that was imported before is in `sys.modules`, and is an attribute of its package. Both
    go, and both come back: a test after this one must not meet two modules of one name.
    """
    package = "harness.board.labgrid"
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr(sys.modules[package], name.removeprefix(f"{package}."))
    monkeypatch.setitem(sys.modules, "grpc", None)
