"""Builds small `.tflite` files without TensorFlow: one operator, a few, or at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
import tflite

from harness.model.graph import RESOURCE

Array = np.ndarray[Any, Any]
NONE, RELU, RELU_N1_TO_1, RELU6, TANH, SIGN_BIT = range(6)
SAME, VALID = 0, 1

TENSOR_TYPES = {
    np.dtype(np.uint32): tflite.TensorType.UINT32,
    np.dtype(np.float32): tflite.TensorType.FLOAT32,
    np.dtype(np.int8): tflite.TensorType.INT8,
    np.dtype(np.int16): tflite.TensorType.INT16,
    np.dtype(np.int32): tflite.TensorType.INT32,
    np.dtype(np.int64): tflite.TensorType.INT64,
    np.dtype(np.bool_): tflite.TensorType.BOOL,
    np.dtype(np.uint8): tflite.TensorType.UINT8,
    RESOURCE: tflite.TensorType.RESOURCE,
}


class Options(TypedDict, total=False):
    """What a test may change of a `Convolution`."""

    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: int
    activation: int
    per_channel: bool
    bias: bool
    zero_point: int


@dataclass(frozen=True)
class Convolution:
    """How a window moves, and what is done with its sums; pairs are height and width."""

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = SAME
    activation: int = NONE
    per_channel: bool = True
    bias: bool = True
    zero_point: int = -3


@dataclass
class _Tensor:
    shape: Sequence[int]
    dtype: int
    scale: Sequence[float]
    zero_point: Sequence[int]
    axis: int
    buffer: int
    signature: Sequence[int] | None
    name: str
    variable: bool = False


# Kind, inputs, outputs, options' table, its fields.
_Operator = tuple[str, Sequence[int], Sequence[int], str | None, dict[str, Any]]


@dataclass
class Builder:
    """Collects tensors and operators; `build` returns the bytes of the file.

    `parts` are further subgraphs, each with its `ends`: its inputs and outputs.
    """

    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    name: str = "main"
    tensors: list[_Tensor] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    operators: list[_Operator] = field(default_factory=list)
    parts: list["Builder"] = field(default_factory=list)
    ends: tuple[Sequence[int], Sequence[int]] = ((), ())

    def part(self) -> tuple[int, "Builder"]:
        """Add a subgraph of the same file; return its number, and what collects its parts."""
        self.parts.append(Builder(self.rng, buffers=self.buffers, parts=self.parts))
        return len(self.parts), self.parts[-1]

    def tensor(
        self,
        shape: Sequence[int],
        *,
        scale: Sequence[float] | float = (),
        zero_point: Sequence[int] | int = (),
        data: Array | None = None,
        dtype: Any = np.int8,
        axis: int = 0,
        signature: Sequence[int] | None = None,
        name: str = "",
    ) -> int:
        """Add a tensor and return its index; `data` makes it a constant."""
        number = 0
        if data is not None:
            dtype = data.dtype
            self.buffers.append(data.tobytes())
            number = len(self.buffers) - 1
        kind = TENSOR_TYPES[np.dtype(dtype)]
        scales = [scale] if isinstance(scale, float) else list(scale)
        points = [zero_point] if isinstance(zero_point, int) else list(zero_point)
        name = name or f"t{len(self.tensors)}"
        self.tensors.append(_Tensor(shape, kind, scales, points, axis, number, signature, name))
        return len(self.tensors) - 1

    def variable(
        self, shape: Sequence[int], scale: float, zero_point: int, dtype: Any = np.int8
    ) -> int:
        """Add a tensor that keeps its value between inferences."""
        index = self.tensor(shape, scale=scale, zero_point=zero_point, dtype=dtype)
        self.tensors[index].variable = True
        return index

    def operator(
        self,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str | None = None,
        **values: Any,
    ) -> None:
        """Add an operator; `values` are the fields of its `options` table.

        A custom operator has no table; its options are the bytes `CustomOptions`.
        """
        self.operators.append((kind, inputs, outputs, options, values))

    # Layers: each adds an operator on tensor `source` and returns its output's index.

    def shape(self, index: int) -> tuple[int, ...]:
        return tuple(self.tensors[index].shape)

    def activation(self, shape: Sequence[int], scale: float, zero_point: int) -> int:
        return self.tensor(shape, scale=scale, zero_point=zero_point)

    def weights(self, shape: Sequence[int], axis: int | None) -> int:
        """Add random int8 weights with a scale for each index of `axis`, or one."""
        count = 1 if axis is None else shape[axis]
        # Keeps the output's scale near the input's, so that clamps at 1 and 6 matter.
        summands = int(np.prod(shape)) // shape[axis or 0]
        scales = (self.rng.uniform(0.3, 1.5, count) * 0.01 / np.sqrt(summands)).astype(np.float32)
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        return self.tensor(
            shape, scale=scales.tolist(), zero_point=[0] * count, data=data, axis=axis or 0
        )

    def bias(self, channels: int, source: int, weights: int) -> int:
        scales = np.array(self.tensors[weights].scale, np.float32)
        scales *= np.float32(self.tensors[source].scale[0])
        data = self.rng.integers(-3000, 3000, channels).astype(np.int32)
        return self.tensor(
            (channels,), scale=scales.tolist(), zero_point=[0] * len(scales), data=data
        )

    def suitable(self, source: int, weights: int, summands: int) -> float:
        """Return an output scale that spreads sums of `summands` products over int8."""
        product = self.tensors[source].scale[0] * float(np.mean(self.tensors[weights].scale))
        return float(np.float32(product * 5000.0 * np.sqrt(summands) / 50.0))

    def conv_2d(
        self,
        source: int,
        channels: int,
        window: tuple[int, int],
        **options: Unpack[Options],
    ) -> int:
        convolution = Convolution(**options)
        depth = self.shape(source)[3]
        weights = self.weights((channels, *window, depth), 0 if convolution.per_channel else None)
        return self._convolution(
            "CONV_2D",
            source,
            weights,
            convolution,
            channels=channels,
            window=window,
            summands=depth * window[0] * window[1],
        )

    def depthwise(
        self,
        source: int,
        multiplier: int,
        window: tuple[int, int],
        **options: Unpack[Options],
    ) -> int:
        convolution = Convolution(**options)
        channels = self.shape(source)[3] * multiplier
        weights = self.weights((1, *window, channels), 3 if convolution.per_channel else None)
        return self._convolution(
            "DEPTHWISE_CONV_2D",
            source,
            weights,
            convolution,
            channels=channels,
            window=window,
            summands=window[0] * window[1],
            multiplier=multiplier,
        )

    def _convolution(
        self,
        kind: str,
        source: int,
        weights: int,
        convolution: Convolution,
        *,
        channels: int,
        window: tuple[int, int],
        summands: int,
        multiplier: int | None = None,
    ) -> int:
        stride, dilation, padding = convolution.stride, convolution.dilation, convolution.padding
        height, width = self.shape(source)[1:3]
        shape = (
            1,
            extent(height, window[0], stride[0], dilation[0], padding),
            extent(width, window[1], stride[1], dilation[1], padding),
            channels,
        )
        scale = self.suitable(source, weights, summands)
        result = self.activation(shape, scale, convolution.zero_point)
        inputs = [source, weights]
        if convolution.bias:
            inputs.append(self.bias(channels, source, weights))
        extra = {} if multiplier is None else {"DepthMultiplier": multiplier}
        self.operator(
            kind,
            inputs,
            [result],
            "Conv2DOptions" if multiplier is None else "DepthwiseConv2DOptions",
            Padding=padding,
            StrideH=stride[0],
            StrideW=stride[1],
            DilationHFactor=dilation[0],
            DilationWFactor=dilation[1],
            FusedActivationFunction=convolution.activation,
            **extra,
        )
        return result

    def dense(
        self,
        source: int,
        outputs: int,
        *,
        activation: int = NONE,
        per_channel: bool = False,
        bias: bool = True,
        zero_point: int = 4,
        keep: bool = False,
    ) -> int:
        shape = self.shape(source)
        inputs = shape[-1] if keep else int(np.prod(shape))
        weights = self.weights((outputs, inputs), 0 if per_channel else None)
        scale = self.suitable(source, weights, inputs)
        result = self.activation(
            (*shape[:-1], outputs) if keep else (1, outputs), scale, zero_point
        )
        operands = [source, weights, self.bias(outputs, source, weights) if bias else -1]
        self.operator(
            "FULLY_CONNECTED",
            operands,
            [result],
            "FullyConnectedOptions",
            FusedActivationFunction=activation,
            KeepNumDims=keep,
        )
        return result

    def pool(
        self,
        kind: str,
        source: int,
        window: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        padding: int = VALID,
        activation: int = NONE,
    ) -> int:
        _, height, width, channels = self.shape(source)
        shape = (
            1,
            extent(height, window[0], stride[0], 1, padding),
            extent(width, window[1], stride[1], 1, padding),
            channels,
        )
        tensor = self.tensors[source]
        result = self.activation(shape, tensor.scale[0], tensor.zero_point[0])
        self.operator(
            kind,
            [source],
            [result],
            "Pool2DOptions",
            Padding=padding,
            StrideH=stride[0],
            StrideW=stride[1],
            FilterHeight=window[0],
            FilterWidth=window[1],
            FusedActivationFunction=activation,
        )
        return result

    def add(self, first: int, second: int, *, activation: int = NONE, scale: float = 0.11) -> int:
        shape = max(self.shape(first), self.shape(second), key=lambda s: (len(s), np.prod(s)))
        result = self.activation(shape, scale, 7)
        self.operator(
            "ADD", [first, second], [result], "AddOptions", FusedActivationFunction=activation
        )
        return result

    def reshape(self, source: int, shape: Sequence[int]) -> int:
        tensor = self.tensors[source]
        result = self.activation(shape, tensor.scale[0], tensor.zero_point[0])
        wanted = self.tensor((len(shape),), data=np.array(shape, np.int32))
        self.operator("RESHAPE", [source, wanted], [result], "ReshapeOptions")
        return result

    def softmax(self, source: int, *, beta: float = 1.0) -> int:
        result = self.activation(self.shape(source), 1 / 256, -128)
        self.operator("SOFTMAX", [source], [result], "SoftmaxOptions", Beta=beta)
        return result

    def build(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        repeat: int = 1,
        subgraphs: int = 1,
        tensors: int = 1,
        metadata: tuple[str, int] = ("", 0),
    ) -> bytes:
        """Return the file; hostile ones list tensors, operators or subgraph several times.

        `metadata` is the name of an entry, and how often it is listed.
        """
        b = flatbuffers.Builder(1024)
        buffers = [self._buffer(b, data) for data in self.buffers]
        buffers_at = _offsets(b, buffers)
        self.ends = (inputs, outputs)
        whole = [self, *self.parts]
        kinds = sorted({operator[0] for part in whole for operator in part.operators})
        codes_at = _offsets(b, [_code(b, kind) for kind in kinds])
        metadata_at = _metadata(b, *metadata)
        written = [part._subgraph(b, kinds, repeat, tensors) for part in whole]
        subgraphs_at = _offsets(b, written * subgraphs)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, codes_at)
        tflite.ModelAddSubgraphs(b, subgraphs_at)
        tflite.ModelAddBuffers(b, buffers_at)
        tflite.ModelAddMetadata(b, metadata_at)
        b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
        return bytes(b.Output())

    def _subgraph(self, b: Any, kinds: Sequence[str], repeat: int, tensors: int) -> int:
        tensors_at = _offsets(b, [_tensor(b, tensor) for tensor in self.tensors] * tensors)
        operators_at = _offsets(
            b, [_operator(b, kinds.index(o[0]), o) for o in self.operators] * repeat
        )
        inputs_at, outputs_at = (_integers(b, indices) for indices in self.ends)
        name = b.CreateString(self.name)
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensors_at)
        tflite.SubGraphAddInputs(b, inputs_at)
        tflite.SubGraphAddOutputs(b, outputs_at)
        tflite.SubGraphAddOperators(b, operators_at)
        tflite.SubGraphAddName(b, name)
        return int(tflite.SubGraphEnd(b))

    @staticmethod
    def _buffer(b: Any, data: bytes) -> int:
        at = None
        if data:
            at = b.CreateByteVector(data)
        tflite.BufferStart(b)
        if at is not None:
            tflite.BufferAddData(b, at)
        return int(tflite.BufferEnd(b))


def extent(size: int, window: int, stride: int, dilation: int, padding: int) -> int:
    """Return the number of windows along an axis, as TFLite's ComputeOutSize."""
    free = size if padding == SAME else size - (window - 1) * dilation
    return -(-free // stride)


def _offsets(b: Any, items: Sequence[int]) -> int:
    b.StartVector(4, len(items), 4)
    for item in reversed(items):
        b.PrependUOffsetTRelative(item)
    return int(b.EndVector())


def _integers(b: Any, items: Sequence[int]) -> int:
    return int(b.CreateNumpyVector(np.array(items, np.int32)))


def _metadata(b: Any, name: str, repeat: int) -> int:
    name_at = b.CreateString(name)
    tflite.MetadataStart(b)
    tflite.MetadataAddName(b, name_at)
    return _offsets(b, [int(tflite.MetadataEnd(b))] * repeat)


def _code(b: Any, kind: str) -> int:
    custom = b.CreateString(kind) if not hasattr(tflite.BuiltinOperator, kind) else None
    number = getattr(tflite.BuiltinOperator, kind, tflite.BuiltinOperator.CUSTOM)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddBuiltinCode(b, number)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
    if custom is not None:
        tflite.OperatorCodeAddCustomCode(b, custom)
    tflite.OperatorCodeAddVersion(b, 1)
    return int(tflite.OperatorCodeEnd(b))


def _tensor(b: Any, tensor: _Tensor) -> int:
    name = b.CreateString(tensor.name)
    shape = _integers(b, tensor.shape)
    signature = None if tensor.signature is None else _integers(b, tensor.signature)
    quantization = None
    if tensor.scale:
        scale = b.CreateNumpyVector(np.array(tensor.scale, np.float32))
        points = b.CreateNumpyVector(np.array(tensor.zero_point, np.int64))
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, points)
        tflite.QuantizationParametersAddQuantizedDimension(b, tensor.axis)
        quantization = tflite.QuantizationParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, tensor.dtype)
    tflite.TensorAddBuffer(b, tensor.buffer)
    tflite.TensorAddName(b, name)
    tflite.TensorAddIsVariable(b, tensor.variable)
    if signature is not None:
        tflite.TensorAddShapeSignature(b, signature)
    if quantization is not None:
        tflite.TensorAddQuantization(b, quantization)
    return int(tflite.TensorEnd(b))


def _operator(b: Any, code: int, operator: _Operator) -> int:
    _, inputs, outputs, options, values = operator
    options_at = None
    if options is not None:
        texts = {name: b.CreateString(v) for name, v in values.items() if isinstance(v, str)}
        getattr(tflite, f"{options}Start")(b)
        for name, value in (values | texts).items():
            getattr(tflite, f"{options}Add{name}")(b, value)
        options_at = getattr(tflite, f"{options}End")(b)
    custom = values.get("CustomOptions") if options is None else None
    custom_at = None if not custom else b.CreateByteVector(custom)
    inputs_at, outputs_at = _integers(b, inputs), _integers(b, outputs)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, inputs_at)
    tflite.OperatorAddOutputs(b, outputs_at)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, options))
        tflite.OperatorAddBuiltinOptions(b, options_at)
    if custom_at is not None:
        tflite.OperatorAddCustomOptions(b, custom_at)
    return int(tflite.OperatorEnd(b))


# Random graphs. `pick(low, high)` chooses an integer, both included: from a generator of
# random numbers, or from hypothesis.
Pick = Callable[[int, int], int]


def from_rng(rng: np.random.Generator) -> Pick:
    """Choose with `rng`."""
    return lambda low, high: int(rng.integers(low, high + 1))


def random_graph(pick: Pick) -> bytes:
    """Return a valid int8 model: one to four layers and perhaps a head."""
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    # Helium's depthwise kernel works on blocks of 124 channels.
    shape = (1, pick(1, 11), pick(1, 11), pick(1, 20))
    if pick(0, 7) == 0:
        shape = (1, pick(1, 4), pick(1, 4), pick(100, 140))
    source = now = b.activation(shape, 0.004 * pick(1, 15), pick(-128, 127))
    for _ in range(pick(1, 4)):
        now = _random_layer(b, now, pick)
    if pick(0, 2) == 0:
        now = b.reshape(now, (1, int(np.prod(b.shape(now)))))
        now = b.dense(now, pick(1, 13), per_channel=bool(pick(0, 1)), activation=pick(0, 3))
        if pick(0, 1):
            now = b.softmax(now, beta=0.5 * pick(1, 4))
    return b.build([source], [now])


def _random_layer(b: Builder, now: int, pick: Pick) -> int:
    kind = pick(0, 7)
    activation = pick(0, 3)
    if kind == 0:
        return b.dense(
            now,
            pick(1, 17),
            keep=True,
            per_channel=bool(pick(0, 1)),
            activation=activation,
            bias=bool(pick(0, 3)),
            zero_point=pick(-128, 127),
        )
    if kind == 1:
        scale = 0.01 * pick(1, 10)
        return b.add(now, _operand(b, now, pick), activation=activation, scale=scale)
    padding = pick(SAME, VALID)
    sides = [_side(size, padding, pick, dilated=kind > 3) for size in b.shape(now)[1:3]]
    window, stride, dilation = ((sides[0][i], sides[1][i]) for i in range(3))
    if kind in {2, 3}:
        name = "AVERAGE_POOL_2D" if kind == 2 else "MAX_POOL_2D"
        return b.pool(name, now, window, stride=stride, padding=padding, activation=activation)
    common: dict[str, Any] = {
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "activation": activation,
        "per_channel": bool(pick(0, 3)),
        "bias": bool(pick(0, 3)),
        "zero_point": pick(-128, 127),
    }
    if kind in {4, 5}:
        multiplier = pick(1, 5) if pick(0, 2) == 0 else 1
        return b.depthwise(now, multiplier, window, **common)
    return b.conv_2d(now, pick(1, 19), window, **common)


def _side(size: int, padding: int, pick: Pick, *, dilated: bool) -> tuple[int, int, int]:
    """Return a window, a stride and a dilation that fit an axis of `size` elements."""
    dilation = pick(2, 3) if dilated and pick(0, 4) == 0 else 1
    most = 5 if padding == SAME else min(5, (size - 1) // dilation + 1)
    window = 3 if most >= 3 and pick(0, 2) == 0 else pick(1, most)
    # TFLite's converters do not stride and dilate at once.
    stride = 1 if dilation > 1 else pick(1, 3)
    return window, stride, dilation


def _operand(b: Builder, now: int, pick: Pick) -> int:
    """Return something to add to `now`: itself, a constant of its shape, channels, a scalar."""
    shape = b.shape(now)
    kind = pick(0, 3)
    if kind == 0:
        return now
    wanted = {1: shape, 2: shape[-1:], 3: (1,)}[kind]
    data = b.rng.integers(-128, 128, wanted).astype(np.int8)
    return b.tensor(wanted, scale=0.005 * pick(1, 20), zero_point=pick(-128, 127), data=data)
