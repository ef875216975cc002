"""FSEC, the byte in flash that secures a Kinetis: no image with a wrong one is programmed."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from harness.elf import Elf
from harness.errors import InputError
from harness.image.prebuilt_checks import check_firmware
from harness.support.memory_map import Memory, Region
from harness.target.chip_families import families
from harness.target.chip_target import derive_chip
from harness.target.find_target import find_target, load_target
from harness.target.target_file import Pyocd, Target
from tests.support.assembly_bench import cross_compiler

ROOT = Path(__file__).parents[2]
K64 = (ROOT / "targets" / "frdm-k64f.toml").read_text()
K64_VALUES = "values = [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFE]"
VECTORS = ".word 0x20001000, start + 1\n"
CODE = ".global start\n.thumb\nstart: b start\n"
FIELD = "\n.org 0x400\n.fill 12, 1, 0xff\n.byte {fsec}, {fopt}, 0xff, 0xff\n"


def kinetis(chip: str, values: str) -> str:
    """Return the target file of a FRDM-K64F for another chip, with other words."""
    assert K64_VALUES in K64
    return K64.replace(K64_VALUES, values).replace('target = "k64f"', f'target = "{chip}"')


@pytest.mark.parametrize(
    ("chip", "values", "found"),
    [
        ("k64f", "values = [0, 0, 0, 0]", "0x00 at 0x40c"),
        ("k64f", "values = [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF]", "0xff at 0x40c"),
        ("K64F", "values = [0xFFFF_FFFF, 0xFFFF_FFFF]", "nothing at 0x40c"),
        ("mke06z128vlk4", K64_VALUES, "0xff at 0x40e"),
        ("SKEAZ128xxx4", K64_VALUES, "0xff at 0x40e"),
    ],
)
def test_words_of_a_target_file_that_secure_the_chip_are_refused(
    tmp_path: Path, chip: str, values: str, found: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(kinetis(chip, values))
    with pytest.raises(InputError, match=found) as caught:
        load_target(file)
    assert caught.value.where == f"{file}: image.words"
    needed = caught.value.remedy[caught.value.remedy.index("values = ") : -len(" }]")]
    file.write_text(kinetis(chip, needed))
    load_target(file)


def test_another_boot_option_may_be_written(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(K64.replace("0xFFFF_FFFE]", "0xFFFF_FBFE]"))
    assert load_target(file).image.words[0].values[3] == 0xFFFF_FBFE


def test_every_family_with_the_field_says_where_fsec_is() -> None:
    without = set()
    for family in families():
        field = b"".join(
            value.to_bytes(4, "little") for words in family.image.words for value in words.values
        )
        if family.fsec is not None:
            (words,) = family.image.words
            assert field[family.fsec - words.address] == 0xFE
        elif field.startswith(b"\xff" * 12) and 0xFE in field[12:16]:
            without |= set(family.chips)
    assert without == {"k32l3a*"}, "NXP's linker file has code there"


def linked(folder: Path, text: str, start: int = 0) -> Elf:
    cross_compiler()
    (folder / "fw.s").write_text(text)
    flags = ["-mcpu=cortex-m4", "-nostdlib", f"-Wl,-Ttext={start:#x},-n,-e,start"]
    tool = ["arm-none-eabi-gcc", *flags, "fw.s", "-o", "fw.elf"]
    subprocess.run(tool, cwd=folder, check=True)
    return Elf(folder / "fw.elf")


def board(chip: str = "k64f") -> Target:
    target = find_target("frdm-k64f", [ROOT / "targets"])
    return msgspec.structs.replace(target, board=Pyocd(target=chip))


@pytest.mark.parametrize(("fsec", "fopt"), [(0xFE, 0xFF), (0xFE, 0x3D), (0xBE, 0xFF), (2, 0)])
def test_a_prebuilt_image_that_leaves_the_chip_open_is_taken(
    tmp_path: Path, fsec: int, fopt: int
) -> None:
    check_firmware(linked(tmp_path, VECTORS + CODE + FIELD.format(fsec=fsec, fopt=fopt)), board())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (VECTORS + CODE + FIELD.format(fsec=0xFF, fopt=0xFF), "0xff at 0x40c"),
        (VECTORS + CODE + FIELD.format(fsec=0x64, fopt=0xFF), "0x64 at 0x40c"),
        (VECTORS + ".fill 0x400, 2, 0xbf00\n" + CODE, "0x00 at 0x40c"),  # NOPs
        (VECTORS + CODE, "nothing at 0x40c"),
    ],
)
def test_a_prebuilt_image_that_secures_the_chip_is_refused(
    tmp_path: Path, text: str, found: str
) -> None:
    elf = linked(tmp_path, text)
    with pytest.raises(InputError, match=found) as caught:
        check_firmware(elf, board())
    assert caught.value.where == str(elf.path)
    assert "0xFE" in caught.value.remedy


def test_the_place_of_fsec_is_the_chip_s(tmp_path: Path) -> None:
    elf = linked(tmp_path, VECTORS + CODE + FIELD.format(fsec=0xFE, fopt=0xFF))
    with pytest.raises(InputError, match="0xff at 0x40e"):
        check_firmware(elf, board("mke06z128vlk4"))


def test_chips_and_images_without_fsec_are_not_checked(tmp_path: Path) -> None:
    elf = linked(tmp_path, VECTORS + CODE)
    check_firmware(elf, board("stm32f429xi"))
    check_firmware(elf, board("k32l3a60vpj1a"))
    target = derive_chip("k64f")
    above = Memory(Region(0x8000, 0x8000), target.memory.ram)
    check_firmware(
        linked(tmp_path, VECTORS + CODE, 0x8000), msgspec.structs.replace(target, memory=above)
    )
