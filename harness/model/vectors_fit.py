"""Whether vectors fit the network and the classes of their model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model.graph import Graph, Tensor
from harness.model.tensor_block import sample
from harness.model.vectors import HOW_TO_QUANTIZE, Vectors, bad_array, shown

Array = npt.NDArray[Any]


def check_vectors(vectors: Vectors, graph: Graph) -> None:
    """Check that `vectors` fit the inputs and outputs of a network.

    Raises `InputError` naming the file and array if number, type or shape of inputs or
    golden outputs differ from the network's.
    """
    _check_arrays(vectors, "inputs", vectors.all_inputs, graph.input_tensors)
    if vectors.all_golden is not None:
        _check_arrays(vectors, "golden", vectors.all_golden, graph.output_tensors)


def _check_arrays(
    vectors: Vectors, kind: str, arrays: Sequence[Array], tensors: Sequence[Tensor]
) -> None:
    verb = "takes" if kind == "inputs" else "answers"
    what = "input" if kind == "inputs" else "output"
    if len(arrays) != len(tensors):
        named = kind if len(tensors) == 1 else f"{kind}_0 to {kind}_{len(tensors) - 1}"
        raise bad_array(
            vectors.path,
            kind,
            f"is there for {len(arrays)} {what}s, but the model has {len(tensors)}",
            f"store {named}, in the model's order",
        )
    for place, (array, tensor) in enumerate(zip(arrays, tensors, strict=True)):
        name = kind if len(tensors) == 1 else f"{kind}_{place}"
        if array.dtype != tensor.dtype:
            raise bad_array(
                vectors.path,
                name,
                f"has type {array.dtype}, but the model {verb} {tensor.dtype}",
                _type_remedy(kind, array, tensor),
            )
        if array.shape[1:] != sample(tensor):
            raise bad_array(
                vectors.path,
                name,
                f"has shape {shown(array.shape)}, but the model {verb} {shown(tensor.shape)}",
                f"store it as {shown((len(vectors), *sample(tensor)))}",
            )


def _type_remedy(kind: str, array: Array, tensor: Tensor) -> str:
    if kind == "golden":
        return "store the bytes the interpreter answers, not dequantized values"
    if array.dtype == np.float32 and tensor.dtype == np.int8:
        return HOW_TO_QUANTIZE
    if array.dtype == np.int8:
        return "convert the model with int8 input: converter.inference_input_type = tf.int8"
    return f"store what the model itself takes, of type {tensor.dtype}"


def check_finite(vectors: Vectors) -> None:
    """Refuse inputs of real values that are NaN or infinite."""
    for place, array in enumerate(vectors.all_inputs):
        if array.dtype.kind != "f":
            continue
        wrong = np.flatnonzero(~np.isfinite(array.reshape(len(vectors), -1)).all(axis=1))
        if wrong.size:
            name = "inputs" if len(vectors.all_inputs) == 1 else f"inputs_{place}"
            raise bad_array(
                vectors.path,
                name,
                f"vector {wrong[0]} holds what is no finite number",
                "leave out samples with missing values",
            )


def check_labels(vectors: Vectors, outputs: int, who: str) -> None:
    """Refuse labels that are no index of one of `outputs` classes that `who` counts."""
    labels = vectors.labels
    wrong = np.flatnonzero((labels < 0) | (labels >= outputs))
    if wrong.size:
        first = int(wrong[0])
        raise bad_array(
            vectors.path,
            "labels",
            f"vector {first} has label {labels[first]}, but {who} {outputs} classes",
            f"count classes from 0 to {outputs - 1}",
        )
