"""Files that no conversion of a layer makes runnable: each is told its true cause."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.engines.engine_support import try_engines
from harness.engines.refusal import NetworkRefusedError
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InputError
from harness.model.tflite_file import parse
from tests.support.foreign_files import Data, Step, foreign_file

INT8 = Data("INT8", quantized=True)
FLOAT, TEXT = Data("FLOAT32"), Data("STRING")
WEIGHTS = Data("INT8", 16, quantized=True, shape=(4, 4))
AFTER = [
    Step("DEQUANTIZE", (1,), (2,)),
    Step("FULLY_CONNECTED", (0, 2), (3,), "FullyConnectedOptions"),
]
"""The weights are floats that DEQUANTIZE makes."""

DENSE = [Step("FULLY_CONNECTED", (0, 1), (2,), "FullyConnectedOptions")]


def dense(weights: Data, activation: Data = INT8, steps: Sequence[Step] = DENSE) -> bytes:
    return foreign_file([activation, weights, activation], steps)


def one(kind: str, data: Data = INT8, result: Data | None = None) -> bytes:
    return foreign_file([data, result or data], [Step(kind, (0,), (1,))])


# What the file says of itself, the cause, and a word of the remedy.
CASES: dict[str, tuple[bytes, str, str]] = {
    "vela": (
        # Its scratch memory is a tensor that nothing writes.
        foreign_file([INT8, Data("UINT8", 4), INT8, INT8], [Step("ethos-u", (0, 1, 2), (3,))]),
        "is compiled for Arm's Ethos-U NPU by Vela",
        "the input of vela",
    ),
    "edge tpu": (one("edgetpu-custom-op"), "is compiled for Google's Edge TPU", "edgetpu_compiler"),
    "neutron": (one("NeutronGraph"), "NXP's eIQ Neutron NPU", "neutron-converter"),
    "xcore": (one("XC_conv2d_v2"), "an xcore of XMOS", "xformer"),
    "dispatch": (one("DISPATCH_OP"), "ahead of time for an NPU by LiteRT", "from before"),
    "verisilicon": (one("vsi-npu"), "an NPU of VeriSilicon", "from before"),
    "larq": (one("LceBconv2d"), "a binarized network of Larq", "int8 network instead"),
    "signal": (one("SignalRfft"), "a preprocessor of TFLM's signal library", "--preprocess"),
    "compressed": (
        foreign_file([INT8, INT8], [Step("RFFT2D", (0,), (1,))], metadata="COMPRESSION_METADATA"),
        "has weights compressed with tables",
        "compress.py",
    ),
    "mask": (
        foreign_file(
            [Data("BOOL", shape=(1, 2)), Data("BOOL", shape=(1,)), Data("BOOL", shape=(1,))],
            [Step("UNPACK", (0,), (1, 2), "UnpackOptions")],
        ),
        "applies a mask to its recurrent layers",
        "build the model without the mask",
    ),
    "flex": (
        foreign_file(
            [FLOAT, FLOAT, FLOAT], [Step("SUM", (0, 0), (1,)), Step("FlexErf", (1,), (2,))]
        ),
        "needs operators of TensorFlow itself: FlexErf; no",
        "SELECT_TF_OPS out",
    ),
    "stablehlo": (one("STABLEHLO_ADD"), "has StableHLO operators: STABLEHLO_ADD", "TFLite's own"),
    "custom": (
        one("Complex", FLOAT, Data("COMPLEX64")),
        "has custom operators: Complex; only a program with kernels",
        "allow_custom_ops",
    ),
    "sparse": (
        dense(Data("INT8", 3, quantized=True, sparse=True, shape=(4, 4))),
        "has sparse weights",
        "EXPERIMENTAL_SPARSITY",
    ),
    "float16": (
        foreign_file(
            [FLOAT, Data("FLOAT16", 32, shape=(4, 4)), Data("FLOAT32", shape=(4, 4)), FLOAT],
            AFTER,
        ),
        "has float16 weights and computes with float32",
        "supported_types = [tf.float16] out",
    ),
    "float16 activations": (one("ADD", Data("FLOAT16")), "computes with float16", "representative"),
    "external": (
        dense(Data("INT8", 16, quantized=True, external=True, shape=(4, 4))),
        "keeps its weights outside the flatbuffer",
        "_experimental_use_buffer_offset",
    ),
    "text": (
        one("GATHER", TEXT),
        "processes text: GATHER has tensor 't0' of type STRING",
        "before the network",
    ),
    "complex": (
        one("RFFT2D", FLOAT, Data("COMPLEX64")),
        "processes complex numbers: RFFT2D has tensor 't1' of type COMPLEX64",
        "before the network",
    ),
    "size not fixed": (
        one("RELU", Data("INT8", quantized=True, signature=(-1, -1, 3), shape=(1, 1, 3))),
        "its input 't0' has shape ?x?x3: a size other than the batch is not fixed",
        "batch_size=1",
    ),
    "a loop over steps": (
        one("WHILE", FLOAT, Data("FLOAT32", signature=(-1, -1, 3), shape=(1, 1, 3))),
        "has a loop over the steps of a recurrent layer (WHILE) whose tensors have no fixed size",
        "unroll=True",
    ),
    "dynamic range": (
        dense(WEIGHTS, FLOAT),
        "is quantized with dynamic range: its weights are int8, but these layers compute",
        "converter.representative_dataset",
    ),
    "float, and an operator that is not there": (
        foreign_file(
            [FLOAT, FLOAT, FLOAT], [Step("RELU", (0,), (1,)), Step("HASHTABLE", (1,), (2,))]
        ),
        "layer 1 (HASHTABLE, 't2'): the operator is not supported by engine cmsis-nn: TFLM has no",
        "replace the layer in the model",
    ),
    "floats where TFLM takes none": (
        one("GELU", FLOAT),
        "computes with floats in layers where TFLM does not: GELU",
        "TFLITE_BUILTINS_INT8",
    ),
    "partly float, and an operator that is not there": (
        foreign_file([INT8, INT8, FLOAT, FLOAT], [
            Step("RELU", (0,), (1,)),
            Step("DEQUANTIZE", (1,), (2,)),
            Step("RFFT2D", (2,), (3,)),
        ]),
        "layer 2 (RFFT2D, 't3'): the operator is not supported by engine cmsis-nn: TFLM has no",
        "replace the layer in the model",
    ),
    "fake quantization": (one("FAKE_QUANT", FLOAT), "has FAKE_QUANT operators", "representative"),
    "floats rounded to uint8": (
        one("QUANTIZE", FLOAT, Data("UINT8", quantized=True)),
        "rounds floats to uint8 (QUANTIZE); TFLM rounds them to int8 or int16",
        "TFLITE_BUILTINS_INT8",
    ),
    "uint8": (
        dense(Data("UINT8", 16, quantized=True, shape=(4, 4)), Data("UINT8", quantized=True)),
        "is quantized to uint8, as TensorFlow 1 did (FULLY_CONNECTED); TFLM computes with int8",
        "TFLITE_BUILTINS_INT8",
    ),
}  # fmt: skip


def show(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    main(["models", "show", str(path)])
    out, err = capsys.readouterr()
    return " ".join((out + err).split())


@pytest.mark.parametrize(("data", "cause", "remedy"), CASES.values(), ids=CASES)
def test_each_kind_of_file_is_told_its_cause(
    data: bytes,
    cause: str,
    remedy: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`show` and `add` say the same, and no layer is said to run."""
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    shown = show(path, capsys)
    assert cause in shown
    assert remedy in shown
    assert " yes" not in shown
    monkeypatch.chdir(tmp_path)
    assert main(["models", "add", "net.tflite", "--random", "3"]) == ExitCode.USAGE
    assert cause in " ".join(capsys.readouterr().err.split())


ADVICE = "full-integer int8 would be smaller and faster: docs/models.md"


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (
            dense(Data("FLOAT32", 64, shape=(4, 4)), FLOAT),
            f"note: it computes with float32; {ADVICE}",
        ),
        (
            foreign_file([INT8, WEIGHTS, INT8, FLOAT, Data("FLOAT32", 64, shape=(4, 4)), FLOAT], [
                *DENSE,
                Step("DEQUANTIZE", (2,), (3,)),
                Step("FULLY_CONNECTED", (3, 4), (5,), "FullyConnectedOptions"),
            ]),
            f"note: it computes with float32 in 1 of 2 layers; {ADVICE}",
        ),
    ],
    ids=["whole", "in part"],
)  # fmt: skip
def test_floats_run_and_int8_is_advised(
    data: bytes,
    note: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    shown = show(path, capsys)
    assert note in shown
    assert " NO" not in shown
    monkeypatch.chdir(tmp_path)
    assert main(["models", "add", "net.tflite", "--random", "3"]) == ExitCode.PASSED
    assert note in " ".join(capsys.readouterr().out.split())


def test_integers_need_no_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(dense(WEIGHTS))
    assert "note:" not in show(path, capsys)


def test_all_refused_layers_are_named_with_their_remedies(tmp_path: Path) -> None:
    steps = [
        Step("RFFT2D", (0,), (1,)),
        Step("RELU", (1,), (2,)),
        Step("RFFT2D", (2,), (3,)),
        Step("MyOwnThing", (3,), (4,)),
    ]
    graph = parse(foreign_file([INT8] * 5, steps), where="net.tflite")
    with pytest.raises(NetworkRefusedError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
    lines = caught.value.what.splitlines()
    assert lines[0] == "3 of its 4 layers cannot run:"
    assert lines[1].startswith("  layers 0, 2 (RFFT2D): the operator is not supported by engine")
    assert lines[2].startswith("  layer 3 (CUSTOM:MyOwnThing, 't4'): ")
    assert list(caught.value.layers) == [0, 2, 3]
    assert "replace the layer in the model" in caught.value.remedy
    assert "allow_custom_ops" in caught.value.remedy


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m7", "cortex-m55"])
def test_every_core_gives_the_reason_that_show_gives(core: str, tmp_path: Path) -> None:
    graph = parse(one("RFFT2D"), where="net.tflite")
    (support,) = try_engines(graph, [find_engine("cmsis-nn")])
    with pytest.raises(NetworkRefusedError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core=core)
    assert str(caught.value) == str(support.error)


def test_a_damaged_file_is_not_called_another_kind() -> None:
    data = bytearray(one("edgetpu-custom-op"))
    with pytest.raises(InputError, match="is damaged"):
        parse(bytes(data[: len(data) // 2]), where="net.tflite")
