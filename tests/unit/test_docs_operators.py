"""The table of operators: every operator and type that the engine runs is tried by tests."""

from functools import cache

from harness.engines.cmsis_nn.not_supported import NOT_HERE, TFLM_KERNELS
from harness.engines.cmsis_nn.operators import FLOAT_LOWERINGS, INT16_LOWERINGS, LOWERINGS
from harness.engines.cmsis_nn.tflm_limits import ONLY_IN_TFLM
from tests.support.covered_types import covered

covered_types = cache(covered)


def types_of(operator: str) -> set[str]:
    """Return the types of the values that go in, of all rows of an operator."""
    return {
        types.split(" → ")[0].split(",")[0] for kind, types in covered_types() if kind == operator
    }


def test_every_operator_is_in_a_random_graph() -> None:
    assert {kind for kind, _ in covered_types()} == LOWERINGS.keys()


def test_every_operator_of_int16_is_in_a_random_graph_of_int16() -> None:
    assert {kind for kind in INT16_LOWERINGS if "int16" not in types_of(kind)} == set()


def test_every_layer_of_float32_is_in_a_random_graph_of_float32() -> None:
    assert {kind for kind in FLOAT_LOWERINGS if "float32" not in types_of(kind)} == set()


def test_every_kernel_of_tflm_is_tried_or_has_a_reason() -> None:
    assert TFLM_KERNELS - {kind for kind, _ in covered_types()} == NOT_HERE.keys()


def test_what_is_not_here_is_not_in_the_table() -> None:
    missing = {kind: set(types) for kind, types in ONLY_IN_TFLM.items()}
    assert {kind for kind, types in missing.items() if types & types_of(kind)} == set()
