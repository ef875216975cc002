"""SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM, in the engine's C on this machine, against TFLM.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says.
"""

import os

import numpy as np
import pytest

from harness.golden import tflm_kernels
from harness.model.tflite_file import parse
from tests.support import operators_recurrent
from tests.support.engine_host import Host, infer, samples
from tests.support.graphs import from_rng

GRAPHS = int(os.environ.get("FUZZ", "5"))
BATCH = 50


@pytest.mark.timeout(30 * GRAPHS + 300)
@pytest.mark.parametrize("kind", operators_recurrent.MAKERS)
def test_any_recurrent_graph_equals_tflm(host: Host, kind: str) -> None:
    for first in range(0, GRAPHS, BATCH):
        seeds = range(first, min(first + BATCH, GRAPHS))
        host.check_all(
            {
                f"{kind}, seed {seed}": operators_recurrent.build(
                    kind, from_rng(np.random.default_rng(seed))
                )
                for seed in seeds
            }
        )


STARTS = (True, False, True, True, False, False)


@pytest.mark.parametrize("kind", operators_recurrent.MAKERS)
def test_a_sequence_with_resets_equals_tflm(host: Host, kind: str) -> None:
    model = operators_recurrent.build(kind, from_rng(np.random.default_rng(4)))
    inputs = samples(parse(model, where="recurrent"))
    library, rows = host.load(model), []
    for values, begins in zip(inputs, STARTS, strict=True):
        assert not begins or library.nn_reset() == 0
        rows.append(infer(library, values[None], start=False))
    (wanted,) = tflm_kernels.compute(model, [inputs], [], STARTS)
    assert np.concatenate(rows).tobytes() == wanted.tobytes()
    (kept,) = tflm_kernels.compute(model, [inputs], [])
    assert kept.tobytes() != wanted.tobytes(), "a reset should make a difference"
