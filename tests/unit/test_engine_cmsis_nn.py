"""The engine cmsis-nn: its C, compiled for this machine, against TFLM byte for byte."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engines.cmsis_nn import CmsisNN
from harness.engines.cmsis_nn.c_text import comment_safe
from harness.engines.cmsis_nn.cmsis_nn_sources import find_tree
from harness.engines.registry import ENGINES, find_engine
from harness.errors import InputError
from harness.golden import oracle
from harness.model.tflite_file import parse
from tests.support import graphs, operators_float32, operators_int16
from tests.support.engine_host import NN, Host
from tests.support.graphs import NONE, RELU, RELU6, RELU_N1_TO_1, SAME, VALID, Builder, Pick
from tests.support.operator_parts import Make
from tests.support.operators_elementwise import TOLERANCES

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "mlperf-tiny"
# One operator at a time: what each case changes of an image of 7x6x5 values.

Layer = Callable[[Builder, int], int]


def conv(channels: int = 6, window: tuple[int, int] = (3, 3), **more: Any) -> Layer:
    return lambda b, x: b.conv_2d(x, channels, window, **more)


def depthwise(multiplier: int = 1, window: tuple[int, int] = (3, 3), **more: Any) -> Layer:
    return lambda b, x: b.depthwise(x, multiplier, window, **more)


def pool(kind: str, window: tuple[int, int], **more: Any) -> Layer:
    return lambda b, x: b.pool(f"{kind}_POOL_2D", x, window, **more)


def dense(outputs: int = 9, **more: Any) -> Layer:
    return lambda b, x: b.dense(x, outputs, **more)


def add(shape: tuple[int, ...], **more: Any) -> Layer:
    def layer(b: Builder, x: int) -> int:
        data = b.rng.integers(-128, 128, shape).astype(np.int8)
        return b.add(x, b.tensor(shape, scale=0.03, zero_point=11, data=data), **more)

    return layer


IMAGE_LAYERS: dict[str, Layer] = {
    "conv": conv(),
    "conv, valid, strides": conv(padding=VALID, stride=(2, 1)),
    "conv, dilation": conv(dilation=(2, 3)),
    "conv, even window": conv(window=(4, 2), stride=(1, 2)),
    "conv, one scale, no bias": conv(per_channel=False, bias=False),
    "conv, one channel": conv(channels=1, activation=RELU),
    "conv, 1x1": conv(7, (1, 1), activation=RELU6),
    "conv, 1x1, strides": conv(7, (1, 1), stride=(2, 3)),
    "conv, 1x1, no bias": conv(2, (1, 1), bias=False, activation=RELU_N1_TO_1),
    "conv, window as large as the image": conv(3, (7, 6), padding=VALID),
    "conv, window larger than the image": conv(3, (9, 9)),
    "depthwise 3x3": depthwise(),
    "depthwise 3x3, valid, strides": depthwise(padding=VALID, stride=(2, 2)),
    "depthwise 3x3, no bias": depthwise(bias=False, activation=RELU),
    "depthwise 3x3, dilation": depthwise(dilation=(2, 2), activation=RELU6),
    "depthwise 5x2": depthwise(window=(5, 2), per_channel=False),
    "depthwise, multiplier 2": depthwise(2, stride=(2, 1)),
    "depthwise, multiplier 4": depthwise(4, (2, 2), activation=RELU_N1_TO_1),
    "depthwise, multiplier 4, no bias": depthwise(4, (3, 3), bias=False),
    "average pool": pool("AVERAGE", (2, 2), stride=(2, 2)),
    "average pool, same": pool("AVERAGE", (3, 3), padding=SAME, activation=RELU),
    "average pool, whole image": pool("AVERAGE", (7, 6)),
    "max pool": pool("MAX", (3, 2), stride=(1, 2), activation=RELU6),
    "max pool, same": pool("MAX", (3, 3), stride=(2, 2), padding=SAME),
    "dense over channels": dense(keep=True),
    "dense over channels, scales": dense(keep=True, per_channel=True, activation=RELU),
    "add an image": add((1, 7, 6, 5)),
    "add channels": add((5,), activation=RELU),
    "add rows": add((1, 1, 6, 5), activation=RELU6),
    "add a scalar": add((1,), activation=RELU_N1_TO_1),
    "add itself": lambda b, x: b.add(x, x),
    "reshape": lambda b, x: b.reshape(x, (6, 35)),
    "softmax over channels": lambda b, x: b.softmax(x, beta=2.0),
}


@pytest.mark.parametrize("name", IMAGE_LAYERS)
def test_an_image_layer_equals_tflm(host: Host, name: str) -> None:
    b = Builder()
    source = b.activation((1, 7, 6, 5), 0.02, -9)
    host.check(b.build([source], [IMAGE_LAYERS[name](b, source)]))


@pytest.mark.parametrize("activation", [NONE, RELU, RELU6, RELU_N1_TO_1])
@pytest.mark.parametrize("per_channel", [False, True])
def test_a_dense_layer_equals_tflm(host: Host, per_channel: bool, activation: int) -> None:
    b = Builder()
    source = b.activation((1, 37), 0.02, 100)
    now = b.dense(source, 11, per_channel=per_channel, activation=activation)
    host.check(b.build([source], [b.dense(now, 3, bias=False, per_channel=per_channel)]))


def dense_int8(b: Builder, pick: Pick) -> tuple[int, int]:
    source = b.activation((3, 12), 0.02, -9)
    return source, b.dense(source, 5, keep=True, per_channel=bool(pick(0, 1)))


@pytest.mark.parametrize("matrices", [1, 2])
@pytest.mark.parametrize(
    "make", [dense_int8, operators_int16.fully_connected, operators_float32.fully_connected]
)
def test_of_several_matrices_a_dense_layer_takes_the_first_as_tflm(
    host: Host, make: Make, matrices: int
) -> None:
    models = {}
    for seed in range(4):
        b = Builder(np.random.default_rng(seed))
        source, result = make(b, graphs.from_rng(np.random.default_rng(seed)))
        weights = b.tensors[1]
        weights.shape, weights.axis = (matrices, *weights.shape), 1
        b.buffers[weights.buffer] += bytes((matrices - 1) * len(b.buffers[weights.buffer]))
        models[f"seed {seed}"] = b.build([source], [result])
    host.check_all(models)


@pytest.mark.parametrize("kind", ["FULLY_CONNECTED", "CONV_2D"])
def test_multipliers_are_rounded_as_in_tflm(host: Host, kind: str) -> None:
    # With these scales a product in float32 and one in double give different multipliers,
    # and with these biases, different outputs.
    scales, result_scale = (0.06732655316591263, 0.003428080352023244), 1040.9735107421875
    bias = [11275668, 20296203, 29316738, 33827006, 38337273, 42847540, 47357808, 51868075]
    b = Builder()
    shape = (1, 1, 1, 1) if kind == "CONV_2D" else (1, 1)
    source = b.activation(shape, scales[0], 0)
    zeros = np.zeros((8, *shape[1:]), np.int8)
    weights = b.tensor(zeros.shape, scale=scales[1], zero_point=0, data=zeros)
    biases = b.tensor((8,), scale=1.0, zero_point=0, data=np.array(bias, np.int32))
    result = b.activation((*shape[:-1], 8), result_scale, 0)
    options: dict[str, Any] = {}
    if kind == "CONV_2D":
        options = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    table = "Conv2DOptions" if options else "FullyConnectedOptions"
    b.operator(kind, [source, weights, biases], [result], table, **options)
    b.tensors[biases].scale = [scales[0] * scales[1]]
    host.check(b.build([source], [result]))


@pytest.mark.parametrize("beta", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("scale", [0.0001, 0.05, 1.5, 40.0])
def test_softmax_equals_tflm(host: Host, scale: float, beta: float) -> None:
    b = Builder()
    source = b.activation((3, 50), scale, 3)
    model = b.build([source], [b.softmax(source, beta=beta)])
    rng = np.random.default_rng(1)
    inputs = rng.integers(-128, 128, (6, 3, 50))
    inputs[0], inputs[1], inputs[2] = 5, inputs[2] // 8, np.arange(150).reshape(3, 50) - 75
    host.check(model, inputs.astype(np.int8))


@pytest.mark.parametrize("depth", [1, 2, 511])
def test_softmax_of_any_depth_equals_tflm(host: Host, depth: int) -> None:
    b = Builder()
    source = b.activation((1, depth), 0.1, 0)
    host.check(b.build([source], [b.softmax(source)]))


def test_softmax_survives_where_tflm_aborts(host: Host) -> None:
    b = Builder()
    source = b.activation((1, 1000), 0.1, 0)
    model = b.build([source], [b.softmax(source)])
    equal = np.zeros((1, 1, 1000), np.int8)
    assert (host.run(model, equal) == -128).all()
    with pytest.raises(InputError, match="cannot run it") as caught:
        oracle.outputs(model, equal)
    assert "equal values everywhere at a SOFTMAX" in caught.value.remedy
    equal[0, 0, 17] = 127
    host.check(model, equal)


@pytest.mark.parametrize("scale", [1e-7, 0.004, 30.0])
def test_extreme_output_scales_equal_tflm(host: Host, scale: float) -> None:
    b = Builder()
    source = b.activation((1, 3, 3, 4), 0.02, 1)
    now = b.conv_2d(source, 5, (2, 2))
    b.tensors[now].scale = [scale]
    host.check(b.build([source], [now]))


def test_a_row_of_pixels_equals_tflm(host: Host) -> None:
    # CMSIS-NN has a kernel of its own for images of height 1.
    b = Builder()
    source = b.activation((1, 1, 16, 4), 0.02, 1)
    now = b.conv_2d(source, 5, (1, 5))
    now = b.depthwise(now, 1, (1, 3))
    host.check(b.build([source], [now]))


LONG = 40_000  # samples of a recording: more than CMSIS-NN's convolutions count


def test_a_recording_longer_than_an_int16_equals_tflm(host: Host) -> None:
    b = Builder()
    source = b.activation((1, 1, LONG, 1), 0.02, 3)
    now = b.conv_2d(source, 3, (1, 9), stride=(1, 1), activation=RELU)
    now = b.depthwise(now, 2, (1, 5), dilation=(1, 2))
    now = b.pool("AVERAGE_POOL_2D", now, (1, 2))
    now = b.pool("MAX_POOL_2D", now, (1, 3))
    now = b.conv_2d(now, 2, (1, 1), stride=(1, 40))
    host.check(b.build([source], [now]))


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_long_recording_of_another_type_equals_tflm(host: Host, dtype: type[Any]) -> None:
    b = Builder()
    scale, zero_point = ([0.01], [0]) if dtype == np.int16 else ([], [])
    source, result = (
        b.tensor((1, side, 1, 1), dtype=dtype, scale=scale, zero_point=zero_point)
        for side in (LONG, LONG - 2)
    )
    window = {"FilterHeight": 3, "FilterWidth": 1, "StrideH": 1, "StrideW": 1, "Padding": VALID}
    b.operator("MAX_POOL_2D", [source], [result], "Pool2DOptions", **window)
    host.check(b.build([source], [result]))


def test_a_residual_network_equals_tflm(host: Host) -> None:
    b = Builder()
    source = b.activation((1, 8, 8, 3), 0.02, -1)
    now = b.conv_2d(source, 8, (3, 3), activation=RELU)
    for _ in range(2):
        side = b.conv_2d(now, 8, (3, 3), activation=RELU)
        side = b.conv_2d(side, 8, (3, 3))
        now = b.add(now, side, activation=RELU, scale=0.03)
    now = b.pool("AVERAGE_POOL_2D", now, (8, 8))
    now = b.softmax(b.dense(b.reshape(now, (1, 8)), 4))
    host.check(b.build([source], [now]))


def test_an_input_needed_twice_is_kept(host: Host) -> None:
    b = Builder()
    source = b.activation((1, 6, 6, 4), 0.02, -1)
    now = source
    for _ in range(3):
        now = b.conv_2d(now, 4, (1, 1))
    host.check(b.build([source], [b.add(source, b.reshape(now, (1, 6, 6, 4)))]))


@settings(max_examples=25, derandomize=True)
@given(data=st.data())
def test_any_graph_equals_tflm(host: Host, data: st.DataObject) -> None:
    host.check(graphs.random_graph(lambda low, high: data.draw(st.integers(low, high))))


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is absent")
@pytest.mark.parametrize("name", ["kws_ref_model", "ad01_int8", "str_ww_ref_model"])
def test_published_models_equal_tflm(host: Host, name: str) -> None:
    model = (SHARED / "models" / f"{name}.tflite").read_bytes()
    host.check(model)


# What the files look like.


def tiny(change: Callable[[Builder], None] = lambda b: None, **more: Any) -> bytes:
    """Return a convolution and a dense layer after `change`."""
    b = Builder()
    source = b.activation((1, 4, 4, 2), 0.02, 0)
    now = b.conv_2d(source, 3, (3, 3), **more)
    now = b.dense(now, 2)
    change(b)
    return b.build([source], [now])


def generate(model: bytes, directory: Path, core: str = "cortex-m4f") -> str:
    find_engine("cmsis-nn").generate(parse(model, where="x/tiny.tflite"), directory, core=core)
    return (directory / "model.c").read_text()


def test_the_same_model_gives_the_same_files(tmp_path: Path) -> None:
    assert generate(tiny(), tmp_path / "a") == generate(tiny(), tmp_path / "b")
    first, second = (tmp_path / name / "model.cmake" for name in "ab")
    assert first.read_text() == second.read_text()


def test_the_code_knows_nothing_of_this_machine(tmp_path: Path) -> None:
    text = generate(tiny(), tmp_path)
    assert str(tmp_path) not in text
    assert str(find_tree().root) not in text
    assert "float" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert "tiny: generated by engine cmsis-nn" in text


def test_what_is_reported_is_what_is_generated(tmp_path: Path, host: Host) -> None:
    model = tiny()
    graph = parse(model, where="tiny.tflite")
    made = find_engine("cmsis-nn").generate(graph, tmp_path, core="host")
    assert made.arena_size == host.load(model).nn_arena_size()
    assert [(layer.kind, layer.macs) for layer in made.layers] == [
        ("CONV_2D", 4 * 4 * 3 * 3 * 3 * 2),
        ("FULLY_CONNECTED", 48 * 2),
    ]
    assert made.macs == 864 + 96
    assert made.weights_size == 54 + 3 * 12 + 96 + 8
    assert all(source.is_file() for source in made.sources)
    assert made.version == find_engine("cmsis-nn").version


def test_cmake_lists_files_that_exist(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 10), 0.1, 0)
    generate(b.build([source], [b.softmax(source)]), tmp_path)
    text = (tmp_path / "model.cmake").read_text()
    assert "set(NN_KERNELS\n    nn_softmax_s8.c)" in text
    assert (NN / "nn_softmax_s8.c").is_file()
    generate(tiny(), tmp_path)
    text = (tmp_path / "model.cmake").read_text()
    root = find_tree().root
    listed = [line.split('"')[1] for line in text.splitlines() if "/Source/" in line]
    assert listed
    for line in listed:
        assert Path(line.replace("${CMSIS_NN_DIR}", str(root))).is_file()


def test_hostile_names_stay_in_their_comments(host: Host) -> None:
    def rename(b: Builder) -> None:
        for tensor in b.tensors:
            tensor.name = "*/ int evil; /* ??/\n\\\r // \x00\u202e" + "x" * 300

    host.check(tiny(rename))
    assert comment_safe("*/ a /* b;c") == "_/_a_/__b"


def test_the_arena_of_a_chain_is_its_two_largest_neighbours(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 4, 4, 16), 0.02, 0)
    now = source
    for _ in range(5):
        now = b.conv_2d(now, 16, (1, 1))
    graph = parse(b.build([source], [now]), where="chain.tflite")
    assert find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f").arena_size == 512


@pytest.mark.parametrize(
    ("core", "scratch"), [("cortex-m0plus", 0), ("cortex-m4f", 2 * 25 * 2), ("cortex-m55", 12400)]
)
def test_scratch_depends_on_the_core(core: str, scratch: int, tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 6, 6, 2), 0.02, 0)
    text = generate(b.build([source], [b.depthwise(source, 1, (5, 5))]), tmp_path, core)
    assert (f", {scratch}}};" if scratch else "{NULL, 0}") in text


def test_helium_gets_no_kernel_that_is_wrong_for_the_layer(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 1, 16, 4), 0.02, 0)
    now = b.conv_2d(source, 5, (1, 3), padding=VALID, stride=(1, 2))
    row = generate(b.build([source], [now]), tmp_path / "row", "cortex-m55")
    assert "cmsis_nn_dims l00_input_dims = {1, 16, 1, 4}" in row
    assert "cmsis_nn_dims l00_filter_dims = {5, 3, 1, 4}" in row
    assert ".stride = {1, 2}" in row
    b = Builder()
    source = b.activation((1, 4, 4, 130), 0.02, 0)
    now = b.depthwise(source, 1, (3, 3), bias=False)
    blocks = generate(b.build([source], [now]), tmp_path / "blocks", "cortex-m55")
    assert "int32_t l00_bias[130]" in blocks
    assert "l00_bias," in blocks


# What is refused, and how.


def refused(model: bytes, tmp_path: Path, core: str = "cortex-m4f") -> str:
    """Return the message with which generating code for `model` fails."""
    graph = parse(model, where="models/bad.tflite")
    with pytest.raises(InputError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core=core)
    assert caught.value.where == "models/bad.tflite"
    assert caught.value.remedy
    assert not (tmp_path / "model.c").exists()
    return f"{caught.value.what} -> {caught.value.remedy}"


CONVERTER = (
    "converter.optimizations = [tf.lite.Optimize.DEFAULT]",
    "converter.representative_dataset = lambda: ([x[None]] for x in train_inputs[:500])",
    "converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
    "converter.inference_input_type = converter.inference_output_type = tf.int8",
)


def test_a_network_of_dynamic_range_is_refused_with_the_lines_to_set(tmp_path: Path) -> None:
    path = ROOT.parent / "shared" / "cases" / "models" / "converter_dynamic.tflite"
    if not path.exists():
        pytest.skip("the converter's networks are not here")
    message = refused(path.read_bytes(), tmp_path)
    for line in CONVERTER:
        assert f"\n     {line}\n" in message


@pytest.mark.parametrize("name", ["converter_float", "unused_input"])
def test_the_converter_s_networks_of_floats_equal_tflm(name: str, host: Host) -> None:
    path = ROOT.parent / "shared" / "cases" / "models" / f"{name}.tflite"
    if not path.exists():
        pytest.skip("the converter's networks are not here")
    host.check_all({name: path.read_bytes()}, TOLERANCES["SOFTMAX float32"])


def test_layers_that_stayed_float_between_int8_layers_equal_tflm(host: Host) -> None:
    b = Builder()
    source, result = b.activation((1, 4), 0.1, 0), b.activation((1, 3), 0.1, 0)
    before, after = (b.tensor((1, size), dtype=np.float32) for size in (4, 3))
    b.operator("DEQUANTIZE", [b.dense(source, 4)], [before], "DequantizeOptions")
    weights = b.tensor((3, 4), data=b.rng.normal(0, 1, (3, 4)).astype(np.float32))
    b.operator("FULLY_CONNECTED", [before, weights, -1], [after], "FullyConnectedOptions")
    b.operator("QUANTIZE", [after], [result], "QuantizeOptions")
    host.check(b.build([source], [result]))


def test_the_page_has_the_converter_s_lines() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    assert "\n".join(CONVERTER[:3]) in page


def test_a_model_of_uint8_is_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.tensor((1, 4), dtype=np.uint8, scale=0.1, zero_point=0)
    assert "has type uint8; int8, int16 and float32" in refused(
        b.build([source], [source]), tmp_path
    )


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    middle = b.dense(source, 4)
    result = b.tensor((1, 4), scale=0.1, zero_point=0, name="model/pow")
    b.operator("POW", [middle, source], [result])
    message = refused(b.build([source], [result]), tmp_path)
    assert "layer 1 (POW, 'model/pow'): the operator is not supported by engine cms" in message
    assert "TFLM has no kernel for POW" in message
    assert "replace the layer in the model by operators that the engine has" in message
    assert "engine tflm" not in message


def test_a_custom_operator_is_named(tmp_path: Path) -> None:
    b = Builder()
    source, result = (b.activation((1, 4), 0.1, 0) for _ in range(2))
    b.operator("MyOwnThing", [source], [result])
    assert "CUSTOM:MyOwnThing" in refused(b.build([source], [result]), tmp_path)


def test_a_dynamic_batch_gets_its_remedy(tmp_path: Path) -> None:
    b = Builder()
    source, result = (b.activation((1, 4), 0.1, 0) for _ in range(2))
    sides = b.tensor((2,), dtype=np.int32)
    b.operator("SHAPE", [source], [sides])
    b.operator("BROADCAST_TO", [source, sides], [result])
    message = refused(b.build([source], [result]), tmp_path)
    assert "the shape is computed at run time; TFLM's BROADCAST_TO takes a constant" in message
    assert "the batch's too: Input(batch_shape=(1, ...))" in message


def change_options(**values: Any) -> Callable[[Builder], None]:
    """Return a change of the options of operator 0."""

    def change(b: Builder) -> None:
        kind, inputs, outputs, options, old = b.operators[0]
        b.operators[0] = (kind, inputs, outputs, options, old | values)

    return change


def change_tensor(index: int, **values: Any) -> Callable[[Builder], None]:
    """Return a change of tensor `index`: 0 input, 1 weights, 2 output, 3 bias of the conv."""

    def change(b: Builder) -> None:
        b.tensors[index] = replace(b.tensors[index], **values)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_options(FusedActivationFunction=graphs.TANH), "activation TANH is not supported"),
        (change_options(StrideH=0), "is below 1"),
        (change_options(StrideH=2), "the output has shape 1x4x4x3, not 1x2x4x3"),
        (change_options(DilationWFactor=1 << 20), "exceeds 32767"),
        (change_tensor(0, scale=[], zero_point=[]), "must have one scale"),
        (change_tensor(0, scale=[0.0]), "has scale 0"),
        (change_tensor(0, shape=(2, 4, 4, 2)), "has shape 1x4x4x3, not 2x4x4x3"),
        (change_tensor(0, shape=(4, 4, 2)), "4 dimensions are supported"),
        (change_tensor(1, zero_point=[0, 1, 0]), "the weights have a zero point"),
        (change_tensor(1, scale=[], zero_point=[]), "no scale"),
        (change_tensor(1, shape=(3, 3, 6), axis=0), "4 dimensions are supported"),
        (change_tensor(1, axis=1), "scales along axis 1, not 0"),
        (change_tensor(1, shape=(6, 3, 3, 1), scale=[0.1], zero_point=[0]), "not 1x4x4x6"),
        (change_tensor(2, scale=[1e-30]), "too far apart"),
        (change_tensor(3, dtype=0), "the bias has type float32"),
    ],
)
def test_an_unsupported_convolution_is_refused(
    change: Callable[[Builder], None], message: str, tmp_path: Path
) -> None:
    assert message in refused(tiny(change), tmp_path)


def test_groups_that_do_not_divide_the_channels_are_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 4, 4, 4), 0.02, 0)
    now = b.conv_2d(source, 5, (3, 3))
    b.tensors[source].shape = (1, 4, 4, 8)
    message = "8 channels are not groups of 4 for 5 output channels"
    assert message in refused(b.build([source], [now]), tmp_path)


def test_additions_that_tflm_would_abort_on_are_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 4), 1000.0, 0)
    assert "too far apart" in refused(
        b.build([source], [b.add(source, source, scale=1e-6)]), tmp_path
    )


def test_pooling_that_changes_the_scale_is_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 4, 4, 3), 0.02, 0)
    now = b.pool("MAX_POOL_2D", source, (2, 2))
    b.tensors[now].scale = [0.03]
    assert "have different quantization" in refused(b.build([source], [now]), tmp_path)


def test_softmax_with_another_output_scale_is_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.02, 0)
    now = b.softmax(source)
    b.tensors[now].scale = [0.1]
    assert "scale 1/256" in refused(b.build([source], [now]), tmp_path)


def test_a_shuffled_weight_format_is_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.02, 0)
    now = b.dense(source, 4)
    change_options(WeightsFormat=1)(b)
    assert "weights format 1" in refused(b.build([source], [now]), tmp_path)


def test_mutated_models_are_refused_or_generated(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    original = tiny()
    engine = find_engine("cmsis-nn")
    for _ in range(300):
        data = bytearray(original)
        for at in rng.integers(0, len(data), 2):
            data[at] = int(rng.integers(0, 256))
        try:
            engine.generate(parse(bytes(data), where="m.tflite"), tmp_path, core="cortex-m4f")
        except InputError:
            continue


def test_an_unknown_core_is_refused(tmp_path: Path) -> None:
    graph = parse(tiny(), where="tiny.tflite")
    with pytest.raises(InputError, match="does not know the core 'cortex-a53'"):
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-a53")


def test_an_unknown_engine_is_answered_with_near_names() -> None:
    assert set(ENGINES) == {"cmsis-nn", "tflm", "edge-impulse"}
    with pytest.raises(InputError, match="unknown engine 'cmsisnn'") as caught:
        find_engine("cmsisnn")
    assert caught.value.remedy == "did you mean cmsis-nn?"


# The library's sources.


def test_the_wheel_carries_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMSIS_NN_DIR", raising=False)
    assert find_engine("cmsis-nn").version.startswith("cmsis-nn 4.0.0 (bakenn ")


def write_tree(root: Path, revision: str, types: str = "") -> None:
    """Write the least that looks like CMSIS-NN, with one function."""
    (root / "Include").mkdir(parents=True)
    (root / "Source").mkdir()
    header = f"/* $Revision:    {revision} */\nint arm_convolve_wrapper_s8(int a);\n"
    (root / "Include" / "arm_nnfunctions.h").write_text(header)
    (root / "Include" / "arm_nn_math_types.h").write_text(types)
    (root / "Source" / "one.c").write_text("int arm_one(int a)\n{\n    return arm_two(a);\n}\n")
    (root / "Source" / "two.c").write_text("/* arm_one() */\nint arm_two(int a)\n{\n}\n")


def test_another_tree_is_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path / "nn", "V.18.0.0")
    monkeypatch.setenv("CMSIS_NN_DIR", str(tmp_path / "nn"))
    tree = find_tree()
    assert tree.version == "cmsis-nn 7.0.0 (CMSIS_NN_DIR)"
    assert tree.core_include is None
    assert [file.name for file in tree.sources(["arm_one"])] == ["one.c", "two.c"]
    assert [file.name for file in tree.sources(["arm_two"])] == ["two.c"]
    with pytest.raises(InputError, match="no file in Source defines arm_three"):
        tree.sources(["arm_three"])
    graph = parse(tiny(), where="tiny.tflite")
    with pytest.raises(InputError, match="no file in Source defines arm_"):
        find_engine("cmsis-nn").generate(graph, tmp_path / "out", core="cortex-m4f")


def test_release_4_takes_cmsis_core_from_beside_it(tmp_path: Path) -> None:
    write_tree(tmp_path / "NN", "V.11.2.0", '#include "cmsis_compiler.h"\n')
    core = tmp_path / "Core" / "Include"
    core.mkdir(parents=True)
    (core / "cmsis_compiler.h").write_text("")
    assert find_tree(tmp_path / "NN").core_include == core


@pytest.mark.parametrize("revision", ["", "1.0"])
def test_what_is_no_cmsis_nn_is_refused(revision: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a CMSIS-NN tree") as caught:
        CmsisNN(tmp_path).version  # noqa: B018 - it raises
    assert "CMSIS_NN_DIR" in caught.value.remedy
    write_tree(tmp_path / "nn", revision)
    with pytest.raises(InputError, match="is not CMSIS-NN 4 or newer"):
        find_tree(tmp_path / "nn")
