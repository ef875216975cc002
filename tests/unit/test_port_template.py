"""A new port: the template with the registers of a chip, and the one that firmware/README.md shows.

That the template compiles as it is, without a warning, is in test_toolchain.py.
"""

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import cmake
import ninja
import pytest

from tests.support.models import few_digits

ROOT = Path(__file__).parents[2]
REGISTERS = {
    "UART_DATA": "REGISTER(0x40004000U)",
    "UART_STATUS": "REGISTER(0x40004004U)",
    "UART_HAS_BYTE": "((UART_STATUS & (1U << 1)) != 0U)",
    "UART_CAN_SEND": "((UART_STATUS & (1U << 0)) == 0U)",
    "UART_CONTROL": "REGISTER(0x40004008U)",
    "UART_ON": "0xBU",
    "UART_DIVIDER": "REGISTER(0x40004010U)",
    "UART_CLEAR": "REGISTER(0x4000400CU)",
    "UART_CLEAR_RX": "(1U << 1)",
    "UART_INTERRUPT": "0U",
}
"""The template's macros for an MPS2 board: see firmware/ports/mps2."""

TARGET = """
base = "qemu-m3"
description = "The template with the registers of an MPS2 board"
board.icount_shift = 8
port = { dir = "mine", options = { UART_HZ = 25_000_000 } }
"""

PAGE = (ROOT / "firmware" / "README.md").read_text(encoding="utf-8")
OWN = ROOT / "tests" / "data" / "own_port" / "targets"
"""The files that the page shows."""

pytestmark = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


def call(folder: Path, *command: str) -> None:
    """Run `command` in `folder`; it has to succeed."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False
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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A user's repository, with a few vectors of a bundled model."""
    few_digits(tmp_path / "models" / "digits", 5)
    (tmp_path / "targets").mkdir()
    return tmp_path


def harness(root: Path, *arguments: str) -> None:
    call(root, sys.executable, "-m", "harness", *arguments)


def check_run(root: Path) -> None:
    (path,) = (root / "reports" / "runs").glob("*.json")
    record = json.loads(path.read_text())
    assert record["numbers"]["bytes_differing"]["value"] == 0
    assert record["numbers"]["instructions_median"]["value"] > 0
    assert record["counter"] == "systick"


def test_a_copy_of_the_template_runs_with_the_registers_of_a_chip(root: Path) -> None:
    fill_in(ROOT / "firmware" / "ports" / "template", root / "targets" / "mine")
    (root / "targets" / "mps2.toml").write_text(TARGET)
    harness(root, "run", "--target=mps2", "--model=digits", "--toolchain=gcc")
    check_run(root)


@pytest.mark.parametrize("name", ["lm3s/port.c", "lm3s/port.cmake", "lm3s6965.toml"])
def test_the_page_shows_the_files_as_they_are(name: str) -> None:
    block = textwrap.indent((OWN / name).read_text(), "   ")
    assert f"targets/{name}`" in PAGE
    assert f"\n{block}   ```\n" in PAGE


def commands(page: str) -> str:
    """Return the commands of the section about a new port, in their order."""
    section = page[page.index("## A new port") : page.index("## A new core")]
    blocks = re.findall(r"(?ms)^ *```(\w*)\n(.*?)^ *```$", section)
    return "".join(textwrap.dedent(text) for language, text in blocks if not language)


def test_what_the_page_says_gives_a_port_that_runs(root: Path) -> None:
    """Every command of the page; in between, a person replaces the registers."""
    place = (
        f"PATH={cmake.CMAKE_BIN_DIR}:{ninja.BIN_DIR}:{Path(sys.executable).parent}:$PATH\n"
        "export CMAKE_GENERATOR=Ninja\n"
        f"ln -s {ROOT / 'firmware'} firmware\n"
    )
    begin, middle, end = re.split("(?m)^(?=harness run|cmake -S)", commands(PAGE))
    edit = f"cp {OWN}/lm3s/* targets/lm3s/ && cp {OWN}/lm3s6965.toml targets/\n"
    image = "build/images/*/model"
    call(root, "bash", "-euc", place + begin + edit + middle)
    check_run(root)
    (model,) = root.glob(image)
    end = end.replace("build/images/<image>/model", str(model.relative_to(root)))
    call(root, "bash", "-euc", place.replace("ln -s", "ln -sfn") + end)
    elf = root / "build" / "lm3s" / "firmware.elf"
    assert str(root).encode() not in elf.read_bytes()
    harness(root, "run", "--target=lm3s6965", "--model=digits", f"--elf={elf}")


@pytest.mark.parametrize("variant", ["--protocol=mlperf-tiny", "--profile"])
def test_a_port_of_one_s_own_speaks_every_protocol(root: Path, variant: str) -> None:
    shutil.copytree(OWN, root / "targets", dirs_exist_ok=True)
    harness(root, "run", "--target=lm3s6965", "--model=digits", variant)
