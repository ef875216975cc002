"""Custom operators that TFLM has, in the engine's C on this machine, against TFLM.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engines.refusal import NetworkRefusedError
from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.golden import tflm_kernels
from harness.model.tflite_file import parse
from tests.support import campaign, operators_custom
from tests.support.engine_host import Host, HostTensor, infer
from tests.support.graphs import Builder


@pytest.mark.timeout(campaign.TIMEOUT)
@pytest.mark.parametrize("kind", operators_custom.MAKERS)
def test_any_graph_of_a_custom_operator_equals_tflm(host: Host, kind: str) -> None:
    campaign.check(host, kind, operators_custom.build)


# What TFLM or the engine does not take. A change gets the file's tensors and the options.
Change = Callable[[Builder, dict[str, Any]], None]
INT32, INT8 = 2, 9  # TensorType


def tensor(index: int, **fields: Any) -> Change:
    """Change the fields of a tensor."""

    def change(b: Builder, _: dict[str, Any]) -> None:
        b.tensors[index] = replace(b.tensors[index], **fields)

    return change


def options(**values: Any) -> Change:
    return lambda _, own: own.update(values)


# Tensors: boxes, scores, anchors, the four outputs.
DETECTOR: dict[str, Change] = {
    "input 0 has type int8; TFLM's CUSTOM:TFLite_Detection_PostProcess takes float32": tensor(
        0, dtype=INT8, scale=[0.1], zero_point=[0]
    ),
    "input 2 has type int32; TFLM's CUSTOM:TFLite_Detection_PostProcess takes float32": tensor(
        2, dtype=INT32
    ),
    "boxes 2x4x4, scores 1x8x3 and anchors 8x4 do not fit": tensor(0, shape=(2, 4, 4)),
    "input 1 has shape 1x24; 3 dimensions are supported": tensor(1, shape=(1, 24)),
    "output 0 has no shape in the file, and TFLM does not compute it": tensor(3, shape=()),
    "the output has shape 1x7, not 1x6": tensor(5, shape=(1, 7)),
    "num_classes is 5, but a box has 3 scores": options(num_classes=5),
    "max_detections is 0": options(max_detections=0),
    "detections_per_class is -1": options(detections_per_class=-1),
    "nms_iou_threshold is 2; TFLM takes more than 0, up to 1": options(nms_iou_threshold=2.0),
    "a scale of the boxes is 0": options(w_scale=0.0),
    "a scale of the boxes is 0, or": options(w_scale=1e-60),  # in float32
    "nms_iou_threshold is 0; TFLM": options(nms_iou_threshold=1e-60),
    "an option is not a number": options(nms_score_threshold=np.inf),
    "max_classes_per_detection is 2, for which TFLM writes outside": options(
        max_classes_per_detection=2
    ),
}
# Tensors: the input, the output.
BUFFER: dict[str, Change] = {
    "ends all inferences but each 2. one early, with undefined": options(cycles_max=2),
    "ends all inferences but each 2. one": options(cycles_max=0),
    "the output is not a variable tensor": tensor(1, variable=False),
    "shapes 1x1x1x4 -> 1x3x1x2": tensor(0, shape=(1, 1, 1, 4)),
    "the input has shape 1x2; 4 dimensions are supported": tensor(0, shape=(1, 2)),
    "input 0 has type float32; int8 is supported": tensor(0, dtype=0),
}


def detector(change: Change) -> bytes:
    """Return a detector that is right but for the change."""
    b = Builder()
    values = operators_custom.OPTIONS | {"num_classes": 3, "max_detections": 6}
    ends = [b.tensor(sizes, dtype=np.float32) for sizes in ((1, 8, 4), (1, 8, 3))]
    anchors = b.tensor((8, 4), data=np.ones((8, 4), np.float32))
    results = operators_custom.detection_layer(b, ends, anchors, values)
    change(b, values)
    custom = bytes(flexbuffers.Dumps(values))
    b.operators[0] = (*b.operators[0][:4], {"CustomOptions": custom})
    return b.build(ends, results)


def buffer(change: Change) -> bytes:
    b = Builder()
    source = b.activation((1, 1, 1, 2), 0.1, 0)
    kept = b.variable((1, 3, 1, 2), 0.1, 0)
    values = {"cycles_max": 1}
    change(b, values)
    custom = bytes(flexbuffers.Dumps(values))
    b.operator(operators_custom.RING, [source], [kept], CustomOptions=custom)
    return b.build([source], [kept])


@pytest.mark.parametrize(
    ("what", "make", "change"),
    [
        *((what, detector, change) for what, change in DETECTOR.items()),
        *((what, buffer, change) for what, change in BUFFER.items()),
    ],
)
def test_what_does_not_run_is_refused_with_the_reason(
    what: str, make: Callable[[Change], bytes], change: Change, tmp_path: Path
) -> None:
    graph = parse(make(change), where="models/bad.tflite")
    with pytest.raises(NetworkRefusedError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
    assert what in caught.value.layers[0]
    assert caught.value.remedy


def test_what_is_right_is_not_refused(tmp_path: Path) -> None:
    for make in (detector, buffer):
        graph = parse(make(lambda _b, _options: None), where="models/good.tflite")
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")


def test_an_empty_box_fails_as_in_tflm(host: Host) -> None:
    model = detector(lambda _b, _options: None)
    library = host.load(model)
    function = {name: library[f"nn_{name}"] for name in ("input", "invoke")}
    function["input"].restype = HostTensor
    slot = function["input"]()
    for size, status in ((0.0, 0), (-1e9, 1)):
        values = np.zeros(8 * 4 + 8 * 3, np.float32)
        values[2] = size
        ctypes.memmove(slot.data, values.tobytes(), values.nbytes)
        assert function["invoke"]() == status


@pytest.mark.parametrize("damage", [b"\x07", b"\x01\x02\x03", bytes(3), b"\xff" * 40])
def test_options_that_are_no_map_are_an_error_that_names_the_layer(damage: bytes) -> None:
    b = Builder()
    source = b.activation((1, 1, 1, 2), 0.1, 0)
    kept = b.variable((1, 3, 1, 2), 0.1, 0)
    b.operator(operators_custom.RING, [source], [kept], CustomOptions=damage)
    with pytest.raises(InputError, match=r"operator 0 \(CUSTOM:CIRCULAR_BUFFER\) has options"):
        parse(b.build([source], [kept]), where="models/bad.tflite")


@settings(derandomize=True)
@given(data=st.data())
def test_damaged_options_are_read_or_an_input_error(data: st.DataObject) -> None:
    content = bytearray(flexbuffers.Dumps(operators_custom.OPTIONS))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    b = Builder()
    source, result = (b.activation((1, 4), 0.1, 0) for _ in range(2))
    b.operator(operators_custom.DETECTION, [source], [result], CustomOptions=bytes(content))
    with suppress(InputError):
        parse(b.build([source], [result]), where="models/bad.tflite")


def test_golden_is_0_behind_the_last_detection() -> None:
    """TFLM leaves there what an earlier inference found."""
    model = detector(options(nms_score_threshold=0.5, use_regular_nms=False))
    boxes = np.zeros((2, 1, 8, 4), np.float32)
    boxes[0, 0, :, 0] = np.arange(8) * 100
    scores = np.zeros((2, 1, 8, 3), np.float32)
    scores[0], scores[1, 0, 0] = 0.9, 0.7
    _, _, found, count = tflm_kernels.compute(model, [boxes, scores], [])
    assert count.ravel().tolist() == [6, 1]
    assert found[1, 0, 1:].tolist() == [0] * 5


@pytest.mark.parametrize(("most_overlap", "count"), [(1.0, 6), (0.99, 3)])
def test_the_same_box_overlaps_by_1(host: Host, most_overlap: float, count: int) -> None:
    model = detector(options(nms_iou_threshold=most_overlap, use_regular_nms=True))
    inputs = [np.zeros((1, 1, 8, 4), np.float32), np.ones((1, 1, 8, 3), np.float32)]
    wanted = tflm_kernels.compute(model, inputs, [])
    assert wanted[3].ravel().tolist() == [count]
    block = np.concatenate([each.ravel() for each in inputs])
    found = infer(host.load(model), block[None]).view(np.float32)
    assert found.ravel().tolist() == np.concatenate([each.ravel() for each in wanted]).tolist()
