"""Prebuilt firmware of many kinds on a simulated board: in C++, with tasks, in several segments."""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import pytest

from harness.errors import InputError
from harness.image.prebuilt import prebuilt_image
from harness.intake.projects.project_lines import SOURCES
from harness.model.folder import load_model
from harness.support import bundled_files
from harness.target.find_target import find_target
from harness.target.target_file import Clock, Counter, Target
from tests.support.cxx import needs_gxx
from tests.support.devices import opened
from tests.support.repository import Repository, make_repository

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "tests" / "data" / "firmware"
LINK = bundled_files.bundled("firmware") / "link"
FLAGS = "-mcpu=cortex-m4 -mthumb -Os -g -Wall -Wextra -Werror -ffunction-sections -fdata-sections"
LINKING = "--specs=nosys.specs -nostartfiles -Wl,--gc-sections"

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build tests/data/firmware/pasted with another source, whose compiler is `tool`.

    `main` is the name of its main(), `script` a piece of the link script and what takes its place.
    """

    def compiled(tool: str, source: Path, folder: Path, *flags: str) -> str:
        made = folder / f"{source.stem}.o"
        command = [f"arm-none-eabi-{tool}", *FLAGS.split(), f"-I{LINK}", *flags, "-c", str(source)]
        subprocess.run([*command, "-o", str(made)], check=True)
        return str(made)

    @cache
    def built(
        source: str = "",
        *flags: str,
        tool: str = "gcc",
        main: str = "main",
        script: tuple[str, str] = ("", ""),
    ) -> Path:
        folder = tmp_path_factory.mktemp("kind")
        text = (FIRMWARE / "own" / "stm32f4.ld").read_text()
        assert script[0] in text
        (folder / "own.ld").write_text(text.replace(*script) if script[0] else text)
        objects = [compiled("gcc", LINK / name, folder) for name in SOURCES]
        objects.append(compiled("gcc", FIRMWARE / "own" / "startup.c", folder))
        objects.append(compiled("gcc", FIRMWARE / "pasted" / "main.c", folder, f"-Dmain={main}"))
        if source:
            objects.append(compiled(tool, FIRMWARE / source, folder, *flags))
        elf = folder / "fw.elf"
        link = [f"arm-none-eabi-{tool}", *FLAGS.split(), *LINKING.split(), *objects]
        subprocess.run([*link, "-T", str(folder / "own.ld"), "-o", str(elf)], check=True)
        return elf

    return built


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    return make_repository(tmp_path, monkeypatch, capsys)


@pytest.fixture
def target() -> Target:
    return find_target("virtual-stm32", [ROOT / "targets"])


def run(repository: Repository, target: Target, elf: Path, *names: str) -> tuple[int, ...]:
    """Run `elf`, whose model copies its input; return its variables `names` after that.

    The second byte of each vector is 100, where the model in C++ throws.
    """
    model = load_model(repository.root / "models" / "small")
    image = prebuilt_image(target, elf, repository.root / "images")
    addresses = image.elf.symbols(*names) or []
    with opened(target, model, image, repository.root) as dut:
        result = dut.run()
        assert result.bytes_differing == 0
        assert result.log == ("pasted",)
        values = [dut.board.read_memory(address, 4) for address in addresses]
    return tuple(int.from_bytes(value, "little") for value in values)


def test_objects_are_constructed_before_main(
    build: Build, repository: Repository, target: Target
) -> None:
    elf = build("objects/model.cpp", "-fno-exceptions", "-fno-rtti", tool="g++")
    run(repository, target, elf)


@needs_gxx
def test_an_exception_is_thrown_and_caught(
    build: Build, repository: Repository, target: Target
) -> None:
    """With newlib; the C++ library of newlib-nano cannot throw."""
    run(repository, target, build("objects/model.cpp", tool="g++"))


def test_the_link_may_be_a_task(build: Build, repository: Repository, target: Target) -> None:
    elf = build("tasks/tasks.c", main="serve")
    (turns,) = run(repository, target, elf, "turns")
    assert turns > 1000


def test_the_vectors_may_lie_behind_a_header(
    build: Build, repository: Repository, target: Target
) -> None:
    """As with Zephyr and MCUboot, whose header imgtool writes into space that the linker leaves."""
    vectors = "KEEP(*(.isr_vector))"
    elf = build(script=(vectors, f". += 0x200; _vector_table = .; {vectors}"))
    run(repository, target, elf)


def test_a_clock_that_the_firmware_sets_is_measured(
    build: Build, repository: Repository, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On hardware; what the target states is the clock of the harness's own firmware."""
    monkeypatch.setattr("harness.board.pyocd.told_identity.is_of_virtual_board", lambda _: False)
    stated = Clock(hz=900_000_000, source="another clock than the simulator can have")
    target = msgspec.structs.replace(target, counter=Counter("cycles"), clock=stated)
    model = load_model(repository.root / "models" / "small")
    image = prebuilt_image(target, build(), repository.root / "images")
    with opened(target, model, image, repository.root) as dut:
        result = dut.run()
    assert result.target.clock is None
    assert result.clock is not None
    assert 0 < result.clock.hz < stated.hz / 2


def test_external_flash_is_refused(build: Build, target: Target, tmp_path: Path) -> None:
    """In QSPI memory at 0x90000000 lies what only the firmware itself could write."""
    script = (
        "SECTIONS\n{",
        "MEMORY { QSPI (r) : ORIGIN = 0x90000000, LENGTH = 8M }\n"
        "SECTIONS\n{\n    .weights : { LONG(1) } > QSPI",
    )
    with pytest.raises(InputError, match="4 bytes are loaded to 0x90000000") as error:
        prebuilt_image(target, build(script=script), tmp_path / "images")
    assert "external flash" in error.value.remedy
