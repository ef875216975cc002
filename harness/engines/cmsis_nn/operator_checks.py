"""The checks of one operator's tensors that all lowerings share."""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from harness.engines.cmsis_nn.layer import shape
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN, QUANTIZE_AGAIN, best_remedy
from harness.engines.cmsis_nn.tflm_limits import ONLY_IN_TFLM, RANKS, TYPES
from harness.engines.refusal import LayerRefusedError
from harness.model.graph import Graph, Operator, Tensor
from harness.support.plural import count_of

# TFLM computes with a constant of scale 0, as the converter makes of int16 zeros.
_SCALE_MAY_BE_0 = frozenset({"MAXIMUM", "MINIMUM", "MUL"})
_INT4_WEIGHTS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
QUANTIZED = tuple(np.dtype(name) for name in ("int8", "int16"))


class OperatorChecks:
    """One operator of a graph; each check raises an `InputError` that names the layer."""

    def __init__(self, graph: Graph, operator: Operator) -> None:
        self.graph = graph
        self.operator = operator

    def fail(self, what: str, remedy: str = "") -> NoReturn:
        """Raise the `InputError` that names this layer."""
        remedy = remedy or best_remedy(self.graph, self.operator)
        raise LayerRefusedError(self.graph, self.operator, what, remedy)

    def fail_type(self, what: str, remedy: str = "") -> NoReturn:
        """Raise the error of `fail` for a type that the engine does not compute with."""
        remedy = remedy or best_remedy(self.graph, self.operator)
        raise LayerRefusedError(self.graph, self.operator, what, remedy, by_type=True)

    def check_arity(self, least: int, most: int, *, outputs: int | None = 1) -> None:
        """Check the number of inputs and of outputs (None: at least one)."""
        count = len(self.operator.outputs)
        valid = count == outputs if outputs else count > 0
        if not least <= len(self.operator.inputs) <= most or not valid:
            self.fail(
                f"has {count_of(len(self.operator.inputs), 'input')} and "
                f"{count_of(len(self.operator.outputs), 'output')}",
                "convert the model again",
            )

    def tensor(self, position: int) -> Tensor:
        """Return input `position`; `InputError` if it is absent."""
        index = self.operator.inputs[position]
        if index < 0:
            self.fail(f"input {position} is absent", "convert the model again")
        tensor = self.graph.tensors[index]
        if tensor.int4:
            self._check_int4(position)
        return tensor

    def _check_int4(self, position: int) -> None:
        """Check that TFLM takes int4 here: as weights of int8 activations."""
        kind, remedy = self.operator.kind, "quantize this layer's constants to int8"
        if kind not in _INT4_WEIGHTS or position != 1:
            known = ", ".join(sorted(_INT4_WEIGHTS))
            self.fail(f"input {position} has type int4; TFLM takes weights of {known}", remedy)
        if self.graph.tensors[self.operator.inputs[0]].dtype != np.int8:
            self.fail("the weights have type int4; TFLM takes them with int8 activations", remedy)

    def activation(self, position: int) -> Tensor:
        """Return input `position`: int8 and not constant."""
        tensor = self.tensor(position)
        if tensor.data is not None:
            self.fail(f"input {position} is a constant", "fold constants when converting")
        return self.check_int8(tensor, f"input {position}")

    def source_and_like(self, position: int, types: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return input `position`, of one of `types`, which TFLM takes, and the output like it."""
        source = self.check_type(self.tensor(position), f"input {position}", types)
        result = self.graph.tensors[self.operator.outputs[0]]
        return source, self.check_alike(result, "the output", source)

    def result(self) -> Tensor:
        """Return the output: int8."""
        return self.check_int8(self.graph.tensors[self.operator.outputs[0]], "the output")

    def check_movable(self, tensor: Tensor, what: str) -> Tensor:
        """Check that TFLM's kernel copies such a `tensor`, and that it is not empty."""
        kind = self.operator.kind
        known = TYPES[kind]
        if str(tensor.dtype) not in known:
            self.fail_type(
                f"{what} has type {tensor.dtype}; TFLM's {kind} takes {', '.join(known)}",
                "" if tensor.dtype.kind == "f" else f"use one of these types: {', '.join(known)}",
            )
        if tensor.elements == 0:
            self.fail(f"{what} is empty", "remove the layer")
        return tensor

    def check_moved(self, position: int) -> Tensor:
        """Return input `position`: one that TFLM's kernel copies, of as many dimensions."""
        self.check_movable(self.tensor(position), f"input {position}")
        return self.check_dimensions(position)

    def check_dimensions(self, position: int) -> Tensor:
        """Return input `position`, of as many dimensions as TFLM's kernel takes."""
        tensor, kind = self.tensor(position), self.operator.kind
        rank = len(tensor.shape)
        least, most = RANKS.get(kind, (0, rank))
        if not least <= rank <= most:
            number = f"{least}" if least == most else f"{least} to {most}"
            self.fail(
                f"input {position} has {rank} dimensions; TFLM's {kind} takes {number}",
                f"reshape to {number} dimensions before this layer, and back after it",
            )
        return tensor

    def source_and_result(self, position: int) -> tuple[Tensor, Tensor]:
        """Return input `position` and the output of an operator that only copies."""
        source = self.check_moved(position)
        result = self.graph.tensors[self.operator.outputs[0]]
        if result.dtype != source.dtype:
            self.fail(
                f"the output has type {result.dtype}, the input {source.dtype}", CONVERT_AGAIN
            )
        return source, result

    def normalized_axis(self, axis: int, rank: int) -> int:
        """Return `axis` of `rank` as a non-negative number; negative ones count from the last."""
        if not -rank <= axis < rank:
            self.fail(f"there is no axis {axis} of {rank}", CONVERT_AGAIN)
        return axis % rank

    def check_result_shape(self, expected: Sequence[int], position: int = 0) -> Tensor:
        """Return output `position`; `InputError` unless it has the shape `expected`."""
        result = self.graph.tensors[self.operator.outputs[position]]
        if result.shape != tuple(expected):
            text = "x".join(map(str, expected)) or "scalar"
            self.fail(f"the output has shape {shape(result)}, not {text}", CONVERT_AGAIN)
        return result

    def check_int8(self, tensor: Tensor, what: str) -> Tensor:
        """Check that `tensor` is int8 and has one scale."""
        if tensor.dtype != np.int8:
            self.fail_type(f"{what} has type {tensor.dtype}; int8 is supported")
        return self.check_quantized(tensor, what)

    def check_quantized(self, tensor: Tensor, what: str) -> Tensor:
        """Check that `tensor` is not empty and has one scale."""
        if tensor.scale is None or tensor.zero_point is None or tensor.scale.size != 1:
            self.fail(f"{what} must have one scale and zero point", QUANTIZE_AGAIN)
        may_be_0 = tensor.data is not None and self.operator.kind in _SCALE_MAY_BE_0
        if not tensor.scale[0] > 0 and not (may_be_0 and tensor.scale[0] == 0):
            self.fail(f"{what} has scale 0", QUANTIZE_AGAIN)
        if tensor.elements == 0:
            self.fail(f"{what} is empty", "remove the layer")
        return tensor

    def check_type(self, tensor: Tensor, what: str, types: Sequence[str]) -> Tensor:
        """Check `check_stored`, and that an int8 or int16 tensor has one scale."""
        self.check_stored(tensor, what, types)
        return self.check_quantized(tensor, what) if tensor.dtype in QUANTIZED else tensor

    def check_stored(self, tensor: Tensor, what: str, types: Sequence[str]) -> Tensor:
        """Check that `tensor` is not empty, and has one of the `types` that TFLM takes here."""
        name, kind, known = str(tensor.dtype), self.operator.kind, ", ".join(types)
        why = ONLY_IN_TFLM.get(kind, {}).get(name)
        if why:
            self.fail_type(f"{what} has type {name}: {why}; use {known}")
        if name not in types:
            self.fail_type(f"{what} has type {name}; TFLM's {kind} takes {known}")
        if tensor.elements == 0:
            self.fail(f"{what} is empty", "remove the layer")
        return tensor

    def check_alike(self, tensor: Tensor, what: str, first: Tensor) -> Tensor:
        """Check that `tensor` is not empty, and has the type of input 0, `first`."""
        if tensor.dtype != first.dtype:
            self.fail(
                f"input 0 has type {first.dtype}, {what} {tensor.dtype}; TFLM takes the same type"
            )
        return self.check_type(tensor, what, [str(first.dtype)])

    def check_rank(self, tensor: Tensor, rank: int, what: str) -> None:
        """Check the number of dimensions."""
        if len(tensor.shape) != rank:
            self.fail(f"{what} has shape {shape(tensor)}; {rank} dimensions are supported")
