"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR, of images with any batch."""

import math
from typing import cast

import numpy as np

from harness.engines.cmsis_nn.copies import byte_operand
from harness.engines.cmsis_nn.layer import Array, Call, Layer, Struct, at, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.graph import Tensor
from harness.model.operator_options import ResizeOptions

MAX_SIDE = 65535  # pixels of a resized image; the kernel counts rows in uint16_t


def resize_nearest_neighbor(view: OperatorView) -> Layer:
    """Lower RESIZE_NEAREST_NEIGHBOR; tables hold each pixel's source position."""
    options = cast("ResizeOptions", view.operator.options)
    source, result = image(view)
    of = view.names.of
    rows, columns = (
        Array(of(part), np.array(_nearest(source.shape[i], result.shape[i], options), np.uint16))
        for i, part in ((1, "rows"), (2, "columns"))
    )
    pixel = source.shape[3] * source.dtype.itemsize
    arguments = (
        rows.name,
        str(result.shape[1]),
        columns.name,
        str(result.shape[2]),
        str(source.shape[2] * pixel),
        str(pixel),
    )
    return _layer(view, "nn_resize_nearest", arguments, (rows, columns))


def resize_bilinear(view: OperatorView) -> Layer:
    """Lower RESIZE_BILINEAR of int8; TFLM computes in whole 1/1024 of a pixel.

    Source: TFLM tensorflow/lite/kernels/internal/reference/resize_bilinear.h,
    ResizeBilinearInteger.
    """
    options = bilinear_options(view)
    source, result = image(view)
    sides = [_side(view, source.shape[i], result.shape[i]) for i in (1, 2)]
    params = Struct(
        "nn_resize_bilinear_params_t",
        view.names.of("params"),
        (
            f".height = {sides[0]}",
            f".width = {sides[1]}",
            f".depth = {source.shape[3]}",
            f".half_pixel_centers = {int(options.half_pixel_centers)}",
        ),
    )
    return _layer(view, "nn_resize_bilinear_s8", (f"&{params.name}",), (), (params,))


def bilinear_options(view: OperatorView) -> ResizeOptions:
    """Return the options of RESIZE_BILINEAR, checked."""
    options = cast("ResizeOptions", view.operator.options)
    if options.align_corners and options.half_pixel_centers:
        view.fail(
            "it aligns corners and uses half pixel centers, which TFLM rejects",
            "choose one of them",
        )
    return options


def image(view: OperatorView) -> tuple[Tensor, Tensor]:
    """Return the input and output, checked."""
    view.check_arity(2, 2)
    source, result = view.source_and_result(0)
    size = view.constant_integers(1, "the size")
    view.check_rank(view.tensor(1), 1, "the size")
    view.check_result_shape((source.shape[0], *size, source.shape[3]))
    view.check_movable(result, "the output")
    if max(*source.shape, *result.shape) > MAX_SIDE:
        view.fail(f"a side exceeds {MAX_SIDE}", "make the layer smaller")
    return source, result


def _layer(
    view: OperatorView,
    function: str,
    arguments: tuple[str, ...],
    arrays: tuple[Array, ...],
    structs: tuple[Struct, ...] = (),
) -> Layer:
    """Return the layer that calls `function` for each image of the batch."""
    source, result = view.tensor(0), view.graph.tensors[view.operator.outputs[0]]
    address, constant = byte_operand(view, 0)
    ends = [
        (
            at(address, i * source.nbytes // source.shape[0]),
            at(view.address(result), i * result.nbytes // source.shape[0]),
        )
        for i in range(source.shape[0])
    ]
    calls = [Call(function, (*arguments, *pair)) for pair in ends]
    return Layer(
        view.operator,
        notes=(f"{shape(source)} -> {shape(result)}",),
        arrays=(*arrays, *constant),
        structs=structs,
        earlier=tuple(calls[:-1]),
        call=calls[-1],
        status=False,
        kernels=frozenset({f"{function}.c"}),
    )


def _nearest(source: int, result: int, options: ResizeOptions) -> list[int]:
    """Return the source position of each of `result` pixels, in float32 as TFLM computes it.

    Source: resize_nearest_neighbor.h, GetNearestNeighbor.
    """
    corners = options.align_corners
    if corners and result > 1:
        ratio = np.float32(source - 1) / np.float32(result - 1)
    else:
        ratio = np.float32(source) / np.float32(result)
    offset = np.float32(0.5 if options.half_pixel_centers else 0.0)
    positions = [float((np.float32(i) + offset) * ratio) for i in range(result)]
    # TFLM rounds halves away from zero; no position is negative.
    return [
        min(math.floor(position + 0.5 if corners else position), source - 1)
        for position in positions
    ]


def _side(view: OperatorView, source: int, result: int) -> str:
    """Return a `nn_resize_side_t`."""
    options = cast("ResizeOptions", view.operator.options)
    whole, parts = source, result
    if options.align_corners and result > 1:
        whole, parts = source - 1, result - 1
    step = (1024 * whole + parts // 2) // parts
    last = (result - 1) * step
    if options.half_pixel_centers:
        last += step // 2 - 512
    if last // 1024 >= source:
        view.fail(
            f"TFLM rounds the distance between pixels from {source} to {result} so far up that it "
            "reads outside the image",
            "resize by a smaller factor",
        )
    return f"{{{source}, {result}, {step}}}"
