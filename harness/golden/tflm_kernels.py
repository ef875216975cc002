"""Runs a `.tflite` file on TFLM's reference kernels, the package `tflite-micro`."""

import struct
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from harness.golden.tflm_replacements import with_tflms_kernels
from harness.model.tflite_file import parse

Array = np.ndarray[Any, Any]

# TFLM does not report how much memory a model needs, so a larger arena is tried after a failure.
# If the arena is too small for a large model, TFLM may also crash. Untouched memory costs nothing,
# so the first arena is larger than any microcontroller's RAM.
_ARENAS = tuple(1 << bits for bits in (24, 27))


def load() -> None:
    """Load the package. Raises `ImportError` or `OSError` if this machine cannot do that."""
    import_module("tflite_micro.python.tflite_micro.runtime")


def compute(model: bytes, inputs: Sequence[Array], tensors: Sequence[int]) -> list[Array]:
    """Return the values of `tensors`, or if it is empty the outputs, each as [N, *shape].

    Nothing is checked: an invalid model ends this process. Raises `RuntimeError` if TFLM rejects
    the model; TFLM prints the reason on standard error.
    """
    # Imported late: the import takes time, and most commands do not need golden outputs.
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    # Without kPreserveAllTensors, TFLM reuses the memory of tensors after their last use.
    graph = parse(model, where="the model")
    model = with_tflms_kernels(model, graph)
    config = runtime.InterpreterConfig
    keep = config.kPreserveAllTensors if tensors else config.kAllocationRecording
    for size in _ARENAS:
        try:
            interpreter = runtime.Interpreter.from_bytes(
                model, arena_size=size, intrepreter_config=keep
            )
            break
        except RuntimeError:
            if size == _ARENAS[-1]:
                raise
        except (struct.error, IndexError, TypeError) as error:  # as in tflite_file
            raise ValueError(f"the file is damaged: {error}") from error
    results: list[list[Array]] = [[] for _ in tensors or graph.outputs]
    for vector in zip(*inputs, strict=True):
        for position, values in enumerate(vector):
            interpreter.set_input(np.ascontiguousarray(values), position)
        interpreter.invoke()
        for position, result in enumerate(results):
            if tensors:
                result.append(interpreter.GetTensor(tensors[position], 0)["tensor_data"])
            else:
                result.append(interpreter.get_output(position))
    return [np.stack(values) for values in results]
