"""The harness's firmware on a virtual board returns the same outputs and counts as in QEMU."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from harness.board.qemu import QemuBoard
from harness.elf import Elf
from harness.engines.registry import find_engine
from harness.image.build import Image, build_image
from harness.link.carrier import Carrier
from harness.link.channel import Channel
from harness.link.link_client import LinkClient
from harness.model.folder import Model, find_model
from harness.simulator.peripherals.uart import ALL_UARTS
from harness.simulator.virtual_board import Board
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from harness.target.target_file import Qemu
from tests.support.assembly_bench import cross_compiler

VECTORS = 3


@pytest.fixture(scope="module")
def model() -> Model:
    return find_model("digits", [bundled("models")])


@pytest.fixture(scope="module")
def image(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Image:
    cross_compiler()
    target = find_target("qemu-stm32", [bundled("targets")])
    return build_image(target, model, find_engine("cmsis-nn"), tmp_path_factory.mktemp("images"))


def infer(channel: Carrier, image: Image, model: Model) -> tuple[str, list[int], list[bytes]]:
    """Return the counter's name, and the ticks and outputs of the first vectors."""
    link = LinkClient(channel, baud=115200)
    welcome = link.hello(image.build_id)
    results = [link.infer(np.asarray(model.vectors.inputs[i]).tobytes()) for i in range(VECTORS)]
    assert link.retries == 0
    return (
        welcome.counter,
        [result.ticks for result in results],
        [result.output for result in results],
    )


@contextmanager
def on_virtual_board(elf: Elf, *, portable: bool = False) -> Iterator[Channel]:
    with virtual_board(elf, portable=portable) as board:
        board.chip.core.reset_now()
        with open(board.line.path, "r+b", buffering=0) as port:
            yield Channel(port.fileno(), name="virtual board")


@contextmanager
def virtual_board(elf: Elf, *, portable: bool = False) -> Iterator[Board]:
    """Yield a board with `elf` in its flash, before the first reset."""
    board = Board("stm32f429xi", uart=ALL_UARTS, portable=portable)
    try:
        code = elf.path.with_suffix(".virtual.bin")
        tool = cross_compiler().replace("gcc", "objcopy")
        subprocess.run([tool, "-O", "binary", str(elf.path), str(code)], check=True, timeout=60)
        data = code.read_bytes()
        flash = board.chip.core.bus.memories[0]
        with board.chip.core.stopped():
            flash.bytes[: len(data)] = data
            board.chip.core.bus.written(flash.base, len(data))
        yield board
    finally:
        board.close()


def test_counts_equal_qemus(image: Image, model: Model, tmp_path: Path) -> None:
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not on PATH")
    target = find_target("qemu-stm32", [bundled("targets")])
    assert isinstance(target.board, Qemu)
    qemu = QemuBoard(target, target.board, tmp_path)
    try:
        counter, ticks, outputs = infer(qemu.start(image), image, model)
    finally:
        qemu.stop()
    assert counter == "tim2"
    with on_virtual_board(image.elf) as channel:
        assert infer(channel, image, model) == ("dwt", ticks, outputs)


def test_native_and_portable_counter_agree(image: Image, model: Model) -> None:
    with on_virtual_board(image.elf) as channel:
        native = infer(channel, image, model)
    with on_virtual_board(image.elf, portable=True) as channel:
        assert infer(channel, image, model) == native


def test_outputs_equal_golden(image: Image, model: Model) -> None:
    if model.vectors.golden is None:
        pytest.skip("the vectors have no golden outputs")
    with on_virtual_board(image.elf) as channel:
        _, _, outputs = infer(channel, image, model)
    assert outputs == [model.vectors.golden[i].tobytes() for i in range(VECTORS)]
