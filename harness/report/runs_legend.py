"""The legend of the table of runs: how the images were built, and what the numbers are."""

from collections.abc import Iterable, Iterator, Sequence

from harness.measure.shown_number import error_of, quantity
from harness.model.metric import SHOWN
from harness.report.plain_text import built_with, shown_compiler
from harness.report.quality_text import agreement_notes, float_notes, rmse_notes, subset_notes
from harness.results.record import Record

_TFLM = "tflite-micro"


def legend_of(records: Sequence[Record], units: Sequence[str]) -> Iterator[str]:
    """Yield lines about the table of `records`, with ticks in `units`."""
    yield from _toolchains(records)
    yield from _kinds(records, units)
    yield from rmse_notes(records)
    yield from agreement_notes(records)
    yield from float_notes(records)
    yield from subset_notes(records)
    yield from _clocks(records)
    yield from _estimates(records)
    yield from other_golden(records)
    yield from _remarks(records)


def _toolchains(records: Sequence[Record]) -> Iterator[str]:
    """Yield the toolchain and flag if all runs have the same, and the compilers' versions."""
    builds = {built_with(record.image): None for record in records}
    compilers: dict[str, dict[str, None]] = {record.image.toolchain: {} for record in records}
    for record in records:
        compilers[record.image.toolchain][shown_compiler(record.image.compiler)] = None
    if len(builds) == 1:
        [build], [versions] = builds, compilers.values()
        yield f"built with {build}: {', '.join(versions)}"
    else:
        named = (f"{name}: {', '.join(versions)}" for name, versions in compilers.items())
        yield f"built with {'; '.join(named)}"


def _kinds(records: Sequence[Record], units: Sequence[str]) -> Iterator[str]:
    exact, measured = [_quality(records), _differing(records)], ["wall time"]
    for unit in units:
        if any(f"{unit}_median" in record.numbers for record in records):
            kind = exact if unit == "instructions" else measured
            kind.append(f"median {unit} per inference")
            if unit == "cycles" and any("latency_median" in record.numbers for record in records):
                kind.append("their time")
    if any("throughput" in record.numbers for record in records):
        measured.append("latency and throughput (median of the windows)")
    exact.append("flash and RAM (bytes)")
    yield f"exact: {', '.join(exact)}"
    yield f"measured: {', '.join(measured)}"


def _clocks(records: Sequence[Record]) -> Iterator[str]:
    """Yield the clock that converts the cycles of each target to time."""
    clocks: dict[str, str] = {}
    for record in records:
        clock, time = record.numbers.get("clock"), record.numbers.get("latency_median")
        if clock is None or time is None:
            continue
        text = f"measured {quantity(clock.value, 'Hz', 5)} {error_of(clock.error)}"
        if time.error is None:
            stated = record.numbers["cycles_median"].value / time.value
            text = f"{quantity(stated, 'Hz')} as stated, {text}"
        clocks.setdefault(record.target.name, text)
    for name, text in clocks.items():
        yield f"clock of {name}: {text}"


def _quality(records: Sequence[Record]) -> str:
    """Return what the quality is; the table has no room for the metric in every row."""
    models: dict[str, dict[str, None]] = {}
    for record in records:
        models.setdefault(record.model.metric, {})[record.model.name] = None
    common, *others = (name for name in SHOWN if name in models)
    named = [f"{SHOWN[name]} of {', '.join(sorted(models[name]))}" for name in others]
    return f"quality ({'; '.join([SHOWN[common], *named])})" if named else SHOWN[common]


def _differing(records: Iterable[Record]) -> str:
    units = {"link": "output bytes", "mlperf-tiny": "printed results, over mlperf-tiny,"}
    used = dict.fromkeys(units[record.protocol] for record in records)
    return f"≠ golden ({' or '.join(used)} that differ)"


def _estimates(records: Iterable[Record]) -> Iterator[str]:
    """Yield the models of the estimated numbers, and their errors."""
    for name, unit in (("cycles_estimated", "cycles"), ("instructions_estimated", "instr.")):
        estimates = [r.numbers[name] for r in records if name in r.numbers]
        models = dict.fromkeys(f"{error_of(one.error)} ({one.model})" for one in estimates)
        if models:
            yield f"estimated: ~ {unit} per inference, {'; '.join(models)}"


def other_golden(records: Iterable[Record]) -> Iterator[str]:
    """Yield what computed golden, if it is not TensorFlow Lite Micro."""
    models: dict[str, dict[str, None]] = {}
    for record in records:
        if not record.model.golden_source.startswith(_TFLM):
            models.setdefault(record.model.golden_source, {})[record.model.name] = None
    yield from (f"golden of {', '.join(names)}: {source}" for source, names in models.items())


def _remarks(records: Iterable[Record]) -> Iterator[str]:
    """Yield the numbers that `records` lack, and why, and what a chip would not let pass."""
    targets_by_reason: dict[tuple[str, str], set[str]] = {}
    clocks: dict[str, str] = {}  # each run measures another one, and the first says enough
    for record in records:
        no_time = clocks.setdefault(record.target.name, record.time_unavailable)
        estimate_unavailable = (
            "" if "instructions_median" not in record.numbers else record.estimate_unavailable
        )
        for what, why in (
            ("no estimate", estimate_unavailable),
            ("no time", record.time_unavailable and (no_time or record.time_unavailable)),
            ("no layers", record.profile_unavailable),
            ("no stack", record.stack_unavailable),
            ("unmapped access", record.unmapped),
        ):
            if why:
                targets_by_reason.setdefault((what, why), set()).add(record.target.name)
    for (what, why), targets in targets_by_reason.items():
        yield f"{what} on {', '.join(sorted(targets))}: {why}"
