"""Elementwise operators on float32: one kernel calls a function for each value."""

from collections.abc import Callable
from functools import wraps

import numpy as np

from harness.engines.cmsis_nn.layer import Call, Layer, shape
from harness.engines.cmsis_nn.operator_view import OperatorView

Lowering = Callable[[OperatorView], Layer]

FLOAT_MAX = float(np.finfo(np.float32).max)
# With float32, the kernels need these files.
REAL_FUNCTIONS = "nn_real.c"


def float_only(name: str) -> Lowering:
    """Return the lowering of an operator that TFLM has for float32 alone."""

    def lower(view: OperatorView) -> Layer:
        view.check_arity(1, 1)
        return float_map(view, name)

    return lower


def also_float(name: str) -> Callable[[Lowering], Lowering]:
    """Extend a lowering of int8: it calls `nn_<name>_f32` for float32."""

    def extend(lower: Lowering) -> Lowering:
        @wraps(lower)
        def lower_either(view: OperatorView) -> Layer:
            view.check_arity(1, 1)
            is_float = view.tensor(0).dtype == np.float32
            return float_map(view, name) if is_float else lower(view)

        return lower_either

    return extend


def float_map(view: OperatorView, name: str) -> Layer:
    """Return the layer that calls `nn_<name>_f32` for each value."""
    return float_layer(view, "nn_map_f32", f"nn_{name}_f32", kernel="nn_map_f32")


def float_layer(view: OperatorView, function: str, *arguments: str, kernel: str) -> Layer:
    """Return the layer that calls `function` with `arguments`, the size and the addresses."""
    source, result = view.source_and_like(0, ("float32",))
    view.check_result_shape(source.shape)
    addresses = (view.typed_address(source), view.typed_address(result))
    return Layer(
        view.operator,
        notes=(f"{shape(source)}, float32",),
        call=Call(function, (*arguments, str(source.elements), *addresses)),
        status=False,
        in_place=(source.index,),
        kernels=frozenset({f"{kernel}.c", REAL_FUNCTIONS}),
    )


def rows_layer(view: OperatorView, name: str, *arguments: str) -> Layer:
    """Return the layer that calls `nn_<name>_f32` for all rows of the last axis."""
    source, result = view.source_and_like(0, ("float32",))
    view.check_result_shape(source.shape)
    depth = source.shape[-1]
    addresses = (view.typed_address(source), view.typed_address(result))
    return Layer(
        view.operator,
        notes=(f"{shape(source)}, float32",),
        call=Call(
            f"nn_{name}_f32", (*arguments, str(source.elements // depth), str(depth), *addresses)
        ),
        status=False,
        in_place=(source.index,),
        kernels=frozenset({"nn_rows_f32.c", REAL_FUNCTIONS}),
    )
