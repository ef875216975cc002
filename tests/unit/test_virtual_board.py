"""Virtual boards used through stock pyOCD and pyserial; boards and owners that are killed."""

import contextlib
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from pyocd.core import exceptions
from pyocd.core.target import Target
from pyocd.flash.eraser import FlashEraser
from pyocd.flash.file_programmer import FileProgrammer

import harness.simulator
from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError, InputError
from harness.simulator import board_client, runtime_folder
from harness.simulator.board_faults import FAULTS, WRONG_CHIP, forms
from harness.simulator.board_process import VirtualBoard
from harness.simulator.chip_names import CHIP_NAMES
from harness.simulator.socket_protocol import Request
from harness.simulator.virtual_board import Board
from tests.support.assembly_bench import DATA, cross_compiler, wait_for
from tests.support.documents import checked
from tests.support.pyocd_sessions import session

CHIPS = {
    "stm32f429xi": ("STM32F4", 0x0800_0000),
    "stm32l475xg": ("STM32L4", 0x0800_0000),
    "nrf52840": ("NRF_UARTE", 0x0000_0000),
    "nrf91": ("NRF91_UARTE", 0x0000_0000),
}
M4F = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"]
DHCSR, CFSR, HFSR = 0xE000_EDF0, 0xE000_ED28, 0xE000_ED2C
_TIMEOUT = 5.0


@pytest.fixture(scope="module", autouse=True)
def own_directory() -> Iterator[Path]:
    """A directory for the boards of these tests alone, with a short path for the sockets."""
    folder = Path(tempfile.mkdtemp(prefix="hv"))
    before = os.environ.get(runtime_folder.DIRECTORY_VARIABLE)
    os.environ[runtime_folder.DIRECTORY_VARIABLE] = str(folder)
    yield folder
    if before is None:
        del os.environ[runtime_folder.DIRECTORY_VARIABLE]
    else:
        os.environ[runtime_folder.DIRECTORY_VARIABLE] = before
    shutil.rmtree(folder)


def build(directory: Path, define: str, origin: int, *extra: str) -> Path:
    elf = directory / f"{define}.elf"
    core = ["-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16"] if define == "NRF91_UARTE" else M4F
    flags = [*core, "-mthumb", "-mfloat-abi=hard", "-std=c11"]
    flags += ["-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib", "-nostartfiles"]
    flags += [f"-D{define}", *extra, f"-Wl,--defsym=FLASH_ORIGIN={origin:#x}"]
    flags += ["-Wl,--no-warn-rwx-segments", "-T", str(DATA / "talk.ld")]
    command = [cross_compiler(), *flags, str(DATA / "talk.c"), "-o", str(elf)]
    subprocess.run(command, check=True, timeout=60)
    return elf


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    directory = tmp_path_factory.mktemp("talk")
    built: dict[str, Path] = {}

    def of(chip: str) -> Path:
        if chip not in built:
            built[chip] = build(directory, *CHIPS[chip])
        return built[chip]

    return of


def flash(opened: Any, elf: Path) -> None:
    FileProgrammer(opened, chip_erase="sector", trust_crc=False).program(str(elf))


class Talk:
    """Sends commands to the test firmware over its serial port."""

    def __init__(self, board: VirtualBoard) -> None:
        self.port = serial.Serial(board.port, 115200, timeout=_TIMEOUT)

    def ask(self, command: str, *numbers: int) -> str:
        self.port.write(command.encode() + struct.pack(f"<{len(numbers)}I", *numbers))
        return self.line()

    def line(self) -> str:
        text: str = self.port.readline().decode().strip()
        return text


@pytest.fixture(scope="module", params=CHIPS)
def board(
    request: pytest.FixtureRequest, firmware: Callable[[str], Path]
) -> Iterator[VirtualBoard]:
    """A board with the test firmware, for tests that leave it usable."""
    with VirtualBoard.start(request.param) as started:
        with session(started) as opened:
            flash(opened, firmware(started.chip))
        yield started


@contextlib.contextmanager
def started(board: VirtualBoard) -> Iterator[tuple[Any, Talk]]:
    """Yield target and serial port after the firmware has started and sent its hello."""
    with session(board) as opened:
        talk = Talk(board)
        with talk.port:
            talk.port.reset_input_buffer()
            opened.target.set_vector_catch(0)
            opened.target.selected_core.clear_debug_cause_bits()  # BKPT of the flash algorithm
            opened.target.reset()
            assert talk.line() == "hello"
            yield opened.target, talk


def symbol(elf: Path, name: str) -> int:
    lines = subprocess.run(
        [cross_compiler().replace("gcc", "nm"), str(elf)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.splitlines()
    return next(int(line.split()[0], 16) for line in lines if line.split()[-1] == name)


def test_stock_pyocd_lists_the_board(board: VirtualBoard) -> None:
    command = [sys.executable, "-m", "pyocd", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    (line,) = [line for line in listed.splitlines() if board.probe_id in line]
    assert board.chip in line


def test_flash_contains_the_programmed_image(
    board: VirtualBoard, firmware: Callable[[str], Path], tmp_path: Path
) -> None:
    image = tmp_path / "image.bin"
    copy = [cross_compiler().replace("gcc", "objcopy"), "-O", "binary"]
    subprocess.run([*copy, str(firmware(board.chip)), str(image)], check=True, timeout=60)
    data = image.read_bytes()
    with session(board) as opened:
        origin = CHIPS[board.chip][1]
        assert bytes(opened.target.read_memory_block8(origin, len(data))) == data


def test_the_serial_port_transfers_in_both_directions(board: VirtualBoard) -> None:
    with started(board) as (_, talk):
        assert talk.ask("p") == "pong"
        assert talk.ask("x") == "?"
        data = bytes(range(256)) * 30
        talk.port.write(b"a" + struct.pack("<I", len(data)))
        talk.port.write(data)
        assert int(talk.line(), 16) == sum(data)
        talk.port.write(b"s" + struct.pack("<I", 5000))
        assert talk.port.read(5000) == bytes(i % 256 for i in range(5000))


def test_the_counter_is_exact(board: VirtualBoard) -> None:
    """Each turn of spin(n) takes the same number of instructions, in every run, on every chip."""
    with started(board) as (_, talk):
        counts = [int(talk.ask("m", turns), 16) for turns in (1, 2, 1000, 1001, 1000)]
        turn = counts[1] - counts[0]
        assert turn in (2, 3)
        assert counts[3] - counts[2] == turn
        assert counts[2] == counts[4] == counts[0] + 999 * turn


def test_breakpoint_and_step(board: VirtualBoard, firmware: Callable[[str], Path]) -> None:
    with started(board) as (target, talk):
        target.halt()
        spin = symbol(firmware(board.chip), "spin") & ~1
        assert target.set_breakpoint(spin, Target.BreakpointType.HW)
        target.resume()
        talk.port.write(b"m" + struct.pack("<I", 100))
        wait_for(lambda: target.get_state() is Target.State.HALTED)
        assert target.read_core_register("pc") == spin
        assert target.read_core_register("r0") == 100
        assert target.get_halt_reason() is Target.HaltReason.BREAKPOINT
        target.step()
        assert spin < target.read_core_register("pc") <= spin + 8
        target.remove_breakpoint(spin)
        target.resume()
        assert int(talk.line(), 16) > 200


def test_registers_can_be_written(board: VirtualBoard) -> None:
    with started(board) as (target, _):
        target.halt()
        for name, value in (
            ("r0", 1),
            ("r12", 2),
            ("s5", 1.5),
            ("primask", 1),
            ("psp", 0x2000_0100),
        ):
            before = target.read_core_register(name)
            target.write_core_register(name, value)
            assert target.read_core_register(name) == value
            target.write_core_register(name, before)


def test_a_hard_fault_is_caught(board: VirtualBoard) -> None:
    with started(board) as (target, talk):
        target.set_vector_catch(Target.VectorCatch.HARD_FAULT)
        target.flush()  # pyOCD buffers writes until the next read
        talk.port.write(b"h")
        wait_for(lambda: target.get_state() is Target.State.HALTED)
        assert target.get_halt_reason() is Target.HaltReason.VECTOR_CATCH
        assert target.read_core_register("ipsr") == 3
        assert target.read32(CFSR) == 0x8200
        assert target.read32(HFSR) == 1 << 30


def test_a_stack_overflow_faults(board: VirtualBoard) -> None:
    with started(board) as (target, talk):
        target.set_vector_catch(Target.VectorCatch.HARD_FAULT)
        target.flush()  # pyOCD buffers writes until the next read
        talk.port.write(b"o")
        wait_for(lambda: target.get_state() is Target.State.HALTED)
        assert target.read32(CFSR) & 0x1500


def test_lockup(board: VirtualBoard) -> None:
    with started(board) as (target, talk):
        talk.port.write(b"l")
        wait_for(lambda: target.get_state() is Target.State.LOCKUP)
        assert board.status()["lockup"]
        target.halt()
        assert target.read_core_register("pc") == 0xFFFF_FFFE


def test_a_hang_is_halted(board: VirtualBoard) -> None:
    with started(board) as (target, talk):
        talk.port.write(b"i")
        wait_for(lambda: not board.status()["sleeping"])
        time.sleep(0.05)
        target.halt()
        assert target.read_core_register("primask") == 1


def test_the_firmware_can_reset_the_chip(board: VirtualBoard) -> None:
    with started(board) as (_, talk):
        assert talk.ask("r") == "hello"


def test_the_firmware_keeps_running_after_the_session(board: VirtualBoard) -> None:
    with started(board):
        pass
    talk = Talk(board)
    with talk.port:
        assert talk.ask("p") == "pong"


def test_edges_of_the_trigger_pin_are_logged(board: VirtualBoard) -> None:
    with started(board) as (_, talk):
        assert talk.ask("t") == "done"
    up, down = board.edges()[-2:]
    assert (up[1], down[1]) == (True, False)
    assert up[0] == down[0] == ("P0.0" if board.chip.startswith("nrf") else "PB0")
    assert 200 < down[2] - up[2] < 320


def test_one_session_at_a_time(board: VirtualBoard) -> None:
    with session(board), pytest.raises(exceptions.ProbeError, match="busy"), session(board):
        pass
    with session(board):
        pass


def test_a_killed_client_releases_the_board(board: VirtualBoard) -> None:
    code = (
        "import sys, time\n"
        "from harness.simulator import board_client, runtime_folder\n"
        f"session = board_client.Session(runtime_folder.find({board.probe_id!r}))\n"
        "print(flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(exceptions.ProbeError, match="busy"), session(board):
            pass
        process.kill()
        process.wait(_TIMEOUT)

    def free() -> bool:
        with contextlib.suppress(exceptions.ProbeError), session(board):
            return True
        return False

    wait_for(free)


# Faults, each on a separate board


@contextlib.contextmanager
def faulty(*faults: str, chip: str = "stm32f429xi") -> Iterator[VirtualBoard]:
    with VirtualBoard.start(chip, faults=faults) as started_board:
        yield started_board


def test_no_power() -> None:
    with faulty("no-power") as board:
        with pytest.raises(exceptions.TransferError), session(board):
            pass
        board.set_fault("none")
        with session(board) as opened:
            assert opened.target.read32(0xE004_2000) & 0xFFF == 0x419


def test_probe_busy() -> None:
    with faulty("probe-busy") as board:
        with pytest.raises(exceptions.ProbeError, match="busy"), session(board):
            pass
        board.set_fault("none")
        with session(board):
            pass


def test_wrong_chip() -> None:
    with faulty("wrong-chip=stm32l475xg") as board, session(board) as opened:
        assert opened.target.read32(0xE004_2000) & 0xFFF == 0x415


def test_unplug() -> None:
    with faulty() as board:
        talk = Talk(board)
        with talk.port, session(board) as opened:
            board.set_fault("unplug")
            wait_for(lambda: runtime_folder.find(board.probe_id) is None)
            with pytest.raises(exceptions.ProbeDisconnected):
                opened.target.read32(0x2000_0000)
            with pytest.raises((serial.SerialException, OSError)):
                talk.port.read(1)


def test_control_survives_the_unplugging_of_the_probe() -> None:
    """Otherwise the answer to the request itself may be lost, if the cut comes first."""
    with faulty() as board:
        announcement = runtime_folder.find(board.probe_id)
        assert announcement is not None
        control = board_client.Control(announcement)
        talk = Talk(board)
        with talk.port, contextlib.closing(control):
            control.ask(Request("fault", "unplug"))
            with pytest.raises((serial.SerialException, OSError)):
                talk.port.read(1)  # until the line is closed; the cut comes after it
            time.sleep(0.1)
            assert control.ask(Request("status"))["failure"] == ""


def test_unplug_during_flash(firmware: Callable[[str], Path]) -> None:
    with (
        faulty("unplug-during-flash=100") as board,
        pytest.raises(exceptions.Error) as caught,
        session(board) as opened,
    ):
        flash(opened, firmware(board.chip))
    assert isinstance(caught.value, exceptions.ProbeDisconnected)


@pytest.mark.parametrize("chip", ["stm32f429xi", "stm32l475xg"])
def test_write_protected(chip: str) -> None:
    with (
        faulty("write-protected=0", chip=chip) as board,
        session(board) as opened,
        pytest.raises(exceptions.FlashEraseFailure),
    ):
        FlashEraser(opened, FlashEraser.Mode.SECTOR).erase(["0x08000000"])


def test_stuck_bit(firmware: Callable[[str], Path]) -> None:
    with faulty() as board, session(board) as opened:
        flash(opened, firmware(board.chip))
        before = opened.target.read8(0x0800_0042)
        bit = next(bit for bit in range(8) if not before >> bit & 1)
        board.set_fault(f"stuck-bit=0x08000042:{bit}")
        FlashEraser(opened, FlashEraser.Mode.SECTOR).erase(["0x08000000"])
        flash(opened, firmware(board.chip))
        assert opened.target.read8(0x0800_0042) == before | 1 << bit


def test_serial_faults_and_brown_out(firmware: Callable[[str], Path]) -> None:
    with faulty() as board:
        with session(board) as opened:
            flash(opened, firmware(board.chip))
        with started(board) as (_, talk):
            board.set_fault("serial-drop=to-host:1")
            assert talk.ask("p") == "png"
            board.set_fault("serial-double=to-host:0")
            assert talk.ask("p") == "ppong"
            board.set_fault("serial-corrupt=to-device:0")
            assert talk.ask("p") == "?"
            board.set_fault("serial-delay=to-device:0:0.2")
            begin = time.monotonic()
            assert talk.ask("p") == "pong"
            assert time.monotonic() - begin > 0.2
            board.set_fault("brown-out=50")
            assert talk.ask("p").endswith("hello")


def test_invalid_faults_are_refused() -> None:
    with faulty() as board:
        for fault in ("nonsense", "no-power=1", "brown-out", "stuck-bit=1", "serial-drop=up:1"):
            with pytest.raises(InputError):
                board.set_fault(fault)


# Processes


def test_an_unknown_chip_is_refused() -> None:
    with pytest.raises(InputError, match="stm32f429xi"):
        VirtualBoard.start("stm32f428xi")


def test_the_name_of_a_board_is_told_from_that_of_its_chip(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["virtual", "serve", "nucleo-f429zi"]) == ExitCode.USAGE
    assert "-> give the chip, not the board" in capsys.readouterr().err


def test_a_probe_id_in_use_is_refused() -> None:
    with VirtualBoard.start("stm32f429xi", serial="mine") as board:
        assert board.probe_id == "mine"
        with pytest.raises(InfrastructureError, match="running already"):
            VirtualBoard.start("stm32f429xi", serial="mine")


@pytest.mark.parametrize(
    ("chip", "boot", "multiple"),
    [
        ("stm32f429xi", 0x0801_0080, 0x200),  # 107 vectors
        ("nrf52840", 0x0002_6080, 0x100),  # 64
        ("kw41z4", 0x0000_0080, 0x100),  # 48
    ],
)
def test_a_program_begins_where_its_vector_table_can(chip: str, boot: int, multiple: int) -> None:
    with pytest.raises(InputError, match=f"begins at a multiple of {multiple:#x}"):
        Board(chip, boot=boot)
    Board(chip, boot=boot - boot % multiple + multiple).close()


@pytest.mark.parametrize("boot", [0x3000_0000, 0x0820_0000, 0xFFFF_FE00])
def test_a_vector_table_begins_in_a_memory(boot: int) -> None:
    with pytest.raises(InputError, match="the chip has no memory there") as caught:
        Board("stm32f429xi", boot=boot)
    assert caught.value.where == f"--boot={boot:#010x}"
    assert "flash begins at 0x08000000, and ends before 0x08200000" in caught.value.remedy


def test_an_unknown_uart_is_refused() -> None:
    with pytest.raises(InfrastructureError, match="USART3"):
        VirtualBoard.start("stm32f429xi", uart="USART9")


def test_a_stopped_board_leaves_no_files(own_directory: Path) -> None:
    with VirtualBoard.start("stm32f429xi", serial="clean") as board:
        port = Path(board.port)
        assert port.exists()
        assert list(own_directory.glob("clean.*"))
    assert not port.exists()
    assert not list(own_directory.glob("clean.*"))


def test_the_board_of_a_killed_owner_leaves_no_files(own_directory: Path) -> None:
    code = (
        "import time\n"
        "from harness.simulator.board_process import VirtualBoard\n"
        "board = VirtualBoard.start('stm32f429xi', serial='orphan')\n"
        "print(board.port, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        port = Path(owner.stdout.readline().decode().strip())
        assert port.exists()
        assert runtime_folder.find("orphan") is not None
        owner.send_signal(signal.SIGKILL)
        owner.wait(_TIMEOUT)
    wait_for(lambda: runtime_folder.find("orphan") is None)
    assert not port.exists()
    assert not list(own_directory.glob("orphan.*"))


def test_serve_ends_on_a_signal_and_with_stdin(own_directory: Path) -> None:
    command = [sys.executable, "-m", "harness.simulator", "serve", "nrf52840", "--json"]
    command += ["--serial", "served"]
    for end in (signal.SIGINT, signal.SIGTERM, None):
        arguments = command + (["--stdin"] if end is None else [])
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert checked(process.stdout.readline().decode())["probe"] == "served"
            if end is None:
                assert process.stdin is not None
                process.stdin.close()
            else:
                process.send_signal(end)
            assert process.wait(_TIMEOUT) == 0
    assert not list(own_directory.glob("served.*"))


def test_a_directory_that_others_may_enter_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    monkeypatch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(open_to_all))
    with pytest.raises(InfrastructureError, match="others may enter"):
        runtime_folder.running()


def test_the_readme_lists_every_chip_fault_and_module() -> None:
    folder = Path(harness.simulator.__file__).parent
    readme = (folder / "README.md").read_text(encoding="utf-8")
    modules = [path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")]
    for name in (*CHIP_NAMES, *modules):
        assert f"`{name}`" in readme
    assert len(forms()) < 700  # the help of an option is no page
    for name in (*FAULTS, WRONG_CHIP):
        assert re.search(f"^\\| `{name}[`=]", readme, re.MULTILINE), name
