"""State between inferences, in the engine's C on this machine, against TFLM: sequences, resets.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says.
"""

import numpy as np
import pytest

from harness.model.tflite_file import parse
from tests.support import campaign, operators_state
from tests.support.engine_host import Host, infer, samples, tflm
from tests.support.graphs import Builder


@pytest.mark.timeout(campaign.TIMEOUT)
@pytest.mark.parametrize("kind", operators_state.MAKERS)
def test_any_graph_with_state_equals_tflm(host: Host, kind: str) -> None:
    campaign.check(host, kind, operators_state.build)


def running_sum() -> bytes:
    """Return a model whose output is the sum of all its inputs."""
    b = Builder()
    source = b.activation((1, 4), 1.0, 0)
    total = b.variable((1, 4), 1.0, 5)
    b.operator("ADD", [total, source], [total], "AddOptions")
    return b.build([source], [total])


def test_a_reset_gives_the_state_of_the_start(host: Host) -> None:
    inputs = np.full((3, 1, 4), 2, np.int8)
    library = host.load(running_sum())
    first = infer(library, inputs)
    assert first[:, 0].tolist() == [7, 9, 11], "the zero point is the first value"
    np.testing.assert_array_equal(infer(library, inputs), first)  # begins with nn_init()
    assert library.nn_reset() == 0
    np.testing.assert_array_equal(infer(library, inputs, start=False), first)
    assert infer(library, inputs, start=False)[:, 0].tolist() == [13, 15, 17], "without a reset"
    np.testing.assert_array_equal(tflm(running_sum(), inputs).reshape(3, 4), first)


def test_a_variable_that_nothing_uses_takes_no_memory() -> None:
    b = Builder()
    source = b.activation((1, 4), 1.0, 0)
    b.variable((1, 4), 1.0, 5)
    graph = parse(b.build([source], [b.softmax(source)]), where="small")
    assert not graph.variables


def test_an_output_that_nothing_writes_is_the_state_of_the_start(host: Host) -> None:
    b = Builder()
    source, kept = b.activation((1, 4), 0.1, 0), b.variable((1, 4), 1.0, 5)
    b.softmax(source)
    model = b.build([source], [kept])
    assert infer(host.load(model), np.zeros((1, 1, 4), np.int8)).tolist() == [[5, 5, 5, 5]]
    host.check_all({"kept": model})


def test_an_initialization_without_a_state_does_nothing(host: Host) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    number, once = b.part()
    inner, part = b.part()
    once.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=inner)
    part.softmax(part.tensor((1, 4), data=np.zeros((1, 4), np.int8), scale=0.1, zero_point=0))
    b.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=number)
    host.check_all({"no state": b.build([source], [b.softmax(source)])})


def test_inputs_that_nothing_reads_and_that_are_outputs_run(host: Host) -> None:
    b = Builder()
    first, unused = b.activation((1, 4), 0.1, 0), b.activation((1, 7), 0.1, 0)
    host.check_all({"both": b.build([unused, first], [b.softmax(first), first])})


def test_an_input_that_is_a_variable_is_an_input(host: Host) -> None:
    b = Builder()
    source = b.variable((1, 4), 1.0, 5)
    model = b.build([source], [b.softmax(source)])
    host.check(model, samples(parse(model, where="small")))
