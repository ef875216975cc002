"""Keyword vectors over RTT, against a serial line at 115200 baud."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from harness.board.board_options import BoardOptions
from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.image.build import build_image
from harness.model.folder import Model, load_model
from harness.target.find_target import find_target
from harness.target.target_file import Port, Target
from harness.workspace import Workspace
from tests.perf.protocols import BAUD, INPUT_SIZE, OUTPUT_SIZE
from tests.support.devices import opened
from tests.support.graphs import Builder
from tests.support.repository import DESCRIPTION

Show = Callable[[str, float, str, str], None]


def carriers(folder: Path, vectors: int, serial: float, show: Show) -> None:
    """Show how much faster RTT is than a line that took `serial` seconds for so many vectors.

    The model does next to nothing: what is compared is the way of the bytes.
    """
    model = keywords(folder / "keywords")
    for target in (generic("virtual-stm32"), find_target("qemu:mps2-an386", [])):
        seconds = timed(folder, target, model, vectors)
        show(
            f"{target.name}: {vectors:,} keyword vectors, serial / RTT",
            serial / seconds,
            "apart",
            f"{BAUD} baud {serial:.1f} s, RTT {seconds:.1f} s",
        )


def generic(name: str) -> Target:
    """Return the target called `name` with the generic port."""
    target = find_target(name, Workspace(Path.cwd()).targets)
    return msgspec.structs.replace(target, name=f"{name}-rtt", port=Port("generic"))


def keywords(folder: Path) -> Model:
    """Make a model of one small layer with the input and the output of keyword spotting."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    b = Builder()
    source = b.activation((1, INPUT_SIZE), 0.1, 0)
    network = b.build([source], [b.dense(source, OUTPUT_SIZE)])
    (folder / "model.tflite").write_bytes(network)
    (folder / "model.toml").write_text(DESCRIPTION)
    inputs = np.zeros((1, INPUT_SIZE), np.int8)
    np.savez(folder / "vectors.npz", inputs=inputs, labels=np.zeros(1, np.int64))
    return load_model(folder)


def timed(folder: Path, target: Target, model: Model, vectors: int) -> float:
    """Return the seconds for so many vectors of random bytes, each with its RUN and RESULT."""
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), Workspace(folder).images)
    source = random.Random(INPUT_SIZE)
    options = BoardOptions(input_via="serial")  # through the link
    with opened(target, model, image, folder, board_options=options) as dut:
        begin = time.perf_counter()
        for _ in range(vectors):
            dut._link.infer(source.randbytes(INPUT_SIZE))
        return time.perf_counter() - begin
