"""Adds estimated cycles to a run, from vector 0 on a bare core."""

from dataclasses import replace

from harness.errors import InfrastructureError
from harness.measure.cycles.inference_estimate import estimate_inference, why_no_estimate
from harness.model.tensor_block import pack
from harness.runs.link_run import Run


def estimated(run: Run) -> Run:
    """Return `run` with the estimated cycles of vector 0, or why there is no estimate."""
    counted = int(run.ticks[0])
    reason = why_no_estimate(run.target, counted)
    if reason:
        return replace(run, estimate_unavailable=reason)
    first = [values[0] for values in run.vectors.all_inputs]
    inputs = pack(run.network.input_tensors, first)
    try:
        return replace(run, estimate=estimate_inference(run.target, run.image, inputs, counted))
    except InfrastructureError as error:  # an engine may need a peripheral, which it lacks
        return replace(run, estimate_unavailable=error.what)
