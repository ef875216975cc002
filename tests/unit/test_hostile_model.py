"""Damaged `.tflite` files: each is read or refused by name, in a moment and little memory.

`test_graph.py` has a message for each rule; here are files damaged at random, and what the
parts behind the reader (engine, golden, command) make of what it lets pass.
"""

import dataclasses
import shutil
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.errors import ExitCode, InputError
from harness.golden import oracle
from harness.golden.interpreters import find_interpreter
from harness.model.graph import Graph
from harness.model.tflite_file import parse
from tests.support.graphs import Builder, from_rng, random_graph
from tests.support.models import ROOT
from tests.support.repository import Repository, make_repository, vectors

WHERE = "models/small/hostile.tflite"
SECONDS = 2.0
WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)


def originals() -> list[bytes]:
    """Return the bundled model and several of the tests' own."""
    made = [random_graph(from_rng(np.random.default_rng(seed))) for seed in range(7)]
    return [(ROOT / "models" / "digits" / "model.tflite").read_bytes(), *made]


def damaged(count: int, seed: int = 0, models: Sequence[bytes] = ()) -> list[bytes]:
    """Return `count` files, each with one to five bytes or 32-bit numbers of `models` changed."""
    rng = np.random.default_rng(seed)
    models = models or originals()
    files = []
    for number in range(count):
        data = bytearray(models[number % len(models)])
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(0, len(data) - 4))
            if rng.integers(0, 2):
                data[at] = int(rng.integers(0, 256))
            else:  # an offset, a length, an index, a side
                word = int(rng.choice([*WORDS, len(data), int(rng.integers(0, 300))]))
                data[at & ~3 : (at & ~3) + 4] = word.to_bytes(4, "little")
        files.append(bytes(data))
    return files


def read(data: bytes) -> Graph | None:
    """Parse `data`, or see it refused by name; either in a moment."""
    begin = time.monotonic()
    try:
        return parse(data, where=WHERE)
    except InputError as error:
        assert error.where == WHERE  # noqa: PT017
        return None
    finally:
        assert time.monotonic() - begin < SECONDS


def generated(graph: Graph, folder: Path) -> bool:
    """Generate C for `graph`, or see it refused by name."""
    begin = time.monotonic()
    try:
        find_engine("cmsis-nn").generate(graph, folder, core="cortex-m4f")
    except InputError as error:
        assert error.where == WHERE  # noqa: PT017
        return False
    finally:
        assert time.monotonic() - begin < SECONDS
    return True


def test_a_damaged_file_is_refused_or_read(tmp_path: Path) -> None:
    graphs = [graph for graph in map(read, damaged(500)) if graph is not None]
    built = [generated(graph, tmp_path) for graph in graphs]
    # Weights may be damaged, and that nobody can see; but some of all kinds are there.
    assert 0 < sum(built) < len(built) < 500


def test_a_damaged_file_takes_little_memory() -> None:
    files = damaged(40, seed=1)
    tracemalloc.start()
    try:
        for data in files:
            tracemalloc.reset_peak()
            read(data)
            assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("number", range(8))
def test_a_truncated_file_is_refused(number: int) -> None:
    data = originals()[number]
    for part in range(50):
        assert read(data[: len(data) * part // 50]) is None


def zeros(graph: Graph) -> list[oracle.Array]:
    return [np.zeros((1, *graph.tensors[i].shape), graph.tensors[i].dtype) for i in graph.inputs]


def test_a_damaged_file_ends_golden_with_a_message_at_most() -> None:
    answered = 0
    for data in damaged(60, seed=3):
        graph = read(data)
        if graph is None or not graph.inputs:
            continue
        try:
            answered += bool(oracle.answers(data, zeros(graph), where=WHERE))
        except InputError as error:
            assert error.where == WHERE  # noqa: PT017
            assert "Traceback" not in error.what  # noqa: PT017
    assert answered


# Made by hand


def two_layers(change: Callable[[Builder], None]) -> bytes:
    """Return two dense layers after `change`: tensors 0 -> 2 -> 5, weights 1, 4, bias 3, 6."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    now = b.dense(b.dense(source, 4), 4)
    change(b)
    return b.build([source], [now])


def retensor(index: int, **values: Any) -> Callable[[Builder], None]:
    def change(b: Builder) -> None:
        b.tensors[index] = dataclasses.replace(b.tensors[index], **values)

    return change


def rewire(index: int, inputs: list[int], outputs: list[int]) -> Callable[[Builder], None]:
    def change(b: Builder) -> None:
        kind, _, _, options, values = b.operators[index]
        b.operators[index] = (kind, inputs, outputs, options, values)

    return change


def in_a_circle(b: Builder) -> None:
    rewire(0, [5, 1, 3], [2])(b)
    rewire(1, [2, 4, 6], [5])(b)


def no_subgraph() -> bytes:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    return b.build([source], [source], subgraphs=0)


def one_input_twice() -> bytes:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    return b.build([source, source], [b.add(source, source)])


def constant_input() -> bytes:
    b = Builder()
    source = b.tensor((1, 4), scale=0.1, zero_point=0, data=np.zeros((1, 4), np.int8))
    return b.build([source], [b.add(source, source)])


def shared_names() -> bytes:
    """Return a file whose 3,000 tensors have the same name of 300,000 letters."""
    b = Builder()
    source = b.tensor((1, 4), scale=0.1, zero_point=0, name="x" * 300_000)
    return b.build([source], [source], tensors=3_000)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (two_layers(retensor(0, shape=(1, -4))), "a dimension that is not fixed"),
        (two_layers(retensor(5, shape=(1, 1 << 30, 1 << 30))), "too large for any target"),
        (two_layers(retensor(5, shape=(65536, 65536))), "too large for any target"),
        (two_layers(retensor(1, buffer=1_000_000)), "refers to buffer 1000000"),
        (two_layers(retensor(1, shape=(3, 4))), "needs 12 bytes of data but has 16"),
        (two_layers(rewire(0, [0, 1, 3], [2, 2])), "tensor 2, which already has a value"),
        (two_layers(rewire(1, [2, 4, 6], [5, 5])), "tensor 5, which already has a value"),
        (two_layers(rewire(0, [6 + 1, 1, 3], [2])), "reads tensor 7 of 7"),
        (two_layers(rewire(0, [5, 1, 3], [2])), "reads tensor 5 before it is written"),
        (two_layers(in_a_circle), "reads tensor 5 before it is written"),
        (no_subgraph(), "has 0 subgraphs"),
        (one_input_twice(), "tensor 0 is an input of the graph more than once"),
        (constant_input(), "the graph's input, tensor 0, is a constant"),
        (shared_names(), "overlap"),
        (originals()[1].replace(b"TFL3", b"TFL2"), "the identifier TFL3 is missing"),
        (b"\xff" * 64, "the identifier TFL3 is missing"),
        (b"\xff\xff\xff\x7fTFL3" + bytes(64), "is damaged"),
    ],
)
def test_a_file_made_to_harm_is_refused(data: bytes, message: str) -> None:
    begin = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message) as caught:
            parse(data, where=WHERE)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.where == WHERE
    assert time.monotonic() - begin < SECONDS


def test_activations_that_no_memory_holds_are_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 1 << 28), 0.1, 0)
    sides = [b.add(source, source) for _ in range(9)]
    now = sides[0]
    for side in sides[1:]:
        now = b.add(now, side)
    graph = parse(b.build([source], [now]), where=WHERE)
    with pytest.raises(InputError, match="bytes of RAM for its activations") as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
    assert caught.value.where == WHERE


def aborts_tflm() -> bytes:
    """Return a sound file for which a check of TFLM's own fails: it calls abort()."""
    b = Builder()
    source = b.activation((1, 4), 1000.0, 0)
    return b.build([source], [b.add(source, source, scale=1e-6)])


def test_golden_says_by_what_tflm_crashed() -> None:
    with pytest.raises(InputError, match="it crashed with SIGABRT") as caught:
        oracle.answers(aborts_tflm(), [np.zeros((1, 1, 4), np.int8)], where=WHERE)
    assert caught.value.where == WHERE


def test_golden_gives_a_file_little_memory() -> None:
    # Ours does not read metadata; TFLM's package does, and makes a text of each entry.
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    data = b.build([source], [b.add(source, source)], metadata=("x" * 200_000, 20_000))
    begin = time.monotonic()
    with pytest.raises(InputError, match="needs more than 1 GiB") as caught:
        oracle.answers(data, [np.zeros((1, 1, 4), np.int8)], where=WHERE)
    assert caught.value.where == WHERE
    assert time.monotonic() - begin < 10 * SECONDS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (two_layers(in_a_circle), "before it is written"),
        (originals()[1][:-300], "is damaged"),
        (b"not a model", "the identifier TFL3 is missing"),
    ],
)
def test_the_command_names_a_damaged_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: bytes,
    message: str,
) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not on PATH: see `make system`")
    repository: Repository = make_repository(tmp_path, monkeypatch, capsys)
    path = repository.network(data)
    code, text = repository.run("cmsis-nn")
    assert code == ExitCode.USAGE
    assert text.startswith(f"harness: {path}: ")
    assert message in text


def test_the_command_names_a_file_that_crashes_tflm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))):
        pytest.skip("arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`")
    repository: Repository = make_repository(tmp_path, monkeypatch, capsys)
    path = repository.network(aborts_tflm())
    plain = vectors([0])
    np.savez(repository.vectors(), inputs=plain["inputs"], labels=plain["labels"])
    code, text = repository.run()  # an engine that does not look at the graph
    assert code == ExitCode.USAGE
    assert f"{path}: {find_interpreter().name} cannot run it" in text
    assert "it crashed with SIGABRT" in text
    assert repository.records() == []
