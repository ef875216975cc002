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

from harness.measure.core_clock import why_no_time
from harness.measure.energy.meters.meter_session import Metered
from harness.results.current_session import current_session
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
        numbers=dict(run.numbers),
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
