"""Reads the tensors of a `.tflite` file: types, shapes, scales and constants, all checked."""

from typing import Any

import numpy as np
import tflite

from harness.model.file_facts import TYPES
from harness.model.graph import RESOURCE, Tensor
from harness.model.tflite_tables import TableReader
from harness.support.plural import count_of

MAX_ELEMENTS = 1 << 28
MAX_RANK = 8
_DTYPES: dict[int, np.dtype[Any]] = {
    number: np.dtype(name.lower())
    for number, name in TYPES.items()
    if name.lower() in np.sctypeDict and name != "STRING"
} | {tflite.TensorType.RESOURCE: RESOURCE}


class TensorReader(TableReader):
    """Reads tensors; every error names the file and the tensor."""

    def tensor(
        self, model: tflite.Model, table: tflite.Tensor, index: int, inputs: tuple[int, ...]
    ) -> Tensor:
        """Read the tensor `table`; `inputs` are the indices of the subgraph's inputs."""
        name = self.text(table.Name())
        who = f"tensor {index} ({name[:80]!r})"
        shape = self.shape(table, who, fixed=index in inputs)
        int4 = table.Type() == tflite.TensorType.INT4
        dtype = np.dtype(np.int8) if int4 else _DTYPES.get(table.Type())
        if dtype is None:
            kind = TYPES.get(table.Type(), str(table.Type()))
            raise self.fail(f"{who} has the unsupported type {kind}", "quantize to int8")
        scale, zero_point, axis = self.quantization(table.Quantization(), shape, dtype, who)
        # TFLM ignores a variable's data. An input gets its value in each inference anyway.
        if table.IsVariable() and index not in inputs and not int4:
            initial = self.initial(table, dtype)
            return Tensor(index, name, shape, dtype, scale, zero_point, axis, initial=initial)
        raw = self.raw_constant(model, table.Buffer(), who)
        if int4 and raw is None:
            raise self.fail(
                f"{who} has the unsupported type INT4; only constants can have it",
                "quantize to int8",
            )
        values = None if raw is None else self.constant(raw, shape, dtype, who, int4=int4)
        return Tensor(index, name, shape, dtype, scale, zero_point, axis, values, int4)

    def initial(self, table: tflite.Tensor, dtype: np.dtype[Any]) -> int:
        """Return the byte that fills a variable at the start, as TFLM's ResetTensorData."""
        quantization = table.Quantization()
        if dtype != np.int8 or quantization is None or quantization.ZeroPointLength() == 0:
            return 0
        return int(quantization.ZeroPoint(0)) & 0xFF

    def shape(self, table: tflite.Tensor, who: str, *, fixed: bool) -> tuple[int, ...]:
        """Return the shape for a batch of 1; with `fixed`, all other sizes must be known.

        Within a network, TFLM takes the sizes that the converter wrote in place of unknown ones.
        """
        shape = self.numbers(table, "Shape")
        signature = self.numbers(table, "ShapeSignature")
        if len(shape) > MAX_RANK:
            raise self.fail(
                f"{who} has {count_of(len(shape), 'dimension')}; at most {MAX_RANK} are supported"
            )
        if shape and signature[:1] == [-1]:
            shape[0] = 1  # a dynamic batch: one inference at a time
        if any(size < 0 for size in (*shape, *(signature[1:] if fixed else ()))):
            raise self.fail(
                f"{who} has shape {shape} and a dimension that is not fixed",
                "convert the model with a fixed input shape",
            )
        elements = 1
        for size in shape:
            elements *= size
            if elements > MAX_ELEMENTS:
                raise self.fail(f"{who} has shape {shape}, too large for any target")
        return tuple(shape)

    def quantization(
        self,
        table: tflite.QuantizationParameters | None,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        who: str,
    ) -> tuple[
        np.ndarray[Any, np.dtype[np.float32]] | None,
        np.ndarray[Any, np.dtype[np.int64]] | None,
        int,
    ]:
        """Return the scales, the zero points and their axis."""
        if table is None or table.ScaleLength() == 0:
            return None, None, 0
        scales = self.numbers(table, "Scale")
        points = self.numbers(table, "ZeroPoint")
        axis = int(table.QuantizedDimension())
        scale = np.array(scales, np.float32)
        zero_point = np.array(points, np.int64)
        if not np.isfinite(scale).all() or (scale < 0).any():
            raise self.fail(f"{who} has a scale that is negative or not finite")
        if zero_point.size not in {1, scale.size}:  # without any, TFLM ignores the scales, too
            raise self.fail(
                f"{who} has {count_of(scale.size, 'scale')} but {zero_point.size} zero points"
            )
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            outside = zero_point[(zero_point < limits.min) | (zero_point > limits.max)]
            if outside.size:  # TFLM cuts it to 32 bits
                raise self.fail(f"{who} has zero point {outside[0]}, which {dtype} cannot hold")
        if shape == (scale.size,):
            axis = 0  # whatever the file states: some converters give a bias its filter's axis
        if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
            raise self.fail(
                f"{who} has {count_of(scale.size, 'scale')} for axis {axis} of shape {shape}"
            )
        return scale, np.broadcast_to(zero_point, scale.shape), axis

    def raw_constant(
        self, model: tflite.Model, index: int, who: str
    ) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
        """Return the bytes of a buffer, or None if it is empty: the tensor is not a constant."""
        if not 0 <= index < model.BuffersLength():
            raise self.fail(f"{who} refers to buffer {index} of {model.BuffersLength()}")
        buffer = self.table(model.Buffers(index), f"buffer {index}")
        if buffer.Offset() > 1 or buffer.Size() > 1:
            raise self.fail(f"{who} keeps its data outside the flatbuffer", "convert below 2 GB")
        if buffer.DataLength() == 0:
            return None
        return np.asarray(buffer.DataAsNumpy())

    def constant(
        self,
        raw: np.ndarray[Any, np.dtype[np.uint8]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        who: str,
        *,
        int4: bool,
    ) -> np.ndarray[Any, np.dtype[Any]]:
        """Return the value of a constant; with `int4`, each byte holds two, the first one low."""
        elements = int(np.prod(shape, dtype=np.int64))
        size = -(-elements // 2) if int4 else elements * dtype.itemsize
        if raw.nbytes != size:
            raise self.fail(f"{who} needs {size} bytes of data but has {raw.nbytes}")
        if int4:
            halves = np.stack([raw << 4, raw & 0xF0], axis=-1).ravel()[:elements]
            raw = (halves.view(np.int8) >> 4).view(np.uint8)
        values = raw.view(dtype).reshape(shape)
        values.flags.writeable = False
        return values
