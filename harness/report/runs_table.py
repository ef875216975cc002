"""The table of runs for a terminal: passed or failed, what ran, and its numbers."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.measure.shown_number import few_digits, quantity
from harness.model.metric import SHOWN, SIGN
from harness.report.energy_lines import print_energy
from harness.report.latency_table import print_latency
from harness.report.plain_text import built_with
from harness.report.quality_text import (
    chance_warning,
    is_missed,
    quality_text,
    target_text,
)
from harness.report.run_labels import labels_of
from harness.report.runs_legend import legend_of
from harness.report.terminal_lines import keeping, print_line
from harness.report.terminal_table import (
    TICK_HEADINGS,
    VERDICT,
    TerminalTable,
    name_columns,
    number_columns,
    verdict_text,
)
from harness.results.outcome import outcome_of
from harness.results.record import Record
from harness.support.plural import count_of

# An interrupt needs a stack frame with the FPU's registers, 104 bytes (Armv7-M ARM, B1.5.6), and
# room for its handler. In another run it may come when the stack is deeper than in this run.
_SMALL_MARGIN = 256  # bytes


def print_table(records: Sequence[Record], console: Console) -> None:
    """Print a row for each of `records`, failed ones first, and a legend.

    Below the target are the toolchain and flag, if the records have several; the protocol, if it is
    not the link; and the memory that the image ran from, if it is not flash.
    """
    records = sorted(records, key=lambda record: record.verdict == "passed")
    several_builds = len({built_with(record.image) for record in records}) > 1
    units = [unit for unit in TICK_HEADINGS if any(_has(unit, r) for r in records)]
    timed = any("throughput" in record.numbers for record in records)
    table = TerminalTable(
        [
            VERDICT,
            *name_columns("target\ntoolchain" if several_builds else "target", "model\nengine"),
            *number_columns(
                _quality_heading(records),
                "vectors\n≠ golden",
                *(f"{TICK_HEADINGS[unit]}\n{_second_line(unit, records)}" for unit in units),
                *(["latency\ninf./s"] * timed),
                "flash\nRAM",
                "wall",
            ),
        ]
    )
    for record, label in zip(records, labels_of(records), strict=True):
        notes = (
            record.protocol * (record.protocol != "link"),
            "from RAM" * (record.load == "ram"),
            built_with(record.image) * several_builds,
        )
        table.add_row(
            verdict_text(outcome_of(record)),
            _two_lines(record.target.name, " ".join(filter(None, notes))),
            *_row(record, units, label, timed=timed),
        )
    table.print_to(console)
    names = {name for r in records for name in (r.target.name, r.model.name)}
    for line in dict.fromkeys(legend_of(records, units)):
        print_line(console, keeping(line, *names, style="dim"))
    print_latency(records, console)
    print_energy(records, console)
    warnings = {
        f"{record.target.name}, {record.model.name}: {warning}": record
        for record in records
        for warning in _warnings(record)
    }
    for text, record in warnings.items():
        print_line(console, keeping(text, record.target.name, record.model.name, style="yellow"))


def _warnings(record: Record) -> Iterator[str]:
    """Yield a warning about each number that deserves less trust than it seems."""
    numbers = record.numbers
    if warning := chance_warning(record):
        yield warning
    margin = numbers.get("stack_margin")
    if margin is not None and margin.value < _SMALL_MARGIN:
        reserved = numbers["stack_reserved"].value
        yield f"only {margin.value:,} of {reserved:,} bytes of the stack are unused"
    looked = sum(looks > 0 for looks in record.looks)
    if looked and "cycles_median" in record.numbers:
        yield (
            f"the debugger read memory during up to {looked} of {len(record.looks)} inferences, "
            f"at most {max(record.looks)} x: each may have cost some cycles"
        )
    if record.retries:
        count = count_of(record.retries, "retransmission")
        yield f"{count}; the line is noisy or the machine is busy"
    if record.recoveries:
        yield f"the run began anew: {', then '.join(record.recoveries)}"


def _has(unit: str, record: Record) -> bool:
    names = {f"{unit}_median", *(["instructions_estimated"] if unit == "instructions" else [])}
    return not names.isdisjoint(record.numbers)


def _row(record: Record, units: Sequence[str], label: str, *, timed: bool) -> list[str | Text]:
    value = {name: number.value for name, number in record.numbers.items()}
    latency: list[str | Text] = [""] * timed
    if "throughput" in value:
        time = quantity(value["latency_median"], "s")
        latency = [_two_lines(time, f"{value['throughput']:.3f}")]
    return [
        _two_lines(record.model.name, ", ".join(filter(None, (record.image.engine, label)))),
        _two_lines(quality_text(record), target_text(record), good=not is_missed(record)),
        _two_lines(_vectors(record), f"{record.differing:,}", good=record.differing == 0),
        *(_ticks(record, unit) for unit in units),
        *latency,
        Text(f"{value['flash']:,}\n{value['ram']:,}"),
        f"{value['wall']:.1f} s",
    ]


def _vectors(record: Record) -> str:
    """Return how many vectors ran, and of how many if not all did."""
    count = f"{record.numbers['vectors'].value:,}"
    return f"{count} of {record.subset.of:,}" if record.subset else count


def _ticks(record: Record, unit: str) -> str | Text:
    """Return the median ticks of an inference; below are the estimated cycles, or the time."""
    value = {name: number.value for name, number in record.numbers.items()}
    below = f"~ {few_digits(value['cycles_estimated'])}" if "cycles_estimated" in value else ""
    if unit == "cycles" and "latency_median" in value and "throughput" not in value:
        below = quantity(value["latency_median"], "s")
    if f"{unit}_median" in value:
        return _two_lines(f"{value[f'{unit}_median']:,.0f}", below)
    timed = value.get("instructions_estimated") if unit == "instructions" else None
    return "" if timed is None else _two_lines(f"~ {few_digits(timed)}", "")


def _two_lines(above: str, below: str, *, good: bool = True) -> Text:
    """Return a cell of two lines; red unless it is `good`."""
    if good:
        return Text.assemble(above, "\n", (below, "dim"))
    return Text.assemble((above, "red"), "\n", (below, "bold red"))


def _quality_heading(records: Sequence[Record]) -> str:
    """Return the metric and the sign of the quality targets, if they are the same in all rows."""
    metrics = {record.model.metric for record in records}
    names = {SHOWN[metric] for metric in metrics}
    signs = {f"{SIGN[metric]} target" for metric in metrics}
    return "\n".join(
        each.pop() if len(each) == 1 else whole
        for each, whole in ((names, "quality"), (signs, "target"))
    )


def _second_line(unit: str, records: Sequence[Record]) -> str:
    """Return the second line of the heading of a column with ticks."""
    estimated = any("cycles_estimated" in record.numbers for record in records)
    return "~ cycles" if estimated and unit == "instructions" else "/inference"
