"""Doubts about a user's data: each has numbers, and sound data has none."""

from pathlib import Path

import numpy as np
import pytest

from harness.errors import ExitCode
from harness.intake.input_doubts import GivenValues, stored_doubts
from harness.intake.vector_doubts import class_doubts, vector_doubts
from tests.support.desk import Desk, network, save
from tests.support.graphs import Builder

RNG = np.random.default_rng(0)
SOUND = RNG.integers(-100, 100, (200, 6)).astype(np.int8)
LABELS = np.arange(200) % 4


def test_sound_data_has_no_doubts() -> None:
    assert list(vector_doubts([SOUND], LABELS)) == []
    assert list(class_doubts(LABELS, (), 4)) == []
    assert list(stored_doubts(SOUND)) == []


def of_reals(*blocks: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> list[str]:
    """Return the doubts about blocks for an input that holds -64 to 63.5."""
    given = GivenValues(network((3,), scale=0.5).input, sum(block.size for block in blocks))
    for block in blocks:
        given.add(block)
    return list(given.doubts())


def test_values_outside_of_the_calibrated_range_are_counted() -> None:
    values = RNG.uniform(-60, 60, (400, 3))
    assert of_reals(values) == []
    cut = values.copy()
    cut[:40] *= 4
    [doubt] = of_reals(cut[:30], cut[30:])
    assert "of the values are cut: the input holds -64 to 63.5, but the values reach" in doubt
    values[70] = 1000
    [doubt] = of_reals(values[:50], values[50:])
    assert doubt.startswith(
        "1 of 400 vectors lie far outside of the calibrated range, first vector 70: "
    )


@pytest.mark.parametrize("size", [1, 512, 16384])  # of the blocks
def test_no_channel_of_many_vectors_is_left_out(size: int) -> None:
    values = np.zeros((16384, 64, 3), np.float32)
    values[..., 1] = 70  # beyond 63.5
    given = GivenValues(network((64, 3), scale=0.5).input, values.size)
    for begin in range(0, len(values), size):
        given.add(values[begin : begin + size])
    doubt, *_ = given.doubts()
    assert doubt.startswith("33% of the values are cut")
    stored = np.zeros(values.shape, np.int8)
    stored[:, :32, 2], stored[:, 32:, 2] = 127, -128
    assert next(stored_doubts(stored)).startswith("the inputs saturate: 17%")


def test_values_that_become_few_are_counted() -> None:
    [doubt] = of_reals(RNG.uniform(0, 1, (40, 3)))
    assert doubt.startswith("120 different values become only 3: the input holds -64 to 63.5")


def test_bytes_that_were_not_divided_name_the_option() -> None:
    given = GivenValues(network((3,), scale=1 / 255, zero_point=-128).input, 120)
    given.add(RNG.integers(0, 256, (40, 3)).astype(np.float32))
    doubt, _ = given.doubts()
    assert "for values from 0 to 255, add --preprocess unit or signed" in doubt


def test_stored_inputs_that_saturate_are_counted() -> None:
    ends = np.where(SOUND > 0, 127, -128).astype(np.int8)
    saturated = np.where(np.arange(200)[:, None] % 2, SOUND, ends)
    [doubt] = stored_doubts(saturated)
    assert doubt.startswith("the inputs saturate: ")
    assert "% of the values are -128 and " in doubt
    dark = np.where(SOUND > 0, SOUND, -128).astype(np.int8)  # black, not saturated
    assert list(stored_doubts(dark)) == []


def test_stored_inputs_of_few_values_are_counted() -> None:
    few = (SOUND > 0).astype(np.int8)  # real values that were not quantized
    assert list(stored_doubts(few)) == ["the inputs have only 2 different values of int8"]


def test_vectors_that_repeat_are_counted() -> None:
    repeated = SOUND.copy()
    repeated[[50, 90]] = repeated[10]
    labels = np.where(np.arange(200) == 90, 3, 2)
    assert list(vector_doubts([repeated], labels)) == [
        "2 of 200 vectors repeat an earlier one, as they are stored: vector 50 equals vector 10",
        "1 of them have another label than the earlier one: vector 10 has 2, vector 90 has 3",
    ]
    assert list(vector_doubts([repeated, SOUND[::-1]], labels)) == []  # the second input differs
    assert len(list(vector_doubts([repeated], None))) == 1


def test_constant_and_equal_vectors_are_counted() -> None:
    constant = SOUND.copy()
    constant[5], constant[8] = 0, -128
    assert list(vector_doubts([constant], LABELS)) == [
        "2 of 200 vectors are constant: all values of vector 5 are 0"
    ]
    constant[8] = SOUND[8]  # one of 200 may be right
    assert list(vector_doubts([constant], LABELS)) == []
    [doubt] = vector_doubts([np.ones((40, 3))], None)
    assert doubt == "all 40 inputs are the same"
    assert list(vector_doubts([np.arange(9).reshape(9, 1)], None)) == []  # a single value each


@pytest.mark.parametrize(
    ("labels", "doubts"),
    [
        ([3] * 40, ["all 40 vectors are of one class: d"]),
        ([0] * 9 + [1] * 9 + [3] * 9, ["1 of 4 classes have no vectors: c"]),
        (
            [0] * 9 + [1] * 9 + [2] * 2 + [3],
            ["2 of 4 classes have fewer than 5 vectors: c, d"],
        ),
        ([0] * 9 + [1] * 9, ["2 of 4 classes have no vectors: c, d"]),
    ],
)
def test_classes_without_enough_vectors_are_named(labels: list[int], doubts: list[str]) -> None:
    assert list(class_doubts(np.array(labels), ("a", "b", "c", "d"), 4)) == doubts


def test_many_missing_classes_are_shortened() -> None:
    [doubt] = class_doubts(np.arange(10).repeat(5), (), 1000)
    assert doubt == "990 of 1000 classes have no vectors: 10, 11, 12, 13, 14, 15, 16, 17, ..."


def test_the_command_prints_the_doubts(desk: Desk) -> None:
    b = Builder()
    source = b.activation((1, 6), 0.5, 0)
    Path("net.tflite").write_bytes(b.build([source], [b.dense(source, 5)]))
    inputs = SOUND[:40].copy()
    inputs[20:] = inputs[:20]
    save(x=inputs, y=np.arange(40) % 4)
    arguments = ("--inputs", "x.npy", "--labels", "y.npy", "--quality-target", "0")
    code, out, _ = desk.run("add", "net.tflite", *arguments)
    assert code == ExitCode.PASSED
    assert "  warning: 20 of 40 vectors repeat an earlier one, as they are stored: " in out
    text = Path("models/net/model.toml").read_text()
    assert "\n# warning: 20 of 40 vectors repeat an earlier one" in text
    assert "  warning: 1 of 5 classes have no vectors: 4" in out
