"""A virtual Kinetis with a Cortex-M0+ through stock pyOCD: its flash, locks, watchdog, SysTick."""

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pyocd.core import exceptions
from pyocd.core.target import Target
from pyocd.flash.file_programmer import FileProgrammer

from harness.board.pyocd.probes import open_session, pick_probe
from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.simulator.board_process import VirtualBoard
from tests.support.assembly_bench import DATA, cross_compiler, wait_for
from tests.support.pyocd_sessions import session

CHIP = "kw41z4"
DHCSR, S_RESET_ST = 0xE000_EDF0, 1 << 25


def build(directory: Path, *extra: str) -> Path:
    elf = directory / "kinetis.elf"
    flags = ["-mcpu=cortex-m0plus", "-mthumb", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]
    flags += ["-ffreestanding", "-nostdlib", "-nostartfiles", "-Wl,--no-warn-rwx-segments"]
    flags += [*extra, "-T", str(DATA / "kinetis.ld")]
    command = [cross_compiler(), *flags, str(DATA / "kinetis.c"), "-o", str(elf)]
    subprocess.run(command, check=True, timeout=60)
    return elf


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("kinetis"))


@pytest.fixture(scope="module")
def board(firmware: Path) -> Iterator[VirtualBoard]:
    """A board with the firmware, for tests that leave it usable."""
    with VirtualBoard.start(CHIP) as started:
        with session(started) as opened:
            flash(opened, firmware)
        yield started


def flash(opened, elf: Path) -> None:  # type: ignore[no-untyped-def]
    FileProgrammer(opened, chip_erase="sector", trust_crc=False).program(str(elf))


def variables(elf: Path, *names: str) -> tuple[int, ...]:
    found = Elf(elf).symbols(*names)
    assert found is not None
    return tuple(found)


def test_stock_pyocd_programs_and_verifies(board: VirtualBoard, firmware: Path) -> None:
    with session(board) as opened:
        assert opened.target.selected_core.name == "Cortex-M0+"
        for part in Elf(firmware).segments():
            read = opened.target.read_memory_block8(part.address, len(part.data))
            assert bytes(read) == bytes(part.data)


def test_systick_interrupts_the_firmware_every_1000_instructions(
    board: VirtualBoard, firmware: Path
) -> None:
    """A turn of the loop executes about 3,000 instructions; interrupts run between them."""
    spin, interrupts, turns = variables(firmware, "spin", "interrupts", "turns")
    with session(board) as opened:
        target = opened.target
        target.reset_and_halt()
        target.set_breakpoint(spin & ~1)
        counts, executed = [], []
        for _ in range(4):
            before = board.status()["instructions"]
            target.resume()
            wait_for(lambda: target.get_state() is Target.State.HALTED)
            executed.append(board.status()["instructions"] - before)
            counts.append(target.read32(interrupts))
        target.remove_breakpoint(spin & ~1)
        assert target.read32(turns) == 3
        assert [after - before for before, after in pairwise(counts)] == [
            pytest.approx(spent / 1000, abs=1) for spent in executed[1:]
        ]


def test_stepping_and_writing_registers(board: VirtualBoard, firmware: Path) -> None:
    (spin,) = variables(firmware, "spin")
    with session(board) as opened:
        target = opened.target
        target.reset_and_halt()
        target.write_core_register("pc", spin)
        target.write_core_register("r0", 5)
        target.step()
        assert target.read_core_register("pc") > spin & ~1
        assert target.read_core_register("r0") in (4, 5)


def test_an_unaligned_access_is_a_hard_fault(board: VirtualBoard, firmware: Path) -> None:
    (command,) = variables(firmware, "command")
    with session(board) as opened:
        target = opened.target
        target.reset_and_halt()
        target.set_vector_catch(Target.VectorCatch.HARD_FAULT)
        target.resume()
        wait_for(lambda: target.read32(variables(firmware, "turns")[0]) > 0)
        target.write32(command, 1)
        wait_for(lambda: target.get_state() is Target.State.HALTED)
        assert target.read_core_register("xpsr") & 0x3F == 3
        frame = target.read_core_register("sp")
        (pc,) = target.read_memory_block32(frame + 24, 1)
        assert "reset" in Elf(firmware).locate(pc)
        target.set_vector_catch(0)


def test_a_write_protected_sector(firmware: Path) -> None:
    with (
        VirtualBoard.start(CHIP, faults=["write-protected=0"]) as protected,
        session(protected) as opened,
        pytest.raises(exceptions.FlashFailure),
    ):
        flash(opened, firmware)


@pytest.mark.parametrize("chip", [CHIP, "nrf91", "nrf52840"])
def test_a_locked_chip_is_unlocked_only_if_asked(chip: str) -> None:
    with VirtualBoard.start(chip, faults=["locked"]) as locked:
        # pyOCD 0.46 finds no core in a locked nRF52840.
        refused = pytest.raises((exceptions.Error, KeyError))
        with refused, session(locked, auto_unlock=False) as opened:
            opened.target.read32(0)
        with session(locked, auto_unlock=True) as opened:
            assert opened.target.read32(0) == 0xFFFF_FFFF


def test_the_watchdog_runs_after_reset(tmp_path: Path) -> None:
    """After 1.024 s at 20.97 MHz it resets the firmware, which does not disable it."""
    elf = build(tmp_path, "-DWATCHDOG")
    (turns,) = variables(elf, "turns")
    with VirtualBoard.start(CHIP) as started, session(started) as opened:
        flash(opened, elf)
        target = opened.target
        target.reset()
        target.read32(DHCSR)
        wait_for(lambda: bool(target.read32(DHCSR) & S_RESET_ST))
        assert target.read32(turns) < 7000
        assert started.status()["instructions"] > 20_971_520


def test_a_chip_without_uart_has_no_serial_port(board: VirtualBoard) -> None:
    assert board.port == ""
    with pytest.raises(InfrastructureError, match="no UART"):
        VirtualBoard.start(CHIP, uart="UART0")


def test_the_wrong_target_is_noticed(board: VirtualBoard) -> None:
    with pytest.raises(InfrastructureError, match="nrf91"):
        open_session(pick_probe(board.probe_id), "nrf91", 1_000_000)
