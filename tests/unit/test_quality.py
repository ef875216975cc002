"""Quality: each metric against a definition written out, and what it refuses."""

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.measure.quality import (
    accuracy,
    auc,
    chance_of,
    details_of,
    mean_absolute_error,
    quality,
    quality_of,
    root_mean_square_error,
    rounded_target,
)
from harness.model.graph import Graph, Tensor
from harness.model.metric import LARGEST_ERROR, Metric, reached, shown_quality, shown_target
from harness.model.metric_arrays import reconstruction_error
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


# Regression

REAL = st.floats(-1e6, 1e6)
PAIRS = st.lists(st.tuples(REAL, REAL), min_size=1, max_size=30)


def both(pairs: list[tuple[float, float]]) -> tuple[Any, Any]:
    outputs, labels = np.array(pairs).T
    return outputs, labels


def test_the_error_is_the_mean_of_all_values() -> None:
    outputs = np.array([[1.0, 2.0], [3.0, 4.0]])
    labels = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert mean_absolute_error(outputs, labels) == 2
    assert root_mean_square_error(outputs, labels) == pytest.approx(math.sqrt(26 / 4))
    assert quality("mae", labels, outputs.reshape(2, 1, 2), labels) == 2


@given(PAIRS)
def test_the_mean_absolute_error_is_at_most_the_root_mean_square(
    pairs: list[tuple[float, float]],
) -> None:
    outputs, labels = both(pairs)
    mae, rmse = mean_absolute_error(outputs, labels), root_mean_square_error(outputs, labels)
    assert 0 <= mae <= rmse * (1 + 1e-12)
    assert rmse <= np.abs(outputs - labels).max() * (1 + 1e-12)


@given(PAIRS, st.randoms(use_true_random=False))
def test_errors_do_not_depend_on_the_order_or_on_which_side_is_which(
    pairs: list[tuple[float, float]], random: Any
) -> None:
    outputs, labels = both(pairs)
    shuffled = random.sample(pairs, len(pairs))
    for error in (mean_absolute_error, root_mean_square_error):
        expected = pytest.approx(error(outputs, labels), rel=1e-9)
        assert error(labels, outputs) == expected
        assert error(*both(shuffled)) == expected


@given(PAIRS, st.sampled_from([-4.0, 0.5, 8.0]))
def test_errors_have_the_unit_of_the_labels(
    pairs: list[tuple[float, float]], factor: float
) -> None:
    outputs, labels = both(pairs)
    for error in (mean_absolute_error, root_mean_square_error):
        scaled = error(outputs * factor, labels * factor)
        assert scaled == pytest.approx(error(outputs, labels) * abs(factor))
        assert error(labels, labels) == 0


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 1e300])
def test_an_output_that_is_no_number_is_the_largest_error_and_not_a_defect(wrong: float) -> None:
    outputs, labels = np.array([wrong, 0.0]), np.zeros(2)
    assert mean_absolute_error(outputs, labels) == LARGEST_ERROR / 2
    assert root_mean_square_error(outputs, labels) < 2**53


def real(labels: Any) -> Vectors:
    inputs = np.zeros((len(labels), 2), np.int8)
    return Vectors(Path("v.npz"), (inputs,), np.asarray(labels, np.float64))


def test_errors_are_those_of_the_dequantized_first_output() -> None:
    tensors = (tensor(1.0, 0), tensor(0.5, 2, index=1, shape=(1, 1)), tensor(index=2))
    graph = Graph(tensors, (), (0,), (1, 2), "n")
    # The outputs stand for (4 - 2)/2 = 1 and (22 - 2)/2 = 10.
    outputs = (np.array([[4], [22]], np.int8), np.full((2, 2), 99, np.int8))
    vectors = real([1, 14])
    assert quality_of("mae", vectors, outputs, outputs, graph) == 2
    assert details_of("mae", vectors, outputs[0], graph) == pytest.approx({"rmse": math.sqrt(8)})


def test_one_answer_to_all_reaches_the_error_of_the_median() -> None:
    labels = np.arange(1001.0)
    errors = np.abs(labels - 500)
    luck = 2 * math.sqrt(np.square(errors).mean()) / math.sqrt(1001)
    found = chance("mae", real(labels), network(1))
    assert found == pytest.approx(errors.mean() - luck)
    for constant in (0, 250, 499, 500, 600):
        assert reached("mae", found, float(np.abs(labels - constant).mean()))


def test_the_median_is_that_of_each_value() -> None:
    labels = np.stack([np.zeros(100), np.full(100, 1000.0)], axis=1)
    assert chance("mae", real(labels), network(2)) == 0


@pytest.mark.parametrize("labels", [[3.0], [3.0] * 50, [1.0, 2.0]])
def test_labels_that_one_answer_gets_right_prove_nothing(labels: list[float]) -> None:
    found = chance("mae", real(labels), network(1))
    assert found == pytest.approx(0.375 if len(labels) == 2 else 0)  # the median is off by 0.5
    assert reached("mae", found, 0.4)


def test_few_vectors_leave_room_for_luck_but_a_perfect_answer_is_none() -> None:
    for count in range(2, 20):
        labels = np.arange(count, dtype=float)
        found = chance("mae", real(labels), network(1))
        assert not reached("mae", found, 0)


@pytest.mark.parametrize("count", [100, 1000])
def test_answers_that_know_nothing_are_guesses(count: int) -> None:
    rng = np.random.default_rng(count)
    labels = rng.normal(20, 5, count)
    found = chance("mae", real(labels), network(1))
    errors = [float(np.abs(rng.normal(20, 1, count) - labels).mean()) for _ in range(500)]
    assert np.mean([reached("mae", found, error) for error in errors]) > 0.95


# Agreement


def test_agreement_is_the_share_of_vectors_whose_outputs_all_equal_golden() -> None:
    golden = (np.zeros((4, 2), np.int8), np.zeros((4, 3), np.float32))
    outputs = tuple(array.copy() for array in golden)
    vectors = Vectors(Path("v.npz"), (np.zeros((4, 2), np.int8),), None)
    graph = network(2)
    assert quality_of("agreement", vectors, outputs, golden, graph) == 1
    outputs[0][1] = 1
    outputs[1][1, 0] = 1
    outputs[1][3, 2] = -0.0  # equal as a number, and not the same
    assert quality_of("agreement", vectors, outputs, golden, graph) == 0.5
    assert chance_of("agreement", vectors, graph) is None


# Targets


@pytest.mark.parametrize(
    ("metric", "quality", "guesses", "target"),
    [
        ("accuracy", 0.9899, 0.5, 0.98),
        ("accuracy", 0.58, 0.5, 0.58),
        ("accuracy", 0.6285, 0.625, 0.628),  # 0.62 would be reached by guesses
        ("accuracy", 1.0, 0.99, 1.0),
        ("auc", 0.8792, 0.6, 0.87),
        ("mae", 0.0734, 1.0, 0.074),
        ("mae", 0.0734, 0.0739, 0.0734),  # 0.074 would be reached by guesses
        ("mae", 1234.5, 9999.0, 1300.0),
        ("mae", 9.99, 20.0, 10.0),
        ("mae", 3.2e-7, 1.0, 3.2e-7),
        ("mae", 0.0, 1.0, 0.0),
        ("agreement", 1.0, None, 1.0),
    ],
)
def test_a_target_is_rounded_so_that_golden_reaches_it_and_guesses_do_not(
    metric: Metric, quality: float, guesses: float | None, target: float
) -> None:
    assert rounded_target(metric, quality, guesses) == pytest.approx(target, rel=1e-12)


@given(
    st.sampled_from(["accuracy", "auc", "mae"]),
    st.floats(0, 1, allow_subnormal=False),
    st.floats(0, 1, allow_subnormal=False),
)
def test_a_rounded_target_lies_between_golden_and_guesses(
    metric: Metric, quality: float, guesses: float
) -> None:
    if reached(metric, guesses, quality):
        return
    target = rounded_target(metric, quality, guesses)
    assert reached(metric, quality, target)
    assert not reached(metric, guesses, target)


def test_errors_and_shares_are_shown_as_people_read_them() -> None:
    assert shown_quality("accuracy", 0.985) == "0.9850"
    assert shown_quality("mae", 0.0734567, "°C") == "0.07346 °C"
    assert shown_quality("mae", 1234.5) == "1,234"
    assert shown_target("mae", 0.08, "°C") == "≤ 0.08 °C"
    assert shown_target("agreement", 1.0) == "≥ 1"
