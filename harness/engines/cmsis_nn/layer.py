"""What lowering one operator yields, and the checked view of the operator it works on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from harness.engines.cmsis_nn.quantize import (
    SUPPORTED_ACTIVATIONS,
    Multiplier,
    activation_range,
    multiplier,
)
from harness.engines.cmsis_nn.target import Target
from harness.errors import InputError
from harness.graph import Activation, Graph, Operator, Tensor

MAX_LEFT_SHIFT = 30
FULL_INTEGER = "convert to full-integer int8, also the model's input and output"


@dataclass(frozen=True)
class Array:
    """A constant in flash: `int8_t` or `int32_t` after its dtype."""

    name: str
    values: np.ndarray[Any, Any]
    note: str = ""


@dataclass(frozen=True)
class Call:
    """A C call; the writer lays it out."""

    function: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Struct:
    """A constant C struct at file scope: `static const <ctype> <name> = {<fields>};`."""

    ctype: str
    name: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Layer:
    """The C for one operator. Buffers are named symbolically; the planner places them.

    `call` is the kernel; it returns a status (`status`) or nothing. `scratch` bytes of
    the arena are its alone while it runs; `scratch_need` computes at run time what the
    library wants of them. `before` are lines that run first. A layer without a call
    computes nothing: its output is `alias`, another tensor's bytes. Of the tensors `in_place`,
    of the output's size, the output may take the memory if nobody needs them afterwards.
    """

    operator: Operator
    notes: tuple[str, ...] = ()
    macs: int = 0
    arrays: tuple[Array, ...] = ()
    structs: tuple[Struct, ...] = ()
    before: tuple[str, ...] = ()
    call: Call | None = None
    status: bool = True
    scratch: int = 0
    scratch_need: Call | None = None
    kernels: frozenset[str] = field(default_factory=frozenset)
    alias: int | None = None
    in_place: tuple[int, ...] = ()


@dataclass(frozen=True)
class Names:
    """The C names of a layer's parts."""

    index: int

    def of(self, part: str) -> str:
        """Return the name of a constant, such as `l03_weights`."""
        return f"l{self.index:02d}_{part}"

    @property
    def scratch(self) -> str:
        """The offset of the layer's scratch buffer."""
        return f"SCRATCH_{self.index:02d}"

    def output(self, position: int) -> str:
        """Return the offset of the layer's output `position`."""
        return f"OUTPUT_{self.index:02d}" + (f"_{position}" if position else "")


class Site:
    """One operator of a graph with the checks that all lowerings share."""

    def __init__(
        self, graph: Graph, operator: Operator, addresses: dict[int, str], target: Target
    ) -> None:
        self.graph = graph
        self.operator = operator
        self.target = target
        self.names = Names(operator.index)
        self._addresses = addresses

    def fail(self, what: str, remedy: str = "") -> NoReturn:
        """Raise the `InputError` that names this layer."""
        output = self.graph.tensors[self.operator.outputs[0]] if self.operator.outputs else None
        title = f"{self.operator.kind}, {output.name[:80]!r}" if output else self.operator.kind
        raise InputError(
            f"layer {self.operator.index} ({title}): {what}",
            where=self.graph.where,
            remedy=remedy or FULL_INTEGER,
        )

    def address(self, tensor: Tensor) -> str:
        """Return the C expression for the first byte of an activation."""
        return self._addresses[tensor.index]

    def arity(self, least: int, most: int) -> None:
        """Check the number of inputs, and that there is one output."""
        if not least <= len(self.operator.inputs) <= most or len(self.operator.outputs) != 1:
            self.fail(
                f"has {len(self.operator.inputs)} inputs and {len(self.operator.outputs)} outputs",
                "convert the model again",
            )

    def tensor(self, position: int) -> Tensor:
        """Return input `position`, which must be there."""
        index = self.operator.inputs[position]
        if index < 0:
            self.fail(f"input {position} is absent", "convert the model again")
        return self.graph.tensors[index]

    def activation(self, position: int) -> Tensor:
        """Return input `position`: int8, computed, not constant."""
        tensor = self.tensor(position)
        if tensor.data is not None:
            self.fail(f"input {position} is a constant", "fold constants when converting")
        return self.check_int8(tensor, f"input {position}")

    def result(self) -> Tensor:
        """Return the output: int8."""
        return self.check_int8(self.graph.tensors[self.operator.outputs[0]], "the output")

    def check_int8(self, tensor: Tensor, what: str) -> Tensor:
        """Check that `tensor` is int8 with one scale and a zero point that int8 can hold."""
        if tensor.dtype != np.int8:
            self.fail(f"{what} has type {tensor.dtype}; int8 is supported")
        if tensor.scale is None or tensor.zero_point is None or tensor.scale.size != 1:
            self.fail(f"{what} must have one scale and zero point")
        if not tensor.scale[0] > 0:
            self.fail(f"{what} has scale 0")
        if not -128 <= int(tensor.zero_point[0]) <= 127:  # noqa: PLR2004 - the range of int8
            self.fail(f"{what} has zero point {tensor.zero_point[0]}")
        if tensor.elements == 0:
            self.fail(f"{what} is empty")
        return tensor

    def rank(self, tensor: Tensor, rank: int, what: str) -> None:
        """Check the number of dimensions, and, for images, that the batch is 1."""
        if len(tensor.shape) != rank:
            self.fail(f"{what} has shape {shape(tensor)}; {rank} dimensions are supported")

    def weights(self, position: int, rank: int, axis: int) -> Tensor:
        """Return constant int8 weights, symmetric, with one scale or one along `axis`."""
        tensor = self.tensor(position)
        if tensor.data is None:
            self.fail("the weights are not constant", "freeze the weights when converting")
        if tensor.dtype != np.int8:
            self.fail(f"the weights have type {tensor.dtype}; int8 is supported")
        self.rank(tensor, rank, "the weights' tensor")
        if tensor.scale is None or tensor.zero_point is None:
            self.fail("the weights have no scale")
        if tensor.zero_point.any():
            self.fail("the weights have a zero point; symmetric weights are supported")
        if tensor.scale.size > 1 and tensor.quantized_axis != axis:
            self.fail(f"the weights have scales along axis {tensor.quantized_axis}, not {axis}")
        if tensor.elements == 0:
            self.fail("the weights are empty")
        return tensor

    def bias(self, position: int, channels: int) -> np.ndarray[Any, Any] | None:
        """Return the constant int32 bias, or None where there is none."""
        inputs = self.operator.inputs
        if position >= len(inputs) or inputs[position] < 0:
            return None
        tensor = self.tensor(position)
        if tensor.data is None:
            self.fail("the bias is not constant", "freeze the weights when converting")
        if tensor.dtype != np.int32:
            self.fail(f"the bias has type {tensor.dtype}; int32 is supported")
        if tensor.elements != channels:
            self.fail(f"the bias has {tensor.elements} values for {channels} channels")
        return tensor.data.ravel()

    def clamp(self, activation: Activation, tensor: Tensor) -> tuple[int, int]:
        """Return the int8 bounds of the fused `activation` on the output `tensor`."""
        if activation not in SUPPORTED_ACTIVATIONS:
            known = ", ".join(sorted(known.name for known in SUPPORTED_ACTIVATIONS))
            self.fail(f"the fused activation {activation.name} is not supported", f"use {known}")
        try:
            return activation_range(activation, scale(tensor), zero_point(tensor))
        except ValueError as error:
            self.fail(f"the output's scale does not suit its activation: {error}")

    def shifts(self, multipliers: Sequence[Multiplier]) -> None:
        """Check that no factor is so large that a shift of 32 bits would be undefined."""
        if any(factor.shift > MAX_LEFT_SHIFT for factor in multipliers):
            self.fail("the scales of input, weights and output are too far apart")


def scale(tensor: Tensor) -> float:
    """Return the one scale of an activation that was checked."""
    return 0.0 if tensor.scale is None else float(tensor.scale[0])


def zero_point(tensor: Tensor) -> int:
    """Return the one zero point of an activation that was checked."""
    return 0 if tensor.zero_point is None else int(tensor.zero_point[0])


def shape(tensor: Tensor) -> str:
    """Return a shape for a person: 1x49x10x1."""
    return "x".join(map(str, tensor.shape)) or "scalar"


def quantization(tensor: Tensor) -> str:
    """Return a tensor's quantization for a person."""
    if tensor.scale is None or tensor.zero_point is None:
        return "not quantized"
    if tensor.scale.size > 1:
        return f"{tensor.scale.size} scales"
    return f"scale {float(tensor.scale[0]):.9g}, zero point {int(tensor.zero_point[0])}"


__all__ = ["Array", "Call", "Layer", "Names", "Site", "Struct", "multiplier"]
