"""Which operators the random graphs hold, and with which types: what the tests prove."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tflite

from tests.support import (
    operators,
    operators_custom,
    operators_elementwise,
    operators_recurrent,
    operators_state,
)
from tests.support.graphs import Builder, Pick, from_rng

GRAPHS = 100
"""Of each kind, as many as CI runs (campaign.py)."""

MAKERS: Mapping[str, Mapping[str, Callable[[Builder, Pick], object]]] = {
    "operators": operators.MAKERS,
    "custom": operators_custom.MAKERS,
    "recurrent": operators_recurrent.MAKERS,
    "state": operators_state.MAKERS,
    "gelu": operators_elementwise.AGAINST_LITERT,
}
"""The makers that each test file tests/unit/test_engine_<name>.py or test_<name>.py runs."""

_NAMES: Mapping[int, str] = {
    number: name.lower()
    for name, number in vars(tflite.TensorType).items()
    if isinstance(number, int)
}
_WEIGHTED = {
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "TRANSPOSE_CONV",
    "SVDF",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
}

_DATA_SECOND = {"EMBEDDING_LOOKUP", "FILL", "SELECT_V2", "SPLIT"}


def covered() -> Mapping[tuple[str, str], Counter[str]]:
    """Return for each operator and its types how many graphs of each kind hold it."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for makers in MAKERS.values():
        for kind, make in makers.items():
            for seed in range(GRAPHS):
                for held in set(_held(make, seed)):
                    found[held][kind] += 1
    return found


def _held(make: Callable[[Builder, Pick], object], seed: int) -> Iterator[tuple[str, str]]:
    """Yield each operator of a graph, with its types."""
    pick = from_rng(np.random.default_rng(seed))
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))  # as `build` of the makers' modules
    make(b, pick)
    for part in (b, *b.parts):
        for kind, inputs, outputs, *_ in part.operators:
            custom = "" if hasattr(tflite.BuiltinOperator, kind) else "CUSTOM:"
            yield custom + kind, _types(part, kind, inputs, outputs)


def _types(b: Builder, kind: str, inputs: Sequence[int], outputs: Sequence[int]) -> str:
    """Return the types of an operator's values, such as "int8", "int8 -> bool"."""
    given = [b.tensors[index] for index in inputs if index >= 0]
    # Other constants are axes and shapes.
    first = int(kind in _DATA_SECOND)
    tables = given[first : first + 1]
    moving = [tensor for tensor in given if not tensor.buffer and tensor not in tables]
    results = [_NAMES[b.tensors[index].dtype] for index in outputs]
    if not results:
        return _NAMES[given[-1].dtype] if given else "none"
    result = results[-1]
    sources = [_NAMES[tensor.dtype] for tensor in (*tables, *moving)]
    if sources and result not in sources:
        result = f"{sources[0]} → {result}"
    if kind in _WEIGHTED:
        weights = _NAMES[b.tensors[inputs[1]].dtype]
        state = {_NAMES[tensor.dtype] for tensor in given if tensor.variable} - {result}
        result += f", weights {weights}" if weights != result else ""
        result += f", state {state.pop()}" if state else ""
    return result
