"""What a platform of Renode has, and what an image can use of it, from recorded answers."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.board.renode.hardware import Bank, CortexM, main_core, memory_map, parse_tree
from harness.support.memory_map import Memory, Region

RECORDED = Path(__file__).parents[1] / "data" / "renode" / "platforms"
"""Answers of Renode 1.16.1 to `peripherals`."""

NAMES = st.sampled_from(["flash", "sram", "rom", "dtcm", "mram", "m4mem", "code"])
SIZES = st.integers(1, 1 << 16).map(lambda pages: pages << 10)
ORIGINS = st.integers(0, (1 << 20) - 1).map(lambda page: page << 10)
BANKS = st.builds(Bank, NAMES, ORIGINS, SIZES)


def core(name: str, model: str, *, halted: bool = False, fpu: bool = False) -> CortexM:
    return CortexM(name, model, halted, fpu)


@pytest.mark.parametrize(
    ("platform", "cores"),
    [
        ("renesas-r7fa8m1a", ["cpu"]),
        ("nxp-s32k388", ["cpu0", "cpu1", "cpu2", "cpu3"]),
        ("mimxrt798s", ["cpu0", "cpu1"]),
        ("stm32f0", ["cpu"]),
    ],
)
def test_the_cores_of_a_platform(platform: str, cores: list[str]) -> None:
    tree = parse_tree((RECORDED / f"{platform}.txt").read_text())
    assert tree.cores == dict.fromkeys(cores, "CortexM")


def test_cores_of_other_kinds_are_known_for_the_message() -> None:
    text = "  ├── cpu (RiscV32)\n  │       Slot: 0\n  │\n  └── m4 (CortexM)\n          Slot: 1\n"
    assert parse_tree(text).cores == {"cpu": "RiscV32", "m4": "CortexM"}


@pytest.mark.parametrize(
    ("platform", "flash", "ram"),
    [
        ("renesas-r7fa8m1a", (0x0200_0000, 0x20_0000), (0x2200_0000, 0xE_0000)),
        # The memories that only one of several cores sees are left out.
        ("nxp-s32k388", (0x0040_0000, 0x80_0000), (0x2040_0000, 0xC_0000)),
        ("mimxrt798s", (0x0800_0000, 0x800_0000), (0x2000_0000, 0x58_0000)),
        # The largest RAM in the code region is not a flash.
        ("s32k118", (0, 0x4_0000), (0x2000_0000, 0x5800)),
        # There is no RAM where Armv7-M has it.
        ("ambiq-apollo4", (0, 0x20_0000), (0x1006_0000, 0x10_0000)),
        # One memory for both, at two addresses.
        ("eos-s3", (0, 0x4_0000), (0x2004_0000, 0x4_0000)),
    ],
)
def test_the_memory_for_an_image(
    platform: str, flash: tuple[int, int], ram: tuple[int, int]
) -> None:
    tree = parse_tree((RECORDED / f"{platform}.txt").read_text())
    assert memory_map(tree.memories) == Memory(Region(*flash), Region(*ram))


def test_a_platform_without_memories_has_no_memory_map() -> None:
    tree = parse_tree((RECORDED / "stm32f0.txt").read_text())
    assert memory_map(tree.memories) is None
    assert memory_map([Bank("flash", 0x0800_0000, 0x2_0000)]) is None


@given(st.lists(BANKS, max_size=6))
@example([Bank("sram", 0, 1 << 10), Bank("sram", 1 << 10, 3 << 10)])  # a window on a part of it
def test_an_image_lies_in_memories_of_the_platform(banks: list[Bank]) -> None:
    memory = memory_map(banks)
    if memory is None:
        return
    for region in (memory.flash, memory.ram):
        holders = [b for b in banks if b.origin <= region.origin < b.origin + b.size]
        assert any(region.end <= bank.origin + bank.size for bank in holders)
    assert memory.flash.size > 0
    assert memory.ram.size > 0


@given(st.text(alphabet="├└─│ ()<>,0x1f\nSlot: aMappedMemory", max_size=300))
def test_any_answer_is_read(text: str) -> None:
    parse_tree(text)


def test_the_strongest_core_that_starts_runs_the_image() -> None:
    radio, application = core("cmac", "cortex-m0+"), core("cpu_m33", "cortex-m33")
    assert main_core([radio, application]) == application
    halted = core("cpu1", "cortex-m7", halted=True)
    assert main_core([radio, halted]) == radio
    assert main_core([halted]) == halted
    first, second = core("cpu0", "cortex-m33"), core("cpu1", "cortex-m33")
    assert main_core([first, second]) == first
    assert main_core([]) is None
    assert main_core([core("cpu", "cortex-m52")]) is None


@pytest.mark.parametrize(
    ("model", "fpu", "name"),
    [
        ("cortex-m0+", False, "cortex-m0plus"),
        ("cortex-m3", False, "cortex-m3"),
        ("cortex-m4", True, "cortex-m4f"),
        ("cortex-m4", False, "cortex-m4"),
        ("cortex-m4f", True, "cortex-m4f"),
        ("cortex-m85", True, "cortex-m33"),
    ],
)
def test_the_core_in_target_files(model: str, fpu: bool, name: str) -> None:
    assert core("cpu", model, fpu=fpu).core == name
