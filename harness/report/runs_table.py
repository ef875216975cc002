"""One table of runs for a terminal; it fits 80 columns."""

from collections.abc import Iterator, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.model.metric import SHOWN
from harness.report.energy_lines import print_energy
from harness.report.latency_table import print_latency
from harness.report.plain_text import error_of, few_digits, quantity
from harness.results.record import Record

# An interrupt's frame with the FPU's registers, 104 bytes (Armv7-M ARM, B1.5.6), and its handler:
# one may come when the stack is deeper than it was when one came this time.
_SMALL_MARGIN = 256
_TICKS = {"instructions": "instr.", "cycles": "cycles"}  # and the heading


def print_table(records: Sequence[Record], console: Console) -> None:
    """Print two lines for each of `records`, and of what kind the numbers are.

    Under the target are the toolchain and its flag where the records' differ, and a protocol
    that is not our link.
    """
    compilers = len({record.image.toolchain for record in records}) > 1
    flags = len({record.image.optimize for record in records}) > 1
    units = [unit for unit in _TICKS if any(_has(unit, r) for r in records)]
    timed = any("throughput" in record.numbers for record in records)
    metrics = {
        shown: {record.model.name for record in records if record.model.metric == name}
        for name, shown in SHOWN.items()
        if any(record.model.metric == name for record in records)
    }
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("target\ntoolchain" if compilers or flags else "target", "model\nengine"):
        table.add_column(heading, overflow="fold")
    for heading in (
        f"{next(iter(metrics)) if len(metrics) == 1 else 'quality'}\n≥ target",
        "vectors\n≠ golden",
        *(f"{_TICKS[unit]}\n{_below(unit, records)}" for unit in units),
        *(["latency\ninf./s"] * timed),
        "flash",
        "RAM",
        "wall\ns",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for record in records:
        built = (record.image.toolchain * compilers, record.image.optimize * flags)
        protocol = record.protocol * (record.protocol != "link")
        place = _stack(record.target.name, " ".join(filter(None, (protocol, *built))))
        table.add_row(place, *_row(record, units, timed=timed))
    console.print(table)
    console.print(_legend(metrics, units, records), style="dim", highlight=False)
    print_latency(records, console)
    print_energy(records, console)
    for record in records:
        margin = record.numbers.get("stack_margin")
        if margin is not None and margin.value < _SMALL_MARGIN:
            console.print(
                f"{record.target.name}, {record.model.name}: only {margin.value:,} of the stack's "
                f"{record.numbers['stack_reserved'].value:,} bytes were never used",
                style="yellow",
                highlight=False,
            )
        if record.retries:
            console.print(
                f"{record.target.name}, {record.model.name}: {record.retries} requests were sent "
                "again; the line or the machine was troubled",
                style="yellow",
                highlight=False,
            )


def _has(unit: str, record: Record) -> bool:
    return f"{unit}_median" in record.numbers or (unit == "instructions" and _is_timed(record))


def _row(record: Record, units: Sequence[str], *, timed: bool) -> list[str | Text]:
    value = {name: number.value for name, number in record.numbers.items()}
    metric = record.model.metric
    quality, least = value[metric], value[f"{metric}_target"]
    same = record.differing == 0
    latency: list[str | Text] = [""] * timed
    if "throughput" in value:
        latency = [_stack(quantity(value["latency_median"], "s"), f"{value['throughput']:.3f}")]
    return [
        _stack(record.model.name, record.image.engine),
        _stack(f"{quality:.4f}", f"≥ {least:g}", right=quality >= least),
        _stack(f"{value['vectors']:,}", f"{record.differing:,}", right=same),
        *(_ticks(record, unit) for unit in units),
        *latency,
        f"{value['flash']:,}",
        f"{value['ram']:,}",
        f"{value['wall']:.1f}",
    ]


def _ticks(record: Record, unit: str) -> str | Text:
    """Return the median of an inference, and what is estimated below it."""
    value = {name: number.value for name, number in record.numbers.items()}
    estimated = value.get("cycles_estimated")
    cycles = "" if estimated is None else f"~ {few_digits(estimated)}"
    if f"{unit}_median" in value:
        return _stack(f"{value[f'{unit}_median']:,.0f}", cycles)
    timed = value.get(f"{unit}_estimated")
    return "" if timed is None else f"~ {few_digits(timed)}"


def _stack(above: str, below: str, *, right: bool = True) -> Text:
    """Put `below` under `above`; red where it is not right."""
    if right:
        return Text.assemble(above, "\n", (below, "dim"))
    return Text.assemble((above, "red"), "\n", (below, "bold red"))


def _below(unit: str, records: Sequence[Record]) -> str:
    """Return what stands under a record's ticks."""
    estimated = any("cycles_estimated" in record.numbers for record in records)
    return "~ cycles" if estimated and unit == "instructions" else "/inference"


def _legend(
    metrics: Mapping[str, set[str]], units: Sequence[str], records: Sequence[Record]
) -> str:
    # The table has no room for a metric in every row.
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
    lines += _lacking(records)
    return "\n".join(lines)


def _is_timed(record: Record) -> bool:
    return "instructions_estimated" in record.numbers


def _differing(records: Sequence[Record]) -> str:
    what = {"link": "output bytes", "mlperf-tiny": "printed results, over mlperf-tiny,"}
    there = dict.fromkeys(what[record.protocol] for record in records)
    return f"≠ golden ({' or '.join(there)} that differ)"


def _lacking(records: Sequence[Record]) -> Iterator[str]:
    """Yield what `records` lack that their users may look for, and why."""
    found: dict[tuple[str, str], set[str]] = {}
    for record in records:
        estimated = (
            "" if "instructions_median" not in record.numbers else record.estimate_unavailable
        )
        for what, why in (
            ("not estimated", estimated),
            ("no layers", record.profile_unavailable),
            ("no stack", record.stack_unavailable),
        ):
            if why:
                found.setdefault((what, why), set()).add(record.target.name)
    for (what, why), targets in found.items():
        yield f"{what} on {', '.join(sorted(targets))}: {why}"
