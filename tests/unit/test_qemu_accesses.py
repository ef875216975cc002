"""QEMU: a run whose image reads or writes where the machine has nothing is a failed run."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import pytest

from harness.board.qemu import QemuBoard
from harness.board.qemu_log import QemuLog
from harness.elf import Elf
from harness.errors import ExitCode
from harness.image.build import Image
from harness.link.device_errors import DeviceFaultError
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from harness.target.target_file import Qemu
from tests.support.assembly_bench import cross_compiler
from tests.support.repository import BEHAVE, READ_UNMAPPED, Repository

# A machine that goes on after such an access, as boards of that time do in QEMU.
MACHINE = "lm3s6965evb"
NOTHING = 0x3000_0000
SOON = 1.0  # seconds
SOURCE = """
static unsigned nothing_there(void) {
    return *(volatile unsigned *)ADDRESS;
}

static void start(void) {
    volatile unsigned value = nothing_there();
    (void)value;
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void *const vectors[] = {
    (void *)0x20001000, start, start, start, start, start, start};
"""


@dataclass(frozen=True)
class Program:
    """What a board needs of an image."""

    elf: Elf
    stack: None = None


def program(folder: Path, address: int) -> Program:
    """Return firmware that reads at `address`."""
    source, elf = folder / "access.c", folder / "access.elf"
    source.write_text(SOURCE)
    options = ["-mcpu=cortex-m3", "-mthumb", "-O0", "-g", "-nostdlib", "-nostartfiles"]
    options += [f"-DADDRESS={address:#x}", "-Wl,--section-start=.vectors=0", "-Wl,-Ttext=0x100"]
    subprocess.run(
        [cross_compiler(), *options, "-Wl,-e,start", str(source), "-o", str(elf)], check=True
    )
    return Program(Elf(elf))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[int, Qemu], QemuBoard]]:
    """A function that starts firmware which reads at an address."""
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not on PATH")
    boards = []

    def started(address: int, qemu: Qemu) -> QemuBoard:
        target = find_target("qemu-m3", [bundled("targets")])
        board = QemuBoard(msgspec.structs.replace(target, board=qemu), qemu, tmp_path)
        boards.append(board)
        board.start(cast("Image", program(tmp_path, address)))
        return board

    yield started
    for board in boards:
        board.close()


def error_of(board: QemuBoard) -> DeviceFaultError | None:
    """Return the error that the board raises soon; None if it raises none."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        try:
            board.check()
        except DeviceFaultError as error:
            return error
        time.sleep(0.02)
    return None


def test_an_access_to_nothing_fails_and_says_who_made_it(
    start: Callable[[int, Qemu], QemuBoard],
) -> None:
    error = error_of(start(NOTHING, Qemu(machine=MACHINE)))
    assert error is not None
    assert error.what.startswith("a read of 4 bytes at 0x30000000, where the machine has neither")
    assert "nothing_there" in error.what
    assert "access.c:3" in error.what
    assert 'board.unmapped = "ignore"' in error.remedy


def test_a_target_file_allows_it(start: Callable[[int, Qemu], QemuBoard]) -> None:
    assert error_of(start(NOTHING, Qemu(machine=MACHINE, unmapped="ignore"))) is None


def test_an_access_to_ram_is_none(start: Callable[[int, Qemu], QemuBoard]) -> None:
    assert error_of(start(0x2000_0000, Qemu(machine=MACHINE))) is None


def test_what_qemu_itself_reads_at_its_start_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Invalid read at addr 0x0, size 4, region '(null)', reason: rejected\n")
    read = QemuLog(log)
    assert read.refused() is None
    with log.open("a") as file:
        file.write("Timer with period zero, disabling\n")
        file.write("Invalid write at addr 0x3000ABCD, size 1, region '(null)', reason: rejected\n")
    assert read.refused() == ("write", 1, 0x3000_ABCD)


@pytest.mark.parametrize("way", ["debug", "serial"])
def test_an_access_in_an_inference_says_who_made_it(way: str, repository: Repository) -> None:
    """The inference is repeated, with a watchpoint; "debug" runs a batch."""
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not on PATH")
    repository.answers(BEHAVE, READ_UNMAPPED)
    target = ("--target", f"qemu:{MACHINE}", f"--input-via={way}")
    code, text = repository.run("misbehaving", *target)
    assert code == ExitCode.INFRASTRUCTURE
    assert "a read of 4 bytes at 0x" in text
    assert re.search(r", by read_unmapped model\.c:\d+ \(0x", text)
