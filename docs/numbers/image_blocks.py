"""Blocks of what images take: where flash and RAM go."""

from functools import partial

from docs.numbers.run_blocks import VIRTUAL
from docs.numbers.workbench import Workbench, terminal
from harness.image.memory_use import pieces
from harness.report.memory_table import print_growth

SMALLER, USUAL = "-Os", "-O2"


def growth(bench: Workbench) -> str:
    """Return what `harness size` prints for two images of one model."""
    before, after = (
        pieces(bench.image(VIRTUAL, "digits", opt=opt).elf) for opt in (SMALLER, USUAL)
    )
    return terminal(partial(print_growth, before, after), "harness size BEFORE AFTER")
