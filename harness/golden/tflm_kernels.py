"""Runs a `.tflite` file on TFLM's reference kernels, the package `tflite-micro`."""

import struct
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from harness.golden import detection_tail, int4_unpacking, other_signatures, tflm_replacements
from harness.model.tflite_file import parse

Array = np.ndarray[Any, Any]

# TFLM does not report how much memory a model needs, so a larger arena is tried after a failure.
# If the arena is too small for a large model, TFLM may also crash. Untouched memory costs nothing,
# so the first arena is larger than any microcontroller's RAM.
_ARENAS = tuple(1 << bits for bits in (24, 27))


def load() -> None:
    """Load the package. Raises `ImportError` or `OSError` if this machine cannot do that."""
    import_module("tflite_micro.python.tflite_micro.runtime")


def compute(
    model: bytes,
    inputs: Sequence[Array],
    tensors: Sequence[int],
    starts: Sequence[bool] = (),
) -> list[Array]:
    """Return the values of `tensors`, or if it is empty the outputs, each as [N, *shape].

    A state begins anew before each vector that `starts` marks; without `starts`, it is kept all the
    time. Nothing is checked: an invalid model ends this process. Raises
    `RuntimeError` if TFLM rejects the model; TFLM prints the reason on standard error.
    """
    graph = parse(model, where="the model")
    if int4_unpacking.note(graph):
        model = int4_unpacking.unpacked(graph)
    if tflm_replacements.note(graph):
        model = tflm_replacements.with_tflms_kernels(model, graph)
    model = other_signatures.emptied(model, graph)
    interpreter = _interpreter(model, keep=bool(tensors))
    results: list[list[Array]] = [[] for _ in tensors or graph.outputs]
    for number, vector in enumerate(zip(*inputs, strict=True)):
        if number > 0 and graph.variables and starts and starts[number]:
            if any(operator.kind == "CALL_ONCE" for operator in graph.all_operators):
                # TFLM's own reset does not run CALL_ONCE a second time.
                interpreter = _interpreter(model, keep=bool(tensors))
            else:
                interpreter.reset()
        for position, values in enumerate(vector):
            # ascontiguousarray() would make a vector of a scalar, which TFLM refuses.
            interpreter.set_input(np.asarray(values, order="C"), position)
        interpreter.invoke()
        for position, result in enumerate(results):
            if tensors:
                result.append(interpreter.GetTensor(tensors[position], 0)["tensor_data"])
            else:
                result.append(interpreter.get_output(position))
    stacked = [np.stack(values) for values in results]
    detection_tail.clear(graph, tensors or graph.outputs, stacked)
    return stacked


def _interpreter(model: bytes, *, keep: bool) -> Any:
    """Return a new interpreter, which may `keep` the values of all tensors."""
    # Imported late: the import takes time, and most commands do not need golden outputs.
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    # Without kPreserveAllTensors, TFLM reuses the memory of tensors after their last use.
    choices = runtime.InterpreterConfig
    config = choices.kPreserveAllTensors if keep else choices.kAllocationRecording
    for size in _ARENAS:
        try:
            return runtime.Interpreter.from_bytes(model, arena_size=size, intrepreter_config=config)
        except RuntimeError:
            if size == _ARENAS[-1]:
                raise
        except (struct.error, IndexError, TypeError) as error:  # as in tflite_file
            raise ValueError(f"the file is damaged: {error}") from error
    return None
