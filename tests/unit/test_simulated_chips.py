"""The page of the simulated chips lists each peripheral of the chips' data, and no other."""

from importlib import import_module
from pathlib import Path

import pytest

from harness.simulator.chips.stm32_wiring import ABSENT, IDLE, MODELLED

PAGE = (Path(__file__).parents[2] / "docs" / "simulated-chips.md").read_text()


@pytest.mark.parametrize("chip", ["stm32f429xi", "stm32l475xg"])
def test_the_page_lists_the_blocks(chip: str) -> None:
    blocks = import_module(f"harness.simulator.chips.{chip}").BLOCKS
    section = PAGE.split(f"`{chip}`")[1].split("\n## ")[0]
    for state in (MODELLED, IDLE, ABSENT):
        names = ", ".join(block.name for block in blocks if block.state == state)
        assert f"| {state} | `{names}` |" in section


@pytest.mark.parametrize("chip", ["stm32f429xi", "stm32l475xg"])
def test_blocks_do_not_overlap(chip: str) -> None:
    blocks = import_module(f"harness.simulator.chips.{chip}").BLOCKS
    ends = 0
    for block in sorted(blocks, key=lambda block: block.base):
        assert block.base >= ends, block.name
        ends = block.base + block.size
