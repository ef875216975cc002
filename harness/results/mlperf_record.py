"""Turns a run over MLPerf Tiny's protocol into a Record."""

from pathlib import Path
from statistics import median

from harness.measure.number import Number
from harness.results.record import Record
from harness.results.run_record import make_record
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.runs.quality_numbers import quality_numbers

_TIMER = "the device's microseconds times its clock"
# The time includes the loop, and the copy of the input before each inference. For the bundled
# models this is 0.02 % to 0.25 % more than over the link.
_ERROR = 0.003


def record_of(run: MlperfRun, root: Path) -> Record:
    """Return the record of `run` in the repository at `root`."""
    return make_record(
        run,
        root,
        numbers=_numbers(run),
        counter="m-lap-us",
        ticks=[],
        protocol="mlperf-tiny",
        windows=list(run.windows),
    )


def _numbers(run: MlperfRun) -> dict[str, Number]:
    image, memory = run.image, run.target.memory
    sizes = {
        "flash": image.flash,
        "flash_left": memory.flash.size - image.flash,
        "ram": image.ram,
        "ram_left": memory.ram.size - image.ram,
        **({"arena": image.arena} if run.built else {}),
    }
    metered = run.metered
    return {
        **quality_numbers(run),
        "vectors": Number(len(run.vectors), "1", "exact"),
        "results_differing": Number(len(run.differing), "1", "exact"),
        "windows": Number(len(run.windows), "1", "exact"),
        **{name: Number(value, "byte", "exact") for name, value in sizes.items()},
        **_latency(run),
        **_instructions(run),
        "wall": Number(round(run.wall, 3), "s", "measured"),
        **(metered.energy.numbers(virtual=metered.identity.virtual) if metered else {}),
    }


def _latency(run: MlperfRun) -> dict[str, Number]:
    """Return throughput and latency by the device's clock; nothing if the device has none."""
    if run.throughput is None:
        return {}
    seconds = sorted(1 / window.throughput for window in run.windows)
    values = {
        "latency_min": seconds[0],
        "latency_median": 1 / run.throughput,
        "latency_max": seconds[-1],
    }
    return {
        "throughput": Number(run.throughput, "1/s", "measured"),
        **{name: Number(value, "s", "measured") for name, value in values.items()},
    }


def _instructions(run: MlperfRun) -> dict[str, Number]:
    """Return the instructions of an inference on an emulator, computed from its timer.

    The timer counts instructions only with our firmware and a target with a known clock.
    """
    clock = run.target.clock
    timed = [w for w in run.windows if w.microseconds is not None]
    if not (run.built and timed and clock and run.target.counter.ticks == "instructions"):
        return {}
    each = median(w.seconds / w.iterations for w in timed)
    value = round(each * clock.hz)
    return {"instructions_estimated": Number(value, "1", "estimated", _TIMER, _ERROR)}
