"""The cycle model compared with published cycles, as a table for a terminal."""

from collections.abc import Sequence

from rich.console import Console

from harness.measure.cycles.calibrate import Calibration, Comparison
from harness.measure.cycles.costs import Costs
from harness.report.terminal_lines import print_line
from harness.report.terminal_table import TerminalTable, name_columns, number_columns


def print_calibration(comparisons: Sequence[Comparison], costs: Costs, console: Console) -> None:
    """Print a line for each program, and the error of the model over all programs."""
    columns = number_columns("instructions", "model cycles", "reference", "error")
    table = TerminalTable([*name_columns("program"), *columns])
    for comparison in comparisons:
        table.add_row(
            comparison.program,
            f"{comparison.instructions:,}",
            f"{comparison.cycles:,}",
            f"{comparison.reference:,.0f}",
            f"{comparison.ratio - 1:+.1%}",
        )
    table.print_to(console)
    total = Calibration.of(comparisons)
    print_line(console, f"{costs.model} ({costs.source}), zero wait states")
    print_line(
        console,
        f"mean absolute error {total.mean_error:.1%}, geometric mean of model/reference "
        f"{total.geometric_mean:.3f}, {total.within} of {len(comparisons)} within 10 %",
    )
