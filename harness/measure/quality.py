"""A model's quality: its answers compared with the labels, by the metric of its task.

Everything here works on real values, so that one definition serves the int8 model on a
device, golden, and the float network in training. Without labels, the answers are compared with
golden, byte for byte.
"""

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.measure.agreement import share_equal
from harness.measure.detections import Detections, score
from harness.model.graph import Graph
from harness.model.metric import BETTER, DETAILS, LARGEST_ERROR, Labelled, Metric, reached
from harness.model.metric_arrays import Labels, Reals, check_both_labels, reconstruction_error
from harness.model.quantization import dequantize
from harness.model.vectors import Vectors

Array = npt.NDArray[Any]


def quality_of(
    metric: Metric,
    vectors: Vectors,
    outputs: Sequence[Array],
    golden: Sequence[Array],
    network: Graph,
) -> float:
    """Return the `metric` of `outputs`, an array [N, ...] for each output of `network`.

    Labels are those of the first output; after an ARG_MAX it holds the classes themselves.
    """
    if metric == "agreement":
        return share_equal(outputs, golden)
    first = outputs[0]
    if metric == "accuracy" and network.arg_max is not None:
        return float((_first_values(first) == vectors.class_labels).mean())
    return quality(
        metric,
        dequantize(vectors.inputs, network.tensors[network.inputs[0]]),
        dequantize(first, network.tensors[network.outputs[0]]),
        vectors.real_labels if metric == "mae" else vectors.class_labels,
        vectors.recordings,
    )


def answers_of(
    metric: Metric, vectors: Vectors, outputs: Sequence[Array], network: Graph
) -> Array | None:
    """Return what `metric` compares with the labels: an answer for each of N vectors.

    It is a class [N] for accuracy, the reconstruction error [N] for AUC, a probability [N] of a
    detector, and real values [N, ...] for an error. Without labels there is no answer: None.
    """
    if metric == "agreement":
        return None
    first = outputs[0]
    if metric == "accuracy" and network.arg_max is not None:
        return _first_values(first).astype(np.int64)
    real = dequantize(first, network.tensors[network.outputs[0]])
    if metric == "accuracy":
        return classes_of(real)
    if metric == "auc":
        inputs = dequantize(vectors.inputs, network.tensors[network.inputs[0]])
        return reconstruction_error(inputs, real)
    return _first_values(real) if metric == "detection_errors" else real


def chance_of(metric: Metric, vectors: Vectors, network: Graph) -> float | None:
    """Return the `metric` that guesses may reach on `vectors`: no more than it proves nothing.

    It is what the most frequent class, an AUC of one half, or the best constant, the median of the
    labels, gives; of a detector, what one gives that never hears a wakeword, or always. Except for
    a detector: plus two standard deviations of guesses on so few vectors, but at most a quarter
    of the way to a perfect quality. Nobody can guess the bytes of golden: agreement has None.
    """
    if metric == "agreement":
        return None
    if metric == "mae":
        values = vectors.real_labels
        errors = _errors(np.broadcast_to(np.median(values, axis=0), values.shape), values)
        guess = float(errors.mean())
        # Not the deviation of the errors: labels of 0 and 1 are all equally far from the median,
        # and who guesses between them may still be lucky.
        deviation = _root_mean_square(errors.mean(axis=1)) / math.sqrt(len(vectors))
        return guess - min(2 * deviation, guess / 4)
    if metric == "detection_errors":
        never, always = (
            score(np.full(len(vectors), heard), vectors.class_labels, vectors.recordings)
            for heard in (0.0, 1.0)
        )
        return min(never.errors, always.errors)
    if metric == "auc":
        zeros = np.zeros(len(vectors))
        _, labels = of_recordings(zeros, vectors.class_labels, vectors.recordings)
        ones = int((labels == 1).sum())
        guess, pairs = 0.5, max(ones * (len(labels) - ones), 1)
        deviation = math.sqrt((len(labels) + 1) / (12 * pairs))
    else:
        counts = np.unique(vectors.class_labels, return_counts=True)[1]
        guess = max(int(counts.max()) / len(vectors), 1 / max(network.classes, 2))
        deviation = math.sqrt(guess * (1 - guess) / len(vectors))
    return guess + min(2 * deviation, (1 - guess) / 4)


def rounded_target(metric: Metric, quality: float, chance: float | None) -> float:
    """Return `quality` rounded to a quality target that it reaches, and that guesses do not.

    A share has two decimals, an error two significant digits, or as many more as this needs.
    `chance` is what guesses reach, if that is known; they must not reach `quality`.
    """
    exact = Decimal(str(quality))
    lower = BETTER[metric] == "lower"
    for digits in range(2, 17):
        step = Decimal(1).scaleb(exact.adjusted() + 1 - digits if lower else -digits)
        target = float(exact.quantize(step, ROUND_CEILING if lower else ROUND_FLOOR))
        if chance is None or not reached(metric, chance, target):
            return target
    return quality


def quality(
    metric: Labelled,
    inputs: Reals,
    outputs: Reals,
    labels: Array,
    recordings: Labels | None = None,
) -> float:
    """Return the `metric` of real `outputs` [N, ...] for `inputs` and `labels` [N, ...].

    "accuracy": see `accuracy`. "mae": see `mean_absolute_error`. "detection_errors": see
    `detections`. "auc": see `auc`; the score of a
    window is its reconstruction error. With `recordings` [N], the score of a recording is the mean
    over its windows, as in MLPerf Tiny.
    """
    if metric == "accuracy":
        return accuracy(outputs, labels)
    if metric == "mae":
        return mean_absolute_error(outputs, labels)
    if metric == "detection_errors":
        return detections(outputs, labels, recordings).errors
    return auc(*of_recordings(reconstruction_error(inputs, outputs), labels, recordings))


def details_of(
    metric: Metric, vectors: Vectors, outputs: Array, network: Graph
) -> dict[str, float]:
    """Return the `details` of `outputs` [N, ...], the first output as `network` stores it."""
    if metric not in DETAILS:
        return {}
    return details(metric, vectors, dequantize(outputs, network.tensors[network.outputs[0]]))


def details(metric: Metric, vectors: Vectors, outputs: Reals) -> dict[str, float]:
    """Return the numbers of `DETAILS` for real `outputs` [N, ...]."""
    values: tuple[float, ...] = ()
    if metric == "mae":
        values = (root_mean_square_error(outputs, vectors.real_labels),)
    elif metric == "detection_errors":
        values = detections(outputs, vectors.class_labels, vectors.recordings)
    return dict(zip(DETAILS.get(metric, ()), values, strict=True))


def detections(outputs: Reals, labels: Labels, recordings: Labels | None) -> Detections:
    """Return the misses and false accepts of real `outputs` [N, ...]."""
    return score(_first_values(outputs), labels, recordings)


def _first_values(values: Array) -> Array:
    """Return the first value of each of N vectors, [N]."""
    return values.reshape(len(values), -1)[:, 0]


def mean_absolute_error(outputs: Reals, labels: Reals) -> float:
    """Return the mean absolute difference of all values of `outputs` and `labels`, [N, ...]."""
    return float(_errors(outputs, labels).mean())


def root_mean_square_error(outputs: Reals, labels: Reals) -> float:
    """Return the root of the mean squared difference of all values of both, [N, ...]."""
    return _root_mean_square(_errors(outputs, labels))


def _root_mean_square(errors: npt.NDArray[np.float64]) -> float:
    largest = float(errors.max())  # keeps tiny squares from becoming 0
    return largest * math.sqrt(float(np.square(errors / (largest or 1)).mean()))


def _errors(outputs: Reals, labels: Reals) -> npt.NDArray[np.float64]:
    """Return the absolute differences, [N, values]; a NaN counts as the largest one."""
    values = outputs.reshape(len(outputs), -1).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = np.abs(values - labels.reshape(len(labels), -1))
    return np.fmin(errors, LARGEST_ERROR)


def of_recordings(scores: Reals, labels: Labels, recordings: Labels | None) -> tuple[Reals, Labels]:
    """Return the score and label of each recording; without `recordings`, of all N windows."""
    if recordings is None:
        return scores, labels
    _, first, index, counts = np.unique(
        recordings, return_index=True, return_inverse=True, return_counts=True
    )
    return np.bincount(index, scores) / counts, labels[first]


def accuracy(outputs: Reals, labels: Labels) -> float:
    """Return the share of correctly classified vectors, 0 to 1; see `classes_of`."""
    return float((classes_of(outputs) == labels).mean())


def classes_of(outputs: Reals) -> Labels:
    """Return the class that each of N vectors gets, [N].

    `outputs` is real [N, ...], flattened to [N, classes]. The largest value is the answer, and
    the first of equal ones, as with np.argmax and in TFLM's examples. A single output is the
    probability of class 1; the answer is 1 if it is at least 0.5.
    """
    values = outputs.reshape(len(outputs), -1)
    answers = values[:, 0] >= 0.5 if values.shape[1] == 1 else values.argmax(axis=1)  # noqa: PLR2004
    return answers.astype(np.int64)


def auc(scores: Reals, labels: Labels) -> float:
    """Return the area under the ROC curve: the share of pairs in which label 1 scores higher.

    A pair has one vector with label 1 and one with label 0; equal scores count half (the
    Mann-Whitney statistic). Raises `InputError` unless both labels occur.
    """
    check_both_labels(labels)
    ones, zeros = scores[labels == 1], np.sort(scores[labels == 0])
    lower = np.searchsorted(zeros, ones, side="left")
    lower_or_equal = np.searchsorted(zeros, ones, side="right")
    return float((lower + lower_or_equal).mean() / (2 * len(zeros)))
