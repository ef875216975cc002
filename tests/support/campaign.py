"""Random graphs of one kind, in the engine's C on this machine, against TFLM."""

import os
from collections.abc import Callable

import numpy as np

from tests.support.engine_host import Host
from tests.support.graphs import Pick, from_rng

# Of each kind; the nightly says more by the variable FUZZ. A hundred take half a second.
GRAPHS = int(os.environ.get("FUZZ", "100"))
TIMEOUT = 300 + 5 * GRAPHS
# Compiled at once; more take the compiler too much memory.
_BATCH = 100


def check(
    host: Host,
    kind: str,
    build: Callable[[str, Pick], bytes],
    tolerance: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Compare as many graphs of `kind` as `GRAPHS` says; a failure names their seeds."""
    for first in range(0, GRAPHS, _BATCH):
        seeds = range(first, min(first + _BATCH, GRAPHS))
        models = {
            f"{kind}, seed {seed}": build(kind, from_rng(np.random.default_rng(seed)))
            for seed in seeds
        }
        host.check_all(models, tolerance)
