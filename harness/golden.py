"""The golden outputs: what TFLM's reference kernels compute.

TFLite's own kernels round differently from TFLM's in places, and a microcontroller
runs TFLM's arithmetic; so the `tflite-micro` package is the only oracle here.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as package_version
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.graph import Graph, Tensor, parse

# TFLM does not say how much memory a model needs: try, and grow on failure.
_ARENAS = tuple(1 << bits for bits in (18, 21, 24, 27))


def version() -> str:
    """Return the name and version of the oracle, such as "tflite-micro 0.dev20261023"."""
    return f"tflite-micro {package_version('tflite-micro')}"


def outputs(
    model: bytes, inputs: np.ndarray[Any, Any], *, where: str = "the model"
) -> np.ndarray[Any, Any]:
    """Run the `.tflite` file `model` on `inputs` and return the outputs.

    `inputs` has shape [N, *input shape] and the input's dtype; the result has shape
    [N, *output shape] and the output's dtype. Raises `InputError` if the model is not
    valid, TFLM refuses it, or the inputs do not fit it; `where` is the model's name.
    """
    graph = parse(model, where=where)
    source, result = _ends(graph, where)
    if inputs.ndim == 0 or inputs.shape[1:] != source.shape or inputs.dtype != source.dtype:
        raise InputError(
            f"inputs have shape {inputs.shape} and type {inputs.dtype}",
            where=where,
            remedy=f"give [N, {', '.join(map(str, source.shape))}] of {source.dtype}",
        )
    interpreter = _interpreter(model, where)
    answers = np.empty((len(inputs), *result.shape), result.dtype)
    with _captured() as messages:
        try:
            for i, values in enumerate(inputs):
                interpreter.set_input(np.ascontiguousarray(values), 0)
                interpreter.invoke()
                answers[i] = interpreter.get_output(0)
        except (RuntimeError, ValueError) as error:
            raise _refused(where, messages(), error) from error
    return answers


def _ends(graph: Graph, where: str) -> tuple[Tensor, Tensor]:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise InputError(
            f"has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs",
            where=where,
            remedy="convert the model with one input and one output",
        )
    return graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]


def _interpreter(model: bytes, where: str) -> Any:
    # Imported late: it costs a moment that a command that needs no golden should not pay.
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    with _captured() as messages:
        for size in _ARENAS:
            try:
                return runtime.Interpreter.from_bytes(model, arena_size=size)
            except RuntimeError as error:
                refusal = error
        raise _refused(where, messages(), refusal) from refusal


def _refused(where: str, messages: str, error: Exception) -> InputError:
    lines = [line for line in messages.splitlines() if line.strip()]
    reason = "; ".join(lines[-2:]) or str(error)
    return InputError(
        f"TFLM does not run it: {reason}", where=where, remedy="convert to full-integer int8"
    )


@contextmanager
def _captured() -> Iterator[Any]:
    """Keep file descriptors 1 and 2, to which TFLM writes, quiet; yield a reader of them."""
    with tempfile.TemporaryFile() as file:
        kept = [os.dup(1), os.dup(2)]

        def read() -> str:
            file.seek(0)
            return file.read().decode("utf-8", errors="replace")

        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield read
        finally:
            for number, saved in enumerate(kept, start=1):
                os.dup2(saved, number)
                os.close(saved)
