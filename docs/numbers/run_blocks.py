"""Blocks of what runs measure: on one target, on every core, layer by layer, in a sweep."""

import re
from collections.abc import Sequence
from functools import partial

from msgspec import structs

from docs.generate.markdown import table
from docs.numbers.workbench import Workbench, terminal
from harness.measure.number import Number
from harness.model.folder import list_models
from harness.report.profile_table import print_profile
from harness.report.runs_table import print_table
from harness.report.sweep_table import print_sweep
from harness.report.terminal_lines import INDENT
from harness.results.judge.sweep_row import SweepRow
from harness.results.record import Record

VIRTUAL = "virtual-stm32"
"""The default target."""
CORES = {
    "M0": "qemu-m0",
    "M3": "qemu-m3",
    "M4F": "qemu-m4",
    "M7": "qemu-m7",
    "M33": "qemu-m33",
    "M55": "qemu-m55",
}
"""The target for each core."""
COMPILERS = ("gcc", "clang")
FLAGS = ("-Os", "-O2", "-O3")
PROFILED = "gesture"

_WALL = re.compile(r"(\d+\.\d)(?= s$)")


def runs(bench: Workbench) -> str:
    """Return what the README's command prints."""
    models = list_models(bench.workspace.models)
    records = [bench.record(VIRTUAL, model) for model in sorted(models)]
    return _table_and_legend(records, f"pytest --target={VIRTUAL}\n...")


def digits(bench: Workbench) -> str:
    """Return the table of one run."""
    return _table_and_legend([bench.record(VIRTUAL, "digits")])


def _table_and_legend(records: Sequence[Record], command: str = "") -> str:
    """Return the table of runs and its legend, with no wall time: that is the machine's.

    Its column is as wide as for a run of some seconds, however busy the machine is.
    """
    wall = {"wall": Number(0, "s", "measured")}
    alike = [structs.replace(record, numbers=record.numbers | wall) for record in records]
    first, *lines = terminal(partial(print_table, alike), command).split("\n")
    end = max(place for place, line in enumerate(lines) if line.startswith("estimated:"))
    shown = [_WALL.sub(lambda match: "…".rjust(len(match[1])), line) for line in lines[: end + 1]]
    if lines[end + 1].startswith(INDENT):  # the legend goes on
        shown.append(lines[end + 1])
    return "\n".join([first, *shown, "```"])


def cores(bench: Workbench) -> str:
    """Return instructions and flash of `digits` on every core, by compiler."""
    header = ["core", *(f"{name}, {what}" for name in COMPILERS for what in ("instr.", "flash"))]
    rows = []
    for core, target in CORES.items():
        records = [bench.record(target, "digits", toolchain) for toolchain in COMPILERS]
        numbers = ("instructions_median", "flash")
        values = [record.numbers[name].value for record in records for name in numbers]
        rows.append([core, *(f"{value:,.0f}" for value in values)])
    return table(header, rows).rstrip()


def small_ram(bench: Workbench) -> str:
    """Return how `digits` fits into the 16 KiB of an M0."""
    target = bench.target(CORES["M0"])
    image = bench.image(target.name, "digits")
    left = target.memory.ram.size - image.ram
    taken = image.ram - image.arena - target.stack
    return (
        f"On `{target.name}`, the link, the port and the fault handler take {taken:,} bytes and "
        f"the stack takes {target.stack:,},\nwhich leaves {image.arena + left:,} bytes for the "
        f"arena of a model. `digits` fits with {left:,} bytes to spare."
    )


def layers(bench: Workbench) -> str:
    """Return the table of layers that `harness profile` prints."""
    run = bench.run(VIRTUAL, PROFILED, profile=True)
    if run.profile is None:
        raise ValueError(run.profile_unavailable)
    title = f"{PROFILED} on {VIRTUAL}, {run.image.engine}, {run.image.toolchain.name}"
    return terminal(partial(print_profile, run.profile, title, run.target.counter.ticks))


def sweep(bench: Workbench) -> str:
    """Return the table that `harness sweep` prints."""
    rows = []
    for toolchain in COMPILERS:
        for opt in FLAGS:
            record = bench.record(VIRTUAL, "digits", toolchain, opt)
            row = SweepRow(VIRTUAL, "digits", record.image.engine, toolchain, opt, record.numbers)
            rows.append(row)
    return terminal(partial(print_sweep, rows))
