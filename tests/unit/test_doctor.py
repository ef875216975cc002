"""`harness doctor`: what is there, what is missing for which target, and what mends it."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from harness.cli import doctor
from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.golden import interpreters
from harness.image.toolchain import find_gcc
from harness.report.json_documents.machine_documents import Check
from harness.simulator.board_process import VirtualBoard
from harness.simulator.runtime_folder import DIRECTORY_VARIABLE, Announcement, Registration
from harness.workspace import Workspace
from tests.support.farm import free_ports


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wide screen, a repository of its own, and no USB devices."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "_USB_DEVICES", tmp_path / "none")


@pytest.fixture(autouse=True)
def no_boards(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else serves a virtual board."""
    folder = tmp_path_factory.mktemp("v")
    folder.chmod(0o700)
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(folder))


def need_probes(shown: str) -> bool:
    """Whether all boards are in the one row of those that need a probe."""
    text = " ".join(shown.split())
    boards = text.partition("need debug probes: ")[2].partition("✗")[0]
    return "nucleo-f429zi" in boards and "nrf52840-dk" in boards


def test_one_screen_says_what_can_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == ExitCode.PASSED
    shown = capsys.readouterr().out
    for subject in ("compiler gcc", "compiler clang", "QEMU", "debug probes", "serial ports"):
        assert subject in shown
    assert "✓  virtual-stm32 " in shown
    assert need_probes(shown)
    assert len(shown.splitlines()) < 50


def test_a_virtual_board_is_listed_and_makes_no_desk_target_ready(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with VirtualBoard.start("stm32f429xi") as board:
        assert main(["doctor"]) == ExitCode.PASSED
        shown = capsys.readouterr().out
        assert board.probe_id in shown
        assert need_probes(shown)


def test_a_served_board_makes_the_target_of_its_name_ready(
    capsys: pytest.CaptureFixture[str],
) -> None:
    served = Registration("desk")
    try:
        board = Announcement("desk", "stm32f429xi", "NUCLEO-F429ZI (virtual)", "/dev/null", "none")
        served.announce(board)
        assert main(["doctor", "--target=nucleo-f429zi"]) == ExitCode.PASSED
        assert main(["doctor", "--target=nrf52840-dk"]) == ExitCode.INFRASTRUCTURE
    finally:
        served.remove()
    assert "desk (NUCLEO-F429ZI (virtual))" in capsys.readouterr().out


def test_what_is_missing_comes_with_the_command_that_gets_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    find_gcc.cache_clear()
    machine, targets = doctor.run_checks(Workspace(tmp_path))
    found = {finding.subject: finding for finding in machine + targets}
    assert not found["compiler gcc"].ok
    assert "apt install gcc-arm-none-eabi" in found["compiler gcc"].remedy
    assert not found["QEMU"].ok
    assert "apt install qemu-system-arm" in found["QEMU"].remedy
    assert found["qemu-stm32"].detail == "needs QEMU"
    assert found["virtual-stm32"].ok == found["compiler clang"].ok
    find_gcc.cache_clear()


def executable(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("exit 0", "does not run: --version prints nothing"),
        ("exit 3", "does not run: exit code 3"),
        ("echo QEMU emulator version 9; echo no library >&2; exit 1", "no library"),
        ("echo Hello", "is not QEMU: --version prints 'Hello'"),
        ("kill -SEGV $$", "does not run: exit code -11"),
    ],
)
def test_a_broken_qemu_is_not_ticked(
    script: str, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    executable(tmp_path, "qemu-system-arm", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    machine, targets = doctor.run_checks(Workspace(tmp_path), ["qemu-stm32"])
    found = {finding.subject: finding for finding in machine + targets}
    assert not found["QEMU"].ok
    assert what in found["QEMU"].detail
    assert not found["qemu-stm32"].ok


def test_a_qemu_without_the_machine_cannot_run_the_target(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = 'test "$1" = -M && echo "none  empty machine" || echo QEMU emulator version 2.0'
    executable(tmp_path, "qemu-system-arm", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    _, [target] = doctor.run_checks(Workspace(tmp_path), ["qemu-stm32"])
    assert not target.ok
    assert target.detail == "QEMU has no machine netduinoplus2"


def test_a_compiler_that_does_not_link_is_not_ticked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    executable(tmp_path, "arm-none-eabi-gcc", "echo arm-none-eabi-gcc 1.2.3")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    find_gcc.cache_clear()
    machine, _ = doctor.run_checks(Workspace(tmp_path), ["virtual-stm32"])
    found = {finding.subject: finding for finding in machine}
    assert not found["compiler gcc"].ok
    assert "it writes no program" in found["compiler gcc"].detail
    find_gcc.cache_clear()


def test_the_exit_code_says_whether_the_target_can_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["doctor", "--target=nucleo-f429zi"]) == ExitCode.INFRASTRUCTURE
    shown = capsys.readouterr().out
    assert "needs debug probes" in shown
    assert "virtual-stm32" not in shown
    ready = main(["doctor", "--target=virtual-stm32"]) == ExitCode.PASSED
    assert ready == ("✓  virtual-stm32 " in capsys.readouterr().out)
    assert main(["doctor", "--target=virtual-stm23"]) == ExitCode.USAGE
    assert "did you mean virtual-stm32" in capsys.readouterr().err
    both = ["--target=virtual-stm32", "--target=nucleo-f429zi"]
    assert main(["doctor", *both]) == ExitCode.INFRASTRUCTURE


def test_a_package_that_cannot_be_imported_is_not_ticked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "unicorn", None)
    machine, [target] = doctor.run_checks(Workspace(tmp_path), ["virtual-stm32"])
    [unicorn] = [finding for finding in machine if finding.subject == "unicorn"]
    assert not unicorn.ok
    assert "cannot be imported" in unicorn.detail
    assert target.detail == "needs unicorn"


def test_a_broken_target_file_is_a_row_and_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "mine.toml").write_text("board = 1")
    _, targets = doctor.run_checks(Workspace(tmp_path))
    found = {finding.subject: finding for finding in targets}
    assert not found["mine"].ok
    assert found["mine"].detail.endswith("mine.toml: board: Expected a table, got `int`")
    assert "virtual-stm32" in found


def test_a_probe_that_linux_keeps_from_the_user_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, vendor, number in (("1-1", "0483", 7), ("1-2", "046d", 8)):
        device = tmp_path / "usb" / name
        device.mkdir(parents=True)
        facts = {
            "idVendor": vendor,
            "busnum": "1",
            "devnum": str(number),
            "product": "STM32 STLink",
        }
        for file, text in facts.items():
            (device / file).write_text(text + "\n")
    monkeypatch.setattr(doctor, "_USB_DEVICES", tmp_path / "usb")
    monkeypatch.setattr(os, "access", lambda *_: False)
    machine, _ = doctor.run_checks(Workspace(tmp_path))
    [probe] = [finding for finding in machine if finding.subject.startswith("USB ")]
    assert probe.subject == "USB STM32 STLink"
    assert probe.detail == "/dev/bus/usb/001/007"
    assert not probe.ok
    assert "udev" in probe.remedy


def test_without_an_interpreter_for_golden_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: None)
    machine, [target] = doctor.run_checks(Workspace(tmp_path), ["virtual-stm32"])
    [golden] = [finding for finding in machine if finding.subject == "golden outputs"]
    assert not golden.ok
    assert "pip install 'tinyml-harness[golden]'" in golden.remedy
    assert "golden" not in target.detail  # models with stored golden run


def test_a_farm_is_checked_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def found(workspace: Path) -> dict[str, Check]:
        machine, _ = doctor.run_checks(Workspace(workspace), ["virtual-stm32"])
        return {check.subject: check for check in machine}

    monkeypatch.delenv("LG_COORDINATOR", raising=False)
    checks = found(tmp_path)
    assert checks["gRPC for farms"].ok
    assert not any("coordinator" in subject for subject in checks)

    address = f"127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("LG_COORDINATOR", address)
    coordinator = found(tmp_path)[f"coordinator {address}"]
    assert not coordinator.ok
    assert "cannot be reached" in coordinator.detail
    assert "does labgrid-coordinator run there?" in coordinator.remedy

    def no_package(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "package_version", no_package)
    missing = found(tmp_path)["gRPC for farms"]
    assert (missing.ok, missing.detail) == (False, "not installed")
    assert "tinyml-harness[labgrid]" in missing.remedy


def test_an_unknown_target_is_told_before_the_machine_is_checked(tmp_path: Path) -> None:
    steps: list[str] = []

    def step(text: str) -> AbstractContextManager[object]:
        steps.append(text)
        return nullcontext()

    with pytest.raises(InputError, match="unknown target 'virtual-stm33'"):
        doctor.run_checks(Workspace(tmp_path), ["virtual-stm33"], step)
    assert steps == []
