"""Images: built once for the same inputs, again for others, and the same everywhere."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness.elf import Elf
from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.image import build
from harness.image.build import Image, build_image
from harness.image.toolchain import Toolchain, find_gcc, find_toolchain
from harness.model.folder import Model, load_model
from harness.support import bundled_files
from harness.support.memory_map import Memory, Region
from harness.target.find_target import load_target
from harness.target.target_file import Target
from tests.support.graphs import Builder

ROOT = Path(__file__).parents[2]
DESCRIPTION = ROOT / "tests" / "data" / "models" / "valid.toml"
ENGINE = find_engine("cmsis-nn")

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


def make_model(folder: Path, outputs: int = 2) -> Model:
    b = Builder()
    source = b.activation((1, 3), 0.1, 0)
    folder.mkdir(parents=True)
    shutil.copy(DESCRIPTION, folder / "model.toml")
    (folder / "model.tflite").write_bytes(b.build([source], [b.dense(source, outputs)]))
    return load_model(folder)


@pytest.fixture
def target() -> Target:
    return load_target(ROOT / "targets" / "qemu-stm32.toml")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one model, `small`, and the image of it for the bundled target."""
    root = tmp_path_factory.mktemp("repository")
    make_model(root / "models" / "small")
    build_image(
        load_target(ROOT / "targets" / "qemu-stm32.toml"),
        load_model(root / "models" / "small"),
        ENGINE,
        root / "images",
    )
    return root


@pytest.fixture
def model(root: Path) -> Model:
    return load_model(root / "models" / "small")


@pytest.fixture
def built(target: Target, model: Model, root: Path) -> Image:
    return build_image(target, model, ENGINE, root / "images")


# What is kept


def test_an_image_is_built_once(target: Target, model: Model, tmp_path: Path) -> None:
    said: list[str] = []
    first = build_image(target, model, ENGINE, tmp_path, say=said.append)
    before = first.elf.path.stat()
    again = build_image(target, model, ENGINE, tmp_path, say=said.append)
    assert (first.cached, again.cached) == (False, True)
    assert said == ["building small for qemu-stm32 with cmsis-nn"]
    assert again.elf.path.stat() == before
    assert (again.build_id, again.flash, again.ram) == (first.build_id, first.flash, first.ram)
    assert [path.name for path in tmp_path.iterdir()] == [first.directory.name]


def test_what_people_read_is_beside_the_elf(built: Image) -> None:
    names = sorted(path.name for path in built.directory.iterdir())
    assert names == ["build.log", "firmware.elf", "firmware.map", "model"]
    assert "int nn_invoke(void)" in (built.directory / "model" / "model.c").read_text()
    assert (built.directory / "model" / "model.cmake").is_file()
    assert built.directory.name == f"small-cmsis-nn-stm32f4-{built.build_id[:12]}"
    assert re.fullmatch("[0-9a-f]{32}", built.build_id)


def test_the_build_id_is_in_the_image(built: Image) -> None:
    assert bytes.fromhex(built.build_id) in built.elf.path.read_bytes()


def test_an_image_without_its_elf_is_built_again(
    target: Target, model: Model, built: Image, tmp_path: Path
) -> None:
    folder = tmp_path / built.directory.name
    shutil.copytree(built.directory, folder)
    (folder / "firmware.elf").unlink()
    assert not build_image(target, model, ENGINE, tmp_path).cached
    assert (folder / "firmware.elf").read_bytes() == built.elf.path.read_bytes()


def test_a_damaged_elf_is_explained(
    target: Target, model: Model, built: Image, tmp_path: Path
) -> None:
    folder = tmp_path / built.directory.name
    shutil.copytree(built.directory, folder)
    (folder / "firmware.elf").write_bytes(b"no ELF")
    with pytest.raises(InputError) as caught:
        build_image(target, model, ENGINE, tmp_path)
    assert str(caught.value).startswith(f"{folder / 'firmware.elf'}: cannot be read as ELF: ")


# What an image depends on


def identify(
    target: Target,
    model: Model,
    folder: Path,
    toolchain: Toolchain | None = None,
) -> str:
    """Return the build ID without compiling anything."""
    shutil.rmtree(folder, ignore_errors=True)
    generated = build._generate(model, ENGINE, folder, target.mcu.core)
    chosen = toolchain or find_gcc()
    return build._build_id(generated, chosen, build._options(target, chosen))


def memory(target: Target, flash: int = 0, ram: int = 0) -> Target:
    held = target.memory
    return msgspec.structs.replace(
        target,
        memory=Memory(
            Region(held.flash.origin, held.flash.size - flash),
            Region(held.ram.origin, held.ram.size - ram),
        ),
    )


CHANGES: dict[str, Callable[[Target], Target]] = {
    "flash": lambda target: memory(target, flash=4),
    "RAM": lambda target: memory(target, ram=4),
    "stack": lambda target: msgspec.structs.replace(target, stack=target.stack + 8),
    "baud rate": lambda target: msgspec.structs.replace(
        target, port=msgspec.structs.replace(target.port, baud=9600)
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_target_is_another_build(
    target: Target, model: Model, tmp_path: Path, what: str
) -> None:
    changed = CHANGES[what](target)
    assert identify(changed, model, tmp_path / "a") != identify(target, model, tmp_path / "b")


def test_names_paths_and_machines_are_no_input(
    target: Target, model: Model, built: Image, tmp_path: Path
) -> None:
    """The same firmware has one ID, whatever emulator or board it is for."""
    other = msgspec.structs.replace(
        target,
        name="other",
        path=tmp_path / "other.toml",
        description="another",
        board=msgspec.structs.replace(target.board, icount_shift=3),
    )
    assert identify(other, model, tmp_path / "generated") == built.build_id


def test_vectors_and_floor_are_no_input(target: Target, built: Image, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    make_model(folder)
    np.savez(folder / "vectors.npz", inputs=np.zeros((1, 3), np.int8), labels=np.zeros(1, int))
    file = folder / "model.toml"
    file.write_text(file.read_text().replace("quality_target = 0.5", "quality_target = 0.9"))
    assert identify(target, load_model(folder), tmp_path / "generated") == built.build_id


def test_another_network_is_another_build(target: Target, built: Image, tmp_path: Path) -> None:
    model = make_model(tmp_path / "small", outputs=3)
    assert identify(target, model, tmp_path / "generated") != built.build_id


def test_other_flags_are_another_build(
    target: Target, model: Model, built: Image, tmp_path: Path
) -> None:
    smaller = find_toolchain("gcc", "-Os")
    assert identify(target, model, tmp_path / "generated", smaller) != built.build_id


def test_another_compiler_is_another_build(
    target: Target, model: Model, built: Image, tmp_path: Path
) -> None:
    gcc = find_gcc()
    moved = Toolchain("gcc", Path("/elsewhere/gcc"), gcc.version)
    newer = Toolchain("gcc", gcc.compiler, "arm-none-eabi-gcc 99")
    assert identify(target, model, tmp_path / "generated", moved) == built.build_id
    assert identify(target, model, tmp_path / "generated", newer) != built.build_id


FIRMWARE_FILES = {
    "CMakeLists.txt": True,
    "cores.cmake": True,
    "app/main.c": True,
    "link/link.h": True,
    "nn/nn_softmax_s8.c": True,
    "ports/port.h": True,
    "ports/cortexm/sections.ld": True,
    "ports/stm32/stm32.h": True,
    "ports/stm32f4/port.c": True,
    "ports/stm32f4/new.S": True,
    "ports/stm32l4/port.c": False,
    "ports/host/port.c": False,
    "ports/other/port.c": False,
    "ports/README.md": False,
}


@pytest.mark.parametrize(("name", "matters"), FIRMWARE_FILES.items())
def test_a_changed_source_of_the_firmware_is_another_build(
    target: Target,
    model: Model,
    built: Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    matters: bool,
) -> None:
    # A folder of the user's called `ports` is not the firmware's.
    copy = tmp_path / "ports" / "firmware"
    shutil.copytree(bundled_files.bundled("firmware"), copy)
    monkeypatch.setattr(bundled_files, "bundled", lambda folder: copy.parent / folder)
    assert identify(target, model, tmp_path / "generated") == built.build_id
    (copy / name).parent.mkdir(exist_ok=True)
    with (copy / name).open("a") as file:
        file.write("\n")
    changed = identify(target, model, tmp_path / "generated") != built.build_id
    assert changed == matters


# The same everywhere


@pytest.mark.parametrize("folder", ["elsewhere", "My Projects (old) & more/Übung"])
def test_an_image_is_the_same_to_the_byte_wherever_it_is_built(
    target: Target, model: Model, built: Image, tmp_path: Path, folder: str
) -> None:
    other = build_image(target, model, ENGINE, tmp_path / folder)
    assert not other.cached
    assert other.elf.path.read_bytes() == built.elf.path.read_bytes()


def test_two_builds_at_once_both_work(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "models", tmp_path / "models")
    command = [sys.executable, "-m", "harness", "build", "--model", "small"]
    builds = [
        subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [build.communicate(timeout=60) for build in builds]
    assert [
        (build.returncode, error) for build, (_, error) in zip(builds, outputs, strict=True)
    ] == [
        (0, ""),
        (0, ""),
    ]
    (folder,) = (tmp_path / "build" / "images").iterdir()
    assert all(str(folder / "firmware.elf") in output for output, _ in outputs)
    assert (folder / "firmware.elf").is_file()


# Sizes and symbols


def test_sizes_are_those_that_the_compiler_s_own_tool_tells(target: Target, built: Image) -> None:
    text = subprocess.run(
        ["arm-none-eabi-size", "-A", str(built.elf.path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    sections = re.findall(r"(?m)^(\.\S+)\s+(\d+)\s+(\d+)$", text)
    flash = ram = 0
    for name, count, address in sections:
        flash += int(count) if int(address) in target.memory.flash or name == ".data" else 0
        ram += int(count) if int(address) in target.memory.ram else 0
    assert (built.flash, built.ram) == (flash, ram)
    assert 0 < built.flash < target.memory.flash.size
    assert target.stack < built.ram < target.memory.ram.size


def test_the_stack_is_part_of_the_ram(target: Target, model: Model, built: Image) -> None:
    more = msgspec.structs.replace(target, stack=target.stack + 1024)
    assert build_image(more, model, ENGINE, built.directory.parent).ram == built.ram + 1024


def test_an_address_is_told_as_function_file_and_line(built: Image) -> None:
    nm = subprocess.run(
        ["arm-none-eabi-nm", str(built.elf.path)], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"(?m)^([0-9a-f]{8}) T nn_invoke$", nm)
    assert found is not None
    start = int(found[1], 16) & ~1
    source = (built.directory / "model" / "model.c").read_text().splitlines()
    line = source.index("int nn_invoke(void) {") + 1
    assert built.elf.locate(start) == f"nn_invoke model.c:{line} ({start:#010x})"
    assert built.elf.locate(start + 1) == built.elf.locate(start)  # Thumb's bit
    assert built.elf.locate(0) == "0x00000000"
    assert built.elf.locate(0xFFFF_FFFF) == "0xffffffff"


def test_a_section_outside_the_target_s_memory_is_refused(target: Target, built: Image) -> None:
    elsewhere = Memory(Region(0x0800_0000, 0x10_0000), Region(0x3000_0000, 0x1000))
    with pytest.raises(InputError) as caught:
        built.elf.sizes(elsewhere)
    assert "section .stack at 0x20000000 is outside the target's memory" in str(caught.value)


def test_a_missing_elf_is_explained(target: Target, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Elf(tmp_path / "none.elf").sizes(target.memory)
