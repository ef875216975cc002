"""DEPTH_TO_SPACE, SPACE_TO_DEPTH, BATCH_TO_SPACE_ND and SPACE_TO_BATCH_ND: blocks of pixels."""

import math
from typing import cast

from harness.engines.cmsis_nn.copies import strided_copy
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN, FIX_THE_BATCH
from harness.model.graph import Tensor
from harness.model.operator_options import BlockOptions


def depth_to_space(view: OperatorView) -> Layer:
    """Lower DEPTH_TO_SPACE: the channels of a pixel become a block of pixels."""
    view.check_arity(1, 1)
    block = _block(view)
    source, _ = view.source_and_result(0)
    batch, rows, columns, channels = source.shape
    depth = channels // (block * block)
    if depth * block * block != channels:
        view.fail(f"{channels} channels are not blocks of {block}x{block} pixels", CONVERT_AGAIN)
    view.check_result_shape((batch, rows * block, columns * block, depth))
    width = source.dtype.itemsize
    sizes = (batch * rows, block, columns, block, depth)
    pixel = channels * width
    strides = (columns * pixel, block * depth * width, pixel, depth * width, width)
    return strided_copy(view, 0, 0, strides, sizes)


def space_to_depth(view: OperatorView) -> Layer:
    """Lower SPACE_TO_DEPTH: a block of pixels becomes the channels of one."""
    view.check_arity(1, 1)
    block = _block(view)
    source, _ = view.source_and_result(0)
    batch, rows, columns, channels = source.shape
    if rows % block or columns % block:
        view.fail(f"{rows}x{columns} pixels are not blocks of {block}x{block}", CONVERT_AGAIN)
    out_rows, out_columns = rows // block, columns // block
    view.check_result_shape((batch, out_rows, out_columns, channels * block * block))
    pixel = channels * source.dtype.itemsize
    sizes = (batch * out_rows, out_columns, block, block * channels)
    strides = (block * columns * pixel, block * pixel, columns * pixel, source.dtype.itemsize)
    return strided_copy(view, 0, 0, strides, sizes)


def _block(view: OperatorView) -> int:
    options = cast("BlockOptions", view.operator.options)
    if options.block_size < 1:
        view.fail(f"the block size {options.block_size} is below 1", CONVERT_AGAIN)
    return options.block_size


def space_to_batch_nd(view: OperatorView) -> Layer:
    """Lower SPACE_TO_BATCH_ND: pixels at the same place of their blocks become one image.

    As in TFLM, borders are filled with the stored value 0, whatever the zero point.
    """
    source, result = _ends(view)
    return _blocks(view, image=source, blocks=result)


def batch_to_space_nd(view: OperatorView) -> Layer:
    """Lower BATCH_TO_SPACE_ND, the reverse of SPACE_TO_BATCH_ND."""
    source, result = _ends(view)
    return _blocks(view, image=result, blocks=source)


def _ends(view: OperatorView) -> tuple[Tensor, Tensor]:
    view.check_arity(3, 3)
    source, result = view.source_and_result(0)
    view.check_movable(result, "the output")
    if len(source.shape) != len(result.shape):
        view.fail(f"{shape(source)} and {shape(result)} differ in dimensions", CONVERT_AGAIN)
    return source, result


def _blocks(view: OperatorView, *, image: Tensor, blocks: Tensor) -> Layer:
    """Return the layer between an `image` with borders and the images made of its `blocks`."""
    source, result = view.source_and_result(0)
    sides = _sides(view, image, blocks)
    fields = [
        f".batch = {image.shape[0]}",
        *(f".{name} = {{{', '.join(map(str, side))}}}" for name, side in sides.items()),
        f".pixel = {image.shape[-1] * image.dtype.itemsize}",
    ]
    params = Struct("nn_blocks_t", view.names.of("params"), tuple(fields))
    address, constant = view.operand(0)
    to_batch = str(int(image is source))
    return Layer(
        view.operator,
        notes=(f"{shape(source)} -> {shape(result)}",),
        arrays=constant,
        structs=(params,),
        call=Call("nn_blocks", (f"&{params.name}", to_batch, address, view.address(result))),
        status=False,
        kernels=frozenset({"nn_blocks.c"}),
    )


def _sides(
    view: OperatorView, image: Tensor, blocks: Tensor
) -> dict[str, tuple[int, int, int, int]]:
    """Return height and width: pixels, blocks, pixels in a block, and the border in front."""
    block = view.constant_integers(1, "the block's shape")
    border = view.constant_integers(2, "the border")
    axes = len(image.shape) - 2
    if len(block) != axes or len(border) != 2 * axes or min(block) < 1 or min(border) < 0:
        view.fail(f"block {block} and border {border} do not suit {shape(image)}", CONVERT_AGAIN)
    whole = (image.shape[0] * math.prod(block), image.shape[-1])
    if blocks.shape[0] == 1 < whole[0]:
        view.fail(
            "the batch is not fixed in the file, so it has one image where the blocks make "
            "several; TFLM then computes only a part of the values",
            FIX_THE_BATCH,
        )
    if whole != (blocks.shape[0], blocks.shape[-1]):
        view.fail(f"{shape(image)} in blocks of {block} is not {shape(blocks)}", CONVERT_AGAIN)
    # Without a width, an image is one pixel wide.
    sides = {"height": (1, 1, 1, 0), "width": (1, 1, 1, 0)}
    for axis, (name, size) in enumerate(zip(sides, block, strict=False)):
        pixels, count = image.shape[axis + 1], blocks.shape[axis + 1]
        before, after = border[2 * axis : 2 * axis + 2]
        if pixels + before + after != size * count:
            view.fail(
                f"{pixels + before + after} pixels of axis {axis + 1} are not {count} blocks of "
                f"{size}",
                CONVERT_AGAIN,
            )
        sides[name] = (pixels, count, size, before)
    return sides
