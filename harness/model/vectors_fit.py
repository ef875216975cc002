"""Checks vectors against the network and the classes of their model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model.bad_array import bad_array, format_shape
from harness.model.graph import Graph, Tensor
from harness.model.tensor_block import sample_shape, without_ones
from harness.model.vectors import Vectors, how_to_quantize
from harness.support.plural import count_of

Array = npt.NDArray[Any]


def check_vectors(vectors: Vectors, graph: Graph) -> None:
    """Check `vectors` against the inputs and outputs of a network.

    Raises `InputError` naming the file and array if number, type or shape of inputs or golden
    outputs differ from the network's, or if a network with a state gets a recording in pieces.
    """
    check_one_piece(vectors, graph)
    _check_arrays(vectors, "inputs", vectors.all_inputs, graph.input_tensors)
    if vectors.all_golden is not None:
        _check_arrays(vectors, "golden", vectors.all_golden, graph.output_tensors)


def check_one_piece(vectors: Vectors, graph: Graph) -> None:
    """Check that a network with a state gets each recording's vectors one after the other."""
    if graph.variables:
        _check_in_one_piece(vectors, "the model keeps a state within a recording")


def _check_in_one_piece(vectors: Vectors, why: str) -> None:
    recordings = vectors.recordings
    if recordings is None:
        return
    begins = recordings[vectors.starts]
    numbers, counts = np.unique(begins, return_counts=True)
    if (counts > 1).any():
        raise bad_array(
            vectors.path,
            "recordings",
            f"has vectors of other recordings between those of recording {numbers[counts > 1][0]}, "
            f"but {why}",
            "store the vectors of a recording one after the other, in the order of time",
        )


def _check_arrays(
    vectors: Vectors, kind: str, arrays: Sequence[Array], tensors: Sequence[Tensor]
) -> None:
    what = "input" if kind == "inputs" else "output"
    if len(arrays) != len(tensors):
        names = kind if len(tensors) == 1 else f"{kind}_0 to {kind}_{len(tensors) - 1}"
        raise bad_array(
            vectors.path,
            kind,
            f"covers {len(arrays)} {what}{'s' * (len(arrays) != 1)}, "
            f"but the model has {len(tensors)}",
            f"store {names}, in the model's order",
        )
    for position, (array, tensor) in enumerate(zip(arrays, tensors, strict=True)):
        name = kind if len(tensors) == 1 else f"{kind}_{position}"
        if array.dtype != tensor.dtype:
            raise bad_array(
                vectors.path,
                name,
                f"has type {array.dtype}, but the model's {what} has {tensor.dtype}",
                _type_remedy(kind, array, tensor),
            )
        if array.shape[1:] != sample_shape(tensor):
            raise bad_array(
                vectors.path,
                name,
                f"has shape {format_shape(array.shape)}, but the model's {what} has "
                f"{format_shape(tensor.shape)}",
                f"store it as {format_shape((len(vectors), *sample_shape(tensor)))}",
            )


def _type_remedy(kind: str, array: Array, tensor: Tensor) -> str:
    if kind == "golden":
        return "store the output bytes of the interpreter, not dequantized values"
    if array.dtype == np.float32 and tensor.dtype in {np.dtype(np.int8), np.dtype(np.int16)}:
        return how_to_quantize(tensor.dtype)
    if array.dtype == np.int8 and tensor.dtype != np.int16:
        return "convert the model with int8 input: converter.inference_input_type = tf.int8"
    return f"store the inputs in the model's type, {tensor.dtype}"


def check_finite(vectors: Vectors) -> None:
    """Reject float inputs that are NaN or infinite."""
    for position, array in enumerate(vectors.all_inputs):
        if array.dtype.kind != "f":
            continue
        wrong = np.flatnonzero(~np.isfinite(array.reshape(len(vectors), -1)).all(axis=1))
        if wrong.size:
            name = "inputs" if len(vectors.all_inputs) == 1 else f"inputs_{position}"
            raise bad_array(
                vectors.path,
                name,
                f"vector {wrong[0]} holds a value that is not finite",
                "remove samples with missing values",
            )


def check_labels(vectors: Vectors, outputs: int, who: str) -> None:
    """Reject labels outside 0 to `outputs` - 1; `who`, with its verb, has that many classes."""
    labels = vectors.class_labels
    wrong = np.flatnonzero((labels < 0) | (labels >= outputs))
    if wrong.size:
        first = int(wrong[0])
        raise bad_array(
            vectors.path,
            "labels",
            f"vector {first} has label {labels[first]}, but {who} {count_of(outputs, 'class')}",
            f"count classes from 0 to {outputs - 1}",
        )


def check_wakewords(vectors: Vectors) -> None:
    """Reject labels that are not numbers of wakewords, and recordings in pieces."""
    labels = vectors.class_labels
    if labels.min() < 0 or not labels.any():
        what = f"holds {labels.min()}" if labels.min() < 0 else "names no wakeword"
        raise bad_array(
            vectors.path,
            "labels",
            what,
            "label each vector with the number, from 1, of the wakeword that a detection there "
            "belongs to, or with 0",
        )
    _check_in_one_piece(vectors, "a detector is scored over time")


def check_real_labels(vectors: Vectors, output: Tensor, who: str) -> None:
    """Reject labels without a real value for each value of `output`, which `who` has."""
    values = vectors.real_labels
    shape = () if vectors.labels is None else vectors.labels.shape[1:]
    # [N, 3] fits an output of [1, 3] and of [1, 3, 1]; [N, 2, 3] does not fit [1, 3, 2].
    flat = len(shape) <= 1 and values.shape[1] == output.elements
    if not flat and without_ones(shape) != without_ones(output.shape):
        count = len(vectors)
        stored = (count,) if output.elements == 1 else (count, *sample_shape(output))
        raise bad_array(
            vectors.path,
            "labels",
            f"has shape {format_shape((count, *shape))}, but {who} an output of "
            f"{format_shape(output.shape)}",
            f"store a real value for each value of the output: shape {format_shape(stored)}",
        )


def check_unlabelled(vectors: Vectors) -> None:
    """Reject labels: a task without labels must not seem to use them."""
    if vectors.labels is not None:
        raise bad_array(
            vectors.path,
            "labels",
            "is in the file, but the task agreement uses no labels",
            "remove them, or give the task that they are for: classification or regression",
        )
