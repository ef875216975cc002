"""A sweep as a table, and as a plot of ticks against flash."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from harness.measure.number import Number
from harness.measure.shown_number import error_of, few_digits
from harness.report.terminal_lines import keeping, print_line, print_lines
from harness.report.terminal_table import (
    TICK_HEADINGS,
    VERDICT,
    TerminalTable,
    name_columns,
    number_columns,
    verdict_text,
)
from harness.results.judge.sweep_row import SweepRow, groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_ESTIMATE = "cycles_estimated"
_MARKERS = "o^sDv"  # one for each toolchain
_MAX_COLUMNS = 3  # panels side by side


def print_sweep(rows: Sequence[SweepRow], console: Console) -> None:
    """Print a line for each of `rows`, grouped by target and model; failed ones first.

    The reasons for failed rows are below the table.
    """
    units = [unit for unit in TICK_HEADINGS if any(row.unit == unit for row in rows)]
    several = len({row.engine for row in rows}) > 1
    estimates = [row.numbers[_ESTIMATE] for row in rows if _ESTIMATE in row.numbers]
    ticks = [f"{TICK_HEADINGS[unit]}\n/inference" for unit in units]
    figures = ("flash", "RAM", *ticks, *["~ cycles"] * bool(estimates), "≠ golden", "best")
    built = (*["engine"] * several, "toolchain")
    table = TerminalTable([VERDICT, *name_columns(*built), *number_columns(*figures)])
    for index, group in enumerate(sorted(groups(rows), key=_all_passed)):
        if index:
            table.add_line()
        target, model = group[0].target, group[0].model
        subsets = {str(row.subset): None for row in group if row.subset}
        title = ", ".join([target, model, *subsets])
        table.add_line(keeping(title, target, model, style="bold"))
        for row in sorted(group, key=_passed):
            built = (*[row.engine] * several, f"{row.toolchain} {row.opt}")
            verdict = verdict_text(row.outcome)
            table.add_row(verdict, *built, *_figures(row, units, estimated=bool(estimates)))
    table.print_to(console)
    for line in _kinds(units, estimates):
        print_line(console, line, "dim")
    for row in rows:
        if row.reasons:
            print_line(console, keeping(f"{row}:", row.target, row.model))
            print_lines(console, [Text(f"  {reason}") for reason in row.reasons])


def _passed(row: SweepRow) -> bool:
    return not row.reasons


def _all_passed(rows: Sequence[SweepRow]) -> bool:
    return all(map(_passed, rows))


def _kinds(units: Sequence[str], estimates: Sequence[Number]) -> list[str]:
    exact = ["flash and RAM (bytes)", "≠ golden (output bytes that differ)"]
    measured: list[str] = []
    for unit in units:
        (exact if unit == "instructions" else measured).append(f"median {unit} per inference")
    lines = [f"exact: {', '.join(exact)}"]
    if measured:
        lines.append(f"measured: {', '.join(measured)}")
    models = dict.fromkeys(f"{error_of(one.error)} ({one.model})" for one in estimates)
    if models:
        lines.append(f"estimated: ~ cycles, {'; '.join(models)}")
    return [*lines, "*: Pareto-optimal in flash and ticks, among the runs that passed"]


def _figures(row: SweepRow, units: Sequence[str], *, estimated: bool) -> list[str]:
    value = {name: number.value for name, number in row.numbers.items()}
    shown = ["flash", "ram", *(f"{unit}_median" for unit in units)]
    figures = [f"{value[name]:,.0f}" if name in value else "" for name in shown]
    if estimated:
        figures.append(f"~ {few_digits(value[_ESTIMATE])}" if _ESTIMATE in value else "")
    differing = f"{value['bytes_differing']:,}" if value else ""
    return [*figures, differing, "*" * row.best]


def plot_sweep(rows: Sequence[SweepRow], path: Path) -> None:
    """Plot ticks against flash to `path`, with a panel for each target and model.

    Each point has its flag as label and the marker of its toolchain. Filled points are
    Pareto-optimal and connected by a line. Failed rows are left out. Raises `InputError` if the
    file cannot be written.
    """
    from harness.report.plot_file import drawing  # noqa: PLC0415 - matplotlib

    markers = dict(zip(dict.fromkeys(row.toolchain for row in rows), _MARKERS, strict=False))
    panels = [[row for row in group if not row.reasons] for group in groups(rows)]
    panels = [group for group in panels if group]
    columns = min(len(panels), _MAX_COLUMNS) or 1
    lines = -(-len(panels) // columns)
    with drawing(path, max(3.2 * columns, 5.0), 3.2 * lines + 0.4) as figure:
        for position, group in enumerate(panels, 1):
            _draw(figure.add_subplot(lines, columns, position), group, markers)
        figure.legend(handles=_legend(markers), loc="outside upper right", ncols=3, frameon=False)


def _legend(markers: dict[str, str]) -> "list[Line2D]":
    from matplotlib.lines import Line2D  # noqa: PLC0415 - matplotlib

    front = Line2D([], [], color="0.6", label="Pareto-optimal (filled)")
    toolchains = [
        Line2D([], [], color="black", marker=marker, mfc="white", linestyle="", label=name)
        for name, marker in markers.items()
    ]
    return [*toolchains, front]


def _marker_position(row: SweepRow) -> tuple[float, float, str]:
    """Return the position and toolchain of a marker; rows with the same one share a label."""
    return (*row.point, row.toolchain)


def _draw(axes: "Axes", group: list[SweepRow], markers: dict[str, str]) -> None:
    """Draw the rows of one target and model; all of them passed."""
    engines = len({row.engine for row in group}) > 1
    front = sorted(row.point for row in group if row.best)
    axes.plot(*zip(*front, strict=True), color="0.6", linewidth=1, drawstyle="steps-post", zorder=1)
    for row in group:
        face = "black" if row.best else "white"
        axes.plot(*row.point, marker=markers[row.toolchain], color="black", markerfacecolor=face)
    for point, rows in groupby(sorted(group, key=_marker_position), _marker_position):
        flags = ", ".join(f"{row.engine} {row.opt}" if engines else row.opt for row in rows)
        axes.annotate(flags, point[:2], (5, 4), textcoords="offset points", fontsize=8)
    axes.set_title(f"{group[0].model} on {group[0].target}", fontsize=9)
    axes.set_xlabel("flash (bytes)")
    axes.set_ylabel(f"{group[0].unit} per inference (median)")
    axes.margins(0.25, 0.15)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=4)
