"""The ticks of each layer: a table for a terminal, and a plot."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from harness.measure.profiled_layer import LayerProfile
from harness.report.terminal_lines import print_line
from harness.report.terminal_table import (
    TICK_HEADINGS,
    Column,
    TerminalTable,
    name_columns,
    number_columns,
)
from harness.runs.layer_profile import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR_WIDTH = 6  # characters
_PLOT_ROW = 0.22  # inches
_KIND = {"instructions": "exact", "cycles": "measured"}


def print_profile(profile: Profile, title: str | Text, unit: str, console: Console) -> None:
    """Print a line for each layer; `unit` is the unit of ticks, instructions or cycles."""
    most = max((layer.ticks for layer in profile.layers), default=0) or 1
    heading = TICK_HEADINGS[unit]
    table = TerminalTable(
        [
            Column(right=True),
            *name_columns("operator"),
            Column("output", "text"),
            *number_columns("MACs", heading, "share", f"MAC /\n{heading}"),
            Column(kind="picture"),
        ]
    )
    for layer in profile.layers:
        table.add_row(
            str(layer.layer),
            layer.operator,
            "x".join(map(str, layer.shape)) or "scalar",
            f"{layer.macs:,}" if layer.macs else "",
            f"{layer.ticks:,}",
            f"{layer.ticks / profile.total:.1%}",
            f"{layer.macs / layer.ticks:.2f}" if layer.macs and layer.ticks > 0 else "",
            "█" * round(_BAR_WIDTH * max(layer.ticks, 0) / most),
        )
    macs = sum(layer.macs for layer in profile.layers)
    table.add_line()
    rate = f"{macs / profile.total:.2f}" if macs else ""
    table.add_row("", "all layers", "", f"{macs:,}", f"{profile.total:,}", "100%", rate, "")
    print_line(console, title)
    table.print_to(console)
    for line in (
        f"{_KIND[unit]}: {unit} for vector 0, minus {profile.hook} per layer for the hook",
        f"the image without hooks: {profile.measured:,} for this vector, "
        f"{_compared(profile.measured - profile.total)}",
    ):
        print_line(console, line, "dim")


def plot_profile(profile: Profile, title: str, unit: str, path: Path) -> None:
    """Write a bar plot of the layers to `path`, a .svg, .png or .pdf."""
    from harness.report.plot_file import drawing  # noqa: PLC0415 - matplotlib

    layers = profile.layers
    with drawing(path, height=1.2 + _PLOT_ROW * len(layers)) as figure:
        _draw(figure.subplots(), profile, unit)
        figure.axes[0].set_title(title, loc="left", fontsize=9)


def _draw(axes: "Axes", profile: Profile, unit: str) -> None:
    layers = profile.layers
    ticks = [layer.ticks for layer in layers]
    colours = ["0.35" if layer.macs else "0.8" for layer in layers]
    bars = axes.barh(range(len(layers)), ticks, color=colours, edgecolor="black")
    axes.bar_label(bars, [_label(layer, profile, unit) for layer in layers], padding=3, fontsize=7)
    names = [f"{layer.operator} {layer.layer}" for layer in layers]
    axes.set_yticks(range(len(layers)), names, fontsize=7)
    axes.set_ylim(len(layers) - 0.5, -0.5)  # the first layer is at the top
    axes.set_xlim(0, 1.4 * max(ticks))  # room for the labels
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(
        f"{unit} ({_KIND[unit]}), {profile.total:,} in all; light grey: layers without MACs"
    )


def _label(layer: LayerProfile, profile: Profile, unit: str) -> str:
    share = f"{layer.ticks / profile.total:.1%}"
    if not layer.macs or layer.ticks <= 0:
        return share
    return f"{share}, {layer.macs / layer.ticks:.2f} MAC/{TICK_HEADINGS[unit].removesuffix('s')}"


def _compared(difference: int) -> str:
    if difference == 0:
        return "the same"
    return f"{abs(difference):,} {'more' if difference > 0 else 'fewer'}"
