"""`chip:NAME`: what is derived from pyOCD's knowledge of a chip, and what is refused."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyocd.board.board_ids import BOARD_ID_TO_INFO
from pyocd.core.memory_map import FlashRegion, MemoryMap, RamRegion
from pyocd.target import TARGET
from pyocd.target.builtin import BUILTIN_TARGETS

from harness.errors import InputError
from harness.support.memory_map import Region
from harness.target import pyocd_chips
from harness.target.chip_families import families, family_of
from harness.target.chip_needs import FixedWords
from harness.target.chip_target import derive_chip
from harness.target.data_bus import on_one_bus
from harness.target.find_target import find_target, load_target
from harness.target.pyocd_chips import (
    Chip,
    _boot_flash,
    _pack_core,
    _rams,
    find_chip,
    near_names,
)
from harness.target.target_file import Core, Pyocd, Target
from tests.chips.chip_build import with_flash_and_ram

ROOT = Path(__file__).parents[2]
FCF = 0x400  # flash configuration field of Kinetis chips
FSEC = 0xC  # offset of the byte that secures the chip
UNSECURED = 0xFE


def refusal(name: str) -> str:
    with pytest.raises(InputError) as caught:
        derive_chip(name)
    return str(caught.value)


def test_a_target_is_derived_for_every_chip_of_pyocd_with_flash_and_ram() -> None:
    chips = with_flash_and_ram()
    targets = [derive_chip(chip) for chip in chips]
    assert len(targets) >= 199  # pyOCD 0.46
    assert {target.port.name for target in targets} == {"generic"}
    assert all(target.clock is None for target in targets)


def test_every_family_is_for_a_chip_and_every_chip_has_one_family() -> None:
    for chip in with_flash_and_ram():
        family = family_of(chip)
        assert family is not None, chip
        assert family.core is not None, chip
        assert family.source


def test_a_family_with_a_core_is_for_a_chip_that_pyocd_knows() -> None:
    used = {family.chips for chip in BUILTIN_TARGETS if (family := family_of(chip))}
    for family in families():
        assert family.core is None or family.chips in used, family.chips


@pytest.mark.parametrize(
    ("chip", "secure", "boot"),
    [
        ("mk64fn1m0vll12", 0xC, 0xFF),
        ("mkl03z32vfk4", 0xC, 0x3F),  # it has a boot ROM, which 0xFF starts
        ("mkl05z32vlc4", 0xC, 0xFF),
        ("mkm34z256vll7", 0xC, 0x3F),
        ("mke04z8vtg4", 0xE, 0xFF),  # another flash module
        ("mke06z128vlk4", 0xE, 0xFF),
        ("mke15z256vll7", 0xC, 0x7D),
        ("skeaz128xxx4", 0xE, 0xFF),
        ("skeazn64mlc2", 0xE, 0xFF),
        ("k32l2a41vlh1a", 0xC, 0x3D),
    ],
)
def test_the_bytes_that_secure_a_kinetis_of_a_pack_are_where_its_flash_has_them(
    chip: str, secure: int, boot: int
) -> None:
    family = family_of(chip)
    assert family is not None
    (words,) = family.image.words
    field = b"".join(value.to_bytes(4, "little") for value in words.values)
    assert words.address == FCF
    assert (field[secure], field[secure + 1]) == (UNSECURED, boot)


def test_a_file_for_a_chip_must_have_the_words_that_it_reads(tmp_path: Path) -> None:
    """Code in the flash configuration field of a Kinetis can lock it for good."""
    file = tmp_path / "mine.toml"
    text = (ROOT / "targets" / "frdm-k64f.toml").read_text()
    begin, end = text.index("words = ["), text.index("writes = [")
    file.write_text(text[:begin] + text[end:])
    with pytest.raises(InputError) as caught:
        load_target(file)
    assert caught.value.where == f"{file}: image.words"
    assert "address = 0x400, values = [0xffffffff, " in caught.value.remedy
    key = caught.value.remedy.removeprefix("write image.")
    file.write_text(text[:begin] + f"{key}\n" + text[end:])
    assert load_target(file).image == load_target(ROOT / "targets" / "frdm-k64f.toml").image
    behind = text[:begin] + text[end:]
    file.write_text(behind.replace("origin = 0x0000_0000", "origin = 0x0000_8000", 1))
    assert load_target(file).image.words == (), "they belong to a bootloader"


def test_an_image_for_an_nrf53_opens_both_halves_of_the_debug_port() -> None:
    family = family_of("nrf5340_xxaa")
    assert family is not None
    assert {write.value for write in family.image.writes} == {0x50FA_50FA}
    assert [write.address for write in family.image.writes] == [0x5000_6544, 0x5000_654C]


def test_an_image_for_an_nrf91_opens_both_halves_of_the_debug_port() -> None:
    """APPROTECT.DISABLE and SECUREAPPROTECT.DISABLE of nRF9161 and nRF9151: SwUnprotected."""
    for chip in ("nrf9161_xxca", "nrf9151_xxca", "nrf91"):
        family = family_of(chip)
        assert family is not None
        assert {write.value for write in family.image.writes} == {0x5A}
        assert [write.address for write in family.image.writes] == [0x5003_9E10, 0x5003_9E00]
    other = family_of("nrf54l15_xxaa")
    assert other is not None
    assert other.image.writes == ()


def test_what_is_not_known_of_a_chip_is_a_doubt() -> None:
    assert derive_chip("s32k344").doubt.startswith("whether it starts")
    assert derive_chip("stm32f429xi").doubt == ""


@pytest.mark.parametrize("chip", [name for name in BUILTIN_TARGETS if name != "kinetis"])
def test_an_image_never_secures_a_kinetis(chip: str) -> None:
    kinetis = any(base.__name__ == "Kinetis" for base in BUILTIN_TARGETS[chip].__mro__)
    if kinetis:
        words = {word.address: word for word in derive_chip(chip).image.words}
        assert words[FCF].values[FSEC // 4] & 0xFF == UNSECURED


@pytest.mark.parametrize(
    "part",
    [
        *("mk64fn1m0vll12", "mkl25z128vlk4", "mke18f512vll16", "mkv46f256vll16", "mkm34z256vlq7"),
        *("k32l2a41vlh1a", "k32l2b31vlh0a", "k32l3a60vpj1a", "k32w032s", "k32w042s1m2vpj"),
        *("mcxc444vlh", "mcxc041vfk", "mcxe247vlq", "mcxe245vlh"),
        *("mwct1014s", "mwct1016svlh", "s32m244"),
    ],
)
def test_an_image_never_secures_a_kinetis_of_a_pack(part: str) -> None:
    family = family_of(part)
    assert family is not None
    assert family.image.words[0].address == FCF
    assert family.image.words[0].values[FSEC // 4] & 0xFF == UNSECURED


def test_no_two_families_have_the_same_pattern() -> None:
    patterns = [pattern for family in families() for pattern in family.chips]
    assert [pattern for pattern, count in Counter(patterns).items() if count > 1] == []


@pytest.mark.parametrize("part", ["mcxn947vdf", "mcxn236vnl"])
def test_the_ram_of_an_mcx_n_is_whole_before_the_debugger_writes_it(part: str) -> None:
    """An image of the user's is painted before it could turn the error correction off."""
    family = family_of(part)
    assert family is not None
    assert family.before_start == family.image.writes
    board = load_target(ROOT / "targets" / "frdm-mcxn947.toml")
    assert (board.before_start, board.image.writes) == (family.before_start, family.image.writes)


def test_the_flash_configuration_field_of_a_kv5x_is_where_its_flash_is() -> None:
    family = family_of("mkv58f1m0vlq24")
    assert family is not None
    (words,) = family.image.words
    assert (words.address, words.values[3]) == (0x1000_0400, 0xFFFF_FFFE)


@pytest.mark.parametrize(
    ("chip", "writes"),
    [
        ("lpc55s36", [(0x4000_0220, 0x78)]),
        ("lpc55s16", [(0x4000_0220, 0x18)]),
        ("lpc55s06jhi48", [(0x4000_0220, 0x18), (0x4000_0228, 0x40)]),
        ("lpc54114", [(0x4000_0220, 0x18)]),
        ("lpc54608", [(0x4000_0220, 0x38)]),
        ("lpc54102j512", [(0x4000_00C8, 0x18)]),
    ],
)
def test_all_of_the_ram_of_an_lpc_is_turned_on(chip: str, writes: list[tuple[int, int]]) -> None:
    family = family_of(chip)
    assert family is not None
    assert [(write.address, write.value) for write in family.before_start] == writes


def test_the_watchdog_of_a_ke0x_is_stopped() -> None:
    """Its registers are bytes, and its keys are swapped."""
    family = family_of("mke06z128vlk4")
    assert family is not None
    assert not family.unsure
    writes = [(write.address & 0xF, write.value, write.width) for write in family.image.writes]
    assert writes[:2] == [(2, 0x20C5, 16), (2, 0x28D9, 16)]
    assert writes[-1] == (0, 0x20, 8), "the enable bit is 0, updates are allowed"


def test_the_memory_is_what_the_chip_boots_from_and_its_largest_ram() -> None:
    target = find_target("chip:stm32f429xi", ())
    assert target.memory.flash == Region(0x0800_0000, 0x20_0000)  # six regions in pyOCD
    assert target.memory.ram == Region(0x2000_0000, 0x3_0000)
    assert isinstance(target.board, Pyocd)
    assert target.board.target == "stm32f429xi"
    assert target.board.chip_id is not None
    assert target.name == "chip:stm32f429xi"
    assert target.file_name == "chip-stm32f429xi"


@pytest.mark.parametrize(
    ("chip", "flash", "ram"),
    [
        ("stm32f103rc", 256, 48),
        ("stm32f429xg", 1024, 192),  # and 64 KiB of CCM, elsewhere
        ("stm32f439xg", 512, 192),  # the silicon has 1 MiB of flash
        ("stm32h7b0xx", 128, 1024),
        ("lpc5526", 256, 96),
        ("air32f103xp", 256, 96),
    ],
)
def test_memory_that_the_chip_does_not_have_is_not_taken_from_pyocd(
    chip: str, flash: int, ram: int
) -> None:
    memory = derive_chip(chip).memory
    assert (memory.flash.size >> 10, memory.ram.size >> 10) == (flash, ram)


def test_aliases_and_external_memory_are_left_out() -> None:
    memory_map = MemoryMap(
        FlashRegion(name="ns", start=0, length=0x1000, blocksize=0x100, is_boot_memory=True),
        FlashRegion(name="s", start=0x1000_0000, length=0x1000, blocksize=0x100, alias="ns"),
        FlashRegion(name="user", start=0x1000, length=0x1000, blocksize=0x100, is_default=False),
        RamRegion(name="ram", start=0x2000_0000, length=0x100),
        RamRegion(name="more", start=0x2000_0100, length=0x100),
        RamRegion(name="secure", start=0x3000_0000, length=0x1000, alias="ram"),
        RamRegion(name="sdram", start=0x8000_0000, length=0x10_0000, is_external=True),
    )
    assert _boot_flash(memory_map) == Region(0, 0x1000)
    assert _rams(memory_map) == (Region(0x2000_0000, 0x200),)


def test_a_small_ram_gets_a_small_stack_and_small_buffers() -> None:
    small, large = derive_chip("hc32l110"), derive_chip("k64f")
    assert (small.stack, small.port.options) == (1024, {"WINDOW": 256})
    assert (large.stack, large.port.options) == (8192, {})


@pytest.mark.parametrize(
    ("chip", "ram"),
    [
        ("k64f", Region(0x2000_0000, 0x3_0000)),
        ("k22f", Region(0x2000_0000, 0x1_0000)),
        ("hc32f334", Region(0x2000_0000, 0x4000)),
        ("k82f25615", Region(0x2000_0000, 0x3_0000)),  # its RAM is in targets/chips
        ("kl25z", Region(0x1FFF_F000, 0x4000)),  # a Cortex-M0+: one bus, no unaligned access
    ],
)
def test_the_ram_of_a_cortex_m4_ison_one_bus(chip: str, ram: Region) -> None:
    """An unaligned access across 0x2000_0000 faults; CMSIS-NN makes such accesses."""
    assert derive_chip(chip).memory.ram == ram


def test_the_larger_part_is_taken() -> None:
    assert on_one_bus(Region(0x1FFF_0000, 0x1_8000), "cortex-m3") == Region(0x1FFF_0000, 0x1_0000)
    assert on_one_bus(Region(0x2000_0000, 0x8000), "cortex-m4f") == Region(0x2000_0000, 0x8000)
    assert on_one_bus(Region(0x1000_0000, 0x8000), "cortex-m4f") == Region(0x1000_0000, 0x8000)


def test_upper_and_lower_case_are_one_chip() -> None:
    assert derive_chip("K64F").board == derive_chip("k64f").board


def needs(name: str) -> Target:
    return derive_chip(name)


def test_what_a_family_needs_is_in_the_target() -> None:
    assert needs("lpc1768").image.vector_checksum
    assert needs("k64f").image.words == (FixedWords(0x400, (*[0xFFFF_FFFF] * 3, 0xFFFF_FFFE)),)
    assert [write.value for write in needs("k64f").image.writes] == [0xC520, 0xD928, 0x01D2]
    assert [write.value for write in needs("lpc55s69").before_start] == [0x78]
    assert [write.address for write in needs("nrf52840").image.writes] == [0x4000_0558]
    assert {needs(name).load for name in ("rp2040", "rp2350", "mimxrt1060")} == {"ram"}
    assert needs("stm32h743xx").memory.ram.origin == 0x2000_0000  # its clock is on after reset


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("stm32f429xj", "did you mean stm32f429xi"),
        ("stm32h743zi", "did you mean stm32h743xx?"),
        ("STM32L475VG", "did you mean stm32l475xg?"),
        ("nrf52840_xxaa", "did you mean nrf52840 or nrf52?"),
        ("MK64FN1M0VLL12", "did you mean k64f?"),
        ("NUCLEO-F446RE", "this is a board; its chip is chip:stm32f446retx"),
        ("nucleo-h743zi", "its chip is chip:stm32h743xx, built in, or chip:stm32h743zitx"),
        ("NUCLEO-L432KC", "its chip is chip:stm32l432kc, built in, or chip:stm32l432kcux"),
        ("rp2041", "did you mean rp2040 or"),
        ("lpc1769", "did you mean lpc1768 or"),
        ("stm32g431kb", "`pyocd list --targets`"),  # another family begins with stm32, too
        ("tsm32f429xi", "did you mean stm32f429xi or"),
        ("frdm-k64f", "this is a board; its chip is chip:k64f"),
        ("zzzz", "`pyocd list --targets`"),
    ],
)
def test_an_unknown_chip_is_refused_with_near_names(name: str, near: str) -> None:
    text = refusal(name)
    assert f"pyOCD has no chip {name!r}" in text
    assert near in text


def test_chips_that_pyocd_has_built_in_are_suggested_first(monkeypatch: pytest.MonkeyPatch) -> None:
    packs = ["stm32l475vgtx", "stm32l475vgty", "stm32l475vetx"]
    names = {name: name for name in (*packs, *BUILTIN_TARGETS)}
    monkeypatch.setattr(pyocd_chips, "_names", lambda: names)
    assert "did you mean stm32l475xg or stm32l475vgty or stm32l475vgtx?" in refusal("stm32l475vg")
    assert near_names("stm32l475vh", names)[0].startswith("stm32l475x")
    assert near_names("stm32l475xh", names) == ["stm32l475xg", "stm32l475xe", "stm32l475xc"]


def test_an_unknown_chip_is_refused_with_the_command_for_its_pack() -> None:
    assert "`pyocd pack install stm32f446re`" in refusal("stm32f446re")
    assert "`pyocd pack install stm32f446retx`" in refusal("nucleo_f446re")


def test_a_chip_whose_core_is_not_known_is_refused() -> None:
    assert "pyOCD does not state this chip's core" in refusal("cortex_m")


def test_a_chip_without_flash_in_pyocd_s_map_is_refused() -> None:
    assert "pyOCD's map of this chip has no flash" in refusal("rtl8195am")


@pytest.mark.parametrize(
    ("attributes", "core"),
    [
        ({"Dcore": "Cortex-M0+"}, "cortex-m0plus"),
        ({"Dcore": "Cortex-M4"}, "cortex-m4"),
        ({"Dcore": "Cortex-M4", "Dfpu": "SP_FPU"}, "cortex-m4f"),
        ({"Dcore": "Cortex-M4", "Dfpu": "1"}, "cortex-m4f"),
        ({"Dcore": "Cortex-M7", "Dfpu": "DP_FPU"}, "cortex-m7"),
        ({"Dcore": "Cortex-M33", "Dfpu": "NO_FPU"}, "cortex-m33-nofp"),
        ({"Dcore": "Cortex-M85", "Dfpu": "DP_FPU"}, "cortex-m85"),
    ],
)
def test_the_core_of_a_chip_in_a_pack_is_the_one_that_the_pack_states(
    attributes: dict[str, str], core: Core
) -> None:
    processor = SimpleNamespace(attrib=attributes)
    device = SimpleNamespace(_info=SimpleNamespace(processors=[processor]))
    assert _pack_core(device, "part") == core


@pytest.mark.parametrize("stated", ["Cortex-A7", ""])
def test_a_core_without_a_compiler_in_a_pack_is_refused(stated: str) -> None:
    processor = SimpleNamespace(attrib={"Dcore": stated})
    device = SimpleNamespace(_info=SimpleNamespace(processors=[processor]))
    with pytest.raises(InputError, match="for which there is no compiler"):
        _pack_core(device, "part")


def test_a_board_of_pyocd_s_table_with_a_chip_of_its_own_is_found() -> None:
    chips = {info.target for info in BOARD_ID_TO_INFO.values() if info.target in TARGET}
    assert isinstance(find_chip(sorted(chips)[0]), Chip)
