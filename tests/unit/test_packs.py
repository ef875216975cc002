"""Chips from CMSIS packs: a pack of our own, and packs that are damaged."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from pyocd.target import TARGET

from harness.board.board_options import BoardOptions
from harness.board.derivations import derivations
from harness.board.pyocd import identification
from harness.board.pyocd.identification import Identified
from harness.board.pyocd.packs import provide_chip
from harness.cli import target_commands
from harness.cli.main import main
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InputError
from harness.image.build import build_image
from harness.model.folder import load_model
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.simulator.pyocd_probe import VirtualProbe
from harness.support import machine_lock
from harness.support.memory_map import Region
from harness.target.chip_choice import choose
from harness.target.chip_families import Line
from harness.target.find_target import find_target, load_target
from harness.target.target_file import Pyocd
from tests.support.devices import opened
from tests.support.models import few_digits

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests" / "data" / "pack"
PDSC = "Test.Chips.pdsc"
CHIP = "tc429"

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """PyOCD keeps the chips of packs for the whole process."""
    yield
    TARGET.pop(CHIP, None)


@pytest.fixture(scope="module")
def algorithm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flash algorithm, built as a vendor does."""
    path = tmp_path_factory.mktemp("flm") / "TC429.FLM"
    options = ["-mcpu=cortex-m4", "-mthumb", "-O1", "-ffreestanding", "-nostdlib", "-Werror"]
    script, source = str(SOURCES / "flash.ld"), str(SOURCES / "flash.c")
    command = ["arm-none-eabi-gcc", *options, "-T", script, "-o", str(path), source]
    subprocess.run(command, check=True, timeout=60)
    return path


def make_pack(path: Path, **files: bytes) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return str(path)


def pack_of(path: Path, algorithm: bytes) -> str:
    pdsc = (SOURCES / PDSC).read_bytes()
    return make_pack(path, Test_dot_Chips_dot_pdsc=pdsc, Flash__TC429_dot_FLM=algorithm)


@needs_compiler
def test_a_chip_from_a_pack_is_flashed_and_runs(
    algorithm: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path_factory.mktemp("virtual")  # a short path, since a lease is named after it
    folder.chmod(0o700)
    monkeypatch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(folder))
    monkeypatch.setattr(machine_lock, "_PREFIX", str(folder))
    shutil.copytree(ROOT / "models" / "digits", tmp_path / "digits")
    arrays = dict(np.load(tmp_path / "digits" / "vectors.npz"))
    few = {name: arrays[name][:3] for name in ("inputs", "labels", "golden")}
    np.savez(tmp_path / "digits" / "vectors.npz", **arrays | few)
    model = load_model(tmp_path / "digits")
    pack = pack_of(tmp_path / "mine.pack", algorithm.read_bytes())
    target = find_target("virtual-stm32", [ROOT / "targets"])
    image = build_image(target, model, find_engine("cmsis-nn"), ROOT / "build" / "images")
    with VirtualBoard.start("stm32f429xi") as hardware:
        board = Pyocd(target=CHIP, probe=hardware.probe_id, serial=hardware.port)
        target = msgspec.structs.replace(target, board=board)
        options = BoardOptions(pack=pack)
        with opened(target, model, image, tmp_path, board_options=options) as dut:
            assert dut.run().bytes_differing == 0


@pytest.fixture
def repository(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A user's repository with a model of three vectors, and boards of its own."""
    folder = tmp_path_factory.mktemp("virtual")
    folder.chmod(0o700)
    monkeypatch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(folder))
    monkeypatch.setattr(machine_lock, "_PREFIX", str(folder))
    (tmp_path / "harness.toml").touch()
    few_digits(tmp_path / "models" / "digits", 3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@needs_compiler
def test_a_chip_of_a_pack_runs_from_the_command_line(
    algorithm: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name, by a target file that the command writes, and as the connected board."""
    pack = pack_of(repository / "mine.pack", algorithm.read_bytes())
    with VirtualBoard.start("stm32f429xi") as hardware:
        probe = f"--probe=virtual:{hardware.probe_id}"
        run = ("run", probe, "--model=digits")
        assert main([*run, f"--target=chip:{CHIP.upper()}", f"--pack={pack}"]) == ExitCode.PASSED
        TARGET.pop(CHIP, None)
        assert main(["target", "add", CHIP, f"--pack={Path(pack).name}", "--as=mine"]) == 0
        text = (repository / "targets" / "mine.toml").read_text()
        assert 'pack = "../mine.pack"' in text
        TARGET.pop(CHIP, None)
        assert main([*run, "--target=mine"]) == ExitCode.PASSED
    assert "bytes" in capsys.readouterr().out


@needs_compiler
@pytest.mark.parametrize("name", ["mine \U0001f600.pack", 'a "b" \x7f \\.pack', "ü\t\n.pack"])
def test_the_path_of_a_pack_may_have_any_characters(
    name: str, algorithm: Path, repository: Path
) -> None:
    pack_of(repository / name, algorithm.read_bytes())
    assert main(["target", "add", CHIP, f"--pack={name}", "--as=mine"]) == ExitCode.PASSED
    board = load_target(repository / "targets" / "mine.toml").board
    assert isinstance(board, Pyocd)
    assert Path(board.pack).samefile(repository / name)


@needs_compiler
def test_a_path_that_no_target_file_can_have_is_refused(
    algorithm: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"\xff.pack")
    pack_of(repository / name, algorithm.read_bytes())
    assert main(["target", "add", CHIP, f"--pack={name}", "--as=mine"]) == ExitCode.USAGE
    assert "not UTF-8" in capsys.readouterr().err
    assert not list(repository.glob("targets/*"))


@needs_compiler
def test_a_file_that_is_not_valid_is_not_left(
    algorithm: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_of(repository / "mine.pack", algorithm.read_bytes())
    monkeypatch.setattr(target_commands, "chip_file", lambda _: "base = ")
    assert main(["target", "add", CHIP, "--pack=mine.pack", "--as=mine"]) == ExitCode.USAGE
    assert not list(repository.glob("targets/*"))


@pytest.mark.parametrize("command", [["run", "--model=digits", "--target"], ["target", "add"]])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read: No such file"),
        (b"not a zip archive", "is not a CMSIS pack"),
        (b"", "is not a CMSIS pack"),
        ("pack", "the flash algorithm of TC429 cannot be read"),
        ("other", "has no chip 'tc492'"),
    ],
)
def test_a_bad_pack_on_the_command_line_is_the_user_s_error(
    command: list[str],
    content: bytes | str | None,
    what: str,
    repository: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = repository / "mine.pack"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        pack_of(path, b"no ELF file")
    chip = "chip:tc492" if content == "other" else f"chip:{CHIP}"
    assert main([*command, chip, "--pack=mine.pack"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert f"mine.pack: {what}" in said
    assert "\n  -> " in said
    assert not list(repository.glob("targets/*"))


def test_the_chip_of_the_given_pack_is_taken_if_it_is_the_only_one_of_its_line() -> None:
    line = Line(name="X", values=(1,), chips=("tc4*",))
    assert choose(line, 2048, "", ["other", CHIP]) == (CHIP, "")
    with pytest.raises(InputError, match="the given CMSIS pack has tc429, tc430") as caught:
        choose(line, 2048, "", [CHIP, "tc430"])
    assert "--target=chip:NAME" in caught.value.remedy
    with pytest.raises(InputError, match="the given CMSIS pack has no such chip"):
        choose(line, 2048, "", ["other"])


@needs_compiler
def test_a_chip_of_the_given_pack_with_more_flash_than_the_board_s_is_refused(
    algorithm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Identified(Line(name="X", values=(1,), chips=("tc4*",)), "a register", 1024)
    monkeypatch.setattr(VirtualProbe, "associated_board_info", None)
    monkeypatch.setattr(identification, "identify", lambda _: found)
    pack = pack_of(tmp_path / "mine.pack", algorithm.read_bytes())
    with VirtualBoard.start("stm32f429xi") as board:
        derived = derivations(probe=f"virtual:{board.probe_id}", pack=pack)
        with pytest.raises(InputError, match="tc429 of the given CMSIS pack 2,048 KiB"):
            find_target("auto", [ROOT / "targets"], derived)


@needs_compiler
def test_a_target_is_derived_from_a_chip_in_a_pack(algorithm: Path, tmp_path: Path) -> None:
    pack = pack_of(tmp_path / "mine.pack", algorithm.read_bytes())
    target = find_target(f"chip:{CHIP.upper()}", [], derivations(pack=pack))
    assert target.mcu.core == "cortex-m4f"
    assert target.memory.flash == Region(0x0800_0000, 0x20_0000)
    assert target.memory.ram == Region(0x2000_0000, 0x3_0000)
    assert isinstance(target.board, Pyocd)
    assert target.board.target == CHIP


def test_the_pack_of_a_target_file_is_relative_to_it(tmp_path: Path) -> None:
    pack = make_pack(tmp_path / "mine.pack")
    text = 'base = "nucleo-f429zi"\nboard.target = "tc429"\nboard.pack = "mine.pack"\n'
    (tmp_path / "mine.toml").write_text(text)
    board = load_target(tmp_path / "mine.toml").board
    assert isinstance(board, Pyocd)
    assert board.pack == pack
    assert BoardOptions(pack="other.pack").override(board).pack == "other.pack"
    assert BoardOptions().override(board).pack == pack


def test_a_chip_that_no_source_has_names_the_commands() -> None:
    with pytest.raises(InputError, match="no built-in target") as caught:
        provide_chip("stm32f446retx", "")
    assert "`pyocd pack install stm32f446retx`" in caught.value.remedy
    assert "--pack=FILE" in caught.value.remedy


def test_a_pack_without_the_chip_has_near_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no chip 'tc492'") as caught:
        provide_chip("tc492", pack_of(tmp_path / "mine.pack", b""))
    assert "did you mean tc429?" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is not a CMSIS pack"),
        (b"not a zip archive", "is not a CMSIS pack"),
        ({"readme.txt": b"no description"}, "missing a .pdsc file"),
        ({PDSC: b"<package><devices>"}, "is not a CMSIS pack"),
        ({PDSC: b"<package/>"}, "has no chip"),
        ({PDSC: b"<package><devices><family/></devices></package>"}, "pack"),
    ],
)
def test_a_damaged_pack_is_the_user_s_error(
    tmp_path: Path, content: bytes | dict[str, bytes] | None, what: str
) -> None:
    path = tmp_path / "mine.pack"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    with pytest.raises(InputError, match=what) as caught:
        provide_chip(CHIP, str(path))
    assert str(path) in caught.value.where


def test_a_pack_that_is_cut_or_changed_anywhere_is_the_user_s_error(tmp_path: Path) -> None:
    whole = Path(pack_of(tmp_path / "whole.pack", bytes(200))).read_bytes()
    path = tmp_path / "mine.pack"
    for position in range(0, len(whole), max(len(whole) // 60, 1)):
        for damaged in (whole[:position], whole[:position] + b"\xff\xfe" + whole[position + 2 :]):
            path.write_bytes(damaged)
            try:
                provide_chip(CHIP, str(path))
            except InputError:
                continue
