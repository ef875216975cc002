"""Golden outputs: right ones, or an error that names the model."""

import numpy as np
import pytest

from harness.errors import InputError
from harness.golden import oracle
from tests.support.graphs import Builder
from tests.support.interpreters import needs_tflm
from tests.support.operator_parts import numbers


def model() -> bytes:
    """Return a model that adds 0.1 to each of its four inputs, of scale 0.1."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    one = b.tensor((4,), scale=0.1, zero_point=0, data=np.ones(4, np.int8))
    result = b.activation((1, 4), 0.1, 0)
    b.operator("ADD", [source, one], [result], "AddOptions")
    return b.build([source], [result])


@needs_tflm
def test_the_source_names_the_oracle() -> None:
    assert oracle.source(model()).startswith("tflite-micro 0.dev")


def test_outputs_come_in_the_order_of_the_inputs(capfd: pytest.CaptureFixture[str]) -> None:
    inputs = np.arange(-6, 6, dtype=np.int8).reshape(3, 1, 4)
    outputs = oracle.outputs(model(), inputs)
    assert outputs.dtype == np.int8
    np.testing.assert_array_equal(outputs, inputs + 1)
    assert capfd.readouterr() == ("", "")


def test_a_scalar_is_an_input() -> None:
    b = Builder()
    source, factor, result = (b.activation(sizes, 0.1, 0) for sizes in ((4,), (), (4,)))
    b.operator("ADD", [source, factor], [result], "AddOptions")
    data = b.build([source, factor], [result])
    inputs = [np.arange(8, dtype=np.int8).reshape(2, 4), np.array([10, 20], np.int8)]
    np.testing.assert_array_equal(oracle.answers(data, inputs)[0], inputs[0] + [[10], [20]])


@needs_tflm
@pytest.mark.parametrize(
    ("index", "rows", "remedy"),
    [(9, 4, "check the inputs"), (1, 40_000_000, "make the network or its input smaller")],
)
def test_a_rejection_says_what_to_do(index: int, rows: int, remedy: str) -> None:
    b = Builder()
    source, where = b.activation((1, 4), 0.1, 0), b.tensor((1,), dtype=np.int32)
    table, row, result = (b.activation((count, 4), 0.1, 0) for count in (rows, 1, 1))
    b.operator("BROADCAST_TO", [source, numbers(b, (rows, 4))], [table], "BroadcastToOptions")
    b.operator("GATHER", [table, where], [row], "GatherOptions")
    b.operator("RELU", [row], [result])
    inputs: list[oracle.Array] = [np.zeros((1, 1, 4), np.int8), np.array([[index]], np.int32)]
    with pytest.raises(InputError) as caught:
        oracle.answers(b.build([source, where], [result]), inputs)
    assert caught.value.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 4), np.int8), "inputs have shape"),
        (np.zeros((2, 1, 4), np.float32), "type float32"),
        (np.int8(3), "inputs have shape"),
        (np.zeros((0, 1, 4), np.int8), "there are no inputs"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: oracle.Array, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        oracle.outputs(model(), np.asarray(inputs), where="bad.tflite")
    assert caught.value.where == "bad.tflite"


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match="identifier TFL3"):
        oracle.outputs(b"nothing", np.zeros((1, 4), np.int8))


@needs_tflm
def test_a_model_that_tflm_refuses_is_refused_with_its_reason(
    capfd: pytest.CaptureFixture[str],
) -> None:
    b = Builder()
    source, result = (b.activation((1, 4), 0.1, 0) for _ in range(2))
    b.operator("MyOwnThing", [source], [result])
    with pytest.raises(InputError, match=r"TFLM cannot run it: .*op code CUSTOM"):
        oracle.outputs(b.build([source], [result]), np.zeros((1, 1, 4), np.int8), where="m.tflite")
    assert capfd.readouterr() == ("", "")


@needs_tflm
def test_a_model_that_ends_tflm_does_not_end_us() -> None:
    # Scales for which TFLM's own check of an addition's factors fails: it calls abort().
    b = Builder()
    source = b.activation((1, 4), 1000.0, 0)
    broken = b.build([source], [b.add(source, source, scale=1e-6)])
    with pytest.raises(InputError, match="TFLM cannot run it"):
        oracle.outputs(broken, np.zeros((1, 1, 4), np.int8))
