"""Chips from CMSIS packs: a pack of our own, and packs that are damaged."""

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
from harness.board.pyocd.packs import provide_chip
from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.image.build import build_image
from harness.model.folder import load_model
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support import machine_lock
from harness.support.memory_map import Region
from harness.target.find_target import find_target, load_target
from harness.target.target_file import Pyocd
from tests.support.devices import opened

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
    with pytest.raises(InputError, match="no installed pack has it") as caught:
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
