"""Images: built once for the same inputs, again for others, and the same everywhere."""

import os
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness.elf import Elf
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError, InputError
from harness.image import build
from harness.image.build import Image, build_image
from harness.image.toolchain import Toolchain, find_gcc, find_toolchain
from harness.model.folder import Model, load_model
from harness.support import bundled_files
from harness.support.memory_map import Memory, Region
from harness.support.owned_temporary import sweep
from harness.target.find_target import load_target
from harness.target.target_file import Target
from tests.support.graphs import Builder
from tests.support.processes import until

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


@pytest.fixture(scope="module", autouse=True)
def _no_compiler_cache() -> Iterator[None]:
    """What is the same to the byte here is compiled twice, also where ccache is used, as in CI."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCACHE_DISABLE", "1")
        yield


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
    assert said[0] == "building small for qemu-stm32 with cmsis-nn"
    assert all(re.fullmatch(rf"{said[0]}: \d+ of \d+ files", text) for text in said[1:])
    assert again.elf.path.stat() == before
    assert (again.build_id, again.flash, again.ram) == (first.build_id, first.flash, first.ram)
    assert [path.name for path in tmp_path.iterdir()] == [first.directory.name]


def test_what_people_read_is_beside_the_elf(built: Image) -> None:
    names = sorted(path.name for path in built.directory.iterdir())
    assert names == ["build.log", "digests.json", "firmware.elf", "firmware.map", "model"]
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
    said: list[str] = []
    assert not build_image(target, model, ENGINE, tmp_path, warn=said.append).cached
    assert said == [
        f"{folder}: 'firmware.elf' is damaged, missing or was changed; it is made again"
    ]
    assert (folder / "firmware.elf").read_bytes() == built.elf.path.read_bytes()


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def to_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def to_link(file: Path) -> None:
    file.rename(file.with_suffix(".moved"))
    file.symlink_to(file.with_suffix(".moved"))


def to_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def unreadable(file: Path) -> None:
    file.chmod(0)


DAMAGE = [flip, cut, empty, to_folder, to_link, to_fifo]
DAMAGE += [] if os.geteuid() == 0 else [unreadable]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["firmware.elf", "firmware.map", "model/model.c", "digests.json"])
def test_a_damaged_image_is_built_again(
    target: Target,
    model: Model,
    built: Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    damage: Callable[[Path], None],
) -> None:
    folder = tmp_path / built.directory.name
    shutil.copytree(built.directory, folder)
    compile_again(monkeypatch, built)
    damage(folder / name)
    said: list[str] = []
    again = build_image(target, model, ENGINE, tmp_path, warn=said.append)
    assert not again.cached
    assert len(said) == 1
    assert said[0].startswith(f"{folder}: ")
    assert name in said[0] or name == "digests.json"
    assert said[0].endswith("; it is made again")
    assert (again.flash, again.ram) == (built.flash, built.ram)
    assert again.elf.path.read_bytes() == built.elf.path.read_bytes()
    assert build_image(target, model, ENGINE, tmp_path, warn=said.append).cached
    assert len(said) == 1
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def compile_again(monkeypatch: pytest.MonkeyPatch, built: Image) -> None:
    """Let the compiler take what it made before: it takes seconds, and is not tested here."""

    def compile_firmware(_: object, __: object, staging: Path, *___: object) -> None:
        (staging / "cmake").mkdir()
        shutil.copy(built.directory / "build.log", staging)
        for file in ("firmware.elf", "firmware.map"):
            shutil.copy(built.directory / file, staging / "cmake")

    monkeypatch.setattr(build, "compile_firmware", compile_firmware)


def file_in_place(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


def link_in_place(folder: Path) -> None:
    shutil.move(folder, folder.parent.parent / "moved")
    folder.symlink_to(folder.parent.parent / "moved")


def another_image(folder: Path) -> None:
    digests = folder / "digests.json"
    text = digests.read_text()
    key = msgspec.json.decode(text)["key"]
    digests.write_text(text.replace(key, key[::-1]))


def another_version(folder: Path) -> None:
    digests = folder / "digests.json"
    digests.write_text(digests.read_text().replace('"version": 1', '"version": 2'))


@pytest.mark.parametrize("damage", [file_in_place, link_in_place, another_image, another_version])
def test_what_is_not_this_image_is_built_again(
    target: Target,
    model: Model,
    built: Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], None],
) -> None:
    folder = tmp_path / "images" / built.directory.name
    shutil.copytree(built.directory, folder)
    compile_again(monkeypatch, built)
    damage(folder)
    said: list[str] = []
    assert not build_image(target, model, ENGINE, folder.parent, warn=said.append).cached
    assert len(said) == 1
    assert build_image(target, model, ENGINE, folder.parent).cached
    assert not folder.is_symlink()


def test_a_flipped_bit_is_never_recorded(root: Path, built: Image, tmp_path: Path) -> None:
    """The bit is in the size of a section: the ELF would still run and pass."""
    shutil.copytree(root / "models", tmp_path / "models")
    folder = tmp_path / "build" / "images" / built.directory.name
    shutil.copytree(built.directory, folder)
    elf = folder / "firmware.elf"
    data = bytearray(elf.read_bytes())
    (sections,) = struct.unpack_from("<I", data, 0x20)
    data[sections + 40 + 0x14 + 1] ^= 0x10  # sh_size of the first section
    elf.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "build", "--model=small", "--target=qemu-stm32"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"flash {built.flash:,} of" in done.stdout
    assert "'firmware.elf' is damaged, missing or was changed; it is made again" in done.stderr


def test_images_that_cannot_be_written_are_explained(
    target: Target, model: Model, tmp_path: Path
) -> None:
    (tmp_path / "images").write_text("a file where the folder should be")
    with pytest.raises(InfrastructureError, match="the image cannot be built: File exists"):
        build_image(target, model, ENGINE, tmp_path / "images")


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
    return build._build_id(generated, chosen, target, build.firmware_options(target, chosen))


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
    "ports/stm32/port.c": True,
    "ports/stm32/stm32.cmake": True,
    "ports/stm32f4/port.cmake": True,
    "ports/stm32f4/new.S": True,
    "ports/stm32l4/port.cmake": False,
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
    for process, (_, error) in zip(builds, outputs, strict=True):
        assert process.returncode == 0, error
        assert "harness: " not in error
    (folder,) = (tmp_path / "build" / "images").iterdir()
    assert all(str(folder / "firmware.elf") in output for output, _ in outputs)
    assert (folder / "firmware.elf").is_file()


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.2, 1.6])
def test_a_killed_build_leaves_nothing_that_the_next_one_believes(
    root: Path, target: Target, model: Model, built: Image, tmp_path: Path, seconds: float
) -> None:
    shutil.copytree(root / "models", tmp_path / "models")
    command = [sys.executable, "-m", "harness", "build", "--model=small", f"--target={target.name}"]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, env=environment)
    time.sleep(seconds)
    process.kill()
    process.wait()
    assert list(temporary.glob("cc*")) == []  # compilers write into the build
    images = tmp_path / "build" / "images"
    again = build_image(target, model, ENGINE, images)
    assert again.elf.path.read_bytes() == built.elf.path.read_bytes()

    def swept() -> bool:  # a compiler that was about to end may have written until now
        sweep(images)
        return [path.name for path in images.iterdir()] == [built.directory.name]

    until(swept, 30)


# What the environment and a hasty person do


def test_flags_in_the_environment_do_not_change_the_image(
    target: Target, model: Model, built: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CFLAGS", "ASMFLAGS"):
        monkeypatch.setenv(name, "-O0 -DNN_OTHER")
    monkeypatch.setenv("LDFLAGS", "-Wl,--defsym=other=1")
    other = build_image(target, model, ENGINE, tmp_path)
    assert other.elf.path.read_bytes() == built.elf.path.read_bytes()


def test_a_source_that_changes_during_the_build_is_no_image(
    target: Target, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "bundled" / "firmware"
    shutil.copytree(bundled_files.bundled("firmware"), copy)
    monkeypatch.setattr(bundled_files, "bundled", lambda folder: copy.parent / folder)

    def edit(_: str) -> None:
        with (copy / "app" / "main.c").open("a") as file:
            file.write("// edited\n")

    with pytest.raises(InfrastructureError, match="changed while it was built"):
        build_image(target, model, ENGINE, tmp_path / "images", say=edit)
    assert list((tmp_path / "images").iterdir()) == []


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
