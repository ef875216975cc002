"""Lowering of the custom operator TFLite_Detection_PostProcess."""

import math
from typing import cast

from harness.engines.cmsis_nn.float_functions import REAL_FUNCTIONS
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, c_float, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import DetectionOptions

_COORDINATES = 4
_FOUND = ("boxes", "classes", "scores", "count")
_SCALES = ("y_scale", "x_scale", "h_scale", "w_scale")
_SCRATCH = 5 * 4  # bytes for each box
_MOST = 1 << 20  # of everything that is counted


def detection_post_process(view: OperatorView) -> Layer:
    """Lower TFLite_Detection_PostProcess. Source: detection_postprocess.cc."""
    view.check_arity(3, 3, outputs=4)
    options = cast("DetectionOptions", view.operator.options)
    encodings, scores = (_variable(view, position, 3) for position in (0, 1))
    anchors = view.check_stored(view.tensor(2), "input 2", ("float32",))
    _check_shapes(view, options, encodings, scores, anchors)
    _check_options(view, options)
    most = options.max_detections
    for position, sizes in enumerate(((1, most, _COORDINATES), (1, most), (1, most), (1,))):
        _check_output(view, position, sizes)
    boxes = encodings.shape[1]
    params = Struct(
        "nn_detection_params_t", view.names.of("params"), _fields(options, encodings, scores)
    )
    given, constants = view.typed_operand(2)
    scratch = f"(float *)(arena + {view.names.scratch})"
    inputs = (view.typed_address(encodings), view.typed_address(scores), given)
    return Layer(
        view.operator,
        notes=(
            f"{boxes} boxes, {options.num_classes} classes -> {most} detections",
            "non-maximum suppression " + ("of each class" * options.use_regular_nms or "of boxes"),
        ),
        arrays=constants,
        structs=(params,),
        before=_found(view),
        call=Call("nn_detection_f32", (f"&{params.name}", *inputs, scratch, "&found")),
        scratch=boxes * _SCRATCH,
        kernels=frozenset({"nn_detection_f32.c", REAL_FUNCTIONS}),
    )


def _check_output(view: OperatorView, position: int, sizes: tuple[int, ...]) -> None:
    if not view.graph.tensors[view.operator.outputs[position]].shape:
        view.fail(
            f"output {position} has no shape in the file, and TFLM does not compute it",
            "export the detector again, with outputs of fixed shapes: 1xNx4, 1xN, 1xN and 1",
        )
    view.check_stored(view.check_result_shape(sizes, position), f"output {position}", ("float32",))


def _variable(view: OperatorView, position: int, rank: int) -> Tensor:
    tensor = view.tensor(position)
    what = f"input {position}"
    if tensor.data is not None:
        view.fail(f"{what} is a constant", "fold constants when converting")
    if str(tensor.dtype) != "float32":
        view.fail_type(
            f"{what} has type {tensor.dtype}; TFLM's {view.operator.kind} takes float32",
            "put a DEQUANTIZE before this layer: quantize the network without its "
            "post-processing, or with float outputs before it",
        )
    view.check_rank(tensor, rank, what)
    return view.check_stored(tensor, what, ("float32",))


def _check_shapes(
    view: OperatorView,
    options: DetectionOptions,
    encodings: Tensor,
    scores: Tensor,
    anchors: Tensor,
) -> None:
    boxes, columns, classes = encodings.shape[1], scores.shape[2], options.num_classes
    fits = (
        encodings.shape[0] == 1
        and encodings.shape[2] >= _COORDINATES
        and scores.shape[:2] == (1, boxes)
        and anchors.shape == (boxes, _COORDINATES)
    )
    if not fits:
        view.fail(
            f"boxes {shape(encodings)}, scores {shape(scores)} and anchors {shape(anchors)} do not "
            "fit each other",
            CONVERT_AGAIN,
        )
    if classes < 1 or columns - classes not in {0, 1}:
        view.fail(
            f"num_classes is {classes}, but a box has {columns} scores; TFLM takes as many, or "
            "one more for the background",
            CONVERT_AGAIN,
        )


def _check_options(view: OperatorView, options: DetectionOptions) -> None:
    for name in ("max_detections", "max_classes_per_detection", "detections_per_class"):
        value = getattr(options, name)
        if not 1 <= value <= _MOST:
            view.fail(f"{name} is {value}", f"set {name} to 1 or more when you export the detector")
    if not 0 < options.nms_iou_threshold <= 1:
        view.fail(
            f"nms_iou_threshold is {options.nms_iou_threshold:g}; TFLM takes more than 0, up to 1",
            "change nms_iou_threshold when you export the detector",
        )
    values = [getattr(options, name) for name in (*_SCALES, "nms_score_threshold")]
    if not all(map(math.isfinite, values)) or 0 in values[: len(_SCALES)]:
        view.fail("a scale of the boxes is 0, or an option is not a number", CONVERT_AGAIN)
    several = min(options.max_classes_per_detection, options.num_classes)
    if several > 1 and not options.use_regular_nms:
        view.fail(
            f"max_classes_per_detection is {several}, for which TFLM writes outside of its outputs",
            "export the detector with max_classes_per_detection=1, or with use_regular_nms",
        )


def _fields(options: DetectionOptions, encodings: Tensor, scores: Tensor) -> tuple[str, ...]:
    most = options.max_detections
    of_pass = options.detections_per_class if options.use_regular_nms else most
    return (
        f".boxes = {encodings.shape[1]}",
        f".encoding = {encodings.shape[2]}",
        f".columns = {scores.shape[2]}",
        f".classes = {options.num_classes}",
        f".most = {most}",
        f".most_of_pass = {of_pass}",
        f".each_class = {int(options.use_regular_nms)}",
        f".least_score = {c_float(options.nms_score_threshold)}",
        f".most_overlap = {c_float(options.nms_iou_threshold)}",
        *(f".{name} = {c_float(getattr(options, name))}" for name in _SCALES),
    )


def _found(view: OperatorView) -> tuple[str, ...]:
    """Return the lines that define where the outputs go."""
    tensors = (view.graph.tensors[index] for index in view.operator.outputs)
    return (
        "const nn_detections_t found = {",
        *(
            f"        .{name} = {view.typed_address(tensor)},"
            for name, tensor in zip(_FOUND, tensors, strict=True)
        ),
        "    };",
    )
