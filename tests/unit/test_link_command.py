"""`harness link`: the lines for each build system; a program that has them runs and is measured.

Where a build system is on this machine, the test builds a small project with the lines as they are
printed.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cmake
import ninja
import pytest

from harness.cli.main import main
from harness.errors import ExitCode
from harness.intake.projects.project_lines import SOURCES
from harness.support import bundled_files
from tests.support.repository import Repository, make_repository

ROOT = Path(__file__).parents[2]
OWN = ROOT / "tests" / "data" / "firmware" / "pasted"
LINK = (bundled_files.bundled("firmware") / "link").resolve()

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)

Added = Callable[[Path], list[tuple[str, str, str]]]


@pytest.fixture
def added(capsys: pytest.CaptureFixture[str]) -> Added:
    """Run `harness link add` in a folder; return file, place and text of each block of lines."""

    def blocks(folder: Path) -> list[tuple[str, str, str]]:
        before = sorted(folder.rglob("*"))
        assert main(["link", "add", str(folder)]) == ExitCode.PASSED
        assert sorted(folder.rglob("*")) == before
        printed = capsys.readouterr().out
        found = re.findall(r"^(\S[^\n]*):\n\n((?:  [^\n]*\n|\n)+)", printed, re.M)
        return [
            (*head.partition(", ")[::2], "\n".join(line[2:] for line in body.rstrip().split("\n")))
            for head, body in found
        ]

    return blocks


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    return make_repository(tmp_path, monkeypatch, capsys)


def pasted(folder: Path, blocks: list[tuple[str, str, str]]) -> None:
    """Paste the blocks that name a line below which they go, the last first."""
    places = [(file, int(place.split()[2].rstrip(",")), text) for file, place, text in blocks]
    for file, line, text in sorted(places, key=lambda place: -place[1]):
        path = folder / file
        lines = path.read_text().split("\n")
        lines[line:line] = text.split("\n")
        path.write_text("\n".join(lines))


def numbered(blocks: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [block for block in blocks if block[1].startswith("below line")]


def copied(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "firmware"
    folder.mkdir()
    for name in ("main.c", "startup.c", "stm32f4.ld", *names):
        shutil.copy((OWN if (OWN / name).exists() else OWN.parent / "own") / name, folder)
    return folder


def runs(repository: Repository, elf: Path) -> None:
    code, text = repository.harness(
        "run", "--model", "small", "--target", "virtual-stm32", "--elf", str(elf)
    )
    assert (code, text) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert record.numbers["bytes_differing"].value == 0
    assert record.counter == "dwt"
    assert record.log == ["pasted"]


@pytest.mark.parametrize(
    ("file", "build", "image"),
    [
        ("Makefile", "make -C {0}", "--elf={0}/FILE.elf"),
        ("CMakeLists.txt", "cmake --build {0}/build", "--elf={0}/build/FILE.elf"),
        ("platformio.ini", "pio run -d {0}", "--elf={0}/.pio/build/f429/firmware.elf"),
        (".cproject", "# build it as always", "--elf={0}/Debug/NAME.elf"),
        ("wake.ino", "harness setup arduino", "--sketch={0}"),
        ("build.rs", "# build it as always", "--elf={0}/FILE.elf"),
    ],
)
def test_the_next_commands_are_whole(
    file: str, build: str, image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / file).write_text("add_executable(fw main.c)\n[env:f429]\n")
    assert main(["link", "add", str(tmp_path)]) == ExitCode.PASSED
    first, *_, last = capsys.readouterr().out.partition("Then type")[2].strip().splitlines()[2:]
    assert first.strip() == build.format(tmp_path)
    assert last.strip() == f"harness run --target=TARGET --model=MODEL {image.format(tmp_path)}"


def test_any_program_gets_all_that_it_calls(added: Added, tmp_path: Path) -> None:
    text = "\n".join(text for _, _, text in added(tmp_path))
    for part in ('#include "link.h"', "link_start(&device)", "link_poll();", "link_put(byte);"):
        assert part in text
    assert "link_wait();" in text


@needs_compiler
def test_the_lines_for_make_build_a_program_that_runs(added: Added, repository: Repository) -> None:
    folder = copied(repository.root, "Makefile")
    blocks = numbered(added(folder))
    assert [(file, place.partition(", ")[2]) for file, place, _ in blocks] == [
        ("Makefile", "the end of C_SOURCES"),
        ("Makefile", "the end of C_INCLUDES"),
    ]
    pasted(folder, blocks)
    subprocess.run(["make", "-s"], cwd=folder, check=True)
    runs(repository, folder / "build" / "pasted.elf")


@needs_compiler
def test_the_lines_for_cmake_build_a_program_that_runs(
    added: Added, repository: Repository
) -> None:
    folder = copied(repository.root, "CMakeLists.txt")
    blocks = numbered(added(folder))
    (place,) = (place for _, place, _ in blocks)
    assert place == "below line 7, the end of add_executable(pasted ...)"
    pasted(folder, blocks)
    program, make = Path(cmake.CMAKE_BIN_DIR) / "cmake", Path(ninja.BIN_DIR) / "ninja"
    prepare = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={make}", "-B", "build"]
    for options in (prepare, ["--build", "build"]):
        subprocess.run([str(program), *options], cwd=folder, check=True, capture_output=True)
    runs(repository, folder / "build" / "pasted.elf")


PROJECTS: dict[str, tuple[dict[str, str], str, list[tuple[str, str, str | None]]]] = {
    "zephyr": (
        {"CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nfind_package(Zephyr)\n"},
        "an application for Zephyr",
        [
            (
                "CMakeLists.txt",
                "above line 2, find_package(Zephyr ...)",
                f'list(APPEND ZEPHYR_EXTRA_MODULES "{LINK}")',
            ),
            ("prj.conf", "", "CONFIG_TINYML_LINK=y\nCONFIG_UART_CONSOLE=n"),
            ("your main program", "", None),
            ("main()", "at its end", "link_start_dwt();\nreturn link_serve(&device);"),
        ],
    ),
    "platformio": (
        {"platformio.ini": "[env:f429]\nboard = nucleo_f429zi\n", "Makefile": ""},
        "a project of PlatformIO",
        [
            (
                "platformio.ini",
                "in [env:f429]; if it has lib_deps, only the second line, below it",
                f"lib_deps =\n    symlink://{LINK}",
            )
        ],
    ),
    "arduino": (
        {"wake.ino": "void setup() {}\n"},
        "a sketch for Arduino",
        [("wake.ino", "after: harness setup arduino", None)],
    ),
    "cubeide": (
        {".cproject": "<cproject/>", ".project": "<name>fw</name></projectDescription>"},
        "a project of STM32CubeIDE",
        [
            (".project", "above </projectDescription>", None),
            (".cproject", "in <sourceEntries> of each configuration", None),
            (".cproject", "in the option of the C compiler whose valueType is includePath", None),
        ],
    ),
    "c++": (
        {
            "CMakeLists.txt": "project(fw CXX)\nadd_executable(fw main.cpp)\n"
            "target_link_libraries(fw m)\n"
        },
        "a CMake project",
        [
            (
                "CMakeLists.txt",
                "below line 2, the end of add_executable(fw ...)",
                f'enable_language(C)\nset(TINYML_LINK "{LINK}" CACHE PATH "")\n'
                "add_subdirectory(${TINYML_LINK} tinyml_link)\n"
                "target_link_libraries(fw tinyml_link)",  # as the project writes it
            )
        ],
    ),
    "unknown": (
        {"build.rs": ""},
        "no build system that is known",
        [
            ("CMakeLists.txt", "below add_executable(PROGRAM ...)", None),
            ("Makefile", "where all sources are listed", None),
            ("Makefile", "where all flags of the C compiler are listed", None),
        ],
    ),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_each_build_system_is_found(
    name: str, added: Added, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files, system, expected = PROJECTS[name]
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    blocks = added(tmp_path)[: len(expected)]
    assert main(["link", "add", str(tmp_path)]) == ExitCode.PASSED
    assert capsys.readouterr().out.startswith(f"{tmp_path}: {system}")
    for (file, place, printed), wanted in zip(blocks, expected, strict=True):
        assert (file, place) == wanted[:2]
        assert wanted[2] in {None, printed}


def test_the_environment_that_platformio_builds_is_the_one_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[platformio]\ndefault_envs = f429\n\n[env:esp]\n\n[env:f429]\n"
    (tmp_path / "platformio.ini").write_text(text)
    assert main(["link", "add", str(tmp_path)]) == ExitCode.PASSED
    printed = capsys.readouterr().out
    assert "platformio.ini, in [env:f429];" in printed
    assert f"--elf={tmp_path}/.pio/build/f429/firmware.elf" in printed


def test_two_build_systems_both_get_their_lines(added: Added, tmp_path: Path) -> None:
    for file in ("Makefile", ".cproject"):
        (tmp_path / file).write_text("SRCS = main.c\n")
    assert [file for file, _, _ in added(tmp_path)][:5] == [
        ".project",
        ".cproject",
        ".cproject",
        "Makefile",
        "Makefile",
    ]


def test_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["link", "add", str(tmp_path / "none")]) == ExitCode.USAGE
    assert "none: there is no such folder" in capsys.readouterr().err
    (tmp_path / "Makefile").touch()
    assert main(["link", "add", str(tmp_path / "Makefile")]) == ExitCode.USAGE
    assert "Makefile: is a file, not a folder" in capsys.readouterr().err


def test_the_path_is_that_of_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["link", "path"]) == ExitCode.PASSED
    folder = Path(capsys.readouterr().out.strip())
    assert {path.name for path in folder.glob("*.c")} - {"batch.c"} == set(SOURCES)


def test_the_library_of_platformio_has_the_version_of_the_link() -> None:
    library = json.loads((LINK / "library.json").read_text())
    version = re.search(r"LINK_VERSION (\d+)U", (LINK / "link.h").read_text())
    assert version
    assert library["version"] == f"{version[1]}.0.0"
    assert library["build"]["srcFilter"] == ["+<*.c>"]  # not zephyr/


# STM32CubeMX

HAL = """\
#include <stdint.h>
typedef struct {{ volatile uint32_t {data}; }} USART_TypeDef;
typedef struct {{ USART_TypeDef *Instance; }} UART_HandleTypeDef;
#define USART3 ((USART_TypeDef *)0x40004800)
#define UART_FLAG_RXNE 32
#define UART_IT_RXNE 32
#define HAL_MAX_DELAY 0xFFFFFFFFU
#define USART3_IRQn 39
#define __HAL_UART_GET_FLAG(uart, flag) ((uart)->Instance->{data} & (flag))
#define __HAL_UART_CLEAR_OREFLAG(uart) ((void)(uart)->Instance->{data})
#define __HAL_UART_ENABLE_IT(uart, interrupt) ((uart)->Instance->{data} = (interrupt))
int HAL_UART_Transmit(UART_HandleTypeDef *uart, uint8_t *data, uint16_t size, uint32_t ms);
void HAL_SuspendTick(void);
void HAL_ResumeTick(void);
void HAL_NVIC_EnableIRQ(int interrupt);
"""
MAIN = """\
#include "stm32{family}xx_hal.h"
UART_HandleTypeDef huart3;
/* USER CODE BEGIN 0 */
/* USER CODE END 0 */
int main(void) {{
    huart3.Instance = USART3;
    /* USER CODE BEGIN 2 */
    /* USER CODE END 2 */
    while (1) {{
        /* USER CODE BEGIN 3 */
    }}
}}
"""
INTERRUPTS = """\
#include "stm32{family}xx_hal.h"
/* USER CODE BEGIN Includes */
/* USER CODE END Includes */
"""
HANDLER = """\
extern UART_HandleTypeDef huart3;
void HAL_UART_IRQHandler(UART_HandleTypeDef *uart);
void USART3_IRQHandler(void) {{
    /* USER CODE BEGIN USART3_IRQn 0 */
    /* USER CODE END USART3_IRQn 0 */
    HAL_UART_IRQHandler(&huart3);
}}
"""


@needs_compiler
@pytest.mark.parametrize(
    ("family", "data", "end"), [("f4", "DR", "/* USER CODE BEGIN 1 */\n"), ("u5", "RDR", HANDLER)]
)
def test_the_lines_fit_the_places_that_cubemx_leaves(
    family: str, data: str, end: str, added: Added, tmp_path: Path
) -> None:
    """The stand-in for ST's HAL has the names and types of what the lines use."""
    source = tmp_path / "Core" / "Src"
    source.mkdir(parents=True)
    (source / f"stm32{family}xx_hal.h").write_text(HAL.format(data=data))
    (source / "main.c").write_text(MAIN.format(family=family))
    (source / f"stm32{family}xx_it.c").write_text((INTERRUPTS + end).format(family=family))
    (tmp_path / "Makefile").write_text("# by [projectgenerator]\nTARGET = fw\n")
    places = [block for block in added(tmp_path) if "USER CODE" in block[1]]
    assert len(places) == 5
    for file, place, text in places:
        name = place.partition("USER CODE ")[2].partition(",")[0]
        mark = f"/* USER CODE BEGIN {name} */"
        path = tmp_path / file
        before = path.read_text()
        assert before.count(mark) == 1
        path.write_text(before.replace(mark, f"{mark}\n{text}"))
    tool = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-Wall", "-Wextra", "-Werror"]
    for path in sorted(source.glob("*.c")):
        flags = [f"-I{LINK}", "-fsyntax-only", str(path)]
        subprocess.run([*tool, *flags], check=True)


def test_a_uart_with_a_file_of_its_own_is_found(added: Added, tmp_path: Path) -> None:
    """STM32CubeMX can write each peripheral into a pair of files; the user's code receives."""
    source = tmp_path / "Core" / "Src"
    source.mkdir(parents=True)
    (source / "usart.c").write_text(
        "UART_HandleTypeDef huart3;\nvoid MX_USART3_UART_Init(void) {\n"
        "    huart3.Instance = USART3;\n}\n"
    )
    (source / "main.c").write_text(
        '#include "usart.h"\nint main(void) {\n    MX_USART3_UART_Init();\n'
        "    HAL_UARTEx_ReceiveToIdle_DMA(&huart3, message, 32); // any length\n}\n"
    )
    (source / "stm32f4xx_it.c").write_text(HANDLER.format())
    (tmp_path / "Makefile").write_text("C_SOURCES = Core/Src/main.c\n")
    blocks = {(file, place): text for file, place, text in added(tmp_path)}
    taken = "instead of HAL_UARTEx_ReceiveToIdle_DMA(&huart3, message, 32);"
    start = blocks["Core/Src/main.c", f"USER CODE 2, {taken}"]
    assert "HAL_NVIC_EnableIRQ(USART3_IRQn);" in start
    handler = blocks["Core/Src/stm32f4xx_it.c", "in USART3_IRQHandler, USER CODE USART3_IRQn 0"]
    assert "link_put((uint8_t)huart3.Instance->" in handler
