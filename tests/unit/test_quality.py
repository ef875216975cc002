"""Quality: each metric against a definition written out, and what it refuses."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.measure.quality import accuracy, auc, chance_of, quality, quality_of
from harness.model.graph import Graph, Tensor
from harness.model.metric import Metric, reconstruction_error
from harness.model.quantization import dequantize, quantize
from harness.model.vectors import Vectors


def tensor(scale: float | None = 0.5, zero_point: int = 3, **changed: Any) -> Tensor:
    values: dict[str, Any] = {
        "index": 0,
        "name": "input",
        "shape": (1, 2),
        "dtype": np.dtype(np.int8),
        "scale": None if scale is None else np.array([scale], np.float32),
        "zero_point": None if scale is None else np.array([zero_point]),
    }
    return Tensor(**values | changed)


def test_the_largest_output_is_the_answer_and_of_equal_ones_the_first() -> None:
    outputs = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])
    assert accuracy(outputs, np.array([1, 0, 0])) == 1
    assert accuracy(outputs, np.array([1, 0, 1])) == pytest.approx(2 / 3)
    assert accuracy(outputs.reshape(3, 1, 2), np.array([0, 0, 0])) == pytest.approx(2 / 3)


def test_a_single_output_is_the_probability_of_class_1() -> None:
    outputs = np.array([[0.4], [0.5], [0.9], [0.1]])
    assert accuracy(outputs, np.array([0, 1, 1, 0])) == 1
    assert accuracy(outputs, np.array([1, 1, 1, 0])) == 0.75


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2, max_size=40))
def test_auc_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[int, int]]) -> None:
    scores = np.array([float(score) for score, _ in pairs])
    labels = np.array([label for _, label in pairs])
    if len(set(labels.tolist())) == 1:
        with pytest.raises(InputError, match="AUC needs vectors of both labels"):
            auc(scores, labels)
        return
    won = [
        1.0 if one > zero else 0.5 if one == zero else 0.0
        for one, zero in product(scores[labels == 1], scores[labels == 0])
    ]
    assert auc(scores, labels) == pytest.approx(sum(won) / len(won))


def test_the_error_of_one_label_counts_both() -> None:
    with pytest.raises(InputError) as caught:
        auc(np.zeros(3), np.ones(3, np.int64))
    assert str(caught.value) == (
        "AUC needs vectors of both labels, but 0 have label 0 and 3 have label 1\n"
        "  -> test on normal (0) and abnormal (1) vectors"
    )


def test_the_reconstruction_error_is_the_mean_square() -> None:
    inputs = np.array([[[1.0], [2.0]], [[0.0], [0.0]]])
    outputs = np.array([[1.0, 4.0], [3.0, 4.0]])
    assert reconstruction_error(inputs, outputs).tolist() == [2.0, 12.5]


def test_a_recording_scores_the_mean_of_its_windows() -> None:
    inputs = np.zeros((5, 1))
    outputs = np.array([[3.0], [1.0], [2.0], [2.2], [0.0]])
    labels = np.array([0, 0, 1, 1, 0])
    # By window: 9, 1, 4, 4.84, 0. By recording: 7 of (9, 1, 0)/3 = 3.33; 2 of 4.42.
    assert quality("auc", inputs, outputs, labels) == pytest.approx(4 / 6)
    recordings = np.array([7, 7, 2, 2, 7])
    assert quality("auc", inputs, outputs, labels, recordings) == 1


def test_quality_is_computed_from_real_values_of_the_network_s_own_scales() -> None:
    source = tensor(1.0, 0, shape=(1, 1))
    result = tensor(0.5, 2, index=1, shape=(1, 1))
    graph = Graph((source, result), (), (0,), (1,), "n")
    # Inputs 0 and 10; outputs stand for (4 - 2)/2 = 1 and (22 - 2)/2 = 10.
    vectors = Vectors(Path("v.npz"), (np.array([[0], [10]], np.int8),), np.array([1, 0]))
    outputs = np.array([[4], [22]], np.int8)
    assert quality_of("auc", vectors, (outputs,), (outputs,), graph) == 1


def test_quantizing_rounds_halves_to_even_and_stays_in_range() -> None:
    values = np.array([0.0, 0.25, 0.75, -0.25, 100.0, -100.0])
    assert quantize(values, tensor()).tolist() == [3, 3, 5, 3, 127, -128]
    assert quantize(np.array([3e38, -3e38], np.float32), tensor()).tolist() == [127, -128]
    assert dequantize(np.array([3, 5, -128], np.int8), tensor()).tolist() == [0, 1, -65.5]


def test_a_tensor_without_one_scale_cannot_be_quantized_for() -> None:
    with pytest.raises(InputError, match=r"tensor 'input': has 0 scales"):
        quantize(np.zeros(2), tensor(None))
    several = tensor(scale=None)
    per_channel = Tensor(
        0, "input", (1, 2), several.dtype, np.ones(2, np.float32), np.zeros(2, np.int64), 1
    )
    with pytest.raises(InputError, match="has 2 scales"):
        quantize(np.zeros(2), per_channel)
    assert dequantize(np.array([7, -7], np.int8), tensor(None)).tolist() == [7, -7]


# Chance


def network(outputs: int) -> Graph:
    tensors = (tensor(), tensor(index=1, shape=(1, outputs)))
    return Graph(tensors, (), (0,), (1,), "n")


def chance(metric: Metric, vectors: Vectors, graph: Graph) -> float:
    """Return what guesses reach with a metric that compares with labels."""
    found = chance_of(metric, vectors, graph)
    assert found is not None
    return found


def labelled(labels: Any, recordings: Any = None) -> Vectors:
    inputs = np.zeros((len(labels), 2), np.int8)
    return Vectors(Path("v.npz"), (inputs,), np.asarray(labels), recordings=recordings)


@pytest.mark.parametrize(
    ("labels", "outputs", "guess"),
    [
        (np.arange(1000) % 10, 10, 0.1),  # each class as often: one of ten
        (np.arange(1000) % 2, 10, 0.5),  # the most frequent class
        (np.arange(1000) % 2, 1, 0.5),  # a single output is one of two classes
        (np.ones(1000, int), 10, 1.0),  # only one class: every answer may be a guess
    ],
)
def test_guesses_reach_the_most_frequent_class(labels: Any, outputs: int, guess: float) -> None:
    deviation = (guess * (1 - guess) / len(labels)) ** 0.5
    found = chance("accuracy", labelled(labels), network(outputs))
    assert found == pytest.approx(guess + 2 * deviation)


def test_guesses_reach_half_of_the_area_under_the_curve() -> None:
    labels = np.arange(1000) % 2
    assert 0.5 < chance("auc", labelled(labels), network(2)) < 0.54
    few = chance("auc", labelled(labels, np.repeat(np.arange(4), 250)), network(2))
    assert few == 0.625


def test_a_perfect_quality_is_no_guess_however_few_the_vectors() -> None:
    for count in range(2, 20):
        labels = np.arange(count) % 2
        assert chance("accuracy", labelled(labels), network(2)) < 1
        assert chance("auc", labelled(labels), network(2)) < 1


@pytest.mark.parametrize("count", [100, 1000])
def test_random_answers_are_guesses(count: int) -> None:
    rng = np.random.default_rng(count)
    labels = rng.integers(0, 4, count)
    guesses = chance("accuracy", labelled(labels), network(4))
    qualities = [float((rng.integers(0, 4, count) == labels).mean()) for _ in range(500)]
    assert np.mean(np.array(qualities) <= guesses) > 0.95
