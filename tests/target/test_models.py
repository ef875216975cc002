"""The suite that `--target` runs: every model on every target asked for."""

import sys
from itertools import islice
from pathlib import Path

import numpy as np

from harness.image.memory_record import Use
from harness.image.memory_use import memory_use
from harness.link.messages import Result
from harness.link.protocol import InputVia
from harness.runs.bench import open_link_dut
from harness.runs.input_way import InputWay
from harness.runs.link_dut import LinkDut
from harness.runs.link_run import Run
from harness.runs.quick import Schedule
from harness.runs.request import RunRequest
from harness.support.progress import Progress
from harness.target.target_file import Renode
from harness.workspace import Workspace

VECTORS = 20  # that go both ways


def test_model_is_right_on_the_device(run: Run) -> None:
    run.check()
    assert run.quality == run.golden_quality
    # Every model on every target that CI has: where it goes adds up to what is taken.
    use = memory_use(run.image.elf)
    for uses in (use.parts.values(), use.sections.values()):
        assert sum(uses, Use()) == Use(run.image.flash, run.image.ram)
    if run.target.counter.ticks == "instructions":
        # An emulator's line loses nothing. But where a time step of Renode ends within a reading of
        # the counter, its DWT is off, and the inference runs again: docs/renode.md, "Counting".
        repeated = 2 if isinstance(run.target.board, Renode) else 0
        assert run.retries <= repeated


def test_bytes_and_ticks_do_not_depend_on_how_the_input_comes(dut: LinkDut, tmp_path: Path) -> None:
    request = RunRequest(dut.target, dut.model, Workspace(tmp_path))
    results: dict[InputVia, list[Result]] = {}
    with open_link_dut(request, dut.image, dut.board) as other:
        session = other._opened
        every = dut.model.vectors
        vectors = islice(zip(*every.all_inputs, strict=True), VECTORS)
        inputs = [other._packed(values) for values in vectors]
        count = len(inputs)
        schedule = Schedule(every, np.arange(count), range(count), (count,), len(every))
        for via in ("serial", "debug"):
            way = InputWay(via, dut.target, dut.image, Progress(sys.stderr))
            way.attach(session)
            results[via] = list(way.results(session, inputs, schedule, batches=True))
    serial, debug = results["serial"], results["debug"]
    assert [one.output for one in debug] == [one.output for one in serial]
    if dut.target.counter.ticks == "instructions":
        assert list(map(session.ticks, debug)) == list(map(session.ticks, serial))
