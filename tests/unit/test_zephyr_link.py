"""The module for Zephyr, compiled against a stand-in for Zephyr: Zephyr itself is not here."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.intake.projects.project_lines import SOURCES
from harness.support import bundled_files
from tests.support.repository import Repository, make_repository

FIRMWARE = Path(__file__).parents[1] / "data" / "firmware"
LINK = bundled_files.bundled("firmware") / "link"
ZEPHYR_LINK = LINK / "zephyr" / "zephyr_link.c"
TOOL = (
    "arm-none-eabi-gcc -std=gnu99 -mcpu=cortex-m4 -mthumb -Os -g -Wall -Wextra -Wshadow -Werror "
    f"-I{FIRMWARE}/zephyr -I{LINK} -I{LINK}/zephyr"
).split()

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    return make_repository(tmp_path, monkeypatch, capsys)


def test_an_application_with_the_module_runs(repository: Repository, tmp_path: Path) -> None:
    elf = tmp_path / "zephyr.elf"
    own = FIRMWARE / "own"
    sources = [ZEPHYR_LINK, FIRMWARE / "zephyr" / "main.c", own / "startup.c"]
    sources += [LINK / name for name in SOURCES]
    linking = ["--specs=nosys.specs", "-nostartfiles", "-T", str(own / "stm32f4.ld")]
    subprocess.run([*TOOL, *map(str, sources), *linking, "-o", str(elf)], check=True)
    options = ("--model", "small", "--target", "virtual-stm32", "--elf", str(elf))
    assert repository.harness("run", *options) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert record.numbers["bytes_differing"].value == 0


# What else may use a UART, as devicetree and Kconfig say
SHELL = ("NODE_zephyr_shell_uart=1", "CONFIG_SHELL_BACKEND_SERIAL")
OWN_UART = ("NODE_tinyml_link_uart=2", "HAS_tinyml_link_uart=1")


@pytest.mark.parametrize(
    ("defined", "said"),
    [
        ((), ""),
        (("CONFIG_UART_CONSOLE",), "CONFIG_UART_CONSOLE=n"),
        (("CONFIG_UART_CONSOLE", *OWN_UART), ""),
        (SHELL, "CONFIG_SHELL_BACKEND_SERIAL=n"),
        ((*SHELL, *OWN_UART), ""),
        (("NODE_zephyr_uart_mcumgr=1", "CONFIG_UART_MCUMGR"), "CONFIG_UART_MCUMGR=n"),
        (("NO_CONSOLE",), "choose a UART as tinyml,link-uart"),
        (("NO_CONSOLE", *OWN_UART), ""),
    ],
)
def test_a_uart_that_something_else_uses_is_refused(defined: tuple[str, ...], said: str) -> None:
    """Such a shell leaves its interrupt on, and the link's handler would never end it."""
    command = [*TOOL, *(f"-D{name}" for name in defined), "-fsyntax-only", str(ZEPHYR_LINK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == bool(said)
    assert said in done.stderr
