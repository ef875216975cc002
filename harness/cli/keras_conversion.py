"""`harness models add` with a Keras model: converts it, and prints what int8 costs."""

import argparse
from pathlib import Path

from harness.errors import InputError
from harness.intake.add_model import DataRequest
from harness.intake.convert.convert_user_model import (
    Converted,
    check_conversion,
    convert_user_model,
)
from harness.intake.convert.int8_loss import WHAT_HELPS, cost, is_high, shown_cost
from harness.intake.convert.keras_source import is_keras_model
from harness.intake.convert.onnx_source import find_onnx2tf, is_onnx
from harness.intake.convert.tensorflow_environment import find_python
from harness.model.metric import Metric, shown_quality
from harness.support.progress import Progress
from harness.support.user_folders import CACHES, chosen_folder, own_folder


def is_convertible(path: Path) -> bool:
    """Tell whether `path` is a Keras model, a SavedModel, or an ONNX network with onnx2tf here."""
    return is_keras_model(path) or (is_onnx(path) and find_onnx2tf() is not None)


def convert_keras(options: argparse.Namespace, request: DataRequest, logs: Path) -> Converted:
    """Convert the model that the options name; see `convert_user_model` and `find_python`."""
    progress: Progress = options.progress
    source: Path = options.network
    if options.array is not None:
        raise InputError(
            f"is given, but {source.name} is not a C source", where="--array", remedy="leave it out"
        )
    check_conversion(source, request, options.calibrate)
    # Not in the workspace: the environment is the same for all.
    python = find_python(chosen_folder(CACHES) or own_folder(CACHES), progress)
    with progress.step(f"converting {source.name}"):
        return convert_user_model(source, request, options.calibrate, python, logs, progress)


def print_conversion(converted: Converted, metric: Metric, int8: float) -> None:
    """Print how `converted` was made, and what its quality `int8` costs the float network."""
    origin = converted.origin
    print(f"  converted by {origin.converter}; calibrated with {origin.calibration}")
    error = converted.output_error
    warning = ""
    if metric != "agreement" and origin.float_quality is not None:
        costs = cost(metric, origin.float_quality, int8)
        shown = shown_cost(metric, costs)
        floats = shown_quality(metric, origin.float_quality)
        print(f"  quality: float {floats}, int8 {shown_quality(metric, int8)}: {shown}")
        warning = f"{shown}; {WHAT_HELPS}" if is_high(metric, costs) else ""
    if error is not None:
        print(f"  error of the int8 outputs: {error:.1%} of the float ones (RMS)")
    if converted.worst:
        print("  layers that lose most (error of the output; the part that the layer adds):")
        for layer in converted.worst:
            name = f"{layer.index} {layer.kind} {layer.name}"
            print(f"    {name}: {layer.error:.1%}; {layer.added:.1%}")
    if warning:
        print(f"  warning: {warning}")
