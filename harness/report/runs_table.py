"""The table of runs for a terminal. It fits 80 columns."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from harness.model.metric import SHOWN
from harness.report.energy_lines import print_energy
from harness.report.latency_table import print_latency
from harness.report.plain_text import error_of, few_digits, quantity
from harness.report.terminal_table import TICK_HEADINGS, add_number_columns, new_table
from harness.results.record import Record

# An interrupt needs a stack frame with the FPU's registers, 104 bytes (Armv7-M ARM, B1.5.6), and
# room for its handler. In another run it may come when the stack is deeper than in this run.
_SMALL_MARGIN = 256  # bytes


def print_table(records: Sequence[Record], console: Console) -> None:
    """Print two lines for each of `records`, and a legend with the kinds of the numbers.

    Below the target are the toolchain and flag, if the records have several, and the protocol, if
    it is not the link.
    """
    several_toolchains = len({record.image.toolchain for record in records}) > 1
    several_flags = len({record.image.optimize for record in records}) > 1
    units = [unit for unit in TICK_HEADINGS if any(_has(unit, r) for r in records)]
    timed = any("throughput" in record.numbers for record in records)
    metrics = {
        shown: {record.model.name for record in records if record.model.metric == name}
        for name, shown in SHOWN.items()
        if any(record.model.metric == name for record in records)
    }
    table = new_table()
    built = several_toolchains or several_flags
    for heading in ("target\ntoolchain" if built else "target", "model\nengine"):
        table.add_column(heading, overflow="fold")
    headings = (
        f"{next(iter(metrics)) if len(metrics) == 1 else 'quality'}\n≥ target",
        "vectors\n≠ golden",
        *(f"{TICK_HEADINGS[unit]}\n{_second_line(unit, records)}" for unit in units),
        *(["latency\ninf./s"] * timed),
        "flash",
        "RAM",
        "wall\ns",
    )
    add_number_columns(table, headings)
    for record in records:
        differences = (
            record.protocol * (record.protocol != "link"),
            record.image.toolchain * several_toolchains,
            record.image.optimize * several_flags,
        )
        target = _two_lines(record.target.name, " ".join(filter(None, differences)))
        table.add_row(target, *_row(record, units, timed=timed))
    console.print(table)
    console.print(_legend(metrics, units, records), style="dim", highlight=False)
    print_latency(records, console)
    print_energy(records, console)
    for record in records:
        margin = record.numbers.get("stack_margin")
        if margin is not None and margin.value < _SMALL_MARGIN:
            console.print(
                f"{record.target.name}, {record.model.name}: only {margin.value:,} of "
                f"{record.numbers['stack_reserved'].value:,} bytes of the stack are unused",
                style="yellow",
                highlight=False,
            )
        if record.retries:
            console.print(
                f"{record.target.name}, {record.model.name}: {record.retries} "
                "retransmissions; the line is noisy or the machine is busy",
                style="yellow",
                highlight=False,
            )


def _has(unit: str, record: Record) -> bool:
    return f"{unit}_median" in record.numbers or (unit == "instructions" and _is_timed(record))


def _row(record: Record, units: Sequence[str], *, timed: bool) -> list[str | Text]:
    value = {name: number.value for name, number in record.numbers.items()}
    metric = record.model.metric
    quality, quality_target = value[metric], value[f"{metric}_target"]
    latency: list[str | Text] = [""] * timed
    if "throughput" in value:
        time = quantity(value["latency_median"], "s")
        latency = [_two_lines(time, f"{value['throughput']:.3f}")]
    return [
        _two_lines(record.model.name, record.image.engine),
        _two_lines(f"{quality:.4f}", f"≥ {quality_target:g}", good=quality >= quality_target),
        _two_lines(f"{value['vectors']:,}", f"{record.differing:,}", good=record.differing == 0),
        *(_ticks(record, unit) for unit in units),
        *latency,
        f"{value['flash']:,}",
        f"{value['ram']:,}",
        f"{value['wall']:.1f}",
    ]


def _ticks(record: Record, unit: str) -> str | Text:
    """Return the median ticks of an inference, and the estimated cycles below."""
    value = {name: number.value for name, number in record.numbers.items()}
    estimated = value.get("cycles_estimated")
    cycles = "" if estimated is None else f"~ {few_digits(estimated)}"
    if f"{unit}_median" in value:
        return _two_lines(f"{value[f'{unit}_median']:,.0f}", cycles)
    timed = value.get(f"{unit}_estimated")
    return "" if timed is None else f"~ {few_digits(timed)}"


def _two_lines(above: str, below: str, *, good: bool = True) -> Text:
    """Return a cell of two lines; red unless it is `good`."""
    if good:
        return Text.assemble(above, "\n", (below, "dim"))
    return Text.assemble((above, "red"), "\n", (below, "bold red"))


def _second_line(unit: str, records: Sequence[Record]) -> str:
    """Return the second line of the heading of a column with ticks."""
    estimated = any("cycles_estimated" in record.numbers for record in records)
    return "~ cycles" if estimated and unit == "instructions" else "/inference"


def _legend(
    metrics: Mapping[str, set[str]], units: Sequence[str], records: Sequence[Record]
) -> str:
    # The table has no room for the metric in every row.
    common, *others = metrics
    named = [f"{metric} of {', '.join(sorted(metrics[metric]))}" for metric in others]
    quality = f"quality ({'; '.join([common, *named])})" if others else common
    exact = [quality, _differing(records)]
    measured = ["wall time"]
    for unit in units:
        kind = exact if unit == "instructions" else measured
        if any(f"{unit}_median" in record.numbers for record in records):
            kind.append(f"median {unit} per inference")
    if any("throughput" in record.numbers for record in records):
        measured.append("latency and throughput (median of the windows)")
    exact.append("flash and RAM (bytes)")
    lines = [f"exact: {', '.join(exact)}", f"measured: {', '.join(measured)}"]
    cycles = [r.numbers["cycles_estimated"] for r in records if "cycles_estimated" in r.numbers]
    models = dict.fromkeys(f"{error_of(one.error)} ({one.model})" for one in cycles)
    if models:
        lines.append(f"estimated: ~ cycles per inference, {'; '.join(models)}")
    timed = [r.numbers["instructions_estimated"] for r in records if _is_timed(r)]
    lines += dict.fromkeys(
        f"estimated: ~ instr. per inference, {error_of(one.error)} ({one.model})" for one in timed
    )
    lines += _remarks(records)
    return "\n".join(lines)


def _is_timed(record: Record) -> bool:
    return "instructions_estimated" in record.numbers


def _differing(records: Sequence[Record]) -> str:
    units = {"link": "output bytes", "mlperf-tiny": "printed results, over mlperf-tiny,"}
    used = dict.fromkeys(units[record.protocol] for record in records)
    return f"≠ golden ({' or '.join(used)} that differ)"


def _remarks(records: Sequence[Record]) -> Iterator[str]:
    """Yield the numbers that `records` lack, and why, and what a chip would not let pass."""
    targets_by_reason: dict[tuple[str, str], set[str]] = {}
    for record in records:
        estimate_unavailable = (
            "" if "instructions_median" not in record.numbers else record.estimate_unavailable
        )
        for what, why in (
            ("no estimate", estimate_unavailable),
            ("no layers", record.profile_unavailable),
            ("no stack", record.stack_unavailable),
            ("unmapped access", record.unmapped),
        ):
            if why:
                targets_by_reason.setdefault((what, why), set()).add(record.target.name)
    for (what, why), targets in targets_by_reason.items():
        yield f"{what} on {', '.join(sorted(targets))}: {why}"
