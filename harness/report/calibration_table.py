"""The cycle model compared with published cycles, as a table for a terminal."""

from collections.abc import Sequence

from rich.console import Console

from harness.measure.cycles.calibrate import Calibration, Comparison
from harness.measure.cycles.costs import Costs
from harness.report.terminal_table import add_number_columns, new_table


def print_calibration(comparisons: Sequence[Comparison], costs: Costs, console: Console) -> None:
    """Print a line for each program, and the error of the model over all programs."""
    table = new_table()
    table.add_column("program", overflow="fold")
    add_number_columns(table, ("instructions", "model cycles", "reference", "error"))
    for comparison in comparisons:
        table.add_row(
            comparison.program,
            f"{comparison.instructions:,}",
            f"{comparison.cycles:,}",
            f"{comparison.reference:,.0f}",
            f"{comparison.ratio - 1:+.1%}",
        )
    console.print(table)
    total = Calibration.of(comparisons)
    console.print(
        f"{costs.model} ({costs.source}), zero wait states\n"
        f"mean absolute error {total.mean_error:.1%}, geometric mean of model/reference "
        f"{total.geometric_mean:.3f}, {total.within} of {len(comparisons)} within 10 %",
        highlight=False,
    )
