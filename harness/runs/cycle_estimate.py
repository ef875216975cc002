"""Adds estimated cycles to a run, from vector 0 on a bare core, which checks the counter, too."""

from dataclasses import replace

from harness.errors import InfrastructureError
from harness.measure.cycles.inference_estimate import (
    check_counted,
    estimate_of,
    infer,
    why_no_estimate,
    why_not_executed,
)
from harness.model.tensor_block import pack
from harness.runs.link_run import Run
from harness.simulator.bare_core import ProgramFaultError


def estimated(run: Run) -> Run:
    """Return `run` with the estimated cycles of vector 0, or why there is no estimate.

    Raises `InfrastructureError` if the bare core executes another number of instructions than the
    device counted: one of our own numbers is wrong. Also if the program does something on which a
    board faults, and the emulator did not.
    """
    # The bare core executes an image's first inference, as the device does to warm up.
    counted = int(run.ticks[0] if run.first is None else run.first)
    reason = why_not_executed(run.target, counted)
    if reason:
        unavailable = why_no_estimate(run.target, counted) or reason
        return replace(run, estimate_unavailable=unavailable)
    first = [values[0] for values in run.vectors.all_inputs]
    try:
        inference = infer(run.target, run.image, pack(run.network.input_tensors, first))
    except ProgramFaultError:  # the board has not noticed it: Renode knows no such fault
        raise
    except InfrastructureError as error:  # an engine may need a peripheral, which it lacks
        return replace(run, estimate_unavailable=error.what)
    check_counted(inference, counted, run.target.name)
    reason = why_no_estimate(run.target, counted)
    if not reason and counted != run.ticks[0]:
        reason = "the first inference takes another number of instructions than the next"
    if reason:
        return replace(run, estimate_unavailable=reason)
    return replace(run, estimate=estimate_of(inference, run.target, run.image))
