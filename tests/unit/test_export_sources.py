"""Which sources of an SDK are compiled, once for all exports that have it."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from harness.engines.edge_impulse.cmsis_dsp_tables import swaps, write_tables
from harness.engines.edge_impulse_sdk.sdk_library import main
from harness.engines.edge_impulse_sdk.sdk_sources import Sources, identifiers
from harness.errors import InputError
from harness.model.edge_impulse_folders import find_folders

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "tests" / "data" / "export"

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


# Folders


def application(folder: Path, sdk: str, parameters: str, network: str) -> Path:
    """Make an application with the parts of an export in the folders that are named."""
    for home, part in (
        (sdk, "edge-impulse-sdk"),
        (parameters, "model-parameters"),
        (network, "tflite-model"),
    ):
        shutil.copytree(STAND_IN / part, folder / home / part)
    return folder


@pytest.mark.parametrize(
    "homes", [("src", "src", "src"), (".", ".", "."), ("lib", "main", "components/model/src")]
)
def test_an_export_is_found_in_an_application(tmp_path: Path, homes: tuple[str, str, str]) -> None:
    found = find_folders(application(tmp_path, *homes))
    assert found.sdk == tmp_path / homes[0] / "edge-impulse-sdk"
    assert found.parameters == tmp_path / homes[1] / "model-parameters"
    assert found.network == tmp_path / homes[2] / "tflite-model"


def test_two_exports_are_refused_by_their_names(tmp_path: Path) -> None:
    application(tmp_path, "one", "one", "one")
    application(tmp_path, "other/src", "other/src", "other/src")
    with pytest.raises(InputError) as caught:
        find_folders(tmp_path)
    assert f"2 exports of Edge Impulse: {tmp_path}/one, {tmp_path}/other/src" in str(caught.value)
    assert find_folders(tmp_path / "other").sdk == tmp_path / "other/src/edge-impulse-sdk"


def test_an_export_beside_another_application_s_is_the_one_that_is_named(tmp_path: Path) -> None:
    application(tmp_path, ".", ".", ".")
    application(tmp_path, "main", "main", "main")
    assert find_folders(tmp_path).sdk == tmp_path / "edge-impulse-sdk"
    assert find_folders(tmp_path / "main").network == tmp_path / "main/tflite-model"


def test_two_sdks_away_from_the_parameters_are_refused(tmp_path: Path) -> None:
    application(tmp_path, "one", "main", "main")
    shutil.copytree(STAND_IN / "edge-impulse-sdk", tmp_path / "other" / "edge-impulse-sdk")
    with pytest.raises(InputError, match="there are 2 folders edge-impulse-sdk"):
        find_folders(tmp_path)


# Names


@pytest.mark.parametrize(
    ("symbol", "names"),
    [
        ("arm_mean_f32", ["arm_mean_f32"]),
        ("_ZN6tflite12Register_ADDEv", ["tflite", "Register_ADD"]),
        ("_ZNK6tflite14MicroAllocator6CreateEPhj", ["tflite", "MicroAllocator", "Create"]),
        ("_ZN6tflite12MicroContextC2EPvS1_", ["tflite", "MicroContext", "MicroContext"]),
        ("_ZTVN6tflite12MicroContextE", ["tflite", "MicroContext"]),
        ("_Z9ei_printfPKcz", ["ei_printf"]),
    ],
)
def test_a_symbol_names_what_it_is(symbol: str, names: list[str]) -> None:
    assert identifiers(symbol) == names


def test_definitions_are_told_from_calls(tmp_path: Path) -> None:
    for name, text in {
        "calls.cpp": "int f() { if (Own::go(1)) { return go(2); } return table[0]; }",
        "defines.cpp": "int ns::Own::go(int x)\n    : y(x) {\n}\n",
        "comments.cpp": "/*\n go(x) {\n*/",
        "c_names.cpp": "char *named(char c) {\n    if (free(c)) { return 0; }\n}\n",
        "data.c": "const int table[2] =\n{0, 1};\n",
        "porting/defines.cpp": "int Own::go(int x) {}\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    sources = Sources(tmp_path)
    assert sources.defining("_ZN3Own2goEi") == [tmp_path / "defines.cpp"]
    assert sources.defining("table") == [tmp_path / "data.c"]
    assert sources.defining("named") == [tmp_path / "c_names.cpp"]  # in a header: extern "C"
    assert sources.defining("free") == []


# The library


class Build:
    """Builds the library of an SDK for an object that needs `loudest`, with gcc."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.export = Path(shutil.copytree(STAND_IN, folder / "export"))
        self.sdk = self.export / "edge-impulse-sdk"
        for language, compiler in (("c", "gcc"), ("cxx", "g++")):
            (folder / language).write_text(f"{compiler}\n-O0\n-I{self.export}\n")
        (folder / "user.cpp").write_text(
            '#include "edge-impulse-sdk/dsp/loudest.h"\n'
            'extern "C" float nn_invoke() { return standin::loudest(nullptr, 0); }\n'
            "float quietest(const float *values, int count);\n"
            "float uncalled() { return quietest(nullptr, 0); }\n"
        )
        self.compile()

    def compile(self) -> None:
        """Compile `user.cpp`, each function into a section as the firmware's build does."""
        command = ["g++", "-ffunction-sections", f"-I{self.export}", "-c", "user.cpp"]
        subprocess.run(command, cwd=self.folder, check=True, timeout=60)

    def library(self, *options: str) -> int:
        at = self.folder
        return main(
            [
                *options,
                *(f"--sdk={self.sdk}", "--digest=1", "--objdump=objdump", "--ar=ar"),
                *(f"--c={at}/c", f"--cxx={at}/cxx", f"--cache={at}/cache", f"--out={at}/out.a"),
                *(f"--model={self.export}/{name}" for name in ("model-parameters", "tflite-model")),
                f"{at}/user.o",
            ]
        )

    def kept(self) -> dict[str, int]:
        """Return the objects in the cache: folder and source, and the time of each."""
        paths = (self.folder / "cache").rglob("*.o")
        return {
            f"{path.parent.name[:5]} {path.name.rpartition('+')[0]}": path.stat().st_mtime_ns
            for path in paths
        }


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


@needs_gcc
def test_what_is_needed_is_compiled_and_kept(build: Build) -> None:
    assert build.library() == 0
    listed = subprocess.run(
        ["ar", "t", build.folder / "out.a"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert [name.partition("+")[2].split("+")[0] for name in listed.splitlines()] == [
        "loudest.cpp",
        "larger.c",
    ]
    kept = build.kept()
    assert set(kept) == {"sdk dsp+loudest.cpp", "sdk dsp+larger.c"}
    assert build.library() == 0
    assert build.kept() == kept


UNITS: dict[str, tuple[str, set[str]]] = {
    "as one": ("", {"unit"}),
    "of the same private name": (
        "static int secret;\n",
        {"tensorflow+one.cpp", "tensorflow+two.cpp"},
    ),
    "of which one is not needed": (
        "#define NEVER\n",
        {"tensorflow+one.cpp", "tensorflow+other.cpp", "tensorflow+two.cpp"},
    ),
}


@needs_gcc
@pytest.mark.parametrize("case", UNITS)
def test_golden_s_sources_are_compiled_together(build: Build, case: str) -> None:
    first, kept = UNITS[case]
    folder = build.sdk / "tensorflow"
    folder.mkdir()
    (folder / "one.cpp").write_text(f"{first}#ifndef NEVER\nint one() {{ return 1; }}\n#endif\n")
    (folder / "two.cpp").write_text(f"{first}int two() {{ return 2; }}\n")
    if case == "of which one is not needed":
        (folder / "other.cpp").write_text("int one() { return 3; }\n")
    (build.folder / "user.cpp").write_text(
        'int one();\nint two();\nextern "C" int nn_invoke() { return one() + two(); }\n'
    )
    build.compile()
    assert build.library("--together") == 0
    found = build.kept()
    assert {"unit" if "unit+" in name else name.removeprefix("sdk ") for name in found} >= kept
    assert build.library("--together") == 0
    assert build.kept() == found
    link = ["g++", "-shared", "-o", "whole.so", "user.o", "out.a"]
    subprocess.run(link, cwd=build.folder, check=True, timeout=60)


@needs_gcc
def test_what_runs_at_the_start_is_needed(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    user = build.folder / "user.cpp"
    user.write_text(user.read_text() + "float first = uncalled();\n")
    build.compile()
    assert build.library() == 1
    assert "only sources that are needed are compiled" in capsys.readouterr().out


@needs_gcc
def test_objects_that_no_image_used_for_long_are_removed(build: Build) -> None:
    assert build.library() == 0
    cache = build.folder / "cache"
    (used,) = cache.iterdir()
    (model,) = used.glob("model-*")
    for name, days in (("a", 61), ("b", 59), (f"{used.name}/model-a", 61)):
        (cache / name).mkdir()
        os.utime(cache / name, (time.time() - days * 86400,) * 2)
    for folder in (used, used / "sdk", model):
        os.utime(folder, (0, 0))  # not used for long either, but used now
    assert build.library() == 0
    assert {path.name for path in cache.iterdir()} == {"b", used.name}
    assert {path.name for path in used.iterdir()} == {"sdk", model.name}
    assert set(build.kept()) == {"sdk dsp+loudest.cpp", "sdk dsp+larger.c"}


@needs_gcc
def test_an_object_that_includes_the_model_is_the_model_s(build: Build) -> None:
    header = build.sdk / "dsp" / "loudest.h"
    header.write_text('#include "model-parameters/model_metadata.h"\n' + header.read_text())
    assert build.library() == 0
    first = build.kept()
    assert set(first) == {"model dsp+loudest.cpp", "sdk dsp+larger.c"}
    metadata = build.export / "model-parameters" / "model_metadata.h"
    metadata.write_text(metadata.read_text().replace("_VERSION 7", "_VERSION 8"))
    assert build.library() == 0
    assert len(list((build.folder / "cache").rglob("model-*/*.o"))) == 2
    assert build.kept()["sdk dsp+larger.c"] == first["sdk dsp+larger.c"]


@needs_gcc
def test_a_damaged_object_is_compiled_again(build: Build) -> None:
    assert build.library() == 0
    kept = next((build.folder / "cache").rglob("*larger.c*.o"))
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1])
    assert build.library() == 0
    assert kept.read_bytes() == whole


@needs_gcc
def test_a_missing_header_is_named(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    header = build.sdk / "dsp" / "loudest.h"
    header.rename(header.with_name("Loudest.h"))
    assert build.library() == 1
    assert (
        "error: the export has no edge-impulse-sdk/dsp/loudest.h, which "
        "edge-impulse-sdk/dsp/loudest.cpp includes; it has edge-impulse-sdk/dsp/Loudest.h"
    ) in capsys.readouterr().out


# Tables


def test_the_swaps_order_the_values_of_an_fft() -> None:
    # The lengths are those of CMSIS-DSP's arm_common_tables.h.
    lengths = {16: 20, 32: 48, 64: 56, 128: 208, 256: 440, 512: 448, 1024: 1800, 4096: 4032}
    assert {size: len(swaps(size)) for size in lengths} == lengths
    for size, radices in ((64, (8, 8)), (128, (2, 8, 8)), (256, (4, 8, 8))):
        # Frequencies where an FFT that divides by these radices leaves them.
        places = np.arange(size).reshape(radices[::-1]).transpose().ravel()
        pairs = np.array(swaps(size)).reshape(-1, 2) // 8
        for one, other in pairs:
            places[[one, other]] = places[[other, one]]
        assert places.tolist() == list(range(size))


@needs_gcc
def test_the_tables_are_sines_of_the_right_names(tmp_path: Path) -> None:
    write_tables(tmp_path / "tables.c")
    (tmp_path / "main.c").write_text(
        "#include <stdint.h>\n#include <stdio.h>\n"
        "extern const float twiddleCoef_4096[8192], twiddleCoef_rfft_32[32], sinTable_f32[513];\n"
        "extern const uint16_t armBitRevIndexTable16[20];\n"
        'int main(void) { printf("%.9g %.9g %.9g %d", twiddleCoef_4096[2], '
        "twiddleCoef_rfft_32[2], sinTable_f32[1], armBitRevIndexTable16[19]); return 0; }\n"
    )
    subprocess.run(["gcc", "main.c", "tables.c"], cwd=tmp_path, check=True, timeout=60)
    printed = subprocess.run(
        [tmp_path / "a.out"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    # cos(2 pi / 4096) and sin(2 pi / 32) in 9 decimals, sin(2 pi / 512) in 8
    expected = [np.float32(0.999998823), np.float32(0.195090322), np.float32(0.01227154), 112]
    assert [np.float32(word) for word in printed.split()] == expected
