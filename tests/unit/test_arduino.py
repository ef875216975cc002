"""Arduino: the library as Arduino's tools want it, and sketches from their folder to a verdict.

There is neither arduino-cli nor a core of Arduino's here: tests/data/arduino has stand-ins for
both, which compile the library and its example for a virtual board.
"""

import re
import shutil
import stat
import sys
import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError, InputError
from harness.image.arduino import arduino_cli
from harness.image.arduino.arduino_library import NAME, assemble
from harness.image.arduino.sketch import sketch_elf
from harness.target.find_target import find_target
from tests.support.graphs import Builder
from tests.support.repository import Repository

ROOT = Path(__file__).parents[2]
CLI = ROOT / "tests" / "data" / "arduino" / "arduino-cli"
EXAMPLE = ROOT / "firmware" / "arduino" / "examples" / "RunModel"
TARGET = "virtual-arduino-nano-33-ble"
SCALE, UNIT = 1 / 16, 64  # of the example's model: input and output; weights 1 / UNIT

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(tmp_path_factory.mktemp("sketchbook") / "libraries")


@pytest.fixture
def repository(repository: Repository) -> Repository:
    """A user's repository with the example's model, and a copy of the example."""
    weights, bias = constants()
    b = Builder()
    source = b.activation((1, 8), SCALE, 0)
    result = b.activation((1, 4), SCALE, 0)
    constant = b.tensor((4, 8), scale=1 / UNIT, zero_point=0, data=weights)
    offset = b.tensor((4,), scale=SCALE / UNIT, zero_point=0, data=bias)
    b.operator("FULLY_CONNECTED", [source, constant, offset], [result], "FullyConnectedOptions")
    repository.network(b.build([source], [result]))
    inputs = np.random.default_rng(0).integers(-128, 128, (20, 8)).astype(np.int8)
    sums = inputs.astype(np.int32) @ weights.T.astype(np.int32) + bias
    path = repository.root / "models" / "small" / "vectors.npz"
    np.savez(path, inputs=inputs, labels=sums.argmax(1))  # golden: by TFLM
    description = repository.root / "models" / "small" / "model.toml"
    description.write_text(
        description.read_text().replace("quality_target = 0.5", "quality_target = 0.3")
    )
    shutil.copytree(EXAMPLE, repository.root / "RunModel")
    return repository


def constants() -> tuple[np.ndarray, np.ndarray]:
    """Return the example's weights and bias."""
    text = (EXAMPLE / "model.cpp").read_text()
    blocks = re.findall(r"_t (?:weights|bias)\[.*?= \{(.*?)\};", text, re.S)
    found = [np.array([int(n) for n in re.findall(r"-?\d+", block)], np.int32) for block in blocks]
    return found[0].reshape(4, 8).astype(np.int8), found[1]


def properties(library: Path) -> dict[str, str]:
    lines = (library / "library.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def run(repository: Repository, *options: str) -> tuple[int, str]:
    common = ("--model", "small", "--target", TARGET, "--arduino-cli", str(CLI))
    return repository.harness("run", *common, *(options or ("--sketch", "RunModel")))


# A sketch, from its folder to a verdict


@needs_gcc
def test_the_example_gives_what_tflm_gives(repository: Repository) -> None:
    assert run(repository) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert record.image.engine == "elf"
    assert record.image.engine_version.startswith("RunModel.ino.elf ")
    assert record.numbers["vectors"].value == 20
    assert record.numbers["bytes_differing"].value == 0
    assert 100 < record.numbers["instructions_median"].value < 1000
    assert record.numbers["instructions_median"].kind == "exact"


@needs_gcc
def test_damaged_objects_are_compiled_again(repository: Repository) -> None:
    assert run(repository) == (ExitCode.PASSED, "")
    (folder,) = (repository.root / "build" / "sketches").iterdir()
    elf = folder / "build" / "RunModel.ino.elf"
    before = elf.read_bytes()
    (folder / "build" / "left.o").touch()
    elf.write_bytes(before[:-100])
    code, text = run(repository)
    assert code == ExitCode.PASSED
    assert "'RunModel.ino.elf' is damaged, missing or was changed; it is made again" in text
    assert elf.read_bytes() == before
    assert not (folder / "build" / "left.o").exists()


@needs_gcc
def test_a_model_that_could_not_be_set_up_is_not_run(repository: Repository) -> None:
    sketch = repository.root / "RunModel" / "RunModel.ino"
    sketch.write_text(sketch.read_text().replace("(Serial1, model)", "(Serial1, model, 7)"))
    code, text = run(repository)
    assert code == ExitCode.INFRASTRUCTURE
    assert "7" in text


@needs_gcc
@pytest.mark.parametrize(
    ("was", "then", "said"),
    [
        ("poll()", "pol()", "error: 'class TinyMLHarnessClass' has no member named 'pol'"),
        ('"model.h"', "<Arduino_APDS9960.h>", "arduino-cli lib search Arduino_APDS9960.h"),
        ("void loop() {", "void move();\n\nvoid loop() {\n    move();", "reference to `move()'"),
    ],
)
def test_a_sketch_that_does_not_compile_is_explained(
    was: str, then: str, said: str, repository: Repository
) -> None:
    sketch = repository.root / "RunModel" / "RunModel.ino"
    sketch.write_text(sketch.read_text().replace(was, then))
    code, text = run(repository)
    assert code == ExitCode.USAGE
    assert said in text
    assert "RunModel.ino:" in text


def test_a_core_that_is_not_installed_is_named(repository: Repository) -> None:
    target = repository.root / "targets" / "other.toml"
    target.parent.mkdir()
    target.write_text(f'base = "{TARGET}"\narduino.fqbn = "arduino:samd:mkrzero"\n')
    code, text = run(repository, "--sketch", "RunModel", "--target", "other")
    assert code == ExitCode.USAGE
    assert "different boards: arduino:mbed_nano:nano33ble, arduino:samd:mkrzero" in text
    common = ("run", "--model", "small", "--target", "other", "--arduino-cli", str(CLI))
    code, text = repository.harness(*common, "--sketch", "RunModel/RunModel.ino")
    assert code == ExitCode.USAGE
    assert "no core for arduino:samd:mkrzero" in text
    assert "-> arduino-cli core install arduino:samd" in text


# What is asked for


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sketch", "models"], "has no models.ino"),
        (
            ["--sketch", "RunModel", "--engine", "cmsis-nn"],
            "--engine only applies to firmware that the harness builds",
        ),
        (["--sketch", "RunModel", "--elf", "fw.elf"], "--sketch names another firmware"),
        (["--sketch", "RunModel", "--target", "qemu-stm32"], "[arduino] fqbn ="),
        (["--sketch", "RunModel", "--arduino-cli", "nowhere"], "is not an executable file"),
    ],
)
def test_what_does_not_fit_is_said(
    options: list[str], said: str, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "harness.image.arduino.sketch.compile_sketch", lambda *_: Path("sketch.elf")
    )
    code, text = run(repository, *options)
    assert code == ExitCode.USAGE
    assert said in text


def test_without_arduino_cli_the_way_to_it_is_said(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository.root))
    options = ("--model", "small", "--target", TARGET, "--sketch", "RunModel")
    code, text = repository.harness("run", *options)
    assert code == ExitCode.INFRASTRUCTURE
    assert "arduino-cli is not on PATH" in text
    assert "--arduino-cli" in text


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo Error: unknown flag: --library >&2; exit 1", "unknown flag: --library"),
        ("""echo '{"error": "Invalid FQBN: empty"}' >&2; exit 7""", "Invalid FQBN: empty"),
        ("""echo '{"success": true}'""", "did not write this ELF"),
        ("sleep 5", "did not finish within 0.2 s"),
    ],
)
def test_an_arduino_cli_that_is_not_well_is_explained(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script.startswith("sleep"):
        monkeypatch.setattr(arduino_cli, "_DEADLINE", 0.2)
        script = f"exec {script}"
    broken = tmp_path / "broken-cli"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(stat.S_IRWXU)
    with pytest.raises((InputError, InfrastructureError), match=said):
        arduino_cli.compile_sketch(str(broken), EXAMPLE, "a:b:c", tmp_path, tmp_path / "build")


@pytest.mark.parametrize("fqbn", ["nano33ble", "arduino:mbed_nano", "a:b:c d"])
def test_a_board_s_name_has_three_parts(fqbn: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "{TARGET}"\narduino.fqbn = "{fqbn}"\n')
    with pytest.raises(InputError, match=r"arduino\.fqbn"):
        find_target(str(path), [])


def test_without_a_sketch_nothing_is_compiled(tmp_path: Path) -> None:
    options = msgspec.defstruct("Options", [("sketch", str, "")])()
    assert sketch_elf(options, [], tmp_path) is None


# The library, by arduino-lint's rules. The tool itself did not run here. The rules for what the
# library does not have (LP010 aside: LP028-LP030, LP047-LP055) have nothing to look at.


def test_setup_puts_the_library_into_the_sketchbook(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # again: a newer one takes its place
        assert main(["setup", "arduino", "--sketchbook", str(tmp_path)]) == ExitCode.PASSED
        library = tmp_path / "libraries" / NAME
        assert str(library) in capsys.readouterr().out
        assert not (library / "stale").exists()
        (library / "stale").touch()
    (library / "library.properties").write_text("name=Mine\n")
    assert main(["setup", "arduino", "--sketchbook", str(tmp_path)]) == ExitCode.USAGE
    assert "is not this library" in capsys.readouterr().err


def test_the_link_has_one_source(library: Path) -> None:
    for source in (ROOT / "firmware" / "link").glob("*.[ch]"):
        assert (library / "src" / "link" / source.name).read_bytes() == source.read_bytes()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert properties(library)["version"] == version


def test_its_folders_follow_the_rules(library: Path) -> None:
    files = [path.relative_to(library) for path in library.rglob("*")]
    assert (library / "library.properties").is_file()  # LP001, LP002, LP003
    assert len(library.name) <= 63  # LS002
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", library.name)  # LS003
    assert not [path for path in library.rglob("*") if path.is_symlink()]  # LS005
    assert not {".gitmodules", ".git", ".development"} & {path.name for path in files}  # LS004, 6
    assert not [path for path in files if path.suffix == ".exe"]  # LS007
    assert (library / "src" / f"{library.name}.h").is_file()  # LS001, LS008
    top = {path.name for path in library.iterdir() if path.is_dir()}
    assert top == {"src", "examples"}  # LS009, LS010, LS011, LS012, LD005, LD006
    assert {"README.md", "LICENSE"} <= {path.name for path in library.iterdir()}  # LD001, LD002
    assert not list(library.glob("*.ino"))  # LD003
    assert list((library / "examples").rglob("*.ino"))  # LD004
    for path in [*library.rglob("*.h"), *library.rglob("*.cpp"), *library.rglob("*.ino")]:
        for name in re.findall(r'#include [<"](arduino\.h)[>"]', path.read_text(), re.I):
            assert name == "Arduino.h"  # LC001, SC001


def test_its_properties_follow_the_rules(library: Path) -> None:
    text = (library / "library.properties").read_text()
    found = properties(library)
    assert all(re.fullmatch(r"[a-z_]+=\S.*", line) for line in text.splitlines())  # LP005, LP004
    assert set(found) == {
        *("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"),
        *("architectures", "includes"),
    }  # LP006, LP007, LP019, LP023, LP025, LP031, LP034, LP037, LP040, LP043
    assert all(found.values())  # LP008, LP024, LP026, LP032, LP044, LP051, LP056
    assert len(found["name"]) <= 16  # LP009: 63; LP010: 16
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", found["name"])  # LP011, LP015
    assert not re.search("arduino|library", found["name"], re.I)  # LP012, LP014, LP016
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["version"])  # LP020, LP021
    assert "arduino" not in found["maintainer"].lower()  # LP027, LP057
    assert found["sentence"] not in found["paragraph"]  # LP036
    assert found["category"] == "Communication"  # LP038, LP039
    assert found["url"].startswith("https://")  # LP041; LP042, whether it is there, asks the net
    assert found["architectures"] == "*"  # LP045, LP046
    assert (library / "src" / found["includes"]).is_file()  # LP052
    # LP013, LP017, LP018, LP022, LP048: of the Library Manager's index; LP033, LP035: of spelling.


def test_its_example_follows_the_rules_of_sketches(library: Path) -> None:
    for main_file in (library / "examples").rglob("*.ino"):
        assert main_file.stem == main_file.parent.name  # SS001
        for path in main_file.parent.iterdir():
            assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", path.name)  # SS002, SS003
            assert path.suffix != ".pde"  # SS004
            assert path.name.lower() != "src"  # SS005


def test_its_keywords_are_those_of_its_header(library: Path) -> None:
    header = (library / "src" / "TinyMLHarness.h").read_text()
    for line in (library / "keywords.txt").read_text().splitlines():
        keyword, kind = line.split("\t")
        assert kind in {"KEYWORD1", "KEYWORD2"}
        assert re.search(rf"\b{keyword}\b", header)


@pytest.mark.skipif(sys.platform != "linux", reason="where it is elsewhere is only written down")
def test_the_sketchbook_is_where_arduino_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.image.arduino.arduino_library import sketchbook  # noqa: PLC0415

    monkeypatch.setenv("HOME", "/home/ada")
    assert sketchbook() == Path("/home/ada/Arduino")
