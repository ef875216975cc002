"""Models with several inputs and outputs, or with others than int8, from vectors to verdict."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import registry
from harness.engines.cmsis_nn import CmsisNN
from harness.errors import ExitCode, InputError
from harness.golden import oracle
from harness.model import tensor_block
from harness.model.graph import Tensor
from harness.model.tflite_file import parse
from harness.results.record import Record
from tests.support.graphs import Builder
from tests.support.repository import Repository, make_repository
from tests.support.spoilt import off_by_one

Array = np.ndarray[Any, Any]
COUNT = 3

emulated = pytest.mark.skipif(
    not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    return make_repository(tmp_path, monkeypatch, capsys)


# The block


def tensors(*shapes: tuple[Any, tuple[int, ...]]) -> list[Tensor]:
    return [Tensor(i, str(i), shape, np.dtype(t)) for i, (t, shape) in enumerate(shapes)]


def test_a_block_of_one_tensor_is_that_tensor() -> None:
    (one,) = tensors((np.int8, (1, 7, 3)))
    assert tensor_block.size([one]) == 21
    values = np.arange(21, dtype=np.int8).reshape(7, 3)
    assert tensor_block.pack([one], [values]) == values.tobytes()
    (back,) = tensor_block.unpack([one], values.tobytes())
    assert back.shape == (7, 3)


def test_each_tensor_of_a_block_begins_at_four_bytes() -> None:
    made = tensors((np.int8, (1, 5)), (np.float32, (1, 2)), (np.uint8, ()), (np.int16, (1, 3)))
    assert tensor_block.offsets(made) == [0, 8, 16, 20, 26]
    values = [
        np.arange(t.elements).astype(t.dtype).reshape(tensor_block.sample_shape(t)) for t in made
    ]
    packed = tensor_block.pack(made, values)
    assert len(packed) == tensor_block.size(made) == 26
    for value, again in zip(values, tensor_block.unpack(made, packed), strict=True):
        assert value.dtype == again.dtype
        np.testing.assert_array_equal(value, again)


@given(st.lists(st.tuples(st.sampled_from(["i1", "i2", "f4"]), st.integers(1, 9)), min_size=1))
def test_tensors_of_a_block_lie_apart(drawn: list[tuple[str, int]]) -> None:
    made = tensors(*((kind, (1, count)) for kind, count in drawn))
    offsets = tensor_block.offsets(made)
    for tensor, begin, end in zip(made, offsets, offsets[1:], strict=False):
        assert begin % tensor_block.ALIGNMENT == 0
        assert begin + tensor.nbytes <= end


# From vectors to verdict


def put(repository: Repository, model: bytes, **more: Any) -> list[Array]:
    """Write `model` and random vectors for it, without golden; return their inputs."""
    path = repository.network(model)
    text = path.with_name("model.toml").read_text()
    path.with_name("model.toml").write_text(
        text.replace("quality_target = 0.5", "quality_target = 0.0")
    )
    graph = parse(model, where="small")
    rng = np.random.default_rng(3)
    inputs = [
        rng.integers(-100, 100, (COUNT, *tensor_block.sample_shape(tensor))).astype(tensor.dtype)
        for tensor in graph.input_tensors
    ]
    names = ["inputs"] if len(inputs) == 1 else [f"inputs_{i}" for i in range(len(inputs))]
    arrays: dict[str, Any] = dict(zip(names, inputs, strict=True))
    arrays["labels"] = np.zeros(COUNT, np.int64)
    np.savez(path.with_name("vectors.npz"), **arrays | more)
    return inputs


def passed(repository: Repository, *arguments: str) -> Record:
    assert repository.run("cmsis-nn", *arguments) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert record.numbers["bytes_differing"].value == 0
    return record


def two_and_three() -> bytes:
    """Return a model of inputs of 5 and 18 bytes, one used late, and outputs of 7, 18 and 3."""
    b = Builder(np.random.default_rng(2))
    first = b.activation((1, 5), 0.1, 3)
    second = b.activation((1, 3, 3, 2), 0.05, -7)
    small = b.dense(first, 7)
    image = b.conv_2d(second, 2, (3, 3))
    image = b.add(image, second)
    return b.build([first, second], [small, image, b.dense(small, 3)])


def early_and_late() -> bytes:
    """Return a model with an output of its first layer and one of its last."""
    b = Builder(np.random.default_rng(4))
    source = b.activation((1, 30), 0.1, 3)
    early = b.dense(source, 3)
    now = b.dense(source, 40)
    for outputs in (50, 60, 9):
        now = b.dense(now, outputs)
    return b.build([source], [now, early])


def output_read_inside() -> bytes:
    b = Builder()
    source = b.activation((1, 6), 0.1, 0)
    inner = b.dense(source, 10)
    return b.build([source], [inner, b.dense(b.dense(inner, 20), 5)])


def output_that_is_an_input() -> bytes:
    b = Builder()
    source = b.activation((1, 6), 0.1, 0)
    return b.build([source], [b.dense(b.dense(source, 30), 5), source])


def output_twice() -> bytes:
    b = Builder()
    source = b.activation((1, 6), 0.1, 0)
    now = b.dense(source, 5)
    return b.build([source], [now, now])


def output_in_two_shapes() -> bytes:
    b = Builder()
    source = b.activation((1, 6), 0.1, 0)
    now = b.dense(source, 6)
    return b.build([source], [b.reshape(now, (1, 3, 2)), now, b.reshape(source, (1, 2, 3))])


def input_only_reshaped() -> bytes:
    b = Builder()
    source = b.activation((1, 6), 0.1, 0)
    return b.build([source], [b.reshape(source, (1, 2, 3))])


def input_that_nobody_reads() -> bytes:
    b = Builder()
    first, second = (b.activation((1, 6), 0.1, 0) for _ in range(2))
    return b.build([first, second], [b.dense(second, 3)])


SHAPES: Sequence[Callable[[], bytes]] = (
    two_and_three,
    early_and_late,
    output_read_inside,
    output_that_is_an_input,
    output_twice,
    output_in_two_shapes,
    input_only_reshaped,
    input_that_nobody_reads,
)


@emulated
@pytest.mark.parametrize("make", SHAPES)
def test_every_byte_of_every_output_equals_golden(
    repository: Repository, make: Callable[[], bytes]
) -> None:
    put(repository, make())
    passed(repository)


@emulated
@pytest.mark.parametrize("input_via", ["serial", "debug"])
def test_several_inputs_come_either_way(repository: Repository, input_via: str) -> None:
    put(repository, two_and_three())
    passed(repository, f"--input-via={input_via}")


@emulated
def test_golden_of_several_outputs_may_come_with_the_vectors(repository: Repository) -> None:
    model = two_and_three()
    inputs = put(repository, model)
    outputs = oracle.of_vectors(model, inputs)
    outputs[1][2, 0, 1, 0] ^= 4
    arrays = {f"golden_{place}": values for place, values in enumerate(outputs)}
    put(repository, model, golden_source=np.array("tflite-micro, and a hand"), **arrays)
    assert repository.run("cmsis-nn")[0] == ExitCode.FAILED
    (record,) = repository.records()
    ours = int(outputs[1][2, 0, 1, 0]) ^ 4
    assert record.reasons[0].endswith(
        f"1 of 84 output bytes differ from golden (tflite-micro, and a hand); first: vector 2, "
        f"output 1, byte 2, {ours} instead of {ours ^ 4}"
    )
    assert "every layer agrees" in record.reasons[1]


@emulated
@pytest.mark.parametrize("layer", [0, 1, 3])
def test_a_wrong_layer_among_several_outputs_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, layer: int
) -> None:
    engine = off_by_one(layer)
    monkeypatch.setitem(registry.ENGINES, engine.name, engine)
    put(repository, two_and_three())
    assert repository.run(engine.name)[0] == ExitCode.FAILED
    (record,) = repository.records()
    assert record.divergence is not None
    assert (record.divergence.layer, record.divergence.bytes_differing) == (layer, 1)


@emulated
def test_a_dut_takes_an_array_for_each_input(repository: Repository) -> None:
    model = two_and_three()
    inputs = put(repository, model)
    wanted = oracle.of_vectors(model, inputs)
    first, second = (values[1] for values in inputs)
    with repository.dut(CmsisNN()) as dut:
        for ours, theirs in zip(dut.infer_all(first, second), wanted, strict=True):
            np.testing.assert_array_equal(ours, theirs[1])
        np.testing.assert_array_equal(dut.infer(first, second), wanted[0][1])
        with pytest.raises(InputError, match="the model takes 2 inputs, not 1"):
            dut.infer(first)
        with pytest.raises(InputError, match="input 1: the model takes 18 int8 values, not 5"):
            dut.infer(first, first)
        with pytest.raises(InputError, match="input 0: the model takes 5 int8 values, not 5 of"):
            dut.infer(first.astype(np.int16), second)


def test_the_wrong_number_of_inputs_is_refused_by_file_and_array(
    repository: Repository,
) -> None:
    if not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))):
        pytest.skip("arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`")
    put(repository, two_and_three())
    path = repository.root / "models" / "small" / "vectors.npz"
    np.savez(path, inputs=np.zeros((3, 5), np.int8), labels=np.zeros(3, np.int64))
    code, text = repository.run("cmsis-nn")
    assert code == ExitCode.USAGE
    assert "vectors.npz: inputs: covers 1 input, but the model has 2" in text
    assert "-> store inputs_0 to inputs_1, in the model's order" in text


def test_a_dynamic_batch_is_one(repository: Repository) -> None:
    b = Builder()
    source = b.tensor((1, 4), scale=0.1, zero_point=0, signature=(-1, 4))
    model = b.build([source], [b.dense(source, 3)])
    graph = parse(model, where="small")
    assert graph.input_tensors[0].shape == (1, 4)
    inputs = np.arange(12, dtype=np.int8).reshape(3, 4)
    (outputs,) = oracle.of_vectors(model, [inputs])
    assert outputs.shape == (3, 3)


# The arena's map


def slots(model: bytes, folder: Path) -> dict[str, tuple[int, int]]:
    """Return where each buffer of the generated code lies: offset and size, by name."""
    CmsisNN().generate(parse(model, where="small"), folder, core="cortex-m4f")
    lines = (folder / "model.c").read_text().split(" * arena ")[1].split("*/")[0].splitlines()[1:]
    rows = [line.lstrip(" *").split() for line in lines if line.strip(" *")]
    return {name: (int(offset), int(size)) for name, offset, size, *_ in rows}


def test_inputs_and_outputs_are_blocks_of_the_arena(tmp_path: Path) -> None:
    held = slots(two_and_three(), tmp_path)
    assert held["INPUT_1"][0] == held["INPUT"][0] + 8
    first = held["OUTPUT_00"][0]
    assert (held["OUTPUT_02"][0], held["OUTPUT_03"][0]) == (first + 8, first + 28)
    assert "COPY" not in "".join(held)


@pytest.mark.parametrize(
    ("make", "copies"),
    [
        (output_that_is_an_input, ["COPY_1"]),
        (output_twice, ["COPY_1"]),
        (output_in_two_shapes, ["COPY_1", "COPY_2"]),
        (input_only_reshaped, ["COPY_0"]),
    ],
)
def test_an_output_is_copied_only_where_it_must_be(
    tmp_path: Path, make: Callable[[], bytes], copies: list[str]
) -> None:
    assert [name for name in slots(make(), tmp_path) if name.startswith("COPY")] == copies
    assert (tmp_path / "model.c").read_text().count("memcpy(") == len(copies)


# Other types than int8


@emulated
@pytest.mark.parametrize("is_class", [False, True])
def test_a_float_model_with_an_int8_core(repository: Repository, is_class: bool) -> None:
    b = Builder(np.random.default_rng(3))
    source = b.tensor((1, 6), dtype=np.float32)
    inner = b.activation((1, 6), 1.0, 3)
    b.operator("QUANTIZE", [source], [inner], "QuantizeOptions")
    scores = b.dense(inner, 5)
    real = b.tensor((1, 5), dtype=np.float32)
    b.operator("DEQUANTIZE", [scores], [real], "DequantizeOptions")
    outputs = [real]
    if is_class:
        axis = b.tensor((), data=np.array(1, np.int32))
        best = b.tensor((1,), dtype=np.int32)
        b.operator("ARG_MAX", [scores, axis], [best], "ArgMaxOptions", OutputType=2)
        outputs = [best, real]
    model = b.build([source], outputs)
    inputs = put(repository, model)
    found = oracle.of_vectors(model, inputs)
    labels = found[0].astype(np.int64).reshape(COUNT) if is_class else found[0].argmax(axis=1)
    put(repository, model, labels=labels)
    assert passed(repository).numbers["accuracy"].value == 1.0


@emulated
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int16, np.uint8])
def test_vectors_of_any_type_reach_the_device_and_come_back(
    repository: Repository, dtype: Any
) -> None:
    """By a firmware that copies 4 bytes, whatever they are."""
    b = Builder()
    count = 4 // np.dtype(dtype).itemsize
    source, result = (b.tensor((1, count), dtype=dtype) for _ in range(2))
    b.operator("QUANTIZE", [source], [result], "QuantizeOptions")
    path = repository.network(b.build([source], [result]))
    # The first byte tells that firmware to behave.
    raw = np.array([[0, 0, 64, 64], [0, 1, 0, 0]], np.uint8).view(dtype)
    # A single output is the probability of class 1.
    labels = raw.argmax(axis=1) if count > 1 else (raw[:, 0] >= 0.5).astype(np.int64)
    arrays = {"inputs": raw, "labels": labels, "golden": raw}
    held = path.with_name("vectors.npz")
    np.savez(held, golden_source=np.array("a copy"), **arrays)
    assert repository.run() == (ExitCode.PASSED, "")
    wrong = raw.copy()
    wrong.view(np.uint8)[1, 1] = 9
    np.savez(held, golden_source=np.array("a copy"), **arrays | {"golden": wrong})
    assert repository.run()[0] == ExitCode.FAILED
    (reasons,) = (record.reasons for record in repository.records() if record.reasons)
    place = 1 // raw.itemsize
    where = f"{'byte' if raw.itemsize == 1 else 'value'} {place}"
    values = f"{raw[1, place].item()} instead of {wrong[1, place].item()}"
    assert (
        f"1 of 8 output bytes differ from golden (a copy); first: vector 1, {where}, {values}"
        in (reasons[0])
    )


@emulated
def test_vectors_of_the_wrong_type_are_refused_by_file_and_array(repository: Repository) -> None:
    put(repository, two_and_three())
    path = repository.root / "models" / "small" / "vectors.npz"
    held = dict(np.load(path))
    np.savez(path, **held | {"inputs_1": held["inputs_1"].astype(np.float32)})
    code, text = repository.run("cmsis-nn")
    assert code == ExitCode.USAGE
    assert f"{path.relative_to(repository.root)}: inputs_1: has type float32" in text.replace(
        str(repository.root) + "/", ""
    )
    assert "but the model's input has int8" in text
