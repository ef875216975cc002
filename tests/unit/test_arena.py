"""The arena: as small as can be, no larger than TFLM's, and computed in place where that helps."""

import dataclasses
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engines.cmsis_nn import CmsisNN, arena, cmsis_nn_engine
from harness.engines.cmsis_nn.arena import ArenaLayout, allocate
from harness.engines.cmsis_nn.layer import Layer
from harness.engines.cmsis_nn.lifetimes import Lifetimes
from harness.errors import ExitCode
from harness.model import tensor_block
from harness.model.folder import list_models
from harness.model.graph import Graph
from harness.model.tflite_file import parse
from tests.support.graphs import Builder, from_rng, random_graph
from tests.support.interpreters import needs_tflm
from tests.support.models import ROOT
from tests.support.repository import make_repository
from tests.support.tflm_arena import least, planned

SHARED = ROOT.parent / "shared" / "mlperf-tiny" / "models"
MODELS = {
    **{name: ROOT / "models" / name / "model.tflite" for name in list_models([ROOT / "models"])},
    **{path.stem: path for path in sorted(SHARED.glob("*.tflite"))},
}


def layers_of(
    model: bytes, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> tuple[Graph, Sequence[Layer], ArenaLayout]:
    """Return what the engine plans memory for, and the plan."""
    seen: list[tuple[Graph, Sequence[Layer], ArenaLayout]] = []

    def spy(graph: Graph, layers: Sequence[Layer]) -> ArenaLayout:
        seen.append((graph, layers, allocate(graph, layers)))
        return seen[-1][2]

    monkeypatch.setattr(cmsis_nn_engine, "allocate", spy)
    CmsisNN().generate(parse(model, where="small"), folder, core="cortex-m4f")
    return seen[0]


@needs_tflm
@pytest.mark.parametrize("name", MODELS)
def test_the_arena_is_no_larger_than_tflm_s(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = MODELS[name]
    graph, layers, arena = layers_of(path.read_bytes(), monkeypatch, tmp_path)
    assert arena.size == arena.least
    # Tensors against tensors: neither has pointers in it. TFLM's kernels in the package are the
    # reference's and want no scratch buffers, as CMSIS-NN's do.
    bare = allocate(graph, [dataclasses.replace(layer, scratch=0) for layer in layers])
    tensors = planned(path)
    assert tensors is not None
    assert bare.size <= tensors
    # All of it: of TFLM's own structures at least half would be left with pointers of 4 bytes.
    whole = least(path)
    assert whole > tensors
    assert arena.size <= tensors + (whole - tensors) // 2


ROW = re.compile(r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE)
ROWS = {name: cells for name, *cells in ROW.findall((ROOT / "docs" / "arena.md").read_text())}


@needs_tflm
@pytest.mark.parametrize("name", ROWS)
def test_the_documented_arenas_are_right(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if name not in MODELS:
        pytest.skip("../shared is absent")
    *_, arena = layers_of(MODELS[name].read_bytes(), monkeypatch, tmp_path)
    found = [arena.size, planned(MODELS[name]), least(MODELS[name])]
    assert [int(cell.replace(",", "")) for cell in ROWS[name]] == found


@needs_tflm
def test_a_model_that_tflm_cannot_run_in_so_little_is_found_out() -> None:
    path = ROOT / "models" / "digits" / "model.tflite"
    enough = least(path)
    assert planned(path, enough) is not None
    assert planned(path, enough - 64) is None


# In place


def shortcut() -> bytes:
    """Return a model whose ADD is the busiest layer: two branches of a small image."""
    b = Builder(np.random.default_rng(6))
    source = b.activation((1, 8, 8, 1), 0.05, 2)
    first = b.conv_2d(source, 16, (1, 1))
    second = b.conv_2d(source, 16, (1, 1))
    now = b.pool("MAX_POOL_2D", b.add(first, second), (8, 8))
    return b.build([source], [b.reshape(now, (1, 16))])


def test_an_addition_in_place_makes_the_arena_smaller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    graph, layers, arena = layers_of(shortcut(), monkeypatch, tmp_path)
    apart = allocate(graph, [dataclasses.replace(layer, in_place=()) for layer in layers])
    assert apart.size >= 3 * 8 * 8 * 16
    assert arena.size <= 2 * 8 * 8 * 16 + 16 * 16
    offsets = {slot.name: slot.offset for slot in arena.slots}
    assert offsets["OUTPUT_02"] in {offsets["OUTPUT_00"], offsets["OUTPUT_01"]}


def test_nothing_is_computed_in_place_of_what_is_needed_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    b = Builder(np.random.default_rng(6))
    source = b.activation((1, 8, 8, 1), 0.05, 2)
    first = b.conv_2d(source, 16, (1, 1))
    total = b.add(first, first)
    again = b.add(total, first)
    graph, layers, _ = layers_of(b.build([source], [again, total]), monkeypatch, tmp_path)
    lifetimes = Lifetimes(graph, layers)
    lifetimes.compute_in_place()
    assert all(lifetimes.root[index] == index for index in lifetimes.name)


class Bytes:
    """The arena while the model runs: which tensor each byte is of."""

    def __init__(self, graph: Graph, lifetimes: Lifetimes, arena: ArenaLayout) -> None:
        self.graph = graph
        self.lifetimes = lifetimes
        self.offset = {slot.name: slot.offset for slot in arena.slots}
        self.owner: dict[int, int | None] = {}
        self.bytes_of = {index: index for index in lifetimes.name}  # an alias is another's

    def place(self, index: int) -> int:
        return self.offset[self.lifetimes.name[self.bytes_of[index]]]

    def write(self, begin: int, size: int, index: int | None) -> None:
        self.owner.update(dict.fromkeys(range(begin, begin + size), index))

    def compute(self, index: int) -> None:
        self.write(self.place(index), self.graph.tensors[index].nbytes, index)

    def read(self, index: int) -> None:
        begin, size = self.place(index), self.graph.tensors[index].nbytes
        assert {self.owner[at] for at in range(begin, begin + size)} == {self.bytes_of[index]}

    def run(self, layer: Layer) -> None:
        if layer.scratch:
            name = f"SCRATCH_{layer.operator.index:02d}"
            self.write(self.offset[name], layer.scratch, None)
        for index in layer.operator.inputs:
            if index >= 0 and self.graph.tensors[index].data is None:
                self.read(index)
        for index in layer.operator.outputs:
            if layer.alias is None:
                self.compute(index)
            else:
                self.bytes_of[index] = self.bytes_of[layer.alias]


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_whatever_lives_at_once_lies_apart(
    seed: int, merged: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of any model, every tensor that is read is still there, whole."""
    rng = np.random.default_rng(seed)
    model = network(rng) if seed % 2 else random_graph(from_rng(rng))
    graph, layers, _ = layers_of(model, monkeypatch, tmp_path)
    lifetimes = Lifetimes(graph, layers)
    if merged:
        lifetimes.compute_in_place()
    placed = arena._layout(graph, layers, lifetimes)
    held = Bytes(graph, lifetimes, placed)
    for index in graph.inputs:
        held.compute(index)
    for layer in layers:
        held.run(layer)
    begin = held.offset[placed.output]
    offsets = tensor_block.offsets(graph.output_tensors)
    for position, (index, at) in enumerate(zip(graph.outputs, offsets, strict=False)):
        held.read(index)
        assert f"COPY_{position}" in dict(placed.copies) or held.place(index) == begin + at


def network(rng: np.random.Generator) -> bytes:
    """Return a random model of additions and dense layers that share tensors and outputs."""
    b = Builder(rng)
    known = [b.activation((1, 24), 0.1, 0) for _ in range(int(rng.integers(1, 4)))]
    inputs = list(known)
    for _ in range(int(rng.integers(2, 9))):
        first, second = (known[int(rng.integers(len(known)))] for _ in range(2))
        kind = rng.integers(3)
        if kind == 0:
            known.append(b.dense(first, 24))
        elif kind == 1:
            known.append(b.reshape(first, (1, 24)))
        else:
            known.append(b.add(first, second))
    count = int(rng.integers(1, 4))
    return b.build(inputs, [known[int(rng.integers(len(known)))] for _ in range(count)])


@pytest.mark.skipif(
    not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)
@pytest.mark.parametrize("seed", [None, 1, 3, 5])
def test_a_model_computed_in_place_equals_golden(
    seed: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository = make_repository(tmp_path, monkeypatch, capsys)
    model = shortcut() if seed is None else network(np.random.default_rng(seed))
    path = repository.network(model)
    toml = path.with_name("model.toml")
    toml.write_text(toml.read_text().replace("quality_target = 0.5", "quality_target = 0.0"))
    tensors = parse(path.read_bytes(), where="small").input_tensors
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        f"inputs_{i}": rng.integers(-128, 128, (4, *t.shape[1:])).astype(np.int8)
        for i, t in enumerate(tensors)
    }
    np.savez(path.with_name("vectors.npz"), labels=np.zeros(4, np.int64), **arrays)

    # Merged whether or not the arena gets smaller by it.
    class Merged(Lifetimes):
        def __init__(self, graph: Graph, layers: Sequence[Layer]) -> None:
            super().__init__(graph, layers)
            self.compute_in_place()

    monkeypatch.setattr(arena, "Lifetimes", Merged)
    assert repository.run("cmsis-nn") == (ExitCode.PASSED, "")
