"""Layers that only copy: calls of `nn_copy`, which runs nested loops over two tensors."""

from collections.abc import Sequence
from typing import NamedTuple

from harness.engines.cmsis_nn.layer import Array, Call, Layer, Struct, at, shape
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct, merge, strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.graph import Tensor


class Copy(NamedTuple):
    """The copy of blocks of `width` bytes along `axes`, and both addresses in C."""

    axes: Sequence[LoopAxis]
    width: int
    source: str
    destination: str

    def widened(self) -> "Copy":
        """Return the same copy with the innermost axis in its blocks, if that is contiguous."""
        innermost = self.axes[-1]
        if not innermost.first == innermost.second == self.width:
            return self
        axes = self.axes[:-1] or (LoopAxis(1, 0, 0),)
        return self._replace(axes=axes, width=self.width * innermost.size)


def copies_layer(
    view: OperatorView,
    notes: tuple[str, ...],
    copies: Sequence[Copy],
    *,
    arrays: tuple[Array, ...] = (),
    earlier: tuple[Call, ...] = (),
    part: str = "loops_{}",
    starts: Struct | None = None,
) -> Layer:
    """Return the layer that runs `earlier` and then `copies`; `part` names the loops.

    `starts` is for an address that `nn_slice_offset` computes.
    """
    structs = [starts] if starts else []
    calls = list(earlier)
    for number, copy in enumerate(copies):
        structs.append(loops_struct(view, part.format(number), copy.axes))
        arguments = (f"&{structs[-1].name}", str(copy.width), copy.source, copy.destination)
        calls.append(Call("nn_copy", arguments))
    computed = {"nn_slice_offset.c"} if starts else set()
    return Layer(
        view.operator,
        notes=notes,
        arrays=arrays,
        structs=tuple(structs),
        earlier=tuple(calls[:-1]),
        call=calls[-1],
        status=False,
        kernels=frozenset(f"{call.function}.c" for call in calls) | computed,
    )


def strided_copy(
    view: OperatorView,
    position: int,
    offset: int,
    strides: Sequence[int],
    sizes: Sequence[int] | None = None,
) -> Layer:
    """Return the layer that copies input `position`, from byte `offset` on, to the output.

    `strides` are the source's, in bytes. `sizes` are the numbers of positions along each axis; by
    default the output's shape.
    """
    source, result = view.tensor(position), view.graph.tensors[view.operator.outputs[0]]
    sizes = result.shape if sizes is None else sizes
    width = result.dtype.itemsize
    packed = strides_of(sizes, width)
    axes = merge([LoopAxis(*axis) for axis in zip(sizes, strides, packed, strict=True)])
    notes = (f"{shape(source)} -> {shape(result)}",)
    if source.data is None and _same_bytes(axes, source, result):
        return Layer(view.operator, notes=(*notes, "the same bytes"), alias=source.index)
    address, constant = byte_operand(view, position)
    copy = Copy(axes, width, at(address, offset), view.address(result))
    return copies_layer(view, notes, (copy.widened(),), arrays=constant, part="loops")


def byte_operand(view: OperatorView, position: int) -> tuple[str, tuple[Array, ...]]:
    """Return the C expression for input `position` in bytes, and its constant, if it is one."""
    address, constant = view.operand(position)
    wide = bool(constant) and constant[0].values.dtype.itemsize > 1
    return (f"(const int8_t *){address}" if wide else address), constant


def _same_bytes(axes: Sequence[LoopAxis], source: Tensor, result: Tensor) -> bool:
    packed = axes[-1].first == axes[-1].second == result.dtype.itemsize
    contiguous = packed or result.elements == 1
    return contiguous and len(axes) == 1 and source.elements == result.elements
