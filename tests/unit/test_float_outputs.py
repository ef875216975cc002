"""Float outputs of networks that compute with float32: a stated tolerance."""

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.errors import ExitCode
from harness.golden import tflm_kernels
from harness.measure.float_tolerance import (
    TOLERANCE,
    largest_difference,
    rounds_otherwise,
    settled,
)
from harness.model.graph import Graph
from harness.model.tflite_file import parse
from harness.model.vectors import named_arrays
from harness.report.quality_text import float_notes
from tests.support import operators_custom
from tests.support.graphs import Builder
from tests.support.repository import Repository, make_repository

Array = np.ndarray[Any, Any]
FUNCTIONS = ("TANH", "EXP", "LOGISTIC", "SIN")

needs_board = pytest.mark.skipif(
    not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


def network(*kinds: str) -> bytes:
    """Return DEQUANTIZE, and then each of `kinds` as a float output."""
    b = Builder()
    source = b.activation((1, 64), 0.031, 3)
    real = b.tensor((1, 64), dtype=np.float32)
    b.operator("DEQUANTIZE", [source], [real], "DequantizeOptions")
    outputs = [b.tensor((1, 64), dtype=np.float32) for _ in kinds]
    for kind, output in zip(kinds, outputs, strict=True):
        b.operator(kind, [real], [output])
    return b.build([source], outputs)


def graph(*kinds: str) -> Graph:
    return parse(network(*kinds), where="small")


def floats(*values: float) -> tuple[Array]:
    return (np.array([values], np.float32),)


def test_floats_within_the_tolerance_count_as_equal() -> None:
    golden = floats(1.0, 0.25, -1.0, 0.0)
    unit = np.spacing(np.float32(1))
    within = (golden[0] + unit * np.array([TOLERANCE, 1, -2, 1e-3], np.float32),)
    assert largest_difference(within, golden) == TOLERANCE
    assert settled(within, golden, graph("TANH"))[0].tobytes() == golden[0].tobytes()


@pytest.mark.parametrize("wrong", [1.0 + 129 * 2.0**-23, -1.0, np.inf, np.nan, 0.0])
def test_a_float_beyond_the_tolerance_stays_as_it_is(wrong: float) -> None:
    golden, ours = floats(1.0, 0.25), floats(wrong, 0.25)
    assert largest_difference(ours, golden) > TOLERANCE
    assert settled(ours, golden, graph("TANH"))[0].tobytes() == ours[0].tobytes()


def test_other_arithmetic_has_no_tolerance_and_any_nan_equals_nan() -> None:
    nan = np.array([0x7FC00000, 0xFFC00000], np.uint32).view(np.float32)
    golden = (np.array([[nan[0], 1.0, np.inf, 0.0]], np.float32),)
    ours = (np.array([[nan[1], 1.0 + 2.0**-23, np.inf, -0.0]], np.float32),)
    result = settled(ours, golden, graph("ABS"))[0]
    assert (result.view(np.uint32) == golden[0].view(np.uint32)).tolist() == [[1, 0, 1, 0]]


def test_the_unit_is_at_least_that_of_the_median_vector() -> None:
    """One value may be close to 0 for one vector; outputs of 0 say nothing of the usual size."""
    golden = (np.array([[1.0], [1.5], [1e-6], [0], [0], [0], [np.inf]], np.float32),)
    ours = (golden[0] + np.array([[0], [0], [3e-7], [1e-6], [0], [0], [0]], np.float32),)
    assert settled(ours, golden, graph("EXP"))[0].tobytes() == golden[0].tobytes()
    assert largest_difference(ours, golden) == pytest.approx(8.4, abs=0.1)


def test_a_huge_value_of_one_vector_does_not_hide_what_is_wrong_in_the_others() -> None:
    """TFLM clamps an infinite sum to the greatest float."""
    golden = floats(1.0, 0.25, 0.5)[0].reshape(3, 1)
    golden[1] = np.finfo(np.float32).max
    ours = golden * np.array([[1], [0.9], [0]], np.float32)
    assert settled([ours], [golden], graph("EXP"))[0].tobytes() == ours.tobytes()


@pytest.mark.parametrize(
    ("kinds", "tolerant"), [(("TANH",), True), (("ABS", "EXP"), True), (("SQRT",), False)]
)
def test_which_networks_have_a_tolerance(kinds: tuple[str, ...], tolerant: bool) -> None:
    assert rounds_otherwise(graph(*kinds)) is tolerant


def test_sums_of_squares_and_decoded_boxes_have_a_tolerance() -> None:
    b = Builder()
    image, pooled = (b.tensor((1, 2, 2, 1), dtype=np.float32) for _ in range(2))
    window = {"FilterHeight": 1, "FilterWidth": 1, "StrideH": 1, "StrideW": 1}
    b.operator("L2_POOL_2D", [image], [pooled], "Pool2DOptions", **window)
    assert rounds_otherwise(parse(b.build([image], [pooled]), where="pool"))
    detector = operators_custom.every_operator()
    assert rounds_otherwise(parse(detector, where="detector"))


def deep(wrong: str = "") -> bytes:
    """Return ten layers with TANH; in the fifth, a kernel would be `wrong`."""
    b = Builder(np.random.default_rng(3))
    source = last = b.tensor((1, 64), dtype=np.float32)
    for number in range(10):
        is_wrong = number == 4
        weights = b.rng.normal(0, 0.12, (64, 64)).astype(np.float32)
        bias = b.rng.normal(0, 0.1, 64).astype(np.float32)
        if is_wrong and wrong == "weight":
            weights[7, 9] = 0
        if is_wrong and wrong == "row":
            weights[[7, 8]] = weights[[8, 7]]
        if is_wrong and wrong == "bias":
            bias[7] = 0
        if is_wrong and wrong == "sum":  # the last product is left out
            weights[:, -1] = 0
        if is_wrong and wrong == "function":  # a coarse TANH
            weights *= np.float32(1.0001)
        sums, result = (b.tensor((1, 64), dtype=np.float32) for _ in range(2))
        operands = [last, b.tensor(weights.shape, data=weights), b.tensor(bias.shape, data=bias)]
        b.operator("FULLY_CONNECTED", operands, [sums], "FullyConnectedOptions")
        b.operator("TANH", [sums], [result])
        last = result
    return b.build([source], [last])


@pytest.mark.parametrize("wrong", ["weight", "row", "bias", "sum", "function"])
def test_a_wrong_kernel_is_far_beyond_the_tolerance(wrong: str) -> None:
    pytest.importorskip("tflite_micro")
    inputs = [np.random.default_rng(0).normal(0, 1, (4, 1, 64)).astype(np.float32)]
    golden = tflm_kernels.compute(deep(), inputs, [])
    ours = tflm_kernels.compute(deep(wrong), inputs, [])
    assert largest_difference(ours, golden) > 4 * TOLERANCE


@pytest.fixture
def repository(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    made = make_repository(tmp_path, monkeypatch, capsys)
    path = made.network(network(*FUNCTIONS))
    description = path.with_name("model.toml")
    text = description.read_text().replace("classification", "agreement")
    text = text.replace('"accuracy"', '"agreement"')
    description.write_text(text.replace("quality_target = 0.5", "quality_target = 1.0"))
    inputs = np.random.default_rng(5).integers(-128, 128, (6, 64)).astype(np.int8)
    np.savez(path.with_name("vectors.npz"), inputs=inputs)
    return made


@needs_board
def test_a_run_compares_functions_with_the_stated_tolerance(repository: Repository) -> None:
    assert repository.run("cmsis-nn") == (ExitCode.PASSED, "")
    (record,) = repository.records()
    numbers = record.numbers
    assert numbers["bytes_differing"].value > 0
    assert 0 < numbers["ulp_difference"].value <= numbers["ulp_tolerance"].value == TOLERANCE
    (note,) = float_notes([record])
    assert f"is {numbers['ulp_difference'].value:.3g} of 128 allowed units in the last" in note
    with repository.dut(find_engine("cmsis-nn")) as dut:
        run = dut.run()
    assert run.failures() == []
    wrong = (run.all_outputs[0] * np.float32(1.0001), *run.all_outputs[1:])
    reasons = replace(run, all_outputs=wrong).failures()
    assert "output bytes differ from golden" in reasons[0]
    assert "agreement 0.0000 is below the quality target 1" in reasons[1]


@needs_board
def test_the_search_for_the_first_wrong_layer_passes_over_rounding(
    repository: Repository,
) -> None:
    path = repository.root / "models" / "small" / "vectors.npz"
    inputs = np.load(path)["inputs"]
    golden = tflm_kernels.compute(network(*FUNCTIONS), [inputs.reshape(-1, 1, 64)], [])
    golden = [array.reshape(-1, 64) for array in golden]
    golden[1] = golden[1] * np.float32(2)  # as of another model
    arrays: dict[str, Any] = named_arrays("golden", golden)
    np.savez(path, inputs=inputs, **arrays, golden_source="another")
    code, text = repository.run("cmsis-nn")
    assert code == ExitCode.FAILED, text
    (record,) = repository.records()
    assert record.divergence is None
    assert "every layer agrees with the current results" in record.reasons[1]
