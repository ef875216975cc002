"""Operators with int16 activations on random graphs, in the engine's C on this machine."""

import os

import numpy as np
import pytest

from tests.support import operators_int16
from tests.support.engine_host import Host
from tests.support.graphs import from_rng

GRAPHS = int(os.environ.get("FUZZ", "5"))
BATCH = 50


@pytest.mark.timeout(30 * GRAPHS + 300)
@pytest.mark.parametrize("kind", operators_int16.MAKERS)
def test_any_int16_graph_of_an_operator_equals_tflm(host: Host, kind: str) -> None:
    for first in range(0, GRAPHS, BATCH):
        seeds = range(first, min(first + BATCH, GRAPHS))
        host.check_all(
            {
                f"{kind}, seed {seed}": operators_int16.build(
                    kind, from_rng(np.random.default_rng(seed))
                )
                for seed in seeds
            }
        )
