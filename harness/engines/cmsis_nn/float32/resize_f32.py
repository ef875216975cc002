"""RESIZE_BILINEAR of float32."""

import numpy as np
import numpy.typing as npt

from harness.engines.cmsis_nn.float32 import tensors_f32 as f32
from harness.engines.cmsis_nn.layer import Array, Call, Layer, Struct
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.resize import bilinear_options, image
from harness.model.operator_options import ResizeOptions


def resize_bilinear(view: OperatorView) -> Layer:
    """Lower RESIZE_BILINEAR; tables hold what each row and column lies between.

    Source: TFLM tensorflow/lite/kernels/internal/reference/resize_bilinear.h, ResizeBilinear.
    """
    options = bilinear_options(view)
    source, result = image(view)
    arrays: list[Array] = []
    sides = []
    for axis, name in ((1, "rows"), (2, "columns")):
        size, wanted = source.shape[axis], result.shape[axis]
        between, distance = _between(size, wanted, options)
        tables = (
            Array(view.names.of(name), between),
            Array(view.names.of(f"{name}_distance"), distance),
        )
        arrays += tables
        sides.append(f".{name} = {{{size}, {wanted}, {tables[0].name}, {tables[1].name}}}")
    fields = (f".images = {source.shape[0]}", *sides, f".depth = {source.shape[3]}")
    params = Struct("nn_resize_bilinear_f32_params_t", view.names.of("params"), fields)
    address, constant = view.typed_operand(0)
    return Layer(
        view.operator,
        notes=f32.notes(source, result),
        arrays=(*arrays, *constant),
        structs=(params,),
        call=Call(
            "nn_resize_bilinear_f32", (f"&{params.name}", address, view.typed_address(result))
        ),
        status=False,
        kernels=frozenset({"nn_resize_bilinear_f32.c"}),
    )


def _between(
    size: int, wanted: int, options: ResizeOptions
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.float32]]:
    """Return what each of `wanted` pixels lies between of `size`, and how far from the first.

    TFLM computes it in float32. With half pixel centers, the first pixels lie before the image.
    """
    ratio = np.float32(size) / np.float32(wanted)
    if options.align_corners and wanted > 1:
        ratio = np.float32(size - 1) / np.float32(wanted - 1)
    half = np.float32(0.5 if options.half_pixel_centers else 0)
    positions = (np.arange(wanted, dtype=np.float32) + half) * ratio - half
    low = np.maximum(np.floor(positions), np.float32(0))
    high = np.minimum(np.ceil(positions), np.float32(size - 1))
    return np.stack([low, high], axis=1).astype(np.uint16), positions - low
