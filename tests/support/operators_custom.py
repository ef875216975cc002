"""Random graphs of custom operators that TFLM has: an object detector's end, and a ring buffer."""

from typing import Any

import numpy as np
from flatbuffers import flexbuffers  # type: ignore[import-untyped]

from tests.support.graphs import Builder, Pick
from tests.support.operator_parts import near, numbers, scale, zero_point

# A graph, built: its inputs and its outputs.
Ends = tuple[list[int], list[int]]
DETECTION, RING = "TFLite_Detection_PostProcess", "CIRCULAR_BUFFER"

OPTIONS: dict[str, Any] = {
    "max_detections": 10,
    "max_classes_per_detection": 1,
    "nms_score_threshold": 0.25,
    "nms_iou_threshold": 0.5,
    "num_classes": 3,
    **dict.fromkeys(("y_scale", "x_scale"), 10.0),
    **dict.fromkeys(("h_scale", "w_scale"), 5.0),
}
"""Of a detector, as the exporter writes them."""


def build(kind: str, pick: Pick) -> bytes:
    """Return the model that `MAKERS[kind]` makes of what `pick` chooses."""
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    return b.build(*MAKERS[kind](b, pick))


def detection(b: Builder, pick: Pick) -> Ends:
    """Boxes and scores of float32, or dequantized; many boxes overlap, and scores are equal."""
    boxes, classes = pick(1, 40), pick(1, 6)
    columns, regular = classes + pick(0, 1), bool(pick(0, 1))
    encoding = 4 if pick(0, 3) else pick(5, 7)
    real = pick(0, 2) == 0
    # TFLM rejects empty boxes, so sizes must not be far below the distance to the anchor.
    spread = 0.05 * pick(1, 20) if not real else 1.0
    options: dict[str, Any] = {
        "max_detections": pick(1, 20),
        "max_classes_per_detection": 1 if not regular else pick(1, 3),
        "nms_score_threshold": pick(-40, 60) if real else pick(0, 60) / 100,
        "nms_iou_threshold": pick(1, 100) / 100,
        "num_classes": classes,
        **{name: spread * pick(20, 90) for name in ("y_scale", "x_scale", "h_scale", "w_scale")},
    }
    if regular or pick(0, 1):
        options["use_regular_nms"] = regular
    if pick(0, 1):
        options["detections_per_class"] = pick(1, 30)
    sides = b.rng.uniform(0, 1, (boxes, 4)).astype(np.float32)
    sides[:, 2:] += np.float32(0.05)
    anchors = b.tensor((boxes, 4), data=sides)
    shapes = ((1, boxes, encoding), (1, boxes, columns))
    if real:
        ends = [b.tensor(sizes, dtype=np.float32) for sizes in shapes]
    else:
        units = ((spread, pick(-20, 20)), (1 / 256, -128))
        ends = [b.activation(sizes, *unit) for sizes, unit in zip(shapes, units, strict=True)]
    return ends, detection_layer(b, ends, anchors, options)


def real_of(b: Builder, end: int) -> int:
    """Return a tensor as float32."""
    if not b.tensors[end].scale:
        return end
    real = b.tensor(b.shape(end), dtype=np.float32)
    b.operator("DEQUANTIZE", [end], [real], "DequantizeOptions")
    return real


def detection_layer(
    b: Builder, ends: list[int], anchors: int, options: dict[str, Any]
) -> list[int]:
    """Add the layer, behind a DEQUANTIZE of each end that is quantized; return its outputs."""
    inputs = [real_of(b, end) for end in ends]
    most = options["max_detections"]
    results = [
        b.tensor(sizes, dtype=np.float32) for sizes in ((1, most, 4), (1, most), (1, most), (1,))
    ]
    custom = bytes(flexbuffers.Dumps(options))
    b.operator(DETECTION, [*inputs, anchors], results, CustomOptions=custom)
    return results


def every_operator() -> bytes:
    """Return a model that runs every kernel of a custom operator, for a real core."""
    b = Builder()
    boxes, classes, most = 12, 3, 5
    source = b.activation((1, boxes, 4 + classes), 1 / 64, 0)
    ends = []
    for first, size in ((0, 4), (4, classes)):
        end = b.activation((1, boxes, size), 1 / 64, 0)
        cut = (numbers(b, (0, 0, first)), numbers(b, (1, boxes, size)))
        b.operator("SLICE", [source, *cut], [end], "SliceOptions")
        ends.append(end)
    anchors = b.tensor((boxes, 4), data=b.rng.uniform(0.1, 1, (boxes, 4)).astype(np.float32))
    options = OPTIONS | {"max_detections": most, "num_classes": classes, "use_regular_nms": True}
    found = detection_layer(b, ends, anchors, options)
    flat = b.tensor((1, 4 * most), dtype=np.float32)
    b.operator("RESHAPE", [found[0], numbers(b, (1, 4 * most))], [flat], "ReshapeOptions")
    count = b.tensor((1, 1), dtype=np.float32)
    b.operator("RESHAPE", [found[3], numbers(b, (1, 1))], [count], "ReshapeOptions")
    result = b.tensor((1, 6 * most + 1), dtype=np.float32)
    parts = [flat, *found[1:3], count]
    b.operator("CONCATENATION", parts, [result], "ConcatenationOptions", Axis=1)
    return b.build([source], [result])


def ring(b: Builder, pick: Pick) -> Ends:
    """One or two buffers; the second one holds slots of the first one's slots."""
    point, unit = zero_point(pick), scale(pick)
    source = now = b.activation((1, 1, pick(1, 4), pick(1, 8)), unit, point)
    for _ in range(pick(1, 2)):
        _, slots, height, depth = b.shape(now)
        if slots > 1:
            flat = b.activation((1, 1, slots * height, depth), unit, point)
            b.operator("RESHAPE", [now, numbers(b, b.shape(flat))], [flat], "ReshapeOptions")
            now = flat
        _, _, height, depth = b.shape(now)
        given = bool(pick(0, 3))
        slots = pick(1, 6) if given else (5, 13, 25)[pick(0, 2)]
        kept = b.variable((1, slots, height, depth), unit, point)
        custom = bytes(flexbuffers.Dumps({"cycles_max": 1})) if given else b""
        b.operator(RING, [now], [kept], CustomOptions=custom)
        now = kept
    result = b.activation(b.shape(now), near(unit, pick), zero_point(pick))
    b.operator("QUANTIZE", [now], [result], "QuantizeOptions")
    return [source], [result]


MAKERS = {DETECTION: detection, RING: ring}
