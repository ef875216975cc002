"""BATCH_MATMUL of float32."""

from typing import cast

from harness.engines.cmsis_nn.float32 import tensors_f32 as f32
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, shape
from harness.engines.cmsis_nn.matmul import matrices_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.operator_options import BatchMatMulOptions


def batch_matmul(view: OperatorView) -> Layer:
    """Lower BATCH_MATMUL: products of the matrices in the last two axes; the others broadcast."""
    view.check_arity(2, 2)
    options = cast("BatchMatMulOptions", view.operator.options)
    first, second = (f32.check_float(view, view.check_dimensions(i), f"input {i}") for i in (0, 1))
    result = f32.result(view)
    sizes, pairs, count = matrices_of(view, options, first, second)
    params = Struct("nn_matmul_f32_params_t", view.names.of("params"), tuple(map(str, sizes)))
    operands = (view.typed_operand(0), view.typed_operand(1))
    addresses = (*(operand[0] for operand in operands), view.typed_address(result))
    rows, columns, depth = sizes[:3]
    return Layer(
        view.operator,
        notes=(f"{shape(first)} and {shape(second)} -> {shape(result)}, float32",),
        macs=count * rows * columns * depth,
        arrays=tuple(array for operand in operands for array in operand[1]),
        structs=(params, pairs),
        call=Call("nn_matmul_f32", (f"&{params.name}", f"&{pairs.name}", *addresses)),
        status=False,
        kernels=frozenset({"nn_matmul_f32.c"}),
    )
