"""Images in RAM, what the probe writes before the start, and the core that it finds."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import numpy as np
import pytest
from pyocd.core.session import Session
from pyocd.coresight import core_ids

from harness.board.pyocd.core_check import check_core
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.elf import Elf
from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.image.build import Image, build_image
from harness.image.memory_record import Use
from harness.image.prebuilt import prebuilt_image
from harness.image.toolchain import find_toolchain
from harness.model.folder import Model, load_model
from harness.results.judge.run_context import differences
from harness.results.judge.side_by_side import side_by_side
from harness.results.run_record import record_of
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support import machine_lock
from harness.support.memory_map import Load, Memory, Region
from harness.support.progress import Progress
from harness.target.chip_needs import Write
from harness.target.find_target import find_target, load_target
from harness.target.target_file import Core, Mcu, Port, Pyocd, Target
from tests.support.devices import opened

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build" / "images"
CHIP = "stm32f429xi"
FLASH = 0x0800_0000
VTOR = 0xE000_ED08
SPARE = 0x4002_3004  # CRC_IDR, which the firmware does not use
VECTORS = 3

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        patch.setattr(machine_lock, "_PREFIX", str(path))
        yield


def changed(**keys: object) -> Target:
    """The target virtual-stm32 with other keys."""
    target = find_target("virtual-stm32", [ROOT / "targets"])
    return msgspec.structs.replace(target, **keys)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The bundled model with a few of its vectors."""
    folder = tmp_path_factory.mktemp("models") / "digits"
    shutil.copytree(ROOT / "models" / "digits", folder)
    arrays = dict(np.load(folder / "vectors.npz"))
    few = {name: arrays[name][:VECTORS] for name in ("inputs", "labels", "golden")}
    np.savez(folder / "vectors.npz", **arrays | few)
    return load_model(folder)


def built(target: Target, model: Model, toolchain: str = "gcc") -> Image:
    return build_image(
        target, model, find_engine("cmsis-nn"), IMAGES, toolchain=find_toolchain(toolchain)
    )


@contextmanager
def started(target: Target, image: Image, *faults: str) -> Iterator[PyocdBoard]:
    """The board of `target`, with `faults` and a running `image`."""
    with VirtualBoard.start(CHIP, faults=faults) as hardware:
        board = Pyocd(target=CHIP, probe=hardware.probe_id, serial=hardware.port)
        with closing(PyocdBoard(target, board, Progress(sys.stderr), 0)) as real:
            assert real.start(image).read(5)
            yield real


# Images in RAM


@needs_compiler
@pytest.mark.parametrize("toolchain", ["gcc", "clang"])
def test_an_image_in_ram_wears_no_flash(digits: Model, toolchain: str) -> None:
    target = changed(load="ram")
    image = built(target, digits, toolchain)
    symbols = image.elf.symbols("stack_bottom", "vector_table", "link_build_id")
    assert symbols is not None
    stack, vectors, build_id = symbols
    assert stack == target.memory.ram.origin  # an overflow leaves the RAM
    assert vectors % 1024 == 0
    # The first erase or program operation would unplug the board.
    with started(target, image, "unplug-during-flash=0") as board:
        assert board.read_memory(build_id, 16).hex() == image.build_id
        assert board.read_memory(VTOR, 4) == vectors.to_bytes(4, "little")
        assert board.read_memory(FLASH, 1 << 16) == b"\xff" * (1 << 16)


@needs_compiler
@pytest.mark.parametrize("port", ["stm32f4", "generic"])
def test_a_run_from_ram_answers_as_golden_and_has_its_own_history(
    digits: Model, tmp_path: Path, port: str
) -> None:
    flash = changed(port=Port(name=port))
    ram = msgspec.structs.replace(flash, load="ram")
    records = []
    for target in (flash, ram):
        with opened(target, digits, built(target, digits), tmp_path) as dut:
            records.append(record_of(dut.run(), tmp_path))
    from_flash, from_ram = records
    assert (from_flash.load, from_ram.load) == ("flash", "ram")
    assert (from_flash.verdict, from_ram.verdict) == ("passed", "passed")
    assert from_flash.ticks == from_ram.ticks  # exact instructions do not depend on the memory
    assert from_flash.combination != from_ram.combination
    assert from_ram.engine == "cmsis-nn/ram"
    assert "load: flash → ram" in map(str, differences(from_flash, from_ram))
    sizes = {name: int(from_ram.numbers[name].value) for name in ("flash", "ram", "ram_left")}
    assert sizes["flash"] == 0
    assert sizes["ram"] > from_flash.numbers["flash"].value
    assert sizes["ram"] + sizes["ram_left"] == ram.memory.ram.size
    assert from_ram.memory is not None
    total = sum(from_ram.memory.parts.values(), Use())
    assert total == Use(0, sizes["ram"])
    assert [group.records for group in side_by_side(records, [])] == []  # not one group of two


@needs_compiler
def test_the_message_about_too_little_ram_has_the_bytes(digits: Model) -> None:
    for load in ("flash", "ram"):
        memory = Memory(Region(FLASH, 1 << 20), Region(0x2000_0000, 0x2800))
        with pytest.raises(InputError, match=r"is [\d,]+ bytes larger than the 10,240 .* of ram"):
            built(changed(load=load, memory=memory), digits)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('base = "qemu-stm32"\nload = "ram"', "load", "only allowed on boards of kind pyocd"),
        ('base = "virtual-stm32"\nload = "ram"\nmcu.core = "cortex-m0"', "load", "has no VTOR"),
        ('base = "virtual-stm32"\nload = "sram"', "load", "unknown value 'sram'"),
        (
            'base = "qemu-stm32"\nbefore_start = [{ address = 0x40000000, value = 1 }]',
            "before_start",
            "only allowed on boards of kind pyocd",
        ),
    ],
)
def test_what_cannot_start_so_is_refused(tmp_path: Path, text: str, where: str, what: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=what) as caught:
        load_target(path)
    assert where in caught.value.where


@needs_compiler
def test_prebuilt_firmware_may_be_linked_for_ram(digits: Model, tmp_path: Path) -> None:
    flash, ram = changed(), changed(load="ram")
    in_ram, in_flash = built(ram, digits).elf.path, built(flash, digits).elf.path
    image = prebuilt_image(ram, in_ram, tmp_path)
    assert (image.flash, image.stack) == (0, range(0x2000_0000, 0x2000_2000))
    with opened(ram, digits, image, tmp_path) as dut:
        assert dut.run().bytes_differing == 0
    with pytest.raises(InputError, match="loaded into RAM") as caught:
        prebuilt_image(flash, in_ram, tmp_path)
    assert 'load = "ram"' in caught.value.remedy
    with pytest.raises(InputError, match=r"outside the RAM of virtual-stm32") as caught:
        prebuilt_image(ram, in_flash, tmp_path)
    assert "memory.ram" in caught.value.remedy


@needs_compiler
def test_a_core_whose_vtor_does_not_take_the_address_is_refused(
    digits: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = changed(load="ram")
    image = built(target, digits)
    monkeypatch.setattr(Elf, "vector_table", lambda *_: 0x2000_0004)
    with pytest.raises(InputError, match="VTOR does not take 0x20000004"), started(target, image):
        pass


# Writes before the start


@needs_compiler
@pytest.mark.parametrize("load", ["flash", "ram"])
def test_writes_come_after_the_reset_and_before_the_first_instruction(
    digits: Model, load: Load
) -> None:
    target = changed(load=load)
    image = built(target, digits)
    begin = image.elf.symbols("bss_start")
    assert begin is not None
    writes = (Write(SPARE, 1), Write(SPARE, 0xA5, 8), Write(begin[0], 0xFFFF, 16))
    target = msgspec.structs.replace(target, before_start=writes)
    with started(target, image) as board:
        assert board.read_memory(SPARE, 4) == b"\xa5\0\0\0"  # a reset clears it
        assert board.read_memory(begin[0], 2) == b"\0\0"  # the firmware has cleared it since


@needs_compiler
def test_a_write_to_nothing_is_explained(digits: Model) -> None:
    target = changed(before_start=(Write(SPARE, 1), Write(0x6000_0000, 1)))
    with (
        pytest.raises(InputError, match="the chip does not take 0x1 at 0x60000000") as caught,
        started(target, built(target, digits)),
    ):
        pass
    assert "before_start[1]" in caught.value.where


# The core in the chip


@needs_compiler
def test_a_core_that_is_not_the_one_in_the_chip_is_refused(digits: Model) -> None:
    image = built(changed(), digits)
    target = changed(mcu=Mcu(name="STM32F429", core="cortex-m0plus"))
    with pytest.raises(InputError) as caught, started(target, image, "unplug-during-flash=0"):
        pass
    assert caught.value.what == (
        "the target says cortex-m0plus, but the chip's CPUID 0x410fc241 says Cortex-M4"
    )
    assert "mcu.core" in caught.value.where


@pytest.mark.parametrize(
    ("stated", "part", "extensions", "what"),
    [
        ("cortex-m4", core_ids.ARM_CortexM4, ["FPU"], ""),
        ("cortex-m4f", core_ids.ARM_CortexM4, ["FPU"], ""),
        ("cortex-m4f", core_ids.ARM_CortexM4, [], "no floating-point unit"),
        ("cortex-m7", core_ids.ARM_CortexM7, [], "no floating-point unit"),
        ("cortex-m33", core_ids.ARM_CortexM33, ["FPU", "DSP", "SEC"], ""),
        ("cortex-m33-nofp", core_ids.ARM_CortexM33, ["SEC"], ""),
        ("cortex-m4", core_ids.ARM_CortexM7, [], ""),
        ("cortex-m33", core_ids.ARM_CortexM33, ["SEC"], "no DSP extension and no floating-point"),
        ("cortex-m55", core_ids.ARM_CortexM55, ["FPU", "MVE"], "no Helium for floats"),
        ("cortex-m0", core_ids.ARM_CortexM0p, [], "says Cortex-M0+"),
        ("cortex-m33", core_ids.ARM_CortexM35P, [], "no DSP extension"),
    ],
)
def test_the_core_and_its_extensions_are_those_that_the_compiler_uses(
    stated: Core, part: int, extensions: list[str], what: str
) -> None:
    core = SimpleNamespace(
        core_type=part, extensions=[core_ids.CortexMExtension[name] for name in extensions]
    )
    chip = SimpleNamespace(selected_core_or_raise=core, read32=lambda _: 0x41 << 24 | part << 4)
    target = changed(mcu=Mcu(name="chip", core=stated))
    if not what:
        check_core(cast(Session, SimpleNamespace(target=chip)), target)
        return
    with pytest.raises(InputError, match=re.escape(what)) as caught:
        check_core(cast(Session, SimpleNamespace(target=chip)), target)
    assert "cortex-m" in caught.value.remedy
