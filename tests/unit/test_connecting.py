"""Chips that are hard to reach: no reset line, a lock, a flash algorithm that is none, lost RTT."""

import shutil
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyocd.debug.svd.loader import SVDLoader
from pyocd.target import TARGET

from harness.board.pyocd.open_chip import OpenChip
from harness.board.pyocd.probes import close_session, open_session, pick_probe
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError, InputError
from harness.image.build import Image, build_image
from harness.link import rtt_block
from harness.link.link_client import LinkClient
from harness.link.rtt_carrier import block_address
from harness.model.folder import find_model
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support import machine_lock
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Port, Pyocd, Target

ROOT = Path(__file__).parents[2]
CHIP = "stm32f429xi"
SWD = 4_000_000
INPUT = 28 * 28  # bytes

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        patch.setattr(machine_lock, "_PREFIX", str(path))
        yield


@pytest.fixture(scope="module")
def target() -> Target:
    """The virtual STM32, with its link over RTT."""
    found = find_target("virtual-stm32", [ROOT / "targets"])
    return msgspec.structs.replace(found, port=Port(name="generic"))


@pytest.fixture(scope="module")
def image(target: Target) -> Image:
    model = find_model("digits", [ROOT / "models"])
    return build_image(target, model, find_engine("cmsis-nn"), ROOT / "build" / "images")


@contextmanager
def board_of(
    hardware: VirtualBoard, target: Target, chip: str = CHIP, pack: str = ""
) -> Iterator[PyocdBoard]:
    board = Pyocd(target=chip, probe=hardware.probe_id, pack=pack)
    with closing(PyocdBoard(target, board, Progress(sys.stderr), 0)) as opened:
        yield opened


def test_the_names_of_a_chip_s_registers_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyOCD would read them in a thread, which takes time from the run."""
    read: list[str] = []
    monkeypatch.setattr(SVDLoader, "load", lambda loader: read.append(loader.name))
    with VirtualBoard.start(CHIP) as hardware:
        close_session(open_session(pick_probe(hardware.probe_id), CHIP, SWD))
    assert read == []


def test_a_script_of_the_user_for_pyocd_still_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = "def did_connect(board):\n    open('connected', 'w').close()\n"
    (tmp_path / "pyocd_user.py").write_text(script)
    with VirtualBoard.start(CHIP) as hardware:
        close_session(open_session(pick_probe(hardware.probe_id), CHIP, SWD))
    assert (tmp_path / "connected").is_file()


def session(board: PyocdBoard, image: Image) -> LinkClient:
    """A client that has made an inference."""
    link = LinkClient(board.start(image), baud=115200, watch=board.check)
    link.infer(bytes(link.hello(image.build_id).input_size))
    return link


# The reset line


@needs_compiler
@pytest.mark.parametrize("fault", ["no-reset-line", "reset-cuts-debug"])
def test_a_board_needs_no_reset_line(
    target: Target, image: Image, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        VirtualBoard.start(CHIP, faults=[fault]) as hardware,
        board_of(hardware, target) as board,
    ):
        for _ in range(2):  # on the second start, a firmware runs already
            session(board, image)
    warning = "does not answer while nRESET is low" in capsys.readouterr().err
    assert warning == (fault == "reset-cuts-debug")


@needs_compiler
def test_what_is_not_known_of_a_chip_is_said_once(
    target: Target, image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    doubtful = msgspec.structs.replace(target, doubt="whether a watchdog runs")
    with VirtualBoard.start(CHIP) as hardware, board_of(hardware, doubtful) as board:
        for _ in range(2):  # as after a hang
            session(board, image)
    said = f"{target.name}: not known: whether a watchdog runs"
    assert " ".join(capsys.readouterr().err.split()).count(said) == 1


def test_the_reset_line_is_free_after_a_failure() -> None:
    with VirtualBoard.start(CHIP, faults=["no-power"]) as hardware:
        probe = pick_probe(hardware.probe_id)
        with pytest.raises(InfrastructureError, match="Target not detected"):
            open_session(probe, CHIP, SWD)
        assert not probe.is_reset_asserted()


# Flash algorithms


@needs_compiler
@pytest.mark.parametrize("algorithm", [b"", b"not an ELF", None])
def test_a_pack_without_a_flash_algorithm_is_explained(
    target: Target, image: Image, tmp_path: Path, algorithm: bytes | None
) -> None:
    pack = tmp_path / "mine.pack"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.write(ROOT / "tests" / "data" / "pack" / "Test.Chips.pdsc", "Test.Chips.pdsc")
        if algorithm is not None:
            archive.writestr("Flash/TC429.FLM", algorithm)
    try:
        with (
            VirtualBoard.start(CHIP) as hardware,
            board_of(hardware, target, "tc429", str(pack)) as board,
            pytest.raises(InputError, match="flash algorithm") as caught,
        ):
            board.start(image)
    finally:
        TARGET.pop("tc429", None)
    assert "pack" in caught.value.remedy


# RTT


@needs_compiler
def test_an_inference_over_rtt_takes_few_accesses(
    target: Target, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a real probe about a millisecond."""
    accesses = Counter[str]()
    carried = OpenChip._do

    def counted(chip: OpenChip, seconds: float, activity: str, operation: Any) -> Any:
        accesses[activity] += 1
        return carried(chip, seconds, activity, operation)

    monkeypatch.setattr(OpenChip, "_do", counted)
    with VirtualBoard.start(CHIP) as hardware, board_of(hardware, target) as board:
        link = session(board, image)
        for _ in range(10):  # until it knows how long an inference takes
            link.infer(bytes(INPUT))
        accesses.clear()
        for _ in range(5):
            link.infer(bytes(INPUT))
        looks = sum(span.looks for span in link.spans[-5:])
    # LOAD and its end, RUN: a write each, and what was read before; ACK and RESULT: two reads each.
    assert accesses["writing memory"] <= 5 * 4
    assert accesses["reading memory"] - looks <= 5 * 12


def cleared(board: PyocdBoard, block: int) -> None:
    board.write_memory(block, bytes(rtt_block.SIZE))


def noisy(board: PyocdBoard, block: int) -> None:
    board.write_memory(block, b"\xff" * rtt_block.SIZE)


def displaced(board: PyocdBoard, block: int) -> None:
    buffer = block + rtt_block.POSITIONS.start + 16  # of the ring to the device
    board.write_memory(buffer, (0x1000_0000).to_bytes(4, "little"))


def beyond(board: PyocdBoard, block: int) -> None:
    board.write_memory(block + rtt_block.POSITIONS.start, (1 << 20).to_bytes(4, "little"))


@needs_compiler
@pytest.mark.parametrize("overwrite", [cleared, noisy, displaced, beyond])
def test_an_overwritten_control_block_is_named(
    target: Target, image: Image, overwrite: Callable[[PyocdBoard, int], None]
) -> None:
    block = block_address(image.elf)
    with VirtualBoard.start(CHIP) as hardware, board_of(hardware, target) as board:
        link = session(board, image)
        overwrite(board, block)
        with pytest.raises(InfrastructureError, match="control block at") as caught:
            link.infer(bytes(INPUT))
    assert f"{block:#010x} was overwritten" in caught.value.what
    assert caught.value.where == "virtual-stm32 (RTT)"


@needs_compiler
def test_an_unplugged_board_and_a_stopped_core_are_told_apart(target: Target, image: Image) -> None:
    with VirtualBoard.start(CHIP) as hardware, board_of(hardware, target) as board:
        link = session(board, image)
        hardware.set_fault("unplug")
        with pytest.raises(InfrastructureError, match="was unplugged"):
            link.infer(bytes(INPUT))
