"""Where flash and RAM go: the pieces add up to the ELF, and each belongs where it should."""

import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.engines.registry import find_engine
from harness.errors import ExitCode
from harness.image.build import Image, build_image
from harness.image.memory_record import Use
from harness.image.memory_use import (
    Piece,
    by_part,
    by_section,
    growth,
    memory_use,
    part_of,
    pieces,
    total,
)
from harness.image.toolchain import find_toolchain
from harness.model.folder import find_model
from harness.target.find_target import find_target
from harness.target.target_file import Target

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build" / "images"


def image_of(target: Target, toolchain: str) -> Image:
    if toolchain == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not on PATH: see `make system`")
    model = find_model("digits", [ROOT / "models"])
    engine = find_engine("cmsis-nn")
    return build_image(target, model, engine, IMAGES, toolchain=find_toolchain(toolchain))


@pytest.fixture(scope="module")
def target() -> Target:
    return find_target("qemu-stm32", [ROOT / "targets"])


@pytest.fixture(scope="module", params=["gcc", "clang"])
def image(request: pytest.FixtureRequest, target: Target) -> Image:
    return image_of(target, request.param)


@pytest.fixture(scope="module")
def found(image: Image) -> list[Piece]:
    return pieces(image.elf)


def test_the_pieces_add_up_to_the_image(image: Image, found: list[Piece]) -> None:
    assert total(found) == Use(image.flash, image.ram)
    for uses in (by_part(found), by_section(found)):
        assert sum(uses.values(), Use()) == total(found)


def test_no_byte_is_in_two_pieces_and_none_is_left_out(found: list[Piece]) -> None:
    for one, other in pairwise(sorted(found, key=lambda piece: piece.address)):
        assert one.address + one.size <= other.address
        if one.section == other.section:
            assert one.address + one.size == other.address


def test_each_part_has_what_is_its_own(found: list[Piece]) -> None:
    part = {piece.symbol: piece.part for piece in found}
    assert part["arena"] == part["nn_invoke"] == "model"
    assert part["nn_add_s8"] == part["arm_convolve_s8"] == "engine"
    assert part["link_receive"] == "link"
    assert part["port_write"] == part["ring"] == part["core_vectors"] == "port"
    assert part["main"] == "application"
    libc = [symbol.lower() for symbol, its in part.items() if its == "libc"]
    assert any("memset" in symbol for symbol in libc)
    assert not any("l00" in symbol for symbol in libc)  # a constant that clang made


def test_a_record_s_symbols_fit_in_their_parts(image: Image, found: list[Piece]) -> None:
    """So that of a part that grew, what its symbols do not explain is in smaller ones."""
    use = memory_use(image.elf)
    assert use.parts == by_part(found)
    named = {(symbol.part, symbol.symbol) for symbol in use.symbols}
    assert {("model", "arena"), ("link", "link_receive"), ("port", "ring")} <= named
    for part, whole in use.parts.items():
        of_it = [symbol for symbol in use.symbols if symbol.part == part]
        told = Use(sum(symbol.flash for symbol in of_it), sum(symbol.ram for symbol in of_it))
        assert told.flash <= whole.flash
        assert told.ram <= whole.ram
    flash = sum(symbol.flash for symbol in use.symbols)
    assert flash > 0.95 * image.flash


def test_padding_is_little(found: list[Piece]) -> None:
    """More would be a symbol that was missed."""
    assert by_part(found)["padding"].flash < 400


def test_the_stack_is_what_the_target_reserves(target: Target, found: list[Piece]) -> None:
    assert by_part(found)["stack"] == Use(0, target.stack)


def test_what_grew_is_named(target: Target) -> None:
    other = find_target("nucleo-f429zi", [ROOT / "targets"])  # another UART
    before, after = (pieces(image_of(one, "gcc").elf) for one in (target, other))
    changes = growth(before, after)
    assert sum(changes.values()) == sum(p.size for p in after) - sum(p.size for p in before)
    assert {part for part, _, symbol in changes if symbol} == {"port"}
    assert changes["port", "firmware/ports/stm32/port.c", "vectors"] == 2 * 4  # 39 and 37
    assert growth(before, before) == {}


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("firmware/nn/nn_add_s8.c", "engine"),
        ("cmsis_nn/Source/x.c", "engine"),
        ("../../newlib/libc/string/memset.c", "libc"),
        ("compiler_rt/memcpy.zig", "libc"),
        ("", "libc"),
    ],
)
def test_a_file_belongs_to_a_part(file: str, part: str) -> None:
    assert part_of(file) == part


def test_the_command_prints_one_image_or_what_grew(
    image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["size", str(image.directory)]) == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert f"{image.flash:,}" in shown
    assert "arena" in shown
    assert main(["size", str(image.elf.path), str(image.directory)]) == ExitCode.PASSED
    assert "no symbol changed its size" in capsys.readouterr().out


def test_the_command_says_what_is_left_of_a_target(
    image: Image, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    flash, ram = target.memory.flash.size - image.flash, target.memory.ram.size - image.ram
    for images in ([image.directory], [image.directory, image.directory]):
        assert main(["size", *map(str, images), "--target", target.name]) == ExitCode.PASSED
        shown = capsys.readouterr().out
        assert re.search(rf"(?m)^left +{flash:,} +{ram:,} *$", shown)
    assert main(["size", str(image.directory), "--target", "virtual-nrf52840"]) == ExitCode.USAGE
    assert "is outside the target's memory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("README.md", "cannot be read as ELF: it is a text file"),
        ("nothing.elf", "cannot be read: No such file"),
    ],
)
def test_what_is_no_elf_is_named(name: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["size", str(ROOT / name)]) == ExitCode.USAGE
    assert f"{name}: {what}" in capsys.readouterr().err
