"""Images for chips that pyOCD knows: twenty of all cores; `make chips` builds all of them.

Each is the largest bundled model that fits, with vector table, words and segments checked.
"""

from pathlib import Path

import pytest

from harness.elf import Elf
from harness.target.chip_target import derive_chip
from tests.chips.chip_build import Built, UnsuitableError, build, check, compiled

CHIPS = {
    "cortex-m0": ("nrf51822", "w7500"),
    "cortex-m0plus": ("kl25z", "lpc845", "hc32l190", "cy8c6xx7", "rp2040"),
    "cortex-m23": ("m252kg6ae",),
    "cortex-m3": ("lpc1768", "stm32f103rc"),
    "cortex-m4": ("k20d50m", "cc3220sf"),
    "cortex-m4f": ("k64f", "stm32f412xg", "hc32f460", "nrf52840"),
    "cortex-m7": ("stm32h743xx", "mimxrt1060"),
    "cortex-m33": ("lpc55s69",),
    "cortex-m33-nofp": ("musca_b1",),
}


@pytest.mark.parametrize("core", CHIPS)
def test_a_model_is_built_for_a_chip_of_pyocd(core: str, tmp_path: Path) -> None:
    for chip in CHIPS[core]:
        result = build(chip, tmp_path)
        assert isinstance(result, Built), result
        assert result.core == core


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ("stm32f051", "the image has no vectors at 0x8000000"),
        ("lpc11u24", "the stack begins at 0x20000800, outside the RAM"),
        ("kl25z", "at 0x400 is [0-9a-f ]+, not ffffffff ffffffff ffffffff feffffff"),
        ("rp2040", "the image has no vectors at 0x20000000"),
    ],
)
def test_an_image_for_another_chip_is_found_out(other: str, what: str, image: Elf) -> None:
    check(image, derive_chip("w7500"))
    with pytest.raises(UnsuitableError, match=f"^chip:{other}: {what}"):
        check(image, derive_chip(other))


def test_a_model_fits_a_chip_with_32_kib_of_flash_and_words_in_it(tmp_path: Path) -> None:
    """It did not when the code for the DWT was in images for an Armv6-M, which has none."""
    elf = compiled(derive_chip("hc32m120"), "anomaly", "clang", "-Oz", tmp_path / "folder")
    check(elf, derive_chip("hc32m120"))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Elf:
    root = tmp_path_factory.mktemp("w7500")
    build("w7500", root)
    (path,) = root.rglob("firmware.elf")
    return Elf(path)
