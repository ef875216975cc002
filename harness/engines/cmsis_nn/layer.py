"""The result of lowering one operator, and descriptions of tensors for C and for people."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.model.graph import Operator, Tensor


@dataclass(frozen=True)
class Array:
    """A constant in flash; its C type follows from the dtype: `int8_t`, `int32_t` ..."""

    name: str
    values: np.ndarray[Any, Any]
    note: str = ""


@dataclass(frozen=True)
class Call:
    """A C call; `model_c` breaks it into lines."""

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
    """The C for one operator. Buffers have symbolic names; the planner places them.

    `call` calls the kernel, which returns a status (`status`) or nothing. While it runs, it owns
    `scratch` bytes of the arena; `scratch_need` computes at run time how many the linked library
    needs. With `repeat`, the call runs once for each `image` of a batch, which its arguments may
    name. The lines `before` run first, then the calls `earlier`, which return nothing. A layer
    without a call computes nothing: its output has the bytes of tensor `alias`. The lines `body`
    replace the call in a layer that runs subgraphs; they return a status. `in_place` lists
    inputs of the output's size; the output may overwrite one of them after its last use.
    """

    operator: Operator
    notes: tuple[str, ...] = ()
    macs: int = 0
    arrays: tuple[Array, ...] = ()
    structs: tuple[Struct, ...] = ()
    before: tuple[str, ...] = ()
    earlier: tuple[Call, ...] = ()
    call: Call | None = None
    body: tuple[str, ...] = ()
    status: bool = True
    repeat: int = 1
    scratch: int = 0
    scratch_need: Call | None = None
    kernels: frozenset[str] = field(default_factory=frozenset)
    alias: int | None = None
    in_place: tuple[int, ...] = ()

    @property
    def computes(self) -> bool:
        """Whether the layer has a function in C."""
        return self.call is not None or bool(self.body)


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


def scale(tensor: Tensor) -> float:
    """Return the scale of an activation that was checked to have one."""
    return 0.0 if tensor.scale is None else float(tensor.scale[0])


def zero_point(tensor: Tensor) -> int:
    """Return the zero point of an activation that was checked to have one."""
    return 0 if tensor.zero_point is None else int(tensor.zero_point[0])


def c_type(dtype: np.dtype[Any]) -> str:
    """Return the C type of a tensor's elements; booleans are bytes of 0 and 1."""
    if dtype == np.bool_:
        return "int8_t"
    return "float" if dtype == np.float32 else f"{dtype}_t"


def at(address: str, offset: int) -> str:
    """Return the C expression for the address `offset` bytes after `address`."""
    return f"{address} + {offset}" if offset else address


def image_at(address: str, tensor: Tensor) -> str:
    """Return the C expression for the address of `image`, one of the batch in `tensor`."""
    batch = tensor.shape[0]
    return address if batch == 1 else f"{address} + image * {tensor.nbytes // batch}"


def c_float(value: float) -> str:
    """Return the exact C literal of a float32."""
    value = float(np.float32(value))
    if math.isnan(value):
        return '__builtin_nanf("")'
    if math.isinf(value):
        return "__builtin_inff()" if value > 0 else "-__builtin_inff()"
    return f"{value.hex()}F"


def bytes_array(name: str, tensor: Tensor) -> Array:
    """Return a constant of any type as an array of bytes, to be copied."""
    content = b"" if tensor.data is None else tensor.data.tobytes()
    return Array(name, np.frombuffer(content, np.int8), f"{shape(tensor)} {tensor.dtype}")


def shape(tensor: Tensor) -> str:
    """Return a shape for a person: 1x49x10x1."""
    return "x".join(map(str, tensor.shape)) or "scalar"


def quantization(tensor: Tensor) -> str:
    """Return a tensor's quantization for a person."""
    if tensor.scale is None or tensor.zero_point is None:
        return "not quantized"
    packed = ", unpacked from int4" if tensor.int4 else ""
    if tensor.scale.size > 1:
        return f"{tensor.scale.size} scales{packed}"
    return f"scale {float(tensor.scale[0]):.9g}, zero point {int(tensor.zero_point[0])}{packed}"
