"""The cycle model beside published cycles, as a table of 80 columns."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harness.measure.cycles.calibrate import Calibration, Comparison
from harness.measure.cycles.costs import Costs


def print_calibration(comparisons: Sequence[Comparison], costs: Costs, console: Console) -> None:
    """Print a line for each program, and how far the model is off over all of them."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("program", overflow="fold")
    for heading in ("instructions", "model cycles", "reference", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in comparisons:
        table.add_row(
            one.program,
            f"{one.instructions:,}",
            f"{one.cycles:,}",
            f"{one.reference:,.0f}",
            f"{one.ratio - 1:+.1%}",
        )
    console.print(table)
    total = Calibration.of(comparisons)
    console.print(
        f"{costs.model} ({costs.source}), zero wait states\n"
        f"mean absolute error {total.mean_error:.1%}, geometric mean of model/reference "
        f"{total.geometric_mean:.3f}, {total.within} of {len(comparisons)} within 10 %",
        highlight=False,
    )
