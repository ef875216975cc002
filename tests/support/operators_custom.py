"""Random graphs of custom operators that TFLM has: an object detector's end, and a ring buffer."""

from typing import Any

import numpy as np
from flatbuffers import flexbuffers  # type: ignore[import-untyped]

from tests.support.graphs import Builder, Pick, from_rng

# A graph, built: its inputs and its outputs.
Ends = tuple[list[int], list[int]]
DETECTION, RING = "TFLite_Detection_PostProcess", "CIRCULAR_BUFFER"


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
    return build(DETECTION, from_rng(np.random.default_rng(1)))


MAKERS = {DETECTION: detection}
