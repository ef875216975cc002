"""Locked chips, through stock pyOCD: what the lock is and what unlocks it is said, and no more."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from pyocd.core.exceptions import TransferFaultError
from pyocd.coresight.ap import MEM_AP

from harness.board.pyocd.locks import unlocking
from harness.board.pyocd.probes import close_session, open_session, pick_probe
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError
from harness.image.build import Image, build_image
from harness.model.folder import find_model
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support import machine_lock
from harness.support.progress import Progress
from harness.target.chip_families import family_of, id_of, lock_of
from harness.target.find_target import find_target
from harness.target.target_file import Pyocd
from tests.support.assembly_bench import cross_compiler
from tests.support.pyocd_sessions import session

ROOT = Path(__file__).parents[2]
SWD = 4_000_000
STM32 = {"stm32f429xi": 0x0800_0000, "stm32l475xg": 0x0800_0000}
SILENT = ("nrf91", "kw41z4", "nrf52840")
COMMANDER = "`pyocd commander -O auto_unlock=true -t {} -u {} -c exit` unlocks it"
UNLOCKING = {
    "nrf91": COMMANDER,
    "nrf52840": COMMANDER,
    "kw41z4": "`pyocd erase --mass -t {} -u {}` unlocks it",
}
OPTKEYR, OPTCR = 0x4002_3C08, 0x4002_3C14  # STM32F4


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        patch.setattr(machine_lock, "_PREFIX", str(path))
        yield


def refusal(hardware: VirtualBoard, chip: str) -> InfrastructureError:
    with pytest.raises(InfrastructureError) as caught:
        open_session(pick_probe(hardware.probe_id), chip, SWD)
    assert caught.value.where == f"probe {hardware.probe_id}"
    return caught.value


@pytest.mark.parametrize("chip", SILENT)
def test_a_chip_that_shuts_debuggers_out_is_named_and_never_erased(chip: str) -> None:
    with VirtualBoard.start(chip, faults=["locked"]) as hardware:
        for _ in range(2):  # it is still locked the second time
            error = refusal(hardware, chip)
            assert "the chip is locked" in error.what
            assert UNLOCKING[chip].format(chip, hardware.probe_id) in error.remedy
            assert "erases all" in error.remedy
            assert "never does it" in error.remedy


@pytest.mark.parametrize("chip", SILENT)
@pytest.mark.parametrize(
    ("taken_for", "remedy"),
    [
        ("cortex_m", "name the chip, --target=chip:NAME"),
        ("stm32f103rc", "STM32CubeProgrammer sets RDP to level 0"),
        ("max32630", "the vendor's tool unlocks it"),
    ],
)
def test_a_locked_chip_is_recognized_without_its_name(
    chip: str, taken_for: str, remedy: str
) -> None:
    """As `--target=auto` connects, and as a wrong chip."""
    with VirtualBoard.start(chip, faults=["locked"]) as hardware:
        error = refusal(hardware, taken_for)
    assert "the chip is locked" in error.what
    assert "pyocd erase" not in error.remedy, "pyOCD cannot unlock a chip that it does not know"
    assert remedy in error.remedy
    assert ("--target=chip:NAME" in error.remedy) == (taken_for == "cortex_m")


@pytest.mark.parametrize("chip", SILENT)
def test_the_command_that_the_message_names_unlocks_the_chip(chip: str) -> None:
    with VirtualBoard.start(chip, faults=["locked"]) as hardware:
        command = refusal(hardware, chip).remedy.split("`")[1]
        program, *arguments = command.split()
        assert program == "pyocd"
        subprocess.run([sys.executable, "-m", program, *arguments], check=True)
        close_session(open_session(pick_probe(hardware.probe_id), chip, SWD))


@pytest.mark.parametrize("chip", ["nrf91", "stm32f429xi"])
@pytest.mark.parametrize("taken_for", ["", "cortex_m"])
def test_a_chip_whose_ports_are_off_while_nreset_is_low_is_not_locked(
    chip: str, taken_for: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its boot ROM turns them on, so the connection is made without a reset."""
    asked = MEM_AP.is_enabled.fget
    assert asked is not None

    def enabled(port: MEM_AP) -> bool:
        under_reset = port.dp.session.options.get("connect_mode") == "under-reset"
        return not under_reset and asked(port)

    warnings: list[str] = []
    with VirtualBoard.start(chip) as hardware:
        monkeypatch.setattr(MEM_AP, "is_enabled", property(enabled))
        probe = pick_probe(hardware.probe_id)
        close_session(open_session(probe, taken_for or chip, SWD, warn=warnings.append))
    (warning,) = warnings
    assert "does not answer while nRESET is low" in warning


@pytest.mark.parametrize("chip", [*SILENT, *STM32])
def test_a_chip_that_is_not_locked_opens(chip: str) -> None:
    with VirtualBoard.start(chip) as hardware:
        close_session(open_session(pick_probe(hardware.probe_id), chip, SWD))


@pytest.fixture(scope="module")
def image() -> Image:
    cross_compiler()
    target = find_target("virtual-stm32", [ROOT / "targets"])
    model = find_model("digits", [ROOT / "models"])
    return build_image(target, model, find_engine("cmsis-nn"), ROOT / "build" / "images")


@pytest.mark.parametrize("chip", STM32)
def test_an_stm32_with_rdp_level_1_is_refused_before_it_is_flashed(chip: str, image: Image) -> None:
    target = find_target("virtual-stm32", [ROOT / "targets"])
    with VirtualBoard.start(chip, faults=["locked"]) as hardware:
        board = Pyocd(target=chip, probe=hardware.probe_id, serial=hardware.port)
        target = msgspec.structs.replace(target, board=board)
        with (
            closing(PyocdBoard(target, board, Progress(sys.stderr), 0)) as opened,
            pytest.raises(InfrastructureError) as caught,
        ):
            opened.start(image)
        assert "the chip is locked: its read-out protection (RDP) is on" in caught.value.what
        assert "STM32CubeProgrammer sets RDP to level 0" in caught.value.remedy
        assert "erases all" in caught.value.remedy
        lock = lock_of(chip)
        assert lock is not None
        assert lock.address is not None
        with session(hardware) as stock:
            assert stock.target.read32(lock.address) & lock.mask != lock.open, "still locked"


def test_an_stm32_with_rdp_level_1_runs_an_image_in_ram() -> None:
    """RDP level 1 leaves the RAM open, and nothing touches the flash."""
    cross_compiler()
    target = find_target("virtual-stm32", [ROOT / "targets"])
    with VirtualBoard.start("stm32f429xi", faults=["locked"]) as hardware:
        board = Pyocd(target="stm32f429xi", probe=hardware.probe_id, serial=hardware.port)
        target = msgspec.structs.replace(target, board=board, load="ram")
        model = find_model("digits", [ROOT / "models"])
        image = build_image(target, model, find_engine("cmsis-nn"), ROOT / "build" / "images")
        with closing(PyocdBoard(target, board, Progress(sys.stderr), 0)) as opened:
            opened.start(image)
            assert opened.read_memory(0x2000_0000, 4) != b"\xff" * 4
            opened.check()


@pytest.mark.parametrize("chip", STM32)
def test_rdp_level_1_protects_the_flash_and_not_the_ram(chip: str) -> None:
    with VirtualBoard.start(chip, faults=["locked"]) as hardware, session(hardware) as stock:
        target = stock.target
        target.write32(0x2000_0000, 0x1234_5678)
        assert target.read32(0x2000_0000) == 0x1234_5678
        for address in (STM32[chip], 0):  # 0 is its alias
            with pytest.raises(TransferFaultError):
                target.read32(address)
            with pytest.raises(TransferFaultError):
                target.read_memory_block32(address, 8)
            target.write_memory_block32(address, [0, 0])  # the probe buffers it
            with pytest.raises(TransferFaultError):
                target.flush()
        assert target.read32(0xE004_2000) & 0xFFF, "the id can be read"


def test_back_to_rdp_level_0_erases_the_flash() -> None:
    with VirtualBoard.start("stm32f429xi") as hardware:
        with session(hardware) as stock:
            stock.target.write32(0x4002_3C04, 0x4567_0123)  # KEYR
            stock.target.write32(0x4002_3C04, 0xCDEF_89AB)
            stock.target.write32(0x4002_3C10, 0x201)  # CR: PG, 32 bits
            stock.target.write32(0x0800_0000, 0)
            assert stock.target.read32(0x0800_0000) == 0
        hardware.set_fault("locked")
        with session(hardware) as stock:
            stock.target.write32(OPTKEYR, 0x0819_2A3B)
            stock.target.write32(OPTKEYR, 0x4C5D_6E7F)
            stock.target.write32(OPTCR, 0x0FFF_AAEE)  # OPTSTRT
            assert stock.target.read32(0x0800_0000) == 0xFFFF_FFFF


def test_an_lpc_with_crp_does_not_answer_and_the_message_says_so() -> None:
    """A debugger sees the same of a chip without power."""
    with VirtualBoard.start("stm32f429xi", faults=["no-power"]) as hardware:
        error = refusal(hardware, "lpc1768")
        other = refusal(hardware, "nrf52840")
    assert "code read protection (CRP) does not answer" in error.remedy
    assert "CRP3 cannot be undone" in error.remedy
    assert "erases all" in error.remedy
    assert "power" in error.remedy
    assert "CRP" not in other.remedy


@pytest.mark.parametrize(
    "chip", ["stm32g474retx", "stm32u575zitx", "stm32h743xx", "stm32wb55rgvx", "stm32f103rc"]
)
def test_the_locks_of_stm32_families_are_known(chip: str) -> None:
    lock = lock_of(chip)
    assert lock is not None
    assert lock.address is not None
    assert lock.open & lock.mask == lock.open
    assert lock.source


@pytest.mark.parametrize("chip", ["nrf52840_xxaa", "nRF52832_xxAA", "nrf9161_xxca", "nrf5340_xxaa"])
def test_no_erase_is_advised_that_locks_a_chip_of_nordic_again(chip: str) -> None:
    advice = unlocking("PROBE", chip)
    assert "erase --mass" not in advice
    assert "unlocks it" in advice
    assert "{" not in advice


def test_the_locks_and_ids_of_chips_are_found_in_upper_case() -> None:
    """PyOCD takes both."""
    for find in (family_of, id_of, lock_of):
        lower = find("stm32f429zitx")
        assert lower is not None
        assert find("STM32F429ZITx") == lower
