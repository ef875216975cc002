"""A port of the user's own: what `port.dir` takes, refuses and builds."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.image.build import Image, build_image
from harness.image.toolchain import find_toolchain
from harness.model.folder import load_model
from harness.support import bundled_files
from harness.target.find_target import load_target
from harness.target.target_file import Target
from tests.support.models import ROOT

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)

needs_clang = pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang is not installed")

TARGET = 'base = "qemu-stm32"\ndescription = "With a port of my own"\nport.dir = "mine"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A target file beside the folder of its port, which is a copy of one of ours."""
    folder = tmp_path / "targets"
    folder.mkdir()
    ours = bundled_files.bundled("firmware/ports")
    (folder / "mine").mkdir()
    shutil.copy(ours / "stm32" / "port.c", folder / "mine")
    family = (ours / "stm32f4" / "port.cmake").read_text()
    (folder / "mine" / "port.cmake").write_text(f"{family}set(PORT_SOURCES port.c)\n")
    (folder / "my-board.toml").write_text(TARGET)
    return folder / "my-board.toml"


def refusal(file: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_target(file)
    return caught.value


# Target files


def test_the_folder_is_relative_to_the_target_file(file: Path) -> None:
    port = load_target(file).port
    assert port.folder == file.parent / "mine"
    assert (port.name, port.title) == ("", "mine")


def test_the_folder_of_a_base_is_relative_to_the_base(file: Path) -> None:
    other = file.parent / "deep" / "other.toml"
    other.parent.mkdir()
    base = other.parent / "base.toml"
    base.write_text(TARGET.replace('"mine"', '"../mine"'))
    other.write_text('base = "base"\nport.options = { UART = "usart3" }\n')
    port = load_target(other).port
    assert port.folder == file.parent / "mine"
    assert port.options == {"UART": "usart3"}


def test_another_port_replaces_that_of_the_base_with_its_options(file: Path) -> None:
    theirs = file.with_name("theirs.toml")
    theirs.write_text(TARGET + 'port.options = { UART = "usart3" }\n')
    ours = file.with_name("ours.toml")
    ours.write_text('base = "theirs"\nport.name = "mps2"\n')
    port = load_target(ours).port
    assert (port.name, port.dir, port.options) == ("mps2", "", {})


def test_the_folder_s_own_options_are_known(file: Path) -> None:
    with (file.parent / "mine" / "port.cmake").open("a") as description:
        description.write('option(FAST "Fast" OFF)\n  set( PIN\n    5 CACHE STRING "")\n')
    file.write_text(TARGET + 'port.options = { UART = "usart3", FAST = "ON", PIN = 6 }\n')
    assert load_target(file).port.options == {"UART": "usart3", "FAST": "ON", "PIN": 6}
    file.write_text(TARGET + 'port.options = { URAT = "usart3" }\n')
    error = refusal(file)
    assert error.what == "port mine has no option 'URAT'"
    assert error.where == f"{file}: port.options"
    assert "did you mean UART" in error.remedy


def test_name_and_dir_exclude_each_other(file: Path) -> None:
    file.write_text(TARGET + 'port.name = "stm32f4"\n')
    assert "excludes port.name" in refusal(file).what


def test_a_target_without_a_port_learns_of_both_keys(file: Path) -> None:
    text = (ROOT / "targets" / "qemu-stm32.toml").read_text()
    file.write_text(text.replace('name = "stm32f4"\n', ""))
    error = refusal(file)
    assert error.where == f"{file}: port.name"
    assert "port.dir" in error.remedy


def test_a_missing_folder_is_named_with_the_template(file: Path) -> None:
    shutil.rmtree(file.parent / "mine")
    error = refusal(file)
    assert error.what == f"there is no folder {file.parent / 'mine'}"
    assert error.where == f"{file}: port.dir"
    template = bundled_files.bundled("firmware/ports/template")
    assert f"cp -r {template} {file.parent / 'mine'}" in error.remedy


def test_a_folder_without_port_cmake_is_refused(file: Path) -> None:
    (file.parent / "mine" / "port.cmake").unlink()
    error = refusal(file)
    assert "there is no port.cmake in" in error.what
    assert error.where == f"{file}: port.dir"


def test_a_folder_without_a_source_is_refused(file: Path) -> None:
    (file.parent / "mine" / "port.c").unlink()
    template = bundled_files.bundled("firmware/ports/template")
    shutil.copy(template / "port.cmake", file.parent / "mine")
    error = refusal(file)
    assert "there is no source in" in error.what
    assert "PORT_SOURCES" in error.remedy


@pytest.mark.parametrize("value", ["7", '""', "[]"])
def test_the_folder_is_a_text(file: Path, value: str) -> None:
    file.write_text(TARGET.replace('"mine"', value))
    assert refusal(file).where == f"{file}: port.dir"


# Images


def built(file: Path, folder: Path, name: str = "gcc") -> Image:
    target: Target = load_target(file)
    model = load_model(ROOT / "models" / "digits")
    engine = find_engine("cmsis-nn")
    return build_image(target, model, engine, folder, toolchain=find_toolchain(name))


@pytest.mark.parametrize(
    "name", [pytest.param("gcc", marks=needs_gcc), pytest.param("clang", marks=needs_clang)]
)
def test_an_image_is_known_by_the_contents_of_the_folder(
    file: Path, tmp_path: Path, name: str
) -> None:
    moved = tmp_path / "elsewhere; with an = odd, name"
    shutil.copytree(file.parent, moved)
    (moved / "mine" / ".git").mkdir()
    (moved / "mine" / ".git" / "HEAD").write_text("hidden files are no part of a port")
    images = tmp_path / "images"
    first = built(file, images, name)
    assert built(moved / file.name, images, name).cached
    again = built(moved / file.name, tmp_path / "again", name)
    assert again.elf.path.read_bytes() == first.elf.path.read_bytes()
    assert str(tmp_path).encode() not in first.elf.path.read_bytes()

    (moved / "mine" / "notes.inc").write_text("a port may read any file")
    other = built(moved / file.name, images, name)
    assert not other.cached
    assert other.build_id != first.build_id


@needs_gcc
def test_a_port_may_have_several_sources(file: Path, tmp_path: Path) -> None:
    folder = file.parent / ("a long name " * 6).strip()
    (file.parent / "mine").rename(folder)
    file.write_text(TARGET.replace("mine", folder.name))
    (folder / "src").mkdir()
    (folder / "port.c").rename(folder / "src" / "uart.c")
    (folder / "src" / "more.c").write_text('#include "mine.h"\n')
    (folder / "mine.h").write_text("extern int nothing;\n")
    with (folder / "port.cmake").open("a") as description:
        description.write("set(PORT_SOURCES src/uart.c src/more.c)\n")
    assert built(file, tmp_path / "images").flash > 0
    (folder / "src" / "more.c").unlink()
    with pytest.raises(InputError) as caught:
        built(file, tmp_path / "images")
    assert f"PORT_SOURCES: there is no {folder}/src/more.c\n" in caught.value.what


@needs_gcc
def test_an_error_in_a_source_names_the_user_s_own_file(file: Path, tmp_path: Path) -> None:
    source = file.parent / "mine" / "port.c"
    source.write_text(source.read_text() + "int broken = missing;\n")
    with pytest.raises(InputError) as caught:
        built(file, tmp_path / "images")
    assert caught.value.where == f"{file}: port.dir"
    assert f"{source}:" in caught.value.what
    assert "'missing' undeclared" in caught.value.what


@needs_gcc
def test_a_source_outside_of_the_folder_is_no_part_of_the_port(file: Path, tmp_path: Path) -> None:
    """Otherwise a change of it would not change the build ID."""
    (file.parent / "outside.h").write_text("")
    source = file.parent / "mine" / "port.c"
    source.write_text('#include "../outside.h"\n' + source.read_text())
    with pytest.raises(InputError, match=r"\.\./outside\.h"):
        built(file, tmp_path / "images")
