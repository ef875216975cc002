"""--input-via=debug: the same results as over the serial line, or an error.

Virtual boards are written to like hardware, through pyOCD; QEMU through its gdbstub.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness.board.board import Board
from harness.board.board_options import BoardOptions
from harness.board.provision import provision
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.board.simulated import SimulatedBoard
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InfrastructureError
from harness.image.build import Image, build_image
from harness.link.channel import LineClosedError
from harness.link.device_errors import DeviceRefusedError
from harness.link.protocol import InputVia
from harness.model.folder import Model
from harness.runs.bench import open_link_dut
from harness.runs.link_dut import LinkDut
from harness.runs.link_run import Run
from harness.runs.request import RunRequest
from harness.support.memory_map import Memory, Region
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Target
from harness.workspace import Workspace
from tests.support.models import few_digits, large_input
from tests.support.processes import processes
from tests.support.repository import BEHAVE, FAIL, RESTART, UNDEFINED, Repository, make_repository
from tests.unit.test_qemu import emulators

ROOT = Path(__file__).parents[2]
QEMU, VIRTUAL = "qemu-stm32", "virtual-stm32"
DEBUG = BoardOptions(input_via="debug")

pytestmark = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture(params=[QEMU, VIRTUAL])
def target(request: pytest.FixtureRequest) -> Target:
    return find_target(request.param, [ROOT / "targets"])


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return few_digits(tmp_path_factory.mktemp("models") / "digits", vectors=10)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return large_input(tmp_path_factory.mktemp("models") / "large", vectors=2)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the tests of this module build in."""
    return tmp_path_factory.mktemp("images")


def build(target: Target, model: Model, images: Path) -> Image:
    return build_image(target, model, find_engine("cmsis-nn"), images)


@contextmanager
def provisioned(target: Target, root: Path, reach: BoardOptions = DEBUG) -> Iterator[Board]:
    with closing(provision(target, Workspace(root).logs, Progress(sys.stderr), reach)) as board:
        yield board


@contextmanager
def opened(
    target: Target,
    model: Model,
    image: Image,
    board: Board,
    root: Path,
    input_via: InputVia = "debug",
) -> Iterator[LinkDut]:
    options = BoardOptions(input_via=input_via)
    request = RunRequest(target, model, Workspace(root), board_options=options)
    with open_link_dut(request, image, board) as dut:
        yield dut


class Tampered:
    """A board whose writes of memory are changed on their way, by `change`, or go `astray`."""

    def __init__(self, board: Board, *, astray: int = 0) -> None:
        self.astray = astray
        self._write = board.write_memory
        self.writes = 0
        board.write_memory = self.write_memory  # type: ignore[method-assign]

    def change(self, data: bytes) -> bytes:
        return data

    def write_memory(self, address: int, data: bytes) -> None:
        self.writes += 1
        self._write(address + self.astray, self.change(data))


# The same


@pytest.mark.parametrize("which", ["digits", "large"])
def test_both_ways_give_the_same_outputs_ticks_and_stack(
    which: str, target: Target, images: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model: Model = request.getfixturevalue(which)
    image = build(target, model, images)
    runs: dict[InputVia, Run] = {}
    for input_via in ("serial", "debug"):
        with (
            provisioned(target, tmp_path, BoardOptions(input_via=input_via)) as board,
            opened(target, model, image, board, tmp_path, input_via) as dut,
        ):
            runs[input_via] = dut.run()
    serial, debug = runs["serial"], runs["debug"]
    assert debug.bytes_differing == 0
    assert debug.outputs.tobytes() == serial.outputs.tobytes()
    assert len(np.unique(debug.outputs, axis=0)) > 1
    assert debug.ticks.tolist() == serial.ticks.tolist()
    assert debug.ticks.all()
    assert debug.stack == serial.stack
    assert debug.welcome.counter_overhead == serial.welcome.counter_overhead
    assert (serial.input_via, debug.input_via) == ("serial", "debug")
    assert (serial.retries, debug.retries) == (0, 0)


def test_memory_is_written_at_any_address_while_the_core_runs_on(
    digits: Model, images: Path, tmp_path: Path
) -> None:
    target = find_target(VIRTUAL, [ROOT / "targets"])
    image = build(target, digits, images)
    with (
        provisioned(target, tmp_path) as board,
        opened(target, digits, image, board, tmp_path) as dut,
    ):
        assert isinstance(board, PyocdBoard)
        begin = dut.welcome.input_address
        for offset in range(4):
            for size in range(10):
                board.write_memory(begin, bytes(16))
                board.write_memory(begin + offset, b"x" * size)
                expected = (bytes(offset) + b"x" * size).ljust(16, b"\0")
                assert board.read_memory(begin, 16) == expected
        board.check()  # raises if the core stands still
        assert digits.vectors.golden is not None
        output = dut.infer(digits.vectors.inputs[0])
        assert output.tolist() == digits.vectors.golden[0].tolist()


# Nothing passes that did not run


@pytest.mark.parametrize("byte", [8, 391, 783])  # the first 8 are not of the input and its CRC
def test_an_input_that_is_damaged_on_its_way_never_passes(
    byte: int, target: Target, digits: Model, images: Path, tmp_path: Path
) -> None:
    class Flipped(Tampered):
        def change(self, data: bytes) -> bytes:
            if self.writes != 2:
                return data
            return data[:byte] + bytes((data[byte] ^ 1 << byte % 8,)) + data[byte + 1 :]

    image = build(target, digits, images)
    with provisioned(target, tmp_path) as board:
        Flipped(board)
        with (
            opened(target, digits, image, board, tmp_path) as dut,
            pytest.raises(DeviceRefusedError, match="vector 0: the input in the device's memory"),
        ):
            dut.run()
    assert not (tmp_path / "reports").exists()


def test_an_input_of_which_a_part_does_not_arrive_never_passes(
    target: Target, large: Model, images: Path, tmp_path: Path
) -> None:
    class Short(Tampered):
        def change(self, data: bytes) -> bytes:
            return data[: len(data) // self.writes]  # vector 0 is there from warming up

    image = build(target, large, images)
    with provisioned(target, tmp_path) as board:
        Short(board)
        with (
            opened(target, large, image, board, tmp_path) as dut,
            pytest.raises(DeviceRefusedError, match=r"vector 1: .* differs from what was written"),
        ):
            dut.run()


@pytest.mark.parametrize("astray", [4, 0x4000_0000])
def test_an_input_that_is_written_elsewhere_never_passes(
    astray: int, target: Target, digits: Model, images: Path, tmp_path: Path
) -> None:
    """There is nothing at 0x60000000, where QEMU 7.2 says OK to a write and pyOCD does not."""
    image = build(target, digits, images)
    with provisioned(target, tmp_path) as board:
        Tampered(board, astray=astray)
        with (
            opened(target, digits, image, board, tmp_path) as dut,
            pytest.raises(InfrastructureError) as error,
        ):
            dut.run()
    assert "vector 0: " in str(error.value)
    if target.name == VIRTUAL and astray != 4:
        assert "writing memory: memory cannot be accessed" in str(error.value)
    else:
        assert isinstance(error.value, DeviceRefusedError)
        assert "differs from what was written: its CRC-32 is 0x" in str(error.value)


# Boards and devices that fail


def test_an_input_outside_of_ram_is_not_written(
    digits: Model, images: Path, tmp_path: Path
) -> None:
    """The end of RAM is moved about the end of the input; then its begin about the begin."""
    target = find_target(QEMU, [ROOT / "targets"])
    image = build(target, digits, images)

    def start(ram: Region) -> int:
        other = msgspec.structs.replace(target, memory=Memory(target.memory.flash, ram))
        with (
            provisioned(other, tmp_path) as board,
            opened(other, digits, image, board, tmp_path) as dut,
        ):
            dut.infer(digits.vectors.inputs[0])
            return dut.welcome.input_address

    origin = target.memory.ram.origin
    address = start(target.memory.ram)
    assert start(Region(origin, address + 784 - origin)) == address
    assert start(Region(address, 784)) == address
    for ram in (Region(origin, address + 783 - origin), Region(address + 1, 10_000)):
        with pytest.raises(InfrastructureError) as error:
            start(ram)
        assert f"input is at {address:#010x} to {address + 784:#010x}, outside" in str(error.value)
        assert f"{target.path}: memory.ram: " in str(error.value)


def test_a_board_that_is_not_started_writes_nothing(target: Target, tmp_path: Path) -> None:
    with provisioned(target, tmp_path) as board, pytest.raises(InfrastructureError):
        board.write_memory(target.memory.ram.origin, b"abcd")


def test_an_emulator_that_dies_is_explained(digits: Model, images: Path, tmp_path: Path) -> None:
    target = find_target(QEMU, [ROOT / "targets"])
    image = build(target, digits, images)

    class Deadly(Tampered):
        def change(self, data: bytes) -> bytes:
            if self.writes == 2:
                (emulator,) = emulators(str(image.elf.path))
                os.kill(emulator, signal.SIGKILL)
            return data

    with provisioned(target, tmp_path) as board:
        Deadly(board)
        with (
            opened(target, digits, image, board, tmp_path) as dut,
            pytest.raises(LineClosedError, match="vector 0: the device closed the line"),
        ):
            dut.run()
    assert processes(str(image.elf.path)) == {}


@pytest.mark.parametrize(
    ("fault", "text"),
    [("no-power", "the target stopped answering"), ("unplug", "the probe was unplugged")],
)
def test_a_probe_that_fails_is_explained(
    fault: str, text: str, digits: Model, images: Path, tmp_path: Path
) -> None:
    target = find_target(VIRTUAL, [ROOT / "targets"])
    image = build(target, digits, images)

    class Failing(Tampered):
        def change(self, data: bytes) -> bytes:
            if self.writes == 2:
                assert isinstance(board, SimulatedBoard)
                board.hardware.set_fault(fault)
            return data

    with provisioned(target, tmp_path) as board:
        Failing(board)
        with (
            opened(target, digits, image, board, tmp_path) as dut,
            pytest.raises(InfrastructureError) as error,
        ):
            dut.run()
    assert f"vector 0: writing memory: {text}" in str(error.value)
    assert "  -> " in str(error.value)


@pytest.mark.parametrize("behaviour", [UNDEFINED, RESTART, FAIL])
@pytest.mark.parametrize("name", [QEMU, VIRTUAL])
def test_a_device_that_fails_is_explained_as_ever(
    name: str,
    behaviour: int,
    tmp_path: Path,
    images: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository: Repository = make_repository(tmp_path, monkeypatch, capsys)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "images").symlink_to(images)
    repository.answers(BEHAVE, BEHAVE, behaviour, BEHAVE)
    serial, debug = (
        repository.run("misbehaving", "--target", name, f"--input-via={input_via}")
        for input_via in ("serial", "debug")
    )
    assert debug[0] == ExitCode.INFRASTRUCTURE
    assert ": vector 2: " in debug[1]
    assert without_port(debug[1]) == without_port(serial[1])
    assert repository.records() == []


def without_port(text: str) -> str:
    """Leave out the terminal of a virtual board, which is another each time."""
    return " ".join(word for word in text.split() if "/dev/pts/" not in word)
