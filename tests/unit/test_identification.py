"""Which chip it is: id registers of lines of chips, sizes of flash, and what has none of them."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from pyocd.core.exceptions import TransferError, TransferFaultError
from pyocd.target.builtin import BUILTIN_TARGETS

from harness.board.pyocd import core_check, identification
from harness.board.pyocd.identification import check_chip, identify, what_is_known
from harness.errors import InfrastructureError, InputError
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.target import chip_choice
from harness.target.chip_choice import ASSUMED, check_flash, choose
from harness.target.chip_families import Line, family_of, id_of, identities
from harness.target.chip_target import derive_chip
from harness.target.find_target import load_target
from harness.target.target_file import Pyocd
from tests.support.pyocd_sessions import session

VIRTUAL = {
    "stm32f429xi": ("STM32F42x, F43x", 2048),
    "stm32l475xg": ("STM32L47x, L48x", 1024),
    "nrf52840": ("nRF52840", 1024),
    "nrf91": ("nRF9160", None),
    "kw41z4": ("KW41Z", None),
}
LINES = [line for identity in identities() for line in identity.lines]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        yield


def line_of(chip: str) -> Line:
    (line,) = [one for one in LINES if any(fnmatchcase(chip, each) for each in one.chips)]
    return line


@pytest.mark.parametrize("chip", VIRTUAL)
def test_a_virtual_chip_is_identified_through_stock_pyocd(chip: str) -> None:
    with VirtualBoard.start(chip) as board, session(board, "cortex_m") as opened:
        found = identify(opened)
        assert found is not None
        assert (found.line.name, found.kib) == VIRTUAL[chip]
        identity = id_of(chip)
        assert identity is not None
        check_chip(opened, board.probe_id, chip, identity)
        assert choose(found.line, found.kib, "") == (chip, "" if found.kib else ASSUMED)


@pytest.mark.parametrize(
    ("chip", "maker"), [("nrf52840", "Nordic"), ("kw41z4", "NXP"), ("stm32l475xg", "STMicro")]
)
def test_the_rom_table_says_who_made_a_chip_without_a_known_register(
    chip: str, maker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identification, "identities", tuple)
    with VirtualBoard.start(chip) as board, session(board, "cortex_m") as opened:
        assert identify(opened) is None
        text = what_is_known(opened)
    assert maker in text
    assert "CPUID 0x41" in text
    assert "in its ROM table" in text


@pytest.mark.parametrize("stated", ["k64f", "stm32f429xi", "kl25z"])
def test_another_chip_than_the_stated_one_is_refused(stated: str) -> None:
    """Its register reads something else, or there is none at the address."""
    identity = id_of(stated)
    assert identity is not None
    with VirtualBoard.start("kw41z4") as board, session(board, "cortex_m") as opened:
        with pytest.raises(InfrastructureError, match=f"the chip is not a {stated}") as caught:
            check_chip(opened, board.probe_id, stated, identity)
        assert f"{identity.address:#010x}" in str(caught.value)
        assert "--target=auto" in caught.value.remedy


def test_one_of_several_values_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A K64F of the first mask says that it is a K62."""
    identity = id_of("k64f")
    assert identity is not None
    assert len(identity.values) > 1
    for value in identity.values:
        monkeypatch.setattr(identification, "_read", lambda *_, value=value: value | 0x3C5)
        check_chip(None, "", "k64f", identity)


class _Chip:
    """Behind a probe: `registers` are all that it has besides CPUID."""

    def __init__(self, registers: dict[int, int], *, answers: bool = True) -> None:
        self.target = self
        self.read: list[int] = []
        self._registers = registers
        self._answers = answers

    def read_memory(self, address: int, _width: int) -> int:
        self.read.append(address)
        if address not in self._registers:
            raise TransferFaultError
        return self._registers[address]

    def read32(self, _address: int) -> int:
        if not self._answers:
            raise TransferError("No ACK received")
        return 0x410F_C241


def identified(chip: _Chip, monkeypatch: pytest.MonkeyPatch, part: str) -> Any:
    monkeypatch.setattr(core_check, "_part", lambda _: part)
    return identify(chip)


def test_only_registers_that_the_core_may_have_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = _Chip({})
    assert identified(chip, monkeypatch, "Cortex-M0") is None
    assert set(chip.read) == {each.address for each in identities() if each.core == "cortex-m0"}
    assert len(chip.read) == len(set(chip.read)), "each is read once"
    assert identified(_Chip({}), monkeypatch, "Cortex-M1") is None


@pytest.mark.parametrize("idcode", [0x419, 0x413, 0x421, 0x415, 0x469])
def test_no_peripheral_of_an_stm32_is_read(idcode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 0x50004004, where XMC4000 have their ID, STM32F4 have a FIFO of USB."""
    chip = _Chip({0xE004_2000: 0x1000_0000 | idcode, 0x5000_4004: 0x1234_5000})
    assert identified(chip, monkeypatch, "Cortex-M4").line.name.startswith("STM32")
    assert set(chip.read[:-1]) == {0xE004_2000}
    assert identified(_Chip({0x5000_4004: 0x1234_5000}), monkeypatch, "Cortex-M4") is None


def test_an_xmc_is_identified(monkeypatch: pytest.MonkeyPatch) -> None:
    found = identified(_Chip({0x5000_4004: 0x0004_5002}), monkeypatch, "Cortex-M4")
    assert found.line.name == "XMC4500"


def test_the_register_with_the_fewest_compared_bits_is_read_last() -> None:
    """Those of the core's private bus come first: reading them disturbs nothing."""
    for core in {each.core for each in identities()}:
        order = [
            (e.address < 0xE000_0000, -e.mask.bit_count()) for e in identities() if e.core == core
        ]
        assert order == sorted(order)


def test_a_chip_that_stops_answering_is_no_unknown_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TransferError, match="No ACK"):
        identified(_Chip({}, answers=False), monkeypatch, "Cortex-M4")


@pytest.mark.parametrize("size", [0, 0xFFFF, None])
def test_a_size_that_was_never_programmed_is_not_known(
    size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    registers = {0xE004_2000: 0x2003_6419} | ({} if size is None else {0x1FFF_7A22: size})
    found = identified(_Chip(registers), monkeypatch, "Cortex-M4")
    assert found.kib is None
    with pytest.raises(InputError, match="these have different memories") as caught:
        choose(found.line, found.kib, "probe 1")
    assert "stm32f429xg, stm32f429xi" in str(caught.value)
    assert "--target=chip:NAME" in caught.value.remedy


KINETIS = [
    *("kl02z", "kl05z", "kl25z", "kl26z", "kl27z4", "kl43z4", "kl46z", "kv10z7", "kv11z7"),
    *("k20d50m", "ke15z7", "ke18f16", "kw41z4", "k64f", "k66f18", "k22fa12", "kl28z"),
]


@pytest.mark.parametrize("chip", KINETIS)
@pytest.mark.parametrize(("code", "kib"), [(3, 32), (5, 64), (0xD, 1024), (2, None), (0xF, None)])
def test_the_flash_size_of_a_kinetis_is_read(
    chip: str, code: int, kib: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, core = id_of(chip), family_of(chip)
    assert identity is not None
    assert identity.flash_size is not None
    assert core is not None
    registers = {
        identity.address: identity.values[0],
        identity.flash_size: code << 24 | 0x00FF_0000,
    }
    part = "Cortex-M0+" if core.core == "cortex-m0plus" else "Cortex-M4"
    assert identified(_Chip(registers), monkeypatch, part).kib == kib


@pytest.mark.parametrize(
    ("chip", "less", "enough"),
    [("stm32f429xi", 1024, 2048), ("stm32f103rc", 128, 512), ("kl25z", 3 << 24, 7 << 24)],
)
def test_a_smaller_chip_of_the_same_line_is_refused(chip: str, less: int, enough: int) -> None:
    board = derive_chip(chip).board
    assert isinstance(board, Pyocd)
    identity = board.chip_id
    assert identity is not None
    assert identity.flash_size is not None
    registers = {identity.address: identity.values[0]}
    for register in (enough, 0xF << 24 if identity.flash_codes else 0xFFFF):
        session: Any = _Chip({**registers, identity.flash_size: register})
        check_chip(session, "1", chip, identity)
    session = _Chip({**registers, identity.flash_size: less})
    with pytest.raises(InfrastructureError, match="KiB of flash, but the target has") as caught:
        check_chip(session, "1", chip, identity)
    assert "--target=chip:NAME" in caught.value.remedy


@pytest.mark.parametrize("kib", [256, None])
def test_a_line_with_two_sizes_of_ram_needs_a_name(kib: int | None) -> None:
    """An STM32F101xC has 32 KiB of RAM, an F103xC has 48."""
    with pytest.raises(InputError, match="different memories: stm32f103rc and others"):
        choose(line_of("stm32f103rc"), kib, "")


def test_a_chip_of_a_given_pack_has_no_more_flash_than_the_register_says() -> None:
    check_flash("stm32f429xi", 2048, "")
    check_flash("stm32f429xi", None, "")
    with pytest.raises(InputError, match="the chip has 1,024 KiB of flash, and stm32f429xi"):
        check_flash("stm32f429xi", 1024, "")


@pytest.mark.parametrize(
    ("line", "kib", "chip", "used"),
    [
        ("stm32f429xi", 2048, "stm32f429xi", ""),
        ("stm32f429xi", 1024, "stm32f429xg", ""),
        ("stm32l475xg", 512, "stm32l475xe", ""),
        ("stm32l475xg", 256, "stm32l475xc", ""),
        ("stm32f103rc", 512, "stm32f103rc", "256 of 512 KiB of flash are used"),
        ("stm32h7b0xx", 2048, "stm32h7b0xx", "128 of 2048 KiB of flash are used"),
        ("stm32h743xx", 2048, "stm32h743xx", ""),
        ("stm32h743xx", 1024, "stm32h750xx", "128 of 1024 KiB of flash are used"),
        ("kl25z", 128, "kl25z", ""),
        ("kl26z", 256, "kl26z", "128 of 256 KiB of flash are used"),
        ("kl25z", None, "kl25z", ASSUMED),
        ("nrf52832", None, "nrf52832", ASSUMED),
        ("rp2040", None, "rp2040", ASSUMED),
    ],
)
def test_the_size_of_the_flash_chooses_the_memory_map(
    line: str, kib: int | None, chip: str, used: str
) -> None:
    assert choose(line_of(line), kib, "") == (chip, used)


@pytest.mark.parametrize(
    ("chip", "kib", "what"),
    [
        ("stm32g474retx", 512, "STM32G47x, G48x with 512 KiB of flash, and .* no such chip"),
        ("stm32f767zi", 1024, "only stm32f767zi with more flash"),
        ("kl25z", 32, "only kl25z with more flash"),
        ("k64f", 512, "only k64f with more flash"),
        ("kw41z4", 256, "only kw41z4 with more flash"),
        ("atsamd51j19a", None, "SAM D51J19, and pyOCD has built in no such chip"),
    ],
)
def test_a_line_that_pyocd_has_not_built_in_needs_a_pack(
    chip: str, kib: int | None, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chip_choice, "pack_names_like", lambda _: [])
    with pytest.raises(InputError, match=what) as caught:
        choose(line_of(chip), kib, "probe 1")
    start = line_of(chip).chips[0].partition("*")[0].partition("[")[0]
    assert f"`pyocd pack find {start}`" in caught.value.remedy
    assert "--target=chip:NAME" in caught.value.remedy


def test_the_chips_of_installed_packs_are_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"stm32g4{number}retx" for number in range(71, 82)]
    monkeypatch.setattr(chip_choice, "pack_names_like", lambda _: names)
    with pytest.raises(InputError) as caught:
        choose(line_of("stm32g474retx"), 512, "")
    assert "installed packs have stm32g471retx, stm32g472retx" in caught.value.remedy
    assert "and 3 more" in caught.value.remedy


def test_each_chip_has_one_line_and_each_value_one_meaning() -> None:
    for chip in BUILTIN_TARGETS:
        lines = [one for one in LINES if any(fnmatchcase(chip, each) for each in one.chips)]
        assert len(lines) <= 1, chip
    for identity in identities():
        values = [value for line in identity.lines for value in line.values]
        assert all(value & identity.mask == value for value in values), identity.address
        assert len(values) == len(set(values)), f"{identity.address:#x}"
    named = [
        *(name for line in LINES for name in line.chips if "*" not in name),
        *BUILTIN_TARGETS,
    ]
    assert sum(id_of(chip) is not None for chip in set(named)) >= 52


def test_a_value_has_one_meaning_on_one_core() -> None:
    seen: list[tuple[str, int, int, int]] = []
    for identity in identities():
        for value in (value for line in identity.lines for value in line.values):
            for core, address, mask, other in seen:
                same = (core, address) == (identity.core, identity.address)
                assert not same or (value ^ other) & mask & identity.mask, f"{value:#x}"
            seen.append((identity.core, identity.address, identity.mask, value))


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "targets").glob("*.toml")), ids=lambda p: p.stem
)
def test_the_id_of_a_board_is_the_one_of_its_chip(path: Path) -> None:
    board = load_target(path).board
    known = id_of(getattr(board, "target", "")) or id_of(getattr(board, "chip", ""))
    stated = getattr(board, "chip_id", None)
    if known is not None and stated is not None:
        assert stated.address == known.address
        assert any((value ^ stated.value) & known.mask & stated.mask == 0 for value in known.values)
