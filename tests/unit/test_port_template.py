"""The port to copy: with the registers of a chip filled in, it runs a model.

That it compiles as it is, without a warning, is in test_toolchain.py.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cmake
import ninja
import pytest

ROOT = Path(__file__).parents[2]
REGISTERS = {
    "UART_BASE": "0x40004000U",
    "UART_HAS_BYTE": "((UART_STATUS & (1U << 1)) != 0U)",
    "UART_CAN_SEND": "((UART_STATUS & (1U << 0)) == 0U)",
    "UART_CONTROL_RX_INTERRUPT": "(1U << 3)",
    "UART_CLEAR": "REGISTER(UART_BASE + 0x0CU)",
    "UART_CLEAR_RX": "(1U << 1)",
    "UART_DIVIDER": "REGISTER(UART_BASE + 0x10U)",
    "UART_INTERRUPT": "0U",
    "TIMER_CONTROL": "REGISTER(0x4002801CU)",
    "TIMER_CONTROL_START": "0U",
    "TIMER_COUNT": "REGISTER(0x40028018U)",
    "COARSE_CONTROL": "TIMER_CONTROL",
    "COARSE_CONTROL_START": "0U",
    "COARSE_COUNT": "REGISTER(0x40028014U)",
    "TRIGGER_OUTPUT": "REGISTER(0x40028000U)",
}
"""The template's macros for an MPS2 board: see firmware/ports/mps2."""

OPTIONS = {
    "PORT": "mine",
    "CORE": "cortex-m3",
    "FLASH_ORIGIN": "0x0",
    "FLASH_SIZE": "0x400000",
    "RAM_ORIGIN": "0x20000000",
    "RAM_SIZE": "0x400000",
    "UART_HZ": "25000000",
    "CMAKE_MAKE_PROGRAM": str(Path(ninja.BIN_DIR) / "ninja"),
}
CHOSEN = ("--model=digits", "--target=qemu-m3")

pytestmark = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


def call(folder: Path, *command: str) -> None:
    """Run `command` in `folder`; it has to succeed."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def fill_in(template: Path, port: Path) -> None:
    """Copy `template` to `port` and replace its made-up registers."""
    shutil.copytree(template, port)
    source = port / "port.c"
    text = source.read_text()
    for macro, value in REGISTERS.items():
        text, count = re.subn(rf"(?m)^(#define {macro}) .*$", rf"\1 {value}", text)
        assert count == 1, macro
    source.write_text(text)


def test_a_copy_of_the_template_runs_with_the_registers_of_a_chip(tmp_path: Path) -> None:
    firmware = tmp_path / "firmware"
    shutil.copytree(ROOT / "firmware", firmware)
    fill_in(firmware / "ports" / "template", firmware / "ports" / "mine")
    call(tmp_path, sys.executable, "-m", "harness", "build", *CHOSEN, "--toolchain=gcc")
    (model_dir,) = (tmp_path / "build" / "images").glob("*/model")
    tool = str(Path(cmake.CMAKE_BIN_DIR) / "cmake")
    options = [f"-D{name}={value}" for name, value in OPTIONS.items()]
    options.append(f"-DMODEL_DIR={model_dir}")
    call(tmp_path, tool, "-G", "Ninja", "-S", str(firmware), "-B", "by_hand", *options)
    call(tmp_path, tool, "--build", "by_hand")
    elf = tmp_path / "by_hand" / "firmware.elf"
    call(tmp_path, sys.executable, "-m", "harness", "run", *CHOSEN, f"--elf={elf}")
    (record,) = (tmp_path / "reports" / "runs").glob("*.json")
    numbers = json.loads(record.read_text())["numbers"]
    assert numbers["bytes_differing"]["value"] == 0
    assert numbers["instructions_median"]["value"] > 0
