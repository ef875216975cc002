"""The numbers of a run over the link: what its Record holds, with units and kinds."""

from typing import TYPE_CHECKING

import numpy as np

from harness.measure import latency
from harness.measure.cycles.estimate import Estimate
from harness.measure.energy.inference_energy import estimate_energy
from harness.measure.float_tolerance import TOLERANCE, largest_difference, rounds_otherwise
from harness.measure.instructions import of_ticks
from harness.measure.number import Kind, Number
from harness.runs.layer_profile import Profile
from harness.runs.quality_numbers import quality_numbers

if TYPE_CHECKING:
    from harness.runs.link_run import Run


def numbers_of(run: "Run") -> dict[str, Number]:
    """Return all numbers of `run` by name."""
    ticks = run.target.counter.ticks
    tick_kind: Kind = "exact" if ticks == "instructions" else "measured"
    overhead = of_ticks(run.welcome.counter_overhead, run.target.instruction_ticks)
    estimated = _estimated_numbers(run, run.estimate) if run.estimate is not None else {}
    metered = run.metered
    return {
        **quality_numbers(run),
        "vectors": Number(len(run.vectors), "1", "exact"),
        "bytes_differing": Number(run.bytes_differing, "byte", "exact"),
        **_float_numbers(run),
        **_score_numbers(run),
        **latency.numbers(run.ticks, run.first, run.target, run.clock),
        **_layer_numbers(run.profile, tick_kind),
        "counter_overhead": Number(overhead, "1", tick_kind),
        **_memory_numbers(run),
        "wall": Number(round(run.wall, 3), "s", "measured"),
        "wall_inference": Number(round(run.inference, 3), "s", "measured"),
        **estimated,
        **(metered.energy.numbers(virtual=metered.identity.virtual) if metered else {}),
    }


def _float_numbers(run: "Run") -> dict[str, Number]:
    """Return how far floats differ from golden, if they are compared with a tolerance."""
    floats = any(output.dtype == np.float32 for output in run.all_outputs)
    if run.model.export is not None or not floats or not rounds_otherwise(run.network):
        return {}
    largest = min(largest_difference(run.all_outputs, run.all_golden), 1e9)
    return {
        "ulp_difference": Number(round(largest, 3), "ulp", "exact"),
        "ulp_tolerance": Number(TOLERANCE, "ulp", "exact"),
    }


def _score_numbers(run: "Run") -> dict[str, Number]:
    """Return the differences between the scores of an export and golden."""
    if run.model.export is None:
        return {}
    return {
        "classes_differing": Number(len(run.classes_differing), "1", "exact"),
        "score_difference": Number(float(min(run.score_differences.max(), 1e9)), "1", "exact"),
    }


def _layer_numbers(profile: Profile | None, kind: Kind) -> dict[str, Number]:
    if profile is None:
        return {}
    return {
        "layers_hook": Number(profile.hook, "1", kind),
        "layers_rest": Number(profile.rest, "1", kind),
        "layers_total": Number(profile.total, "1", kind),
    }


def _estimated_numbers(run: "Run", estimate: Estimate) -> dict[str, Number]:
    """Return the estimates for the median inference, from the cycles per instruction of vector 0.

    These are cycles, seconds and joules. If the target's clock has wait states, there is also an
    estimate with the most cycles that they can add.
    """
    scale = float(np.median(run.ticks)) / estimate.instructions
    model = f"{estimate.model}, zero wait states"
    kinds = {"estimated": (estimate.cycles, model, estimate.error)}
    if estimate.wait_states:
        waiting = f"{estimate.model}, {estimate.wait_states} wait states at jumps and loads"
        kinds["estimated_waiting"] = (estimate.cycles + estimate.waits, waiting, None)
    numbers = {}
    for name, (count, model, error) in kinds.items():
        value = round(count * scale)
        numbers[f"cycles_{name}"] = Number(value, "1", "estimated", model, error)
        if run.target.clock is not None:
            seconds = value / run.target.clock.hz
            numbers[f"latency_{name}"] = Number(seconds, "s", "estimated", model, error)
    if run.target.power is not None:
        cycles = numbers["cycles_estimated"]
        numbers["energy_estimated"] = estimate_energy(cycles, run.target.power)
    return numbers


def _memory_numbers(run: "Run") -> dict[str, Number]:
    memory = run.target.memory
    exact = {
        "flash": run.image.flash,
        "flash_left": memory.flash.size - run.image.flash,
        "ram": run.image.ram,
        "ram_left": memory.ram.size - run.image.ram + run.image.ram_elsewhere,
    }
    # 0 if a prebuilt firmware does not report it, the engine has no lower bound, or there is none.
    arena = {
        "arena": run.welcome.arena_size,
        "arena_least": run.image.arena_least,
        "arena_state": run.image.arena_state,
    }
    exact |= {name: size for name, size in arena.items() if size}
    # Measured even on an emulator, because the depth depends on when an interrupt comes.
    measured = {}
    if run.stack is not None:
        used, exact["stack_reserved"] = run.stack
        measured = {"stack": used, "stack_margin": exact["stack_reserved"] - used}
    return {
        **{name: Number(value, "byte", "exact") for name, value in exact.items()},
        **{name: Number(value, "byte", "measured") for name, value in measured.items()},
    }
