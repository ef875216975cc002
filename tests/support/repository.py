"""A user's repository for tests: a model that misbehaves as it is told, run by the command."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli.main import main
from harness.engines import registry
from harness.engines.registry import Engine, Generated
from harness.image.build import build_image
from harness.model.folder import load_model
from harness.model.graph import Graph
from harness.results.record import Record
from harness.results.record_file import read_record
from harness.runs.link_dut import LinkDut
from harness.target.find_target import find_target
from harness.workspace import Workspace
from tests.support.devices import opened
from tests.support.graphs import Builder

DATA = Path(__file__).parents[1] / "data"

# What the first byte of a vector has tests/data/firmware/misbehaving do.
BEHAVE, UNDEFINED, READ_UNMAPPED, OVERFLOW, RESTART, HANG, FAIL, LOCK_UP = range(8)

TARGET = """\
description = "The bundled target with a few things changed"
stack = {stack}
mcu = {{ name = "STM32F405RG", core = "cortex-m4f" }}
port = {{ name = "stm32f4" }}
counter = {{ ticks = "instructions" }}
board = {{ {board} }}
[memory]
flash = {{ origin = 0x0800_0000, size = {flash} }}
ram = {{ origin = 0x2000_0000, size = {ram} }}
"""

DESCRIPTION = """\
description = "Four bytes in, four classes out"
task = "classification"
metric = "accuracy"
quality_target = 0.5
input = { preprocessing = "none" }
provenance = { data = "made up for this test", licence = "Apache-2.0" }
"""


@dataclass(frozen=True)
class HandMade:
    """An engine whose C is a folder of tests/data/firmware, whatever the graph."""

    name: str
    version: str = "written by hand"
    operators: frozenset[str] = frozenset()

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:
        for file in ("model.c", "model.cmake"):
            shutil.copy(DATA / "firmware" / self.name / file, directory)
        return Generated((directory / "model.c",), directory / "model.cmake", 4, 0, (), "by hand")


@dataclass(frozen=True)
class Repository:
    """A user's repository with one model, `small`; `harness` runs the command in it."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def harness(self, *arguments: str) -> tuple[int, str]:
        """Return the exit code and what the command wrote to standard error, without progress.

        How many lines of progress there are depends on the speed of the machine.
        """
        if arguments[0] in {"run", "build"} and "--target" not in arguments:
            arguments = (*arguments, "--target", "qemu-stm32")
        self.capsys.readouterr()
        code = main(("--no-progress", *arguments))
        return code, self.capsys.readouterr().err

    def run(self, engine: str = "misbehaving", *arguments: str) -> tuple[int, str]:
        return self.harness("run", "--model", "small", "--engine", engine, *arguments)

    def target(self, name: str, **changed: Any) -> Path:
        """Write a target; a `machine` of QEMU, or the whole table `board`, may be given."""
        machine = changed.pop("machine", "netduinoplus2")
        board = f'kind = "qemu", machine = "{machine}"'
        values = {"stack": 8192, "flash": 1 << 20, "ram": 1 << 17, "board": board}
        path = self.root / "targets" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(TARGET.format(**values | changed))
        return path

    def network(self, data: bytes) -> Path:
        path = self.root / "models" / "small" / "model.tflite"
        path.write_bytes(data)
        return path

    def vectors(self, **changed: Any) -> Path:
        path = self.root / "models" / "small" / "vectors.npz"
        np.savez(path, **vectors([BEHAVE, BEHAVE]) | changed)
        return path

    def answers(self, *behaviours: int) -> None:
        """Have the device do as told, a behaviour for each vector."""
        self.vectors(**vectors(behaviours))

    @contextmanager
    def dut(self, engine: Engine, target: str = "qemu-stm32") -> Iterator[LinkDut]:
        """Open a session with the model on a bundled target."""
        workspace = Workspace(self.root)
        chosen = find_target(target, workspace.targets)
        model = load_model(self.root / "models" / "small")
        image = build_image(chosen, model, engine, workspace.images)
        with opened(chosen, model, image, self.root) as dut:
            yield dut

    def records(self) -> list[Record]:
        return [read_record(path) for path in (self.root / "reports" / "runs").glob("*")]

    def images(self) -> list[str]:
        folder = self.root / "build" / "images"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def processes(self) -> list[str]:
        """Return the command lines of processes that were given a file of this repository."""
        lines = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it ended meanwhile
            if str(self.root) in line:
                lines.append(line)
        return lines


def vectors(behaviours: Any) -> dict[str, Any]:
    """Return vectors of class 1 whose golden outputs are the inputs."""
    inputs = np.zeros((len(behaviours), 4), np.int8)
    inputs[:, 0] = behaviours
    inputs[:, 1] = 100
    labels = np.ones(len(behaviours), np.int64)
    return {
        "inputs": inputs,
        "labels": labels,
        "golden": inputs,
        "golden_source": np.array("the firmware's source"),
    }


def dense(inputs: int = 4, outputs: int = 4) -> bytes:
    b = Builder()
    source = b.activation((1, inputs), 0.1, 0)
    return b.build([source], [b.dense(source, outputs)])


def line_of(code: str) -> int:
    """Return the first line of the misbehaving model that has `code` in it."""
    lines = (DATA / "firmware" / "misbehaving" / "model.c").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if code in line)


def make_repository(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    """Return a repository in `root`, from now on the current folder; nothing is built yet."""
    repository = Repository(root, capsys)
    monkeypatch.chdir(root)
    for firmware in ("misbehaving", "silent", "no_init"):
        monkeypatch.setitem(registry.ENGINES, firmware, HandMade(firmware))
    (root / "models" / "small").mkdir(parents=True)
    (root / "models" / "small" / "model.toml").write_text(DESCRIPTION)
    repository.network(dense())
    repository.vectors()
    return repository
