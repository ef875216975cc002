"""Turns a run into a Record."""

import os
import platform
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from harness.measure import latency
from harness.measure.core_clock import why_no_time
from harness.measure.cycles.estimate import Estimate
from harness.measure.energy.inference_energy import estimate_energy
from harness.measure.energy.meters.meter_session import Metered
from harness.measure.float_tolerance import (
    TOLERANCE,
    largest_difference,
    rounds_otherwise,
)
from harness.measure.instructions import of_ticks
from harness.measure.number import Kind, Number
from harness.results.current_session import current_session
from harness.results.quality_numbers import quality_numbers
from harness.results.record import (
    SCHEMA,
    BundleInfo,
    Conversion,
    EnergyInfo,
    Host,
    ImageInfo,
    ModelInfo,
    Record,
    TargetInfo,
)
from harness.runs.device_under_test import AnyRun
from harness.runs.layer_profile import Profile
from harness.runs.link_run import Run
from harness.support.ci_job import job_url
from harness.support.git_commit import commit_of
from harness.support.version import VERSION
from harness.target.target_file import Qemu

_LOG = 1 << 18  # characters of the device's log that a record keeps
_LONGEST_LINE = 10_000  # characters


def record_of(run: Run, root: Path) -> Record:
    """Return the record of `run` in the repository at `root`."""
    return make_record(
        run,
        root,
        numbers=_numbers(run),
        counter=run.welcome.counter,
        ticks=run.ticks.tolist(),
        input_via=run.input_via,
        input_choice=run.input_choice,
        carrier="rtt" if run.target.port.over_rtt else "serial",
        looks=run.looks.tolist() if run.looks.any() else [],
        divergence=run.divergence,
        estimate_unavailable=run.estimate_unavailable,
        profile_unavailable=run.profile_unavailable,
        stack_unavailable=run.stack_unavailable,
        time_unavailable=why_no_time(run.target, run.clock),
        unmapped=run.unmapped,
        conversion=_conversion(run),
        layers=list(run.profile.layers) if run.profile else [],
    )


def make_record(run: AnyRun, root: Path, **measured: Any) -> Record:
    """Return the record of `run`; `measured` are the keys that depend on the protocol."""
    now = datetime.now(UTC)
    reasons, origin = run.failures(), run.image.origin
    name = f"{now:%Y%m%dT%H%M%S}-{run.target.file_name}-{run.model.name}-{run.image.engine}"
    return Record(
        schema=SCHEMA,
        id=f"{name}-{secrets.token_hex(3)}",
        started=now.isoformat(timespec="milliseconds"),  # two runs of one second keep their order
        verdict="failed" if reasons else "passed",
        reasons=reasons,
        target=TargetInfo(
            name=run.target.name,
            mcu=run.target.mcu.name,
            core=run.target.mcu.core,
            board=str(run.target.board.__struct_config__.tag),
            version=run.board_version,
        ),
        model=ModelInfo(
            name=run.model.name,
            digest=run.model.digest,
            vectors=run.vectors.digest,
            golden_source=run.golden_source,
            metric=run.model.metric,
        ),
        image=ImageInfo(
            build_id=run.image.build_id,
            engine=run.image.engine,
            engine_version=run.image.engine_version,
            compiler=run.image.toolchain.version,
            optimize=run.image.toolchain.opt,
            toolchain=run.image.toolchain.name,
        ),
        commit=origin.commit if origin else commit_of(root),
        bundle=BundleInfo(origin.bundle, origin.harness, platform.node()) if origin else None,
        device=run.device,
        recoveries=list(run.recoveries),
        retries=run.retries,
        log=_bounded(run.log),
        energy=_energy_info(run.metered),
        memory=run.memory,
        host=Host(platform.system(), platform.machine(), platform.python_version(), VERSION),
        load=run.target.load,
        subset=run.subset,
        session=current_session(),
        job=job_url(os.environ),
        **measured,
    )


def _bounded(log: Sequence[str]) -> list[str]:
    """Return the first and the last lines of a long log, so that its Record can be read."""
    lines = [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in log]
    first = _fitting(lines)
    if len(first) == len(lines):
        return lines
    last = _fitting(lines[: len(first) - 1 : -1])[::-1]
    left_out = len(lines) - len(first) - len(last)
    return [*first, f"… {left_out:,} lines are left out …", *last] if left_out else lines


def _fitting(lines: Sequence[str]) -> list[str]:
    """Return the first of `lines` that fit into half a log."""
    sizes = accumulate(len(line) + 1 for line in lines)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= _LOG // 2]


def _conversion(run: Run) -> Conversion | None:
    hz, board = run.target.counter.hz, run.target.board
    return Conversion(hz, board.icount_shift) if hz and isinstance(board, Qemu) else None


def _energy_info(metered: Metered | None) -> EnergyInfo | None:
    """Return how energy was measured; None if no meter did."""
    if metered is None:
        return None
    energy, identity = metered.energy, metered.identity
    return EnergyInfo(
        meter=identity.name,
        serial=identity.serial,
        firmware=identity.firmware,
        virtual=identity.virtual,
        volts=round(energy.volts, 4),
        hz=energy.hz,
        found_by=energy.found_by,
        trigger_delay_s=energy.delay,
        clock=round(energy.clock, 6),
        samples=energy.samples,
        missing=energy.missing,
        corrupt=energy.corrupt,
        left_out=energy.left_out,
        joules=[None if np.isnan(joule) else float(joule) for joule in energy.joules],
        note=metered.note,
    )


def _numbers(run: Run) -> dict[str, Number]:
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


def _float_numbers(run: Run) -> dict[str, Number]:
    """Return how far floats differ from golden, if they are compared with a tolerance."""
    floats = any(output.dtype == np.float32 for output in run.all_outputs)
    if run.model.export is not None or not floats or not rounds_otherwise(run.network):
        return {}
    largest = min(largest_difference(run.all_outputs, run.all_golden), 1e9)
    return {
        "ulp_difference": Number(round(largest, 3), "ulp", "exact"),
        "ulp_tolerance": Number(TOLERANCE, "ulp", "exact"),
    }


def _score_numbers(run: Run) -> dict[str, Number]:
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


def _estimated_numbers(run: Run, estimate: Estimate) -> dict[str, Number]:
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


def _memory_numbers(run: Run) -> dict[str, Number]:
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
