"""Boards behind pyOCD: one image everywhere; which probe, which port, and what went wrong."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import serial
from pyocd.core import exceptions
from pyocd.flash.file_programmer import FileProgrammer
from pyocd.probe.aggregator import PROBE_CLASSES, DebugProbeAggregator
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from harness.board.pyocd.probe_port import find_port
from harness.board.pyocd.probes import close_session, open_session, pick_probe
from harness.board.pyocd.programming import flash
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.board.pyocd.pyocd_errors import translated_errors
from harness.elf import Elf, Segment
from harness.engines.registry import find_engine
from harness.errors import HarnessError, InfrastructureError, InputError
from harness.image.build import Image, build_image
from harness.link.serial_port import open_port
from harness.model.folder import Model, find_model, load_model
from harness.runs.link_run import Run
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support import machine_lock
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Pyocd, Target
from tests.support.devices import opened

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build" / "images"
CHIP = "stm32f429xi"
VECTORS = 20
USBError = import_module("usb.core").USBError  # pyOCD's, which has no types

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the boards of these tests, and no others, are found; empty in the end."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        patch.setattr(machine_lock, "_PREFIX", str(path))
        yield path
        assert list(path.iterdir()) == []
        assert str(path) not in Path("/proc/net/unix").read_text()


@pytest.fixture(scope="module")
def hardware(folder: Path) -> Iterator[VirtualBoard]:
    with VirtualBoard.start(CHIP) as started:
        yield started


def target(name: str) -> Target:
    return find_target(name, [ROOT / "targets"])


def image_for(name: str) -> Image:
    model = find_model("digits", [ROOT / "models"])
    return build_image(target(name), model, find_engine("cmsis-nn"), IMAGES)


@pytest.fixture(scope="module")
def image() -> Image:
    return image_for("virtual-stm32")


@contextmanager
def connected(hardware: VirtualBoard, wait: float = 0) -> Iterator[PyocdBoard]:
    """The board that `hardware` is when it is not known to be a virtual one."""
    reached = Pyocd(target=CHIP, probe=hardware.probe_id, serial=hardware.port)
    with closing(PyocdBoard(target("virtual-stm32"), reached, Progress(sys.stderr), wait)) as board:
        yield board


# One image everywhere


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The bundled model with some of its vectors."""
    folder = tmp_path_factory.mktemp("models") / "digits"
    shutil.copytree(ROOT / "models" / "digits", folder)
    held = dict(np.load(folder / "vectors.npz"))
    some = {name: held[name][:VECTORS] for name in ("inputs", "labels", "golden")}
    np.savez(folder / "vectors.npz", **held | some)
    return load_model(folder)


def run_on(name: str, model: Model, root: Path) -> Run:
    with opened(target(name), model, image_for(name), root) as dut:
        return dut.run()


@needs_compiler
@pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="qemu-system-arm is not on PATH: see `make system`",
)
def test_qemu_and_the_virtual_board_run_one_image_to_the_same_instruction(
    model: Model, tmp_path: Path
) -> None:
    runs = [run_on(name, model, tmp_path) for name in ("qemu-stm32", "virtual-stm32")]
    qemu, virtual = runs
    assert qemu.image.build_id == virtual.image.build_id
    assert virtual.outputs.tobytes() == qemu.outputs.tobytes()
    assert virtual.ticks.tolist() == qemu.ticks.tolist()
    assert len(set(qemu.ticks.tolist())) > 1  # it depends on the input
    assert virtual.stack == qemu.stack
    assert [run.retries for run in runs] == [0, 0]


@needs_compiler
@pytest.mark.parametrize("name", ["virtual-stm32l475", "virtual-nrf52840"])
def test_the_other_virtual_boards_answer_what_golden_does(
    name: str, model: Model, tmp_path: Path
) -> None:
    run = run_on(name, model, tmp_path)
    assert run.outputs.tobytes() == run.golden.tobytes()
    assert run.retries == 0


# One board, two sessions


@needs_compiler
def test_the_second_session_on_a_board_is_told_at_once(
    hardware: VirtualBoard, image: Image
) -> None:
    with connected(hardware) as first, connected(hardware) as second:
        channel = first.start(image)
        begin = time.monotonic()
        with pytest.raises(InfrastructureError, match="is in use by process") as caught:
            second.start(image)
        assert time.monotonic() - begin < 1
        assert caught.value.where == f"probe {hardware.probe_id}"
        second.close()
        assert channel.read(5)  # the first is not disturbed


@needs_compiler
def test_the_second_session_may_wait_for_the_first(hardware: VirtualBoard, image: Image) -> None:
    with connected(hardware) as first, connected(hardware, wait=30) as second:
        first.start(image)
        threading.Timer(0.5, first.stop).start()
        assert second.start(image).read(5)


@needs_compiler
def test_a_session_that_fails_gives_back_what_it_had_taken(
    hardware: VirtualBoard, image: Image
) -> None:
    hardware.set_fault("probe-busy")
    with connected(hardware) as failed, connected(hardware) as next_one:
        with pytest.raises(InfrastructureError, match="busy"):
            failed.start(image)
        failed.stop()
        hardware.set_fault("none")
        assert next_one.start(image).read(5)


# Flash and memory


@needs_compiler
def test_what_is_in_flash_already_is_not_touched(image: Image) -> None:
    with VirtualBoard.start(CHIP) as hardware, connected(hardware) as board:
        board.start(image)
        hardware.set_fault("write-protected=0")  # to erase or program it would fail now
        assert board.start(image).read(5)


@needs_compiler
def test_memory_is_read_while_the_core_runs(hardware: VirtualBoard, image: Image) -> None:
    symbols = image.elf.symbols("stack_bottom", "link_build_id")
    assert symbols is not None
    with connected(hardware) as board:
        assert board.start(image).read(5)
        before = hardware.status()["instructions"]
        assert board.read_memory(symbols[0], 8) == b"\xa5" * 8
        assert board.read_memory(symbols[1], 16).hex() == image.build_id
        assert board.read_memory(symbols[1] + 1, 3).hex() == image.build_id[2:8]
        assert not hardware.status()["halted"]
        board.check()
    with pytest.raises(InfrastructureError, match="the board is not started"):
        board.read_memory(0, 4)
    assert before > 0


@needs_compiler
def test_memory_that_is_not_there_is_explained(hardware: VirtualBoard, image: Image) -> None:
    with connected(hardware) as board:
        board.start(image)
        with pytest.raises(InfrastructureError, match="reading memory: memory cannot be accessed"):
            board.read_memory(0x6000_0000, 4)
        assert board.read_memory(0x0800_0000, 4)


@needs_compiler
def test_a_flash_that_holds_something_else_is_noticed(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyOCD reports success; the read-back does not believe it."""
    monkeypatch.setattr(FileProgrammer, "program", lambda *_: None)
    with VirtualBoard.start(CHIP) as fresh, connected(fresh) as board:
        first = image.elf.segments()[0].data[0]
        with pytest.raises(InfrastructureError) as caught:
            board.start(image)
    assert caught.value.what == (
        f"verification failed: 0x08000000 reads 0xff, {first:#04x} was written"
    )


class Misplaced(Elf):
    """An ELF that is linked for another chip."""

    def segments(self) -> list[Segment]:
        return [Segment(0x0800_0000, b"good"), Segment(self.address, b"misplaced")]

    address = 0


@pytest.mark.parametrize("address", [0x2000_0000, 0x0820_0000 - 4, 0x6000_0000])
def test_a_segment_outside_the_flash_is_refused(hardware: VirtualBoard, address: int) -> None:
    elf = Misplaced(Path("firmware.elf"))
    object.__setattr__(elf, "address", address)
    session = open_session(pick_probe(hardware.probe_id), CHIP, 4_000_000)
    try:
        with pytest.raises(InputError) as caught:
            flash(session, hardware.probe_id, CHIP, elf, lambda _: None)
    finally:
        close_session(session)
    assert str(caught.value) == (
        f"firmware.elf: a segment of 9 bytes at {address:#010x} is not in the flash of {CHIP}\n"
        "  -> compare memory.flash in the target file with the chip's datasheet"
    )


# Which probe


def test_no_probe_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DebugProbeAggregator, "get_all_connected_probes", lambda **_: [])
    with pytest.raises(InfrastructureError, match=r"^no debug probe is connected") as caught:
        pick_probe("")
    assert "udev rule" in caught.value.remedy


def test_another_probe_than_the_one_wanted_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "066EFF666")
    with pytest.raises(InfrastructureError) as caught:
        pick_probe("066EFF555")
    assert str(caught.value) == (
        "probe 066EFF555: there is no such probe; connected: 066EFF666 (a board)\n"
        "  -> name one of them with --probe"
    )


def connect(monkeypatch: pytest.MonkeyPatch, *ids: str) -> None:
    """Connect real probes, beside the virtual boards that run."""
    probes = [SimpleNamespace(unique_id=unique_id, description="a board") for unique_id in ids]

    def real(wanted: str | None = None, _: bool = False) -> Sequence[Any]:
        return [probe for probe in probes if (wanted or "").lower() in probe.unique_id.lower()]

    kind = SimpleNamespace(get_all_connected_probes=real, get_probe_with_id=lambda *_: None)
    monkeypatch.setitem(PROBE_CLASSES, "cmsisdap", kind)


def test_a_virtual_board_is_used_only_if_it_is_named(
    monkeypatch: pytest.MonkeyPatch, hardware: VirtualBoard
) -> None:
    """All boards of the user are found, also those that other sessions run."""
    part = hardware.probe_id[2:-1]
    with pytest.raises(InfrastructureError, match=r"^no debug probe is connected"):
        pick_probe("")
    with pytest.raises(InfrastructureError) as caught:
        pick_probe(part)
    assert caught.value.what == "there is no such probe; connected: none"
    assert f"name one with --probe: {hardware.probe_id} (" in caught.value.remedy
    connect(monkeypatch, f"066{part}FF")
    for wanted in ("", part, "066"):
        assert pick_probe(wanted).unique_id == f"066{part}FF"
    for named in (hardware.probe_id, hardware.probe_id.lower(), f"virtual:{part}"):
        assert pick_probe(named).unique_id == hardware.probe_id


def test_a_target_of_a_real_board_does_not_take_a_virtual_one(
    monkeypatch: pytest.MonkeyPatch, hardware: VirtualBoard
) -> None:
    target_file = target("nucleo-f429zi")
    assert isinstance(target_file.board, Pyocd)
    board = PyocdBoard(target_file, target_file.board, Progress(sys.stderr), 0)
    with pytest.raises(InfrastructureError, match=r"^no debug probe is connected"):
        board.start(Image.__new__(Image))
    connect(monkeypatch, "066EFF555")
    with pytest.raises(InfrastructureError, match="no serial port belongs to it") as caught:
        board.start(Image.__new__(Image))
    board.stop()
    assert caught.value.where == "probe 066EFF555"


def test_a_probe_type_that_does_not_exist_is_the_user_s_error(hardware: VirtualBoard) -> None:
    with pytest.raises(InputError, match="unknown debug probe type 'nonsense'"):
        pick_probe("nonsense:1")


@pytest.mark.parametrize(
    "address",
    [
        *("localhost:http", "localhost:999999", "localhost:70000", "localhost:0", "localhost:-1"),
        *("localhost:", "localhost:1:2", "localhost:\u0661", "", ":5555", "[::1", "[pi]:1", "::g"),
    ],
)
def test_the_address_of_a_remote_probe_is_checked(address: str) -> None:
    """A port beyond the last one would name another port."""
    with pytest.raises(InputError, match="is not remote:HOST:PORT with a port from 1 to 65535"):
        pick_probe(f"remote:{address}")


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("localhost", ("localhost", 5555), "remote:localhost:5555"),
        ("::1", ("::1", 5555), "remote:[::1]:5555"),
        ("[::1]:7", ("::1", 7), "remote:[::1]:7"),
    ],
)
def test_a_remote_probe_has_an_address_and_a_name(
    text: str, address: tuple[str, int], name: str
) -> None:
    probe = pick_probe(f"remote:{text}")
    assert (probe.address, probe.unique_id) == (address, name)


def test_a_server_of_probes_that_is_not_there_is_explained() -> None:
    with pytest.raises(InfrastructureError, match="Connection refused") as caught:
        open_session(pick_probe("remote:localhost:1"), CHIP, 4_000_000)
    assert caught.value.where == "probe remote:localhost:1"
    assert "does `pyocd server` run on that machine and port" in caught.value.remedy


def test_a_part_of_an_id_is_enough_unless_two_have_it(
    monkeypatch: pytest.MonkeyPatch, hardware: VirtualBoard
) -> None:
    connect(monkeypatch, "066EFF555", "066EFF5550", "683123456")
    assert pick_probe("683").unique_id == "683123456"
    assert pick_probe("066eff5550").unique_id == "066EFF5550"
    assert pick_probe("066EFF555").unique_id == "066EFF555"  # it is a part of the other's
    for wanted, count in {"": 3, "066EFF": 2}.items():
        with pytest.raises(InfrastructureError, match=rf"^(probe.*: )?{count} probes ma") as caught:
            pick_probe(wanted)
        assert "066EFF555 (a board), 066EFF5550 (a board)" in caught.value.what
        assert hardware.probe_id not in caught.value.what
        assert "--probe" in caught.value.remedy
    with VirtualBoard.start(CHIP, serial=hardware.probe_id + "0") as other:
        assert pick_probe(hardware.probe_id).unique_id == hardware.probe_id
        assert pick_probe(f"virtual:{other.probe_id}").unique_id == other.probe_id
        with pytest.raises(InfrastructureError, match="2 probes match"):
            pick_probe(f"virtual:{hardware.probe_id[:-1]}")


@pytest.mark.parametrize(("name", "near"), [("stm32f429", "stm32f429xi"), ("nrf52480", "nrf52840")])
def test_a_chip_that_pyocd_does_not_know_has_near_names(
    hardware: VirtualBoard, name: str, near: str
) -> None:
    with pytest.raises(InputError) as caught:
        open_session(pick_probe(hardware.probe_id), name, 4_000_000)
    assert str(caught.value).startswith(f"board.target: pyOCD has no built-in target '{name}'\n")
    assert near in caught.value.remedy
    assert f"`pyocd pack find {name}`" in caught.value.remedy


def test_a_chip_of_another_family_is_explained_and_the_probe_is_free(
    hardware: VirtualBoard,
) -> None:
    with pytest.raises(InfrastructureError) as caught:
        open_session(pick_probe(hardware.probe_id), "nrf52840", 4_000_000)
    assert caught.value.where == f"probe {hardware.probe_id}"
    assert "is it another chip than nrf52840?" in caught.value.remedy
    close_session(open_session(pick_probe(hardware.probe_id), CHIP, 4_000_000))


# Which port


def port(device: str, number: str | None, **more: str) -> ListPortInfo:
    info = ListPortInfo(device, skip_link_detection=True)
    info.serial_number = number
    info.description = "a port"
    for name, value in more.items():
        setattr(info, name, value)
    return info


JLINK = [
    port("/dev/ttyACM0", "000683123456", location="1-1:1.0", interface="J-Link - A"),
    port("/dev/ttyACM1", "000683123456", location="1-1:1.2", interface="J-Link - B"),
]
STLINK = port("/dev/ttyACM2", "066eff555")
ADAPTER = port("/dev/ttyUSB0", None)


@pytest.mark.parametrize(
    ("probe", "interface", "ports", "device"),
    [
        ("066EFF555", "", [ADAPTER, STLINK, *JLINK], "/dev/ttyACM2"),
        ("683123456", "", [ADAPTER, JLINK[0]], "/dev/ttyACM0"),
        ("683123456", "1.2", JLINK, "/dev/ttyACM1"),
        ("683123456", "J-Link - A", JLINK, "/dev/ttyACM0"),
    ],
    ids=["letters' case", "leading zeros", "location", "interface"],
)
def test_the_port_of_a_probe_is_found(
    monkeypatch: pytest.MonkeyPatch,
    probe: str,
    interface: str,
    ports: Sequence[ListPortInfo],
    device: str,
) -> None:
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    assert find_port(probe, interface) == device


@pytest.mark.parametrize(
    ("probe", "interface", "ports", "what"),
    [
        ("066EFF555", "", [], "no serial port belongs to it; available ports: none"),
        (
            "066EFF555",
            "",
            [ADAPTER],
            "no serial port belongs to it; available ports: /dev/ttyUSB0 (a port)",
        ),
        (
            "683123456",
            "",
            JLINK,
            "2 serial ports belong to it: /dev/ttyACM0 (a port, J-Link - A, 1-1:1.0), /dev/ttyACM1",
        ),
        (
            "683123456",
            "1.4",
            JLINK,
            "none of its serial ports is on interface '1.4': /dev/ttyACM0 (a port, J-Link - A, ",
        ),
        ("", "", [ADAPTER, STLINK], "no serial port belongs to it"),
    ],
    ids=["none", "another's", "two", "another interface", "a probe without an id"],
)
def test_a_port_that_is_not_certain_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
    probe: str,
    interface: str,
    ports: Sequence[ListPortInfo],
    what: str,
) -> None:
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    with pytest.raises(InfrastructureError) as caught:
        find_port(probe, interface)
    assert what in caught.value.what
    assert "--serial" in caught.value.remedy


@pytest.mark.parametrize("device", ["/dev/nothing", "nonsense://port", "socket://localhost:1"])
def test_a_port_that_cannot_be_opened_is_explained(device: str) -> None:
    with pytest.raises(InfrastructureError) as caught:
        open_port(device, 115200)
    assert caught.value.where == f"port {device}"
    assert caught.value.what.startswith("cannot be opened: ")


@pytest.mark.parametrize(
    "device",
    [
        "",
        "loop://",
        "loop://?logging=nonsense",
        "rfc2217://",
        "rfc2217://127.0.0.1:1",
        "socket://",
        "socket://127.0.0.1:nonsense",
        "spy://",
        "alt://nowhere",
        "alt://nowhere?class=Nonsense",
        "hwgrep://nonsense",
        "cp2110://nonsense",
        "nonsense://",
        "x" * 5000,
        "a\0b",
    ],
)
def test_a_port_that_cannot_be_used_is_an_error_for_a_person(device: str) -> None:
    with pytest.raises(HarnessError) as caught:
        open_port(device, 115200)
    assert caught.value.remedy


def test_a_port_that_somebody_else_has_open_is_explained(hardware: VirtualBoard) -> None:
    with (
        serial.Serial(hardware.port, exclusive=True),
        pytest.raises(InfrastructureError, match="cannot be opened: "),
    ):
        open_port(hardware.port, 115200)


# What pyOCD says


@pytest.mark.parametrize(
    ("error", "what", "remedy"),
    [
        (exceptions.ProbeDisconnected("gone"), "the probe was unplugged (gone)", "plug it in"),
        (exceptions.ProbeError("refused"), "refused", "is another program using it?"),
        (USBError("Resource busy", 16, 16), "Resource busy", "is another program using"),
        (PermissionError(13, "Permission denied"), "Permission denied", "udev rule"),
        (exceptions.TargetSupportError("no target 'x'"), "no target 'x'", "`pyocd pack install x`"),
        (exceptions.Error("Target not detected"), "Target not detected", "power and the SWD"),
        (exceptions.TransferError("No ACK"), "stopped answering: No ACK", "power and the SWD"),
        (exceptions.TransferTimeoutError("late"), "stopped answering: late", "power and the SWD"),
        (
            exceptions.TransferFaultError(fault_address=0x6000_0000, length=4),
            "memory cannot be accessed: Memory transfer fault @ 0x60000000-0x60000003",
            "memory map, and is read-out protection off?",
        ),
        (
            exceptions.FlashEraseFailure("erase", address=0x0800_0000, result_code=1),
            "flash cannot be erased: erase (address 0x08000000; result code 0x1)",
            "write-protected",
        ),
        (
            exceptions.FlashProgramFailure("program", address=0x0800_4000, result_code=2),
            "flash cannot be programmed: program (address 0x08004000; result code 0x2)",
            "If it is locked, the vendor's tool unlocks it",
        ),
        (exceptions.FlashFailure("init"), "the flash algorithm failed: init", "write-protected"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_pyocd_raises_is_explained(error: Exception, what: str, remedy: str) -> None:
    with pytest.raises(InfrastructureError) as caught, translated_errors("P1", "x", "programming"):
        raise error
    assert caught.value.where == "probe P1"
    assert caught.value.what.startswith("programming: ")
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert caught.value.__cause__ is error
