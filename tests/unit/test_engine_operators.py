"""Every operator on random graphs, in the engine's C on this machine, against TFLM.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says, from other seeds.
"""

import os
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import operators
from tests.support.engine_host import NN, Host
from tests.support.graphs import from_rng
from tests.support.operators_elementwise import TOLERANCES

GRAPHS = int(os.environ.get("FUZZ", "5"))
# Compiled at once; more take the compiler too much memory.
BATCH = 50
EXACT = (0.0, 0.0)


@pytest.mark.timeout(30 * GRAPHS + 300)
@pytest.mark.parametrize("kind", operators.MAKERS)
def test_any_graph_of_an_operator_equals_tflm(host: Host, kind: str) -> None:
    for first in range(0, GRAPHS, BATCH):
        seeds = range(first, min(first + BATCH, GRAPHS))
        host.check_all(
            {
                f"{kind}, seed {seed}": operators.build(kind, from_rng(np.random.default_rng(seed)))
                for seed in seeds
            },
            TOLERANCES.get(kind, EXACT),
        )


@settings(max_examples=40, derandomize=True)
@given(data=st.data(), kind=st.sampled_from(sorted(operators.MAKERS)))
def test_any_graph_that_hypothesis_finds_equals_tflm(
    host: Host, data: st.DataObject, kind: str
) -> None:
    model = operators.build(kind, lambda low, high: data.draw(st.integers(low, high)))
    host.check_all({kind: model}, TOLERANCES.get(kind, EXACT))


def test_a_chain_of_all_operators_equals_tflm(host: Host) -> None:
    host.check(operators.every_operator())
    generated = host.directory / str(host.count) / "model.cmake"
    assert set(re.findall(r"nn_\w+\.c", generated.read_text())) == {p.name for p in NN.glob("*.c")}
