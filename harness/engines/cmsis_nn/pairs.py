"""Operators on two tensors, with broadcasting: their checks, and the layer that calls a kernel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Struct,
    quantization,
    shape,
)
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct, merge, strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.quantized_multiplier import Multiplier


def result_term(factor: Multiplier, offset: int) -> str:
    """Return an `nn_result_t`."""
    return f"{{{factor.value}, {factor.shift}, {offset}}}"


def input_term(offset: int, factor: Multiplier) -> str:
    """Return an `nn_term_t`."""
    return f"{{{offset}, {factor.value}, {factor.shift}}}"


def bounds(clamp: tuple[int, int]) -> tuple[str, str]:
    """Return the fields of the activation's bounds."""
    return f".activation_min = {clamp[0]}", f".activation_max = {clamp[1]}"


@dataclass(frozen=True)
class Operands:
    """The operands, the result, and the loops over the operands."""

    view: OperatorView
    first: Tensor
    second: Tensor
    result: Tensor
    loops: Struct

    def layer(
        self,
        function: str,
        params: tuple[str, tuple[str, ...]] | None = None,
        *,
        arguments: Sequence[str] = (),
        kernel: str = "",
        status: bool = False,
    ) -> Layer:
        """Return the layer that calls `function` of the file `kernel`, by default its own.

        `params` is a struct, type and fields; it or the `arguments` come first. With `status`
        the function returns one.
        """
        view = self.view
        structs, before = [self.loops], [*arguments, f"&{self.loops.name}"]
        if params:
            structs.insert(0, Struct(params[0], view.names.of("params"), params[1]))
            before.insert(0, f"&{structs[0].name}")
        arrays: list[Array] = []
        for position in (0, 1):
            expression, constant = view.typed_operand(position)
            before.append(expression)
            arrays += constant
        return Layer(
            view.operator,
            notes=self.notes,
            arrays=tuple(arrays),
            structs=tuple(structs),
            call=Call(function, (*before, view.typed_address(self.result))),
            status=status,
            # An operand without broadcasting is read in the order in which the result is written.
            in_place=tuple(
                operand.index
                for operand in (self.first, self.second)
                if operand.data is None and overwritable(operand, self.result)
            ),
            kernels=frozenset({f"{kernel or function}.c"}),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """The layer's description."""
        return (
            f"{shape(self.first)} and {shape(self.second)} -> {shape(self.result)}",
            f"inputs {quantization(self.first)}; {quantization(self.second)}",
            f"output {quantization(self.result)}",
        )


def overwritable(operand: Tensor, result: Tensor) -> bool:
    """Return whether both have the same shape and bytes per element."""
    return operand.shape == result.shape and operand.dtype.itemsize == result.dtype.itemsize


def operands(view: OperatorView, types: Sequence[str], result: str = "") -> Operands:
    """Return the checked operands, of one of `types`; the result has the type `result`, or theirs.

    The second operand has the first one's type.
    """
    view.check_arity(2, 2)
    first = view.check_type(view.tensor(0), "input 0", types)
    second = view.check_alike(view.tensor(1), "input 1", first)
    output = view.graph.tensors[view.operator.outputs[0]]
    if result:
        view.check_type(output, "the output", [result])
    else:
        view.check_alike(output, "the output", first)
    return Operands(view, first, second, output, pair_loops(view, first, second, output))


def refuse_quantized(pair: Operands) -> None:
    """Refuse int32 tensors with a scale; TFLM computes with the stored values alone."""
    for tensor in (pair.first, pair.second, pair.result):
        if tensor.dtype == np.int32 and tensor.scale is not None:
            pair.view.fail("an int32 tensor has a scale, which TFLM rejects", CONVERT_AGAIN)


def pair_loops(view: OperatorView, first: Tensor, second: Tensor, result: Tensor) -> Struct:
    """Return the loops over both operands; an axis of one element is broadcast."""
    rank = max(len(tensor.shape) for tensor in (first, second, result))
    one, two, out = (
        (1,) * (rank - len(tensor.shape)) + tensor.shape for tensor in (first, second, result)
    )
    for sizes in zip(one, two, out, strict=True):
        if {*sizes[:2]} - {1, sizes[2]} or max(sizes[:2]) != sizes[2]:
            view.fail(
                f"shapes {shape(first)} and {shape(second)} do not make {shape(result)}",
                CONVERT_AGAIN,
            )
    strides = [broadcast_strides(sizes) for sizes in (one, two)]
    return loops_struct(
        view, "loops", merge([LoopAxis(*a) for a in zip(out, *strides, strict=True)])
    )


def broadcast_strides(sizes: Sequence[int], unit: int = 1) -> list[int]:
    """Return the stride of each axis; an axis of one element is broadcast and has stride 0."""
    return [
        0 if size == 1 else stride
        for size, stride in zip(sizes, strides_of(sizes, unit), strict=True)
    ]
