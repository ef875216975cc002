"""Toolchains: which one is taken, what is said of one that is not there, and that both work."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cmake
import msgspec
import ninja
import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from harness.cli.main import main
from harness.elf import Elf
from harness.engines.registry import Engine, find_engine
from harness.errors import ExitCode, HarnessError, InfrastructureError, InputError
from harness.image import toolchain
from harness.image.build import Image, build_image
from harness.image.toolchain import (
    Toolchain,
    default_toolchain,
    find_clang,
    find_gcc,
    find_toolchain,
)
from harness.image.toolchain_trial import try_toolchain
from harness.model.folder import Model, load_model
from harness.results.record import Record
from harness.results.record_file import read_record
from harness.runs.link_run import Run
from harness.support import bundled_files, tool_output
from harness.support.memory_map import Memory, Region
from harness.target.find_target import load_target
from harness.target.target_file import Target
from tests.support.devices import opened
from tests.support.graphs import Builder
from tests.support.hand_made import hand_made

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "tests" / "data" / "firmware"
PORTS = ("stm32f1", "stm32f4", "stm32l0", "stm32l4", "nrf52", "mps2", "generic", "template")  # all
VECTORS = 10

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
needs_clang = pytest.mark.skipif(
    find_spec("ziglang") is None,
    reason="ziglang is not installed: pip install 'tinyml-harness[clang]'",
)
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="qemu-system-arm is not on PATH: see `make system`",
)
each_toolchain = pytest.mark.parametrize(
    "name", [pytest.param("gcc", marks=needs_gcc), pytest.param("clang", marks=needs_clang)]
)


@pytest.fixture(autouse=True)
def looked_for_anew() -> Iterator[None]:
    """Nothing found by one test, on a PATH of its own, is found by the next."""
    for find in (find_gcc, find_clang):
        find.cache_clear()
    yield
    for find in (find_gcc, find_clang):
        find.cache_clear()


@pytest.fixture
def gcc_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that says its version and does nothing else, alone on PATH."""
    return executable(tmp_path, monkeypatch, "echo arm-none-eabi-gcc 1.2.3; echo more")


@pytest.fixture
def no_gcc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def no_ziglang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "find_spec", lambda _: None)


def executable(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    path = folder / "arm-none-eabi-gcc"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return path


# Names and the default


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("gc", "did you mean gcc?"),
        ("clnag", "did you mean clang?"),
        ("iar", "known: clang, gcc"),
        ("", "known: clang, gcc"),
    ],
)
def test_an_unknown_name_comes_with_the_near_ones(name: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        find_toolchain(name)
    assert str(caught.value) == f"unknown toolchain {name!r}\n  -> {remedy}"


def test_gcc_is_its_executable_and_the_first_line_that_it_says(gcc_on_path: Path) -> None:
    assert find_toolchain("gcc") == Toolchain("gcc", gcc_on_path, "arm-none-eabi-gcc 1.2.3")


def test_gcc_is_the_default_where_it_is(gcc_on_path: Path) -> None:
    assert default_toolchain() == "gcc"


@needs_clang
def test_clang_is_the_default_where_gcc_is_not(no_gcc: None) -> None:
    assert default_toolchain() == "clang"


NO_NEWLIB = """
case "$1" in
--version) echo arm-none-eabi-gcc 1.2.3 ;;
-print-file-name=*) echo "${1#*=}" ;;
esac
"""
HANGS = 'test "$1" = --version && sleep 60'


def test_a_compiler_without_its_c_library_does_not_count_as_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = executable(tmp_path, monkeypatch, NO_NEWLIB)
    with pytest.raises(InfrastructureError) as caught:
        find_toolchain("gcc")
    text = str(caught.value)
    assert text.startswith(f"{path}: the C library newlib is missing: there is no nano.specs\n")
    assert "libnewlib-arm-none-eabi" in text


@needs_clang
@pytest.mark.parametrize("script", [NO_NEWLIB, "exit 1", "exit 0", "echo", "kill -9 $$"])
def test_clang_is_the_default_where_gcc_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    executable(tmp_path, monkeypatch, script)
    assert default_toolchain() == "clang"


@needs_clang
def test_clang_is_the_default_where_gcc_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path, monkeypatch, f"PATH=/usr/bin:/bin; {HANGS}")
    monkeypatch.setattr(tool_output.first_line, "__defaults__", (0.5,))
    assert default_toolchain() == "clang"


@needs_clang
def test_clang_needs_nothing_of_another_compiler(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target
) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))  # no `ar`, either
    for language in ("C", "CXX"):  # CI's compiler cache
        monkeypatch.delenv(f"CMAKE_{language}_COMPILER_LAUNCHER", raising=False)
    image = build(target, load_model(few), tmp_path / "images", "clang")
    assert not image.cached


@needs_gcc
@needs_clang
def test_doctor_s_trial_compiles_and_links() -> None:
    for name in ("gcc", "clang"):
        try_toolchain(find_toolchain(name))


def test_a_compiler_that_does_not_compile_fails_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for script in ("echo gcc 1.2.3", 'test "$1" = --version && echo gcc 1.2.3'):
        executable(tmp_path, monkeypatch, script)
        found = Toolchain("gcc", tmp_path / "arm-none-eabi-gcc", "gcc 1.2.3")
        with pytest.raises(HarnessError):
            try_toolchain(found)


@needs_clang
def test_clang_says_both_versions() -> None:
    text = find_toolchain("clang").version
    assert re.fullmatch(r"clang version \d+\.\d+\.\d+.* \(ziglang \d+\.\d+\.\d+\)", text)


def test_without_any_the_error_names_both_ways(no_gcc: None, no_ziglang: None) -> None:
    with pytest.raises(InfrastructureError) as caught:
        find_toolchain(default_toolchain())
    what, first, second = str(caught.value).split("\n  -> ")
    assert what == "arm-none-eabi-gcc is not on PATH"
    assert "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi" in first
    assert "pip install 'tinyml-harness[clang]'" in second


@needs_clang
def test_without_gcc_the_error_tells_that_clang_is_there(no_gcc: None) -> None:
    with pytest.raises(InfrastructureError, match="or build with --toolchain=clang"):
        find_toolchain("gcc")


def test_without_the_package_clang_is_an_error_with_the_command(no_ziglang: None) -> None:
    with pytest.raises(InfrastructureError) as caught:
        find_toolchain("clang")
    assert str(caught.value) == (
        "the package ziglang is not installed\n"
        "  -> install clang for --toolchain=clang: pip install 'tinyml-harness[clang]'"
    )


@pytest.mark.parametrize("script", ["exit 1", "exit 0"], ids=["fails", "says nothing"])
def test_a_compiler_that_does_not_say_its_version_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    path = executable(tmp_path, monkeypatch, script)
    with pytest.raises(InfrastructureError) as caught:
        find_toolchain("gcc")
    assert str(caught.value).startswith(f"{path}: does not run: ")


# The command


def test_the_list_says_what_is_there_and_how_to_get_the_rest(
    gcc_on_path: Path, no_ziglang: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "toolchains"]) == ExitCode.PASSED
    assert capsys.readouterr().out.splitlines() == [
        "clang  the package ziglang is not installed",
        "  -> install clang for --toolchain=clang: pip install 'tinyml-harness[clang]'",
        "gcc    arm-none-eabi-gcc 1.2.3",
    ]


def test_a_toolchain_that_is_not_there_stops_before_anything_is_built(
    gcc_on_path: Path,
    no_ziglang: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    both = ["--toolchain", "gcc", "--toolchain", "clang"]
    assert main(["run", "--model", "digits", *both]) == ExitCode.INFRASTRUCTURE
    assert "\nharness: the package ziglang is not installed\n" in capsys.readouterr().err
    assert not (tmp_path / "build").exists()


@needs_gcc
@needs_clang
@needs_qemu
def test_two_toolchains_are_two_rows_of_80_columns(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    both = ["--toolchain", "gcc", "--toolchain", "clang", "--target", "qemu-stm32"]
    assert main(["run", "--target", "qemu-stm32", "--model", str(few), *both]) == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert re.search(r"(?m)^ +target +model .*\n +toolchain +engine ", shown)
    gcc, clang = (rf"passed  qemu-stm32 .*\n +{name} -O2 .*\n" for name in ("gcc", "clang"))
    assert re.search(f"(?m)^{gcc}{clang}", shown)
    assert max(map(len, shown.splitlines()[:-1])) <= 80
    for record in recorded(tmp_path):
        assert record.verdict == "passed"
        assert record.image.compiler == find_toolchain(record.image.toolchain).version
    assert {record.image.toolchain for record in recorded(tmp_path)} == {"gcc", "clang"}
    assert len({record.image.build_id for record in recorded(tmp_path)}) == 2


def recorded(root: Path) -> list[Record]:
    return [read_record(path) for path in (root / "reports" / "runs").glob("*.json")]


# Images


@pytest.fixture(scope="module")
def target() -> Target:
    return load_target(ROOT / "targets" / "qemu-stm32.toml")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the bundled model with a few of its vectors."""
    folder = tmp_path_factory.mktemp("models") / "digits"
    shutil.copytree(ROOT / "models" / "digits", folder)
    held = dict(np.load(folder / "vectors.npz"))
    first = {name: held[name][:VECTORS] for name in ("inputs", "labels", "golden")}
    np.savez(folder / "vectors.npz", **held | first)
    return folder


@pytest.fixture
def model(few: Path) -> Model:
    return load_model(few)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the tests of this module build in."""
    return tmp_path_factory.mktemp("images")


CMSIS_NN = find_engine("cmsis-nn")


def build(
    target: Target, model: Model, images: Path, name: str, engine: Engine = CMSIS_NN
) -> Image:
    return build_image(target, model, engine, images, toolchain=find_toolchain(name))


@needs_qemu
@each_toolchain
def test_an_image_answers_as_golden_does_and_twice_the_same(
    name: str, target: Target, model: Model, images: Path, tmp_path: Path
) -> None:
    image = build(target, model, images, name)
    runs: list[Run] = []
    for _ in range(2):
        with opened(target, model, image, tmp_path) as dut:
            runs.append(dut.run())
    for run in runs:
        run.check()
        assert run.bytes_differing == 0
        assert run.stack is not None
        assert 0 < run.stack.used < target.stack
    assert runs[0].ticks.tolist() == runs[1].ticks.tolist()


@each_toolchain
@pytest.mark.parametrize(
    "folder", ["elsewhere", "My Projects (old) & more/Übung", "a;b,c=d%e'f\"g|h:i"]
)
def test_an_image_is_the_same_to_the_byte_wherever_it_is_built(
    name: str, target: Target, model: Model, images: Path, tmp_path: Path, folder: str
) -> None:
    first = build(target, model, images, name)
    second = build(target, model, tmp_path / folder, name)
    assert not second.cached
    assert second.elf.path.read_bytes() == first.elf.path.read_bytes()


@each_toolchain
def test_an_image_is_the_same_to_the_byte_behind_a_symbolic_link(
    name: str, target: Target, model: Model, images: Path, tmp_path: Path
) -> None:
    """Compilers note the folder that they run in by its real path, whatever it was given as."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    first = build(target, model, images, name)
    second = build(target, model, tmp_path / "link", name)
    assert not second.cached
    assert second.elf.path.read_bytes() == first.elf.path.read_bytes()


@each_toolchain
def test_what_people_read_is_beside_the_elf_and_nothing_else(
    name: str, target: Target, model: Model, images: Path
) -> None:
    image = build(target, model, images, name)
    names = sorted(path.name for path in image.directory.iterdir())
    assert names == ["build.log", "digests.json", "firmware.elf", "firmware.map", "model"]
    assert "reset_handler" in (image.directory / "firmware.map").read_text()
    assert re.search(r" nn_invoke\b", (image.directory / "firmware.map").read_text())


@each_toolchain
def test_only_what_a_loader_must_write_is_in_flash(
    name: str, target: Target, model: Model, images: Path
) -> None:
    image = build(target, model, images, name)
    with image.elf.path.open("rb") as file:
        elf = ELFFile(file)
        loaded = [
            segment.header for segment in elf.iter_segments("PT_LOAD") if segment.header.p_filesz
        ]
        assert elf.has_dwarf_info()
        assert elf.header.e_entry & 1  # Thumb
    assert all(segment.p_paddr in target.memory.flash for segment in loaded)
    assert target.memory.flash.origin == min(segment.p_paddr for segment in loaded)


@pytest.fixture
def tiny(tmp_path: Path) -> Model:
    """A model of four bytes in and out, for an engine made by hand."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    folder = tmp_path / "tiny"
    folder.mkdir()
    shutil.copy(ROOT / "tests" / "data" / "models" / "valid.toml", folder / "model.toml")
    (folder / "model.tflite").write_bytes(b.build([source], [b.dense(source, 4)]))
    return load_model(folder)


@each_toolchain
@pytest.mark.parametrize(("region", "size"), [("flash", 4096), ("ram", 11264)])
def test_what_does_not_fit_is_told_to_the_byte(
    name: str, target: Target, tiny: Model, tmp_path: Path, region: str, size: int
) -> None:
    """Initialised data too, which takes room in both."""
    engine = hand_made(
        declarations="static volatile int8_t initialised[1001] = {1};",
        invoke="tensor[0] = initialised[tensor[1]];",
    )
    held = target.memory
    of_size = {"flash": held.flash, "ram": held.ram}

    def resized(size: int) -> Target:
        regions = of_size | {region: Region(of_size[region].origin, size)}
        return msgspec.structs.replace(target, memory=Memory(**regions))

    with pytest.raises(InputError) as caught:
        build(resized(size), tiny, tmp_path / "images", name, engine)
    assert caught.value.where.endswith(f": memory.{region}")
    found = re.search(r"the image is ([\d,]+) bytes larger than", caught.value.what)
    assert found is not None
    missing = int(found[1].replace(",", ""))
    build(resized(size + (missing + 3 & ~3)), tiny, tmp_path / "images", name, engine)
    with pytest.raises(InputError):
        build(resized(size + (missing + 3 & ~3) - 4), tiny, tmp_path / "images", name, engine)


@needs_qemu
@each_toolchain
def test_data_that_is_initialised_and_string_h_work(
    name: str, target: Target, tiny: Model, tmp_path: Path
) -> None:
    """What is in flash and copied at start, what is zeroed, and memory functions of any size."""
    engine = hand_made(
        includes="#include <string.h>",
        declarations="""
static volatile int8_t initialised[4] = {1, 2, 3, 4};
static volatile int8_t zeroed[4];
static volatile uint32_t three = 3;
static char text[8] = "abc";
""",
        invoke="""
    int8_t copy[4];
    memcpy(copy, tensor, sizeof(copy));
    memmove(copy + 1, copy, three);
    memset(tensor, 0, three);
    tensor[3] = (int8_t)strlen(text);
    for (int i = 0; i < 4; i++) {
        tensor[i] = (int8_t)(tensor[i] + copy[i] + initialised[i] + zeroed[i]);
    }
""",
    )
    image = build(target, tiny, tmp_path / "images", name, engine)
    with opened(target, tiny, image, tmp_path) as dut:
        output = dut.infer(np.array([10, 20, 30, 40], np.int8))
    assert output.tolist() == [11, 12, 23, 37]


@needs_qemu
@each_toolchain
@pytest.mark.parametrize(
    ("invoke", "text"),
    [('__asm volatile("udf #0");', "nn_invoke"), ("return (int)deeper(&first);", "stack")],
    ids=["undefined instruction", "stack overflow"],
)
def test_a_fault_is_reported(
    name: str, target: Target, tiny: Model, tmp_path: Path, invoke: str, text: str
) -> None:
    """The fault handler's assembly, which each compiler reads in its own way."""
    engine = hand_made(
        declarations="""
__attribute__((noinline)) uint32_t deeper(volatile uint32_t *before) {
    volatile uint32_t frame[16] = {*before};
    return deeper(frame) + frame[0];
}
""",
        invoke=f"volatile uint32_t first = (uint8_t)tensor[0];\n    (void)first;\n    {invoke}",
    )
    image = build(target, tiny, tmp_path / "images", name, engine)
    with (
        opened(target, tiny, image, tmp_path) as dut,
        pytest.raises(InfrastructureError, match=text),
    ):
        dut.infer(np.zeros(4, np.int8))


@needs_clang
def test_a_header_that_only_a_c_library_has_is_explained(
    target: Target, tiny: Model, tmp_path: Path
) -> None:
    with pytest.raises(InfrastructureError) as caught:
        build(target, tiny, tmp_path, "clang", hand_made(includes="#include <stdlib.h>"))
    assert str(caught.value) == (
        "qemu-stm32: the sources include <stdlib.h>, but clang has no C library\n"
        "  -> build with --toolchain=gcc"
    )


@needs_gcc
def test_a_link_that_fails_is_not_taken_for_a_missing_library(
    target: Target, tiny: Model, tmp_path: Path
) -> None:
    """The command that Ninja shows names newlib's specs; that is no reason to install it."""
    engine = hand_made(declarations="int nowhere(void);", invoke="return nowhere();")
    with pytest.raises(InfrastructureError, match="undefined reference to `nowhere'"):
        build(target, tiny, tmp_path, "gcc", engine)


# By hand


def cmake_build(folder: Path, toolchain_name: str, **definitions: str) -> str:
    """Build the firmware with CMake alone; return what the build says."""
    tool = str(Path(cmake.CMAKE_BIN_DIR) / "cmake")
    definitions = {
        **find_toolchain(toolchain_name).definitions,
        "MODEL_DIR": str(FIRMWARE / "identity"),
        "CMAKE_MAKE_PROGRAM": str(Path(ninja.BIN_DIR) / "ninja"),
        **definitions,
    }
    run = partial(subprocess.run, capture_output=True, text=True, timeout=120, check=False)
    configure = [
        tool,
        "-G",
        "Ninja",
        "-S",
        str(bundled_files.bundled("firmware")),
        "-B",
        str(folder),
    ]
    configured = run([*configure, *(f"-D{key}={value}" for key, value in definitions.items())])
    assert configured.returncode == 0, configured.stderr
    built = run([tool, "--build", str(folder)])
    assert built.returncode == 0, built.stdout
    return str(built.stdout)


@each_toolchain
@pytest.mark.parametrize("port", PORTS)
def test_every_port_compiles_without_a_warning(name: str, port: str, tmp_path: Path) -> None:
    # The smallest chips have 20 KiB.
    said = cmake_build(tmp_path, name, PORT=port, STACK_SIZE="4096")
    assert "warning" not in said
    assert (tmp_path / "firmware.elf").is_file()


@needs_gcc
@pytest.mark.parametrize(
    ("core", "interrupts"),
    [("cortex-m0plus", 32), ("cortex-m23", 240), ("cortex-m7", 240), ("cortex-m33", 480)],
)
def test_a_vector_table_in_ram_is_where_every_vtor_of_the_core_can_point(
    core: str, interrupts: int, tmp_path: Path
) -> None:
    """A chip ignores the low bits of VTOR, as many as its table of vectors needs."""
    stack = 3000  # ends at an odd place
    cmake_build(
        tmp_path,
        "gcc",
        PORT="generic",
        CORE=core,
        LOAD="ram",
        STACK_SIZE=str(stack),
        OPTIMIZE="-Os",
    )
    table = Elf(tmp_path / "firmware.elf").vector_table(Region(0x2000_0000, 1 << 20))
    entries = 16 + interrupts
    power_of_two = 4 << (entries - 1).bit_length()
    assert table % power_of_two == 0
    assert table - (0x2000_0000 + stack) < power_of_two  # no more is left free
