"""Prints what a conversion to int8 costs: quality side by side, and the layers that lose most."""

from harness.intake.convert.convert_model import Converted
from harness.intake.convert.int8_loss import MARGIN, WHAT_HELPS, cost, shown_cost
from harness.model.metric import Metric, shown_quality


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
        warning = f"{shown}; {WHAT_HELPS}" if costs > MARGIN else ""
    if error is not None:
        print(f"  error of the int8 outputs: {error:.1%} of the float ones (RMS)")
    if converted.worst:
        print("  layers that lose most (error of the output; the part that the layer adds):")
        for layer in converted.worst:
            name = f"{layer.index} {layer.kind} {layer.name}"
            print(f"    {name}: {layer.error:.1%}; {layer.added:.1%}")
    if warning:
        print(f"  warning: {warning}")
