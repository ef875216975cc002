"""Keyword vectors over RTT, against a serial line at 115200 baud.

A model of one small layer shows what the carriers take. A run of MLPerf Tiny's own model shows what
is left of that if the device also has to compute; that is much the same on both.
"""

import random
import shutil
import statistics
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
from tests.perf.computing import bare
from tests.perf.protocols import BAUD, INPUT_SIZE, OUTPUT_SIZE
from tests.support.devices import opened
from tests.support.graphs import Builder
from tests.support.images import repeated_image
from tests.support.models import MLPERF_TINY, mlperf_keywords
from tests.support.repository import DESCRIPTION

REPEATS = 30  # of an inference, to time the emulator alone

Show = Callable[[str, float, str, str], None]


def carriers(folder: Path, vectors: int, serial: float, show: Show) -> None:
    """Show how much faster RTT is than a line that took `serial` seconds for so many vectors."""
    model = small_layer(folder / "keywords")
    emulators = {
        "virtual-stm32": generic("virtual-stm32"),
        "qemu-stm32": find_target("qemu:mps2-an386", []),
    }
    for target in emulators.values():
        seconds = timed(folder, target, model, vectors)
        show(
            f"{target.name}: {vectors:,} keyword vectors, serial / RTT",
            serial / seconds,
            "apart",
            f"{BAUD} baud {serial:.1f} s, RTT {seconds:.1f} s; random inputs, one small layer",
        )
    if not MLPERF_TINY.is_dir():
        print("MLPerf Tiny's keyword model over RTT: it is not beside this checkout")
        return
    for name, target in emulators.items():
        with_model(folder, name, target, vectors, serial, show)


def with_model(
    folder: Path, bare_target: str, target: Target, vectors: int, serial: float, show: Show
) -> None:
    """Show the same for a run of MLPerf Tiny's model, with the time in which the device computes.

    The serial line would need its `serial` seconds, and the computing. That is what the emulator
    takes for the same instructions without a host: on `bare_target`, for which it can be measured.
    """
    workspace = Workspace(folder)
    model = mlperf_keywords(folder / f"kws-{target.file_name}", vectors)
    bare_board = find_target(bare_target, workspace.targets)
    engine = find_engine(DEFAULT_ENGINE)
    image = build_image(bare_board, model, engine, workspace.images)
    alone = repeated_image(image, REPEATS, folder / f"kws-{target.file_name}-alone")
    with opened(target, model, build_image(target, model, engine, workspace.images), folder) as dut:
        run = dut.run()
    tick = statistics.median(bare(folder, bare_board, model, alone))
    computing = tick * float(run.ticks.sum())
    show(
        f"{target.name}: a run of MLPerf Tiny's, serial / RTT",
        (serial + computing) / run.wall,
        "apart",
        f"computing {computing:.1f} s; with it {serial + computing:.1f} s and {run.wall:.1f} s",
    )


def generic(name: str) -> Target:
    """Return the target called `name` with the generic port."""
    target = find_target(name, Workspace(Path.cwd()).targets)
    return msgspec.structs.replace(target, name=f"{name}-rtt", port=Port("generic"))


def small_layer(folder: Path) -> Model:
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
