"""A board that fails several times in a row is set aside; everything else goes on."""

from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError
from harness.runs import movable_dut
from harness.runs.health import LIMIT, Health, SetAsideError

pytest_plugins = ["pytester"]

BROKEN = InfrastructureError("the board does not start")


def fail(health: Health, *, error: Exception | None = BROKEN) -> None:
    with health.watch("mine"):
        if error:
            raise error


def test_a_board_is_set_aside_after_errors_in_a_row() -> None:
    health = Health()
    for _ in range(LIMIT - 1):
        with pytest.raises(InfrastructureError):
            fail(health)
    fail(health, error=None)  # the count starts anew
    for _ in range(LIMIT):
        health.check("mine")
        with pytest.raises(InfrastructureError):
            fail(health)
    health.check("other")
    with pytest.raises(SetAsideError, match=f"mine: .* after {LIMIT} infrastructure errors in a"):
        health.check("mine")


def test_other_errors_do_not_count() -> None:
    health = Health()
    for _ in range(LIMIT + 1):
        with pytest.raises(ValueError, match="wrong"):
            fail(health, error=ValueError("wrong"))
    health.check("mine")


def broken_boards(monkeypatch: pytest.MonkeyPatch, *, build: bool = False) -> list[str]:
    """Let no board open, or no image be built; return the targets that were tried."""
    tried: list[str] = []

    def image_for(request: Any) -> None:
        if build:
            tried.append(request.target.name)
            raise BROKEN

    def provision(target: Any, *_: object) -> None:
        tried.append(target.name)
        raise BROKEN

    monkeypatch.setattr(movable_dut, "image_for", image_for)
    monkeypatch.setattr(movable_dut, "provision", provision)
    return tried


def test_the_command_sets_a_board_aside_and_goes_on_with_other_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tried = broken_boards(monkeypatch)
    assert main(["run", "--target=qemu-m4,qemu-m3"]) == ExitCode.INFRASTRUCTURE
    assert tried == ["qemu-m4"] * LIMIT + ["qemu-m3"] * LIMIT
    said = capsys.readouterr().err
    for name in ("qemu-m4", "qemu-m3"):
        line = f"harness: {name}: the board is set aside after 3 infrastructure errors in a row; "
        assert said.count(line) == 1


def test_a_build_that_fails_says_nothing_about_the_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tried = broken_boards(monkeypatch, build=True)
    assert main(["run", "--target=qemu-m4"]) == ExitCode.INFRASTRUCTURE
    assert len(tried) == 5  # the bundled models


def test_a_sweep_sets_a_board_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tried = broken_boards(monkeypatch)
    code = main(["sweep", "--target=qemu-m4", "--model=faces", "--opt=-O1,-O2,-O3,-Os"])
    assert code == ExitCode.INFRASTRUCTURE
    assert tried == ["qemu-m4"] * LIMIT
    assert "the board is set aside" in capsys.readouterr().out


CONFTEST = """\
from contextlib import closing, contextmanager
from types import SimpleNamespace

import harness.pytest_plugin.fixtures as fixtures
import harness.runs.movable_dut as movable_dut
from harness import InfrastructureError

class Dut:
    def run(self):
        raise InfrastructureError("the board does not answer")

def fail(*arguments):
    print("tried")
    raise InfrastructureError("the board does not start")

@contextmanager
def opened(*arguments):
    yield Dut()

fixtures.image_for = lambda request: None
fixtures.provision = lambda *arguments: SimpleNamespace(close=lambda: None, device=None)
"""
TEST = """\
def test_run(dut):
    print("tried")
    dut.run()

def test_target(target):
    pass
"""


@pytest.mark.parametrize(
    ("broken", "tries"),
    [
        ("movable_dut.open_dut = fail", LIMIT),
        ("movable_dut.open_dut = opened", LIMIT),
        ("fixtures.provision = fail", 1),  # pytest keeps the error of a session's fixture
    ],
)
def test_pytest_sets_a_board_aside(pytester: pytest.Pytester, broken: str, tries: int) -> None:
    pytester.makeconftest(f"{CONFTEST}{broken}\n")
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(test_it=TEST)
    result = pytester.runpytest_subprocess(
        "-p", "no:hypothesispytest", "--target=qemu-m4,qemu-m3", "-s", timeout=60
    )
    text = str(result.stdout)
    assert text.count("tried") == 2 * tries
    assert text.count("the board is set aside") >= 2 * (5 - tries)
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 2
    assert outcomes.get("failed", 0) + outcomes["errors"] == 10
    assert result.ret == ExitCode.INFRASTRUCTURE
