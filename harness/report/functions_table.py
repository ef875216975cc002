"""Where the cycles of an inference go, by function, as a table of 80 columns."""

from pathlib import PurePosixPath

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harness.measure.cycles.estimate import Estimate
from harness.report.plain_text import error_of

_SHOWN = 12


def print_functions(estimate: Estimate, console: Console, shown: int = _SHOWN) -> None:
    """Print the functions that take most, the rest as one line, and their sum.

    Instructions are exact; cycles are estimated, each function's without those it calls.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("function (file, if it is called otherwise)", overflow="fold")
    for heading in ("instr.", "~ cycles", "share", "CPI"):
        table.add_column(heading, justify="right", no_wrap=True)

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
        sums = (sum(one.instructions for one in rest), sum(one.cycles for one in rest))
        add(f"{len(rest)} more", *sums)
    table.add_section()
    add("all", estimate.instructions, estimate.cycles)
    console.print(table)
    console.print(
        f"exact: instructions\nestimated: cycles, {estimate.model}, {error_of(estimate.error)}, "
        "zero wait states",
        highlight=False,
    )
