"""CONCATENATION and PACK, SPLIT, SPLIT_V and UNPACK: blocks of bytes put together or apart."""

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Struct,
    at,
    quantization,
    shape,
)
from harness.engines.cmsis_nn.loops import Axis, struct
from harness.engines.cmsis_nn.operator_view import AGAIN, Site
from harness.model.graph import Activation, ConcatenationOptions, PackOptions, Tensor, UnpackOptions

_MANY = 1 << 16


def concatenation(site: Site) -> Layer:
    """Lower CONCATENATION; as in TFLM int8 inputs are quantized as the output is."""
    site.arity(1, _MANY)
    options = cast("ConcatenationOptions", site.operator.options)
    if options.fused_activation_function is not Activation.NONE:
        name = options.fused_activation_function.name
        site.fail(f"the fused activation {name} is not supported", "apply it before")
    pieces, result = _pieces(site)
    axis = site.axis(options.axis, len(pieces[0].shape))
    for tensor in pieces:
        same_rank = len(tensor.shape) == len(pieces[0].shape)
        if not same_rank or _without(tensor, axis) != _without(pieces[0], axis):
            site.fail(
                f"shapes {shape(pieces[0])} and {shape(tensor)} differ beside axis {axis}", AGAIN
            )
        if result.dtype.name == "int8" and quantization(tensor) != quantization(result):
            site.fail(
                f"an input has {quantization(tensor)}, the output {quantization(result)}; "
                "TFLM wants them the same"
            )
    wanted = list(pieces[0].shape)
    wanted[axis] = sum(tensor.shape[axis] for tensor in pieces)
    site.result_shape(wanted)
    return _joined(site, pieces, result, math.prod(wanted[:axis]))


def pack(site: Site) -> Layer:
    """Lower PACK: inputs of one shape along a new axis."""
    site.arity(1, _MANY)
    options = cast("PackOptions", site.operator.options)
    pieces, result = _pieces(site)
    axis = site.axis(options.axis, len(pieces[0].shape) + 1)
    for tensor in pieces:
        if tensor.shape != pieces[0].shape:
            site.fail(f"shapes {shape(pieces[0])} and {shape(tensor)} differ", AGAIN)
    before, after = pieces[0].shape[:axis], pieces[0].shape[axis:]
    site.result_shape((*before, len(pieces), *after))
    return _joined(site, pieces, result, math.prod(before))


def split(site: Site) -> Layer:
    """Lower SPLIT: the axis, then the tensor, which comes apart into equal parts."""
    site.arity(2, 2, outputs=None)
    return _split(site, source=1, axis=0)


def split_v(site: Site) -> Layer:
    """Lower SPLIT_V: the tensor, the sizes of the parts, the axis."""
    site.arity(3, 3, outputs=None)
    return _split(site, source=0, axis=2)


def unpack(site: Site) -> Layer:
    """Lower UNPACK: one output for each position along an axis, which vanishes."""
    site.arity(1, 1, outputs=None)
    options = cast("UnpackOptions", site.operator.options)
    source, _ = site.moved(0)
    axis = site.axis(options.axis, len(source.shape))
    count = source.shape[axis]
    if len(site.operator.outputs) != count:
        site.fail(f"{len(site.operator.outputs)} outputs for {count} positions", AGAIN)
    for position in range(count):
        site.result_shape(_without(source, axis), position)
    return _parted(site, source, math.prod(source.shape[:axis]))


def _split(site: Site, *, source: int, axis: int) -> Layer:
    tensor, _ = site.moved(source)
    values = site.integers(axis, "the axis")
    if len(values) != 1:
        site.fail(f"the axis has {len(values)} values", AGAIN)
    along = site.axis(values[0], len(tensor.shape))
    parts = [site.graph.tensors[index] for index in site.operator.outputs]
    for part in parts:
        site.movable(part, "an output")
        same_rank = len(part.shape) == len(tensor.shape)
        if not same_rank or _without(part, along) != _without(tensor, along):
            site.fail(f"{shape(part)} is no part of {shape(tensor)} along axis {along}", AGAIN)
    if sum(part.shape[along] for part in parts) != tensor.shape[along]:
        site.fail(f"the parts along axis {along} do not add up to {tensor.shape[along]}", AGAIN)
    return _parted(site, tensor, math.prod(tensor.shape[:along]))


def _pieces(site: Site) -> tuple[list[Tensor], Tensor]:
    result = site.graph.tensors[site.operator.outputs[0]]
    pieces = [site.movable(site.tensor(i), f"input {i}") for i in range(len(site.operator.inputs))]
    for tensor in pieces:
        if tensor.dtype != result.dtype:
            site.fail(f"an input has type {tensor.dtype}, the output {result.dtype}", AGAIN)
    return pieces, result


def _without(tensor: Tensor, axis: int) -> tuple[int, ...]:
    """Return the shape without `axis`."""
    return (*tensor.shape[:axis], *tensor.shape[axis + 1 :])


def _joined(site: Site, pieces: Sequence[Tensor], result: Tensor, blocks: int) -> Layer:
    """Put `blocks` blocks of each piece side by side."""
    arrays: list[Array] = []
    copies, offset = [], 0
    for position, tensor in enumerate(pieces):
        source, constant = site.operand(position)
        arrays += constant
        width = tensor.nbytes // blocks
        walk = Axis(blocks, width, result.nbytes // blocks)
        copies.append(_Copy(tensor, walk, source, at(site.address(result), offset)))
        offset += width
    return _layer(site, copies, result, blocks, tuple(arrays))


def _parted(site: Site, source: Tensor, blocks: int) -> Layer:
    """Deal `blocks` blocks to each output in turn."""
    copies, offset = [], 0
    for index in site.operator.outputs:
        tensor = site.graph.tensors[index]
        if tensor.dtype != source.dtype:
            site.fail(f"an output has type {tensor.dtype}, the input {source.dtype}", AGAIN)
        width = tensor.nbytes // blocks
        walk = Axis(blocks, source.nbytes // blocks, width)
        copies.append(_Copy(tensor, walk, at(site.address(source), offset), site.address(tensor)))
        offset += width
    return _layer(site, copies, source, blocks, ())


class _Copy(NamedTuple):
    """One part, how its blocks and the whole's are walked, and from where to where."""

    part: Tensor
    walk: Axis
    source: str
    target: str


def _layer(
    site: Site, copies: Sequence[_Copy], whole: Tensor, blocks: int, arrays: tuple[Array, ...]
) -> Layer:
    structs: list[Struct] = []
    calls = []
    for position, copy in enumerate(copies):
        structs.append(struct(site, f"loops_{position}", (copy.walk,)))
        width = str(copy.part.nbytes // blocks)
        calls.append(Call("nn_copy", (f"&{structs[-1].name}", width, copy.source, copy.target)))
    return Layer(
        site.operator,
        notes=(f"{' + '.join(shape(copy.part) for copy in copies)}; together {shape(whole)}",),
        arrays=arrays,
        structs=tuple(structs),
        earlier=tuple(calls[:-1]),
        call=calls[-1],
        status=False,
        kernels=frozenset({"nn_copy.c"}),
    )
