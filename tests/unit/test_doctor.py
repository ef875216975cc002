"""`harness doctor`: what is there, what is missing for which target, and what mends it."""

import os
from pathlib import Path

import pytest

from harness.cli import doctor
from harness.cli.main import main
from harness.errors import ExitCode
from harness.image.toolchain import find_gcc
from harness.simulator.board_process import VirtualBoard
from harness.workspace import Workspace


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wide screen, a repository of its own, and no USB devices."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "_USB_DEVICES", tmp_path / "none")


def test_one_screen_says_what_can_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == ExitCode.PASSED
    shown = capsys.readouterr().out
    for subject in ("compiler gcc", "compiler clang", "QEMU", "debug probes", "serial ports"):
        assert subject in shown
    assert "✓  virtual-stm32 " in shown
    assert "✗  nucleo-f429zi " in shown
    assert "needs debug probes" in shown
    assert len(shown.splitlines()) < 50


def test_a_virtual_board_is_listed_and_makes_no_desk_target_ready(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with VirtualBoard.start("stm32f429xi") as board:
        assert main(["doctor"]) == ExitCode.PASSED
        shown = capsys.readouterr().out
        assert board.probe_id in shown
        assert "✗  nucleo-f429zi " in shown


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
