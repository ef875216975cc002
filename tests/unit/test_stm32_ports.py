"""The STM32 ports: facts of thirteen families, one C source, and the boards that use them."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.image.build import build_image
from harness.image.compilation import compile_firmware
from harness.image.toolchain import find_toolchain
from harness.model.folder import Model, load_model
from harness.runs.link_dut import LinkDut
from harness.target.find_target import find_target, load_target
from harness.target.target_file import Target, Virtual
from tests.support.devices import opened
from tests.support.graphs import Builder
from tests.support.hand_made import hand_made

ROOT = Path(__file__).parents[2]
PORTS = ROOT / "firmware" / "ports"
FAMILIES = sorted(folder.name for folder in PORTS.glob("stm32?*"))
BOARDS = {
    "nucleo-f072rb": "stm32f0",
    "nucleo-f103rb": "stm32f1",
    "nucleo-f446re": "stm32f4",
    "32f746g-disco": "stm32f7",
    "nucleo-g071rb": "stm32g0",
    "nucleo-g474re": "stm32g4",
    "nucleo-h743zi": "stm32h7",
    "nucleo-l053r8": "stm32l0",
    "nucleo-l4r5zi": "stm32l4",
    "nucleo-l552ze-q": "stm32l5",
    "nucleo-u385rg-q": "stm32u3",
    "nucleo-u575zi-q": "stm32u5",
    "nucleo-wb55rg": "stm32wb",
}
LARGEST = {"nucleo-l053r8": "gesture"}  # where digits is too large

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)

needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="qemu-system-arm is not on PATH: see `make system`",
)


def named(name: str) -> Target:
    return find_target(name, [ROOT / "targets"])


def facts(family: str) -> dict[str, list[str]]:
    """Return the values of each set() in the family's port.cmake by name."""
    text = re.sub(r"#.*", "", (PORTS / family / "port.cmake").read_text())
    return {name: values.split() for name, values in re.findall(r"set\((\w+)([^)]*)\)", text)}


PLUS_ONE = hand_made("tensor[0] = (int8_t)(tensor[0] + 1);")


def tiny(root: Path) -> Model:
    """Return a model of four bytes, for an engine made by hand."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    folder = root / "tiny"
    folder.mkdir()
    shutil.copy(ROOT / "tests" / "data" / "models" / "valid.toml", folder / "model.toml")
    (folder / "model.tflite").write_bytes(b.build([source], [b.dense(source, 4)]))
    return load_model(folder)


# Facts


@pytest.mark.parametrize("family", FAMILIES)
def test_a_uart_has_everything_that_the_port_needs(family: str) -> None:
    found = facts(family)
    uarts = [name for name in found if re.fullmatch(r"STM32_(LP)?US?ART\d+", name)]
    assert len(uarts) >= 2
    for name in uarts:
        registers, base, enable, bit, interrupt = found[name]
        assert registers == ("lpuart" if "LP" in name else registers)
        assert (registers == "v1") == (family in {"stm32f1", "stm32f4"})
        assert 0x4000_0000 <= int(base, 16) < 0x6000_0000
        assert 0x4000_0000 <= int(enable, 16) < 0x6000_0000
        assert 0 <= int(bit) < 32
        assert 0 <= int(interrupt) < 240
        for role in ("TX", "RX"):
            pins = found[f"{name}_{role}"]
            assert len(set(pins)) == len(pins) > 0
            assert all(re.fullmatch(r"P[A-K]([0-9]|1[0-5]):([0-9]|1[0-5])", pin) for pin in pins)
    assert len({found[name][1] for name in uarts}) == len(uarts)
    assert len({tuple(found[name][2:4]) for name in uarts}) == len(uarts)


def test_every_family_has_a_board() -> None:
    assert sorted(BOARDS.values()) == FAMILIES


# Boards


@pytest.mark.parametrize(
    "file",
    [file for file in (ROOT / "targets").glob("*.toml") if 'name = "stm32' in file.read_text()],
    ids=lambda file: file.stem,
)
def test_the_core_has_the_clock_that_the_port_sets(file: Path) -> None:
    target = load_target(file)
    assert target.clock is not None
    assert facts(target.port.name)["STM32_HZ"] == [str(target.clock.hz)]


@needs_gcc
@pytest.mark.parametrize("board", BOARDS)
def test_a_board_of_each_family_takes_the_largest_model(board: str, tmp_path: Path) -> None:
    target = named(board)
    assert target.port.name == BOARDS[board]
    model = load_model(ROOT / "models" / LARGEST.get(board, "digits"))
    gcc = find_toolchain("gcc")
    image = build_image(target, model, find_engine("cmsis-nn"), tmp_path, toolchain=gcc)
    assert 0 < image.ram <= target.memory.ram.size
    assert "warning" not in (image.directory / "build.log").read_text()


@needs_gcc
def test_a_family_of_the_user_s_own_is_a_file_of_facts(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    shutil.copy(PORTS / "stm32wb" / "port.cmake", tmp_path / "mine")
    file = tmp_path / "board.toml"
    file.write_text(
        """
base = "nucleo-wb55rg"
description = "A board with a family of my own"
port = { dir = "mine", options = { UART = "lpuart1", TX = "PC1" } }
"""
    )
    gcc = find_toolchain("gcc")
    image = build_image(load_target(file), tiny(tmp_path), PLUS_ONE, tmp_path, toolchain=gcc)
    assert image.elf.path.is_file()


# Options

REFUSED = {
    "a UART of another family": (
        "stm32f4",
        {"UART": "lpuart1"},
        "options.UART",
        "there is no 'lpuart1' in this family",
        "known: uart4, uart5, uart7, uart8, uart9, uart10, usart1, usart2, usart3, usart6",
    ),
    "a pin of another UART": (
        "stm32f4",
        {"UART": "usart2", "TX": "PA9"},
        "options.TX",
        "PA9 is not known as TX of usart2",
        "known: PA2, PD5; for another pin add its alternate function, like PA9:7",
    ),
    "TX as RX": (
        "stm32wb",
        {"UART": "lpuart1", "RX": "PA2"},
        "options.RX",
        "PA2 is not known as RX of lpuart1",
        "known: PA3, ",
    ),
    "no pin": (
        "stm32l4",
        {"TX": "A9"},
        "options.TX",
        "'A9' is not a pin",
        "write it as PA9, or as PA9:7",
    ),
    "no alternate function": (
        "stm32l4",
        {"TX": "PA9:16"},
        "options.TX",
        "'PA9:16' is not a pin",
        "write it as PA9, or as PA9:7",
    ),
    "pins of two remappings": (
        "stm32f1",
        {"UART": "usart3", "TX": "PB10", "RX": "PD9"},
        "options.RX",
        "PB10:0 and PD9:3 need different remappings of usart3",
        "choose pins with the same number after the colon",
    ),
    "a trigger that is the UART's": (
        "stm32g0",
        {"UART": "usart2", "TRIGGER": "PA3"},
        "options.TRIGGER",
        "PA3 is RX of usart2",
        "choose another pin",
    ),
    "an unknown timer": (
        "stm32l4",
        {"TIMERS": "tim3"},
        "options.TIMERS",
        "'tim3' is unknown",
        "known: tim2,tim5 and tim2 and none",
    ),
    "too fast for a USART": (
        "stm32f0",
        {"BAUD": "921600"},
        "baud",
        "usart1 cannot do 921600 bit/s with its clock of 8000000 Hz",
        "choose a rate from 123 to 500000",
    ),
    "too slow for an LPUART": (
        "stm32l4",
        {"UART": "lpuart1", "BAUD": "2400"},
        "baud",
        "lpuart1 cannot do 2400 bit/s with its clock of 16000000 Hz",
        "choose a rate from 3907 to 5333333",
    ),
}


@needs_gcc
@pytest.mark.parametrize(
    ("port", "options", "key", "what", "remedy"), REFUSED.values(), ids=REFUSED.keys()
)
def test_an_option_that_cannot_be_names_file_and_key(
    port: str, options: dict[str, str], key: str, what: str, remedy: str, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "tests" / "data" / "firmware" / "identity", tmp_path / "model")
    target = named("nucleo-f446re")
    gcc = find_toolchain("gcc")
    with pytest.raises(InputError) as caught:
        compile_firmware(target, gcc, tmp_path, {"PORT": port, **options})
    assert caught.value.where == f"{target.path}: port.{key}"
    assert caught.value.what == what
    assert caught.value.remedy.startswith(remedy)


def test_an_unknown_option_has_near_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "nucleo-f446re"\nport.options = { TRIGER = "PA5" }\n')
    with pytest.raises(InputError, match="port stm32f4 has no option 'TRIGER'") as caught:
        load_target(file)
    assert caught.value.remedy.startswith("did you mean TRIGGER")


# On emulators


@contextmanager
def started(target: Target, root: Path) -> Iterator[LinkDut]:
    """A session on `target` with the tiny model, which answers."""
    model = tiny(root)
    gcc = find_toolchain("gcc")
    image = build_image(target, model, PLUS_ONE, root / "images", toolchain=gcc)
    with opened(target, model, image, root) as dut:
        assert dut.infer(np.array([1, 2, 3, 4], np.int8)).tolist() == [2, 2, 3, 4]
        yield dut


MODER, PUPDR, AFRL = 0x00, 0x0C, 0x20
GPIOB, GPIOD = 0x4002_0400, 0x4002_0C00


@needs_gcc
def test_the_uart_works_and_its_pins_have_their_function(tmp_path: Path) -> None:
    base = named("virtual-stm32")
    options = {"UART": "usart3", "TX": "PB10", "RX": "PB11:7", "TRIGGER": "PD3"}
    port = msgspec.structs.replace(base.port, options=options)
    assert isinstance(base.board, Virtual)
    board = msgspec.structs.replace(base.board, uart="USART3")
    target = msgspec.structs.replace(base, port=port, board=board)
    with started(target, tmp_path) as dut:

        def word(address: int) -> int:
            return int.from_bytes(dut.board.read_memory(address, 4), "little")

        assert word(GPIOB + MODER) >> 20 & 0xF == 0b1010  # PB10 and PB11: alternate function
        assert word(GPIOB + PUPDR) >> 20 & 0xF == 0b0100  # PB11: up
        assert word(GPIOB + AFRL + 4) >> 8 & 0xFF == 0x77
        assert word(GPIOD + MODER) >> 6 & 3 == 1  # PD3: output


@needs_gcc
@needs_qemu
def test_pins_of_the_first_kind_and_systick_work(tmp_path: Path) -> None:
    """QEMU's STM32F100: the only machine with CRL and CRH; its timers have 16 bits."""
    (tmp_path / "f100.toml").write_text(
        """
base = "nucleo-f103rb"
description = "STM32F100RB, emulated by QEMU"
stack = 1024
memory.ram.size = 0x2000
port.options = { UART = "usart1", TX = "PA9", RX = "PA10" }
counter = { ticks = "instructions", hz = 24_000_000 }
board = { kind = "qemu", machine = "stm32vldiscovery", icount_shift = 7 }
"""
    )
    with started(load_target(tmp_path / "f100.toml"), tmp_path) as dut:
        assert dut.welcome.counter == "systick"
