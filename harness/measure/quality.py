"""A model's quality: its answers compared with the labels, by the metric of its task.

Everything here works on real values, so that one definition serves the int8 model on a
device, golden, and the float network in training.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model.graph import Graph
from harness.model.metric import Labels, Metric, Reals, check_both_labels, reconstruction_error
from harness.model.quantization import dequantize
from harness.model.vectors import Vectors


def quality_of(
    metric: Metric, vectors: Vectors, outputs: npt.NDArray[Any], network: Graph
) -> float:
    """Return the `metric`, 0 to 1, of `outputs` [N, ...] as `network` stores them.

    `outputs` are the network's first output; after an ARG_MAX they are the classes themselves.
    """
    if metric == "accuracy" and network.arg_max is not None:
        return float((outputs.reshape(len(outputs), -1)[:, 0] == vectors.labels).mean())
    return quality(
        metric,
        dequantize(vectors.inputs, network.tensors[network.inputs[0]]),
        dequantize(outputs, network.tensors[network.outputs[0]]),
        vectors.labels,
        vectors.recordings,
    )


def chance_of(metric: Metric, vectors: Vectors, network: Graph) -> float:
    """Return the `metric` that guesses may reach on `vectors`: no more than it proves nothing.

    It is what the most frequent class, or an AUC of one half, gives; plus two standard deviations
    of guesses on so few vectors, but at most a quarter of the way to a perfect quality.
    """
    if metric == "auc":
        zeros = np.zeros(len(vectors))
        _, labels = of_recordings(zeros, vectors.labels, vectors.recordings)
        ones = int((labels == 1).sum())
        guess, pairs = 0.5, max(ones * (len(labels) - ones), 1)
        deviation = math.sqrt((len(labels) + 1) / (12 * pairs))
    else:
        share = int(np.unique(vectors.labels, return_counts=True)[1].max()) / len(vectors)
        guess = max(share, 1 / max(network.classes, 2))
        deviation = math.sqrt(guess * (1 - guess) / len(vectors))
    return guess + min(2 * deviation, (1 - guess) / 4)


def quality(
    metric: Metric,
    inputs: Reals,
    outputs: Reals,
    labels: Labels,
    recordings: Labels | None = None,
) -> float:
    """Return the `metric`, 0 to 1, of real `outputs` [N, ...] for `inputs` and `labels` [N].

    "accuracy": see `accuracy`. "auc": see `auc`; the score of a window is its reconstruction
    error. With `recordings` [N], the score of a recording is the mean over its windows, as in
    MLPerf Tiny.
    """
    if metric == "accuracy":
        return accuracy(outputs, labels)
    return auc(*of_recordings(reconstruction_error(inputs, outputs), labels, recordings))


def of_recordings(scores: Reals, labels: Labels, recordings: Labels | None) -> tuple[Reals, Labels]:
    """Return the score and label of each recording; those of all N windows if it is None."""
    if recordings is None:
        return scores, labels
    _, first, index, counts = np.unique(
        recordings, return_index=True, return_inverse=True, return_counts=True
    )
    return np.bincount(index, scores) / counts, labels[first]


def accuracy(outputs: Reals, labels: Labels) -> float:
    """Return the share of correctly classified vectors, 0 to 1.

    `outputs` is real [N, ...], flattened to [N, classes]. The largest value is the answer, and
    the first of equal ones, as with np.argmax and in TFLM's examples. A single output is the
    probability of class 1; the answer is 1 if it is at least 0.5.
    """
    values = outputs.reshape(len(outputs), -1)
    answers = values[:, 0] >= 0.5 if values.shape[1] == 1 else values.argmax(axis=1)  # noqa: PLR2004
    return float((answers == labels).mean())


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
