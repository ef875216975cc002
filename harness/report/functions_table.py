"""The cycles of an inference by function, as a table for a terminal."""

from pathlib import PurePosixPath

from rich.console import Console

from harness.measure.cycles.estimate import Estimate
from harness.measure.shown_number import error_of
from harness.report.terminal_lines import print_line
from harness.report.terminal_table import TerminalTable, name_columns, number_columns

_SHOWN = 12


def print_functions(estimate: Estimate, console: Console, shown: int = _SHOWN) -> None:
    """Print the functions that take most cycles, a line for the rest, and the sum.

    Instructions are exact, cycles are estimated. A function's numbers do not include the functions
    that it calls.
    """
    function_column = name_columns("function (file, if it has another name)")
    table = TerminalTable([*function_column, *number_columns("instr.", "~ cycles", "share", "CPI")])

    def add(name: str, instructions: int, cycles: int) -> None:
        share = f"{cycles / estimate.cycles:.1%}"
        cpi = f"{cycles / instructions:.2f}"
        table.add_row(name, f"{instructions:,}", f"{cycles:,}", share, cpi)

    for function in estimate.functions[:shown]:
        file = PurePosixPath(function.file)
        other = f" ({file.name})" if file.stem not in ("", function.name) else ""
        add(f"{function.name}{other}", function.instructions, function.cycles)
    rest = estimate.functions[shown:]
    if rest:
        instructions = sum(function.instructions for function in rest)
        add(f"{len(rest)} more", instructions, sum(function.cycles for function in rest))
    table.add_line()
    add("all", estimate.instructions, estimate.cycles)
    table.print_to(console)
    print_line(console, "exact: instructions")
    error = error_of(estimate.error)
    print_line(console, f"estimated: cycles, {estimate.model}, {error}, zero wait states")
