"""Comparisons, and operators on truth values, which are bytes of 0 and 1."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from harness.engines.cmsis_nn.layer import Array, Call, Layer, Struct, scale, shape, zero_point
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import Operands, input_term, operands
from harness.model.graph import Tensor
from harness.model.quantized_multiplier import Multiplier, multiplier

# Bit 0: less, 1: equal, 2: greater, 3: one is not a number.
_EQUAL = 0b0010
_ORDERED = ("int8", "int32", "float32")
_ANY = ("bool", *_ORDERED)
_AS_STORED = Multiplier(1 << 30, 0)


def _comparison(relation: int, types: tuple[str, ...]) -> Callable[[OperatorView], Layer]:
    def lower(view: OperatorView) -> Layer:
        pair = operands(view, types, "bool")
        if pair.first.dtype.itemsize == 1:
            return _compare_bytes(pair, relation)
        of = "f32" if pair.first.dtype == np.float32 else "s32"
        return pair.layer(f"nn_compare_{of}", arguments=(str(relation),))

    return lower


equal = _comparison(_EQUAL, _ANY)
not_equal = _comparison(0b1101, _ANY)
less = _comparison(0b0001, _ORDERED)
less_equal = _comparison(0b0011, _ORDERED)
greater = _comparison(0b0100, _ORDERED)
greater_equal = _comparison(0b0110, _ORDERED)


def _compare_bytes(pair: Operands, relation: int) -> Layer:
    """Return the layer for int8 of two scales, or for truth values."""
    names = pair.view.names
    terms = tuple(
        Struct("nn_term_t", names.of(part), (_term(pair.view, tensor)[1:-1],))
        for part, tensor in (("first", pair.first), ("second", pair.second))
    )
    arguments = (str(relation), *(f"&{term.name}" for term in terms))
    layer = pair.layer("nn_compare_s8", arguments=arguments)
    return replace(layer, structs=(*terms, *layer.structs))


def _term(view: OperatorView, tensor: Tensor) -> str:
    """Return the term of an operand. Source: comparisons.cc, ComparisonsPrepare."""
    if tensor.dtype == np.bool_:
        return input_term(0, _AS_STORED)
    if scale(tensor) >= 1.0:
        view.fail(f"an input has scale {scale(tensor):g}; TFLM compares scales below 1")
    return input_term(-zero_point(tensor), multiplier(scale(tensor)))


def logical_and(view: OperatorView) -> Layer:
    """Lower LOGICAL_AND: the lesser of two truth values."""
    return operands(view, ("bool",)).layer("nn_min_s8")


def logical_or(view: OperatorView) -> Layer:
    """Lower LOGICAL_OR: the greater of two truth values."""
    return operands(view, ("bool",)).layer("nn_max_s8")


def logical_not(view: OperatorView) -> Layer:
    """Lower LOGICAL_NOT: whether the value equals 0."""
    view.check_arity(1, 1)
    source, result = view.source_and_like(0, ("bool",))
    view.check_result_shape(source.shape)
    zero = Array(view.names.of("zero"), np.zeros(1, np.int8))
    term = Struct("nn_term_t", view.names.of("term"), (input_term(0, _AS_STORED)[1:-1],))
    loops = loops_struct(view, "loops", [LoopAxis(source.elements, 1, 0)])
    arguments = (
        str(_EQUAL),
        f"&{term.name}",
        f"&{term.name}",
        f"&{loops.name}",
        view.address(source),
        zero.name,
        view.address(result),
    )
    return Layer(
        view.operator,
        notes=(shape(source),),
        arrays=(zero,),
        structs=(term, loops),
        call=Call("nn_compare_s8", arguments),
        status=False,
        in_place=(source.index,),
        kernels=frozenset({"nn_compare_s8.c"}),
    )
