"""The target files of boards: the table of docs/boards.md, `targets/chips`, and their images."""

import re
import shutil
from pathlib import Path

import pytest
from pyocd.target.builtin import BUILTIN_TARGETS

from harness.support.memory_map import Region
from harness.target.chip_families import family_of
from harness.target.find_target import load_target
from harness.target.pyocd_chips import memory_of
from harness.target.target_file import Pyocd, Target
from tests.chips.chip_build import check, compiled

ROOT = Path(__file__).parents[2]
TARGETS = [load_target(path) for path in sorted((ROOT / "targets").glob("*.toml"))]
BOARDS = {
    target.name: target
    for target in TARGETS
    if isinstance(target.board, Pyocd) and target.arduino is None
}
# Of each core, boards whose images differ in what the chip needs: words, writes, RAM.
BUILT = {
    "cortex-m0plus": ("frdm-kl25z", "pico"),
    "cortex-m4f": ("frdm-k64f", "apollo3-evb"),
    "cortex-m7": ("mimxrt1060-evk",),
}


def chip(target: Target) -> str:
    assert isinstance(target.board, Pyocd)
    return target.board.target


def rows() -> dict[str, list[str]]:
    """Return the cells of the page's table of boards by the target's name."""
    page = (ROOT / "docs" / "boards.md").read_text()
    table = page.partition("| board | target |")[2].partition("\n\n")[0]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    return {cells[1].strip("`"): cells for cells in lines}


def test_every_board_has_a_row() -> None:
    assert sorted(rows()) == sorted(BOARDS)
    assert f"one of {len(BOARDS)} boards" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", BOARDS)
def test_the_row_of_a_board_agrees_with_its_file(name: str) -> None:
    target = BOARDS[name]
    _, _, core, link, pack, _, checked = rows()[name]
    assert core.replace("+", "plus").lower() == target.mcu.core.removeprefix("cortex-")
    carrier = "RTT" if target.port.over_rtt else "serial"
    assert link == carrier + (", from RAM" if target.load == "ram" else "")
    assert pack == ("-" if chip(target) in BUILTIN_TARGETS else f"`{chip(target)}`")
    assert f"\n# Checked against: {checked}.\n" in target.path.read_text()


def test_what_ran_without_the_board_exists() -> None:
    for *_, ran, _checked in rows().values():
        kind = ran.partition(":")[0]
        assert kind in {"-", "image", "port", "family"}, ran
        for name in re.findall(r"`([\w-]+)`", ran):
            assert name == "stm32vldiscovery" or (ROOT / "targets" / f"{name}.toml").is_file()


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_and_the_family_of_its_chip_agree(name: str) -> None:
    target = BOARDS[name]
    family = family_of(chip(target))
    if family is None:
        return
    assert family.core in {None, target.mcu.core}
    assert (target.load, target.image) == (family.load, family.image)
    assert target.before_start == family.before_start


@pytest.mark.parametrize("name", BOARDS)
def test_no_ram_of_a_cortex_m3_or_m4_is_on_two_buses(name: str) -> None:
    """They fault at an unaligned access across 0x2000_0000, and CMSIS-NN makes such accesses."""
    ram = BOARDS[name].memory.ram
    if BOARDS[name].mcu.core in {"cortex-m3", "cortex-m4", "cortex-m4f"}:
        assert ram.end <= 0x2000_0000 or ram.origin >= 0x2000_0000


def test_all_the_ram_of_an_mcx_n_can_be_used() -> None:
    """After reset, error correction takes the last part of it."""
    target = BOARDS["frdm-mcxn947"]
    assert [(write.address, write.value) for write in target.image.writes] == [(0x4000_0E44, 0)]
    assert family_of("mcxn947vdf") == family_of("mcxn236vdf") == family_of("mcxn947")


@pytest.mark.parametrize("name", [name for name in BOARDS if chip(BOARDS[name]) in BUILTIN_TARGETS])
def test_the_flash_of_a_board_is_in_pyocd_s_map(name: str) -> None:
    target = BOARDS[name]
    flashes = [Region(r.start, r.length) for r in memory_of(chip(target)) if r.is_flash]
    assert any(target.memory.flash.origin in flash for flash in flashes)
    assert target.memory.flash.size <= sum(flash.size for flash in flashes)


@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
@pytest.mark.parametrize("core", BUILT)
def test_the_image_of_a_board_has_what_its_chip_needs(core: str, tmp_path: Path) -> None:
    for name in BUILT[core]:
        target = BOARDS[name]
        assert target.mcu.core == core
        check(compiled(target, "vowels", "gcc", "-O2", tmp_path / "vowels"), target)
