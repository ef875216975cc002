"""TILE, for which TFLM has no kernel: golden is computed with TFLM's GATHER."""

import numpy as np
import pytest

from harness.golden import oracle, tflm_kernels
from harness.golden.tflm_replacements import note
from harness.model.tflite_file import parse
from tests.support.graphs import Builder
from tests.support.interpreters import needs_tflm
from tests.support.operator_parts import numbers

VALUES = np.arange(6, dtype=np.int8).reshape(1, 2, 3)


def tiled(*multiples: int) -> bytes:
    b = Builder()
    source = b.activation((2, 3), 0.1, 5)
    result = b.activation(np.tile(VALUES[0], multiples).shape, 0.1, 5)
    b.operator("TILE", [source, numbers(b, multiples)], [result])
    return b.build([source], [result])


@needs_tflm
@pytest.mark.parametrize("multiples", [(1, 1), (2, 1), (1, 20), (3, 2)])
def test_golden_repeats_the_values(multiples: tuple[int, int]) -> None:
    (found,) = tflm_kernels.compute(tiled(*multiples), [VALUES], [])
    np.testing.assert_array_equal(found[0], np.tile(VALUES[0], multiples))


@needs_tflm
def test_tensors_keep_their_index() -> None:
    (found,) = tflm_kernels.compute(tiled(2, 2), [VALUES], [1])
    np.testing.assert_array_equal(found[0], np.tile(VALUES[0], (2, 2)))


@needs_tflm
def test_golden_repeats_the_values_in_a_branch() -> None:
    b = Builder()
    flag = b.tensor((1,), dtype=np.bool_)
    source, result = b.activation((1, 2, 3), 0.1, 5), b.activation((2, 2, 6), 0.1, 5)
    number, part = b.part()
    given, repeated = part.activation((1, 2, 3), 0.1, 5), part.activation((2, 2, 6), 0.1, 5)
    part.operator("TILE", [given, numbers(part, (2, 1, 2))], [repeated])
    part.ends = ([given], [repeated])
    options = {"ThenSubgraphIndex": number, "ElseSubgraphIndex": number}
    b.operator("IF", [flag, source], [result], "IfOptions", **options)
    model = b.build([flag, source], [result])
    (found,) = oracle.answers(model, [np.ones((1, 1), np.bool_), VALUES[None]])
    np.testing.assert_array_equal(found[0], np.tile(VALUES, (2, 1, 2)))
    assert oracle.source(model).endswith(", TILE by GATHER")


@needs_tflm
def test_the_source_names_the_replacement() -> None:
    assert oracle.source(tiled(2, 1)).startswith("tflite-micro ")
    assert oracle.source(tiled(2, 1)).endswith(", TILE by GATHER")


def test_a_model_without_tile_needs_no_replacement() -> None:
    b = Builder()
    source = b.activation((1, 2), 0.1, 0)
    model = b.build([source], [b.reshape(source, (2,))])
    assert note(parse(model, where="test")) == ""


@needs_tflm
def test_golden_does_not_prepare_another_signature() -> None:
    b = Builder()
    source, result = b.activation((2, 3), 0.1, 5), b.activation((2, 3), 0.1, 5)
    b.operator("RELU", [source], [result])
    _, other = b.part()
    ends = other.activation((2, 3), 0.1, 5), other.activation((4, 3), 0.1, 5)
    other.operator("ONE_HOT", [ends[0], numbers(other, (2, 1))], [ends[1]])
    other.ends = [ends[0]], [ends[1]]
    (found,) = oracle.answers(b.build([source], [result]), [VALUES])
    np.testing.assert_array_equal(found[0], np.maximum(VALUES[0], 5))
