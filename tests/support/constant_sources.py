"""Random graphs of float32 whose operator takes a constant in the place of the network's input."""

import numpy as np

from tests.support.graphs import TENSOR_TYPES, Builder, from_rng
from tests.support.operators import MAKERS

KINDS = [kind for kind in MAKERS if kind.endswith("float32")]
"""Those with a maker for float32."""

_FLOAT = np.dtype(np.float32)


def build(kind: str, seed: int) -> bytes:
    """Return a model that adds its input to what the operator makes of a constant."""
    pick = from_rng(np.random.default_rng(seed))
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    source, result = MAKERS[kind](b, pick)
    data = b.rng.normal(0, 1, b.shape(source)).astype(_FLOAT)
    b.buffers.append(data.tobytes())
    b.tensors[source].buffer = len(b.buffers) - 1
    if b.tensors[result].dtype != TENSOR_TYPES[_FLOAT]:
        real = b.tensor(b.shape(result), dtype=_FLOAT)
        b.operator("CAST", [result], [real], "CastOptions")
        result = real
    now, total = (b.tensor(b.shape(result), dtype=_FLOAT) for _ in range(2))
    b.operator("ADD", [result, now], [total], "AddOptions")
    return b.build([now], [total])
