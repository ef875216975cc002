"""The page of the simulated chips lists each peripheral of the chips' data, and no other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.simulator.chips.chip import ABSENT, IDLE, MODELLED
from harness.simulator.chips.nrf52840_blocks import BLOCKS as NRF52840
from harness.simulator.chips.stm32f429xi import BLOCKS as STM32F429
from harness.simulator.chips.stm32l475xg import BLOCKS as STM32L475

PAGE = (Path(__file__).parents[2] / "docs" / "simulated-chips.md").read_text()
CHIPS: dict[str, Sequence[Any]] = {
    "stm32f429xi": STM32F429,
    "stm32l475xg": STM32L475,
    "nrf52840": NRF52840,
}


@pytest.mark.parametrize("chip", CHIPS)
def test_the_page_lists_the_blocks(chip: str) -> None:
    blocks = CHIPS[chip]
    section = PAGE.split(f"`{chip}`")[1].split("\n## ")[0]
    for state in (MODELLED, IDLE, ABSENT):
        names = ", ".join(block.name for block in blocks if block.state == state)
        assert f"| {state} | `{names}` |" in section


@pytest.mark.parametrize("chip", CHIPS)
def test_blocks_do_not_overlap(chip: str) -> None:
    ends = 0
    for block in sorted(CHIPS[chip], key=lambda block: block.base):
        assert block.base >= ends, block.name
        ends = block.base + block.size
