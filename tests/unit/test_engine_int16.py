"""Operators with int16 activations or int4 weights on random graphs, against TFLM."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from tests.support import operators_int4, operators_int16
from tests.support.engine_host import Host
from tests.support.graphs import Builder, Pick, from_rng

GRAPHS = int(os.environ.get("FUZZ", "5"))
BATCH = 50

MAKERS = {
    **{f"{kind}, int16": make for kind, make in operators_int16.MAKERS.items()},
    **{f"{kind}, int4": make for kind, make in operators_int4.MAKERS.items()},
}


def build(kind: str, pick: Pick) -> bytes:
    """Return the model that `MAKERS[kind]` makes of what `pick` chooses."""
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    source, result = MAKERS[kind](b, pick)
    return b.build([source], [result])


@pytest.mark.timeout(30 * GRAPHS + 300)
@pytest.mark.parametrize("kind", MAKERS)
def test_any_graph_of_an_operator_equals_tflm(host: Host, kind: str) -> None:
    for first in range(0, GRAPHS, BATCH):
        seeds = range(first, min(first + BATCH, GRAPHS))
        host.check_all(
            {
                f"{kind}, seed {seed}": build(kind, from_rng(np.random.default_rng(seed)))
                for seed in seeds
            }
        )
