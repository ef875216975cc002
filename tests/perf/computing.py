"""How much of a run is computing: against the emulator, which computes as much without a host."""

import statistics
from collections.abc import Callable
from pathlib import Path

from harness.board.board_options import BoardOptions
from harness.board.renode.installation import find_renode
from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.errors import InfrastructureError
from harness.image.build import Image, build_image
from harness.model.folder import Model, find_model
from harness.runs.link_dut import LinkDut
from harness.target.find_target import find_target
from harness.target.target_file import Renode, Target
from harness.workspace import Workspace
from tests.support.devices import opened
from tests.support.images import repeated_image

INFERENCES = {"anomaly": 3000, "digits": 100, "faces": 1500, "gesture": 600, "vowels": 900}
"""The bundled models, and inferences that take an emulator long enough to time them."""
ROUNDS = 3

Show = Callable[[str, float, str, str], None]


def computing(folder: Path, name: str, show: Show) -> None:
    """Print for each bundled model what a run takes, without start and build."""
    target = find_target(name, Workspace(folder).targets)
    if reason := why_not(target):
        print(f"{name}: {reason}")
        return
    for model in INFERENCES:
        compare(folder, target, model, show)


def why_not(target: Target) -> str:
    """Return why the target cannot run here; empty if it can."""
    if not isinstance(target.board, Renode):
        return ""
    try:
        find_renode("")
    except InfrastructureError as error:
        return error.what
    return ""


def compare(folder: Path, target: Target, name: str, show: Show) -> None:
    """Print a run's time, and that of an inference in it, against the bare emulator.

    A batch costs a few milliseconds, and each vector of it some microseconds: both are in the
    difference, which says more than the ratio if the model needs only milliseconds for all vectors.
    The bare one is timed before and after, because the machine may get busier.
    """
    workspace = Workspace(folder)
    model = find_model(name, workspace.models)
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), workspace.images)
    alone = repeated_image(image, INFERENCES[name], folder / f"{name}-{target.name}")
    before = bare(folder, target, model, alone)
    with opened(target, model, image, folder) as dut:
        runs = [dut.run() for _ in range(ROUNDS)]
    ticks = int(runs[0].ticks.sum())
    expected = statistics.median(before + bare(folder, target, model, alone)) * ticks
    wall = statistics.median(run.wall for run in runs)
    inference = statistics.median(run.inference for run in runs)
    bare_one = f"{1e-6 * ticks / expected:.0f} MIPS bare, inputs via {runs[0].input_via}"
    for part, seconds, budget, more in (
        ("a run", wall, "≤ 1.3", bare_one),
        ("inference", inference, "≤ 1.15", ""),
    ):
        over = seconds - expected
        detail = f"{1e3 * over:+.1f} ms, {1e6 * over / len(model.vectors):+.0f} µs a vector"
        what = f"{target.name}, {name}: {part} / bare"
        show(what, seconds / expected, budget, "; ".join(filter(None, [detail, more])))


def bare(folder: Path, target: Target, model: Model, alone: Image) -> list[float]:
    """Return the host's seconds for a tick, several times; `alone` is a `repeated_image`."""
    options = BoardOptions(input_via="serial")
    with opened(target, model, alone, folder, board_options=options) as dut:
        return [seconds_per_tick(dut) for _ in range(ROUNDS)]


def seconds_per_tick(dut: LinkDut) -> float:
    """Return the host's seconds for a tick, while the device makes many inferences for one RUN."""
    first = [values[0] for values in dut.model.vectors.all_inputs]
    waited = dut._link.waited
    ticks = dut._link.infer(dut._packed(first)).ticks
    return (dut._link.waited - waited) / ticks
