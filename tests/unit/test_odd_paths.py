"""Paths with characters that have a meaning for a build tool or an emulator."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from harness.engines.cmsis_nn.cmake import render
from harness.engines.cmsis_nn.cmsis_nn_sources import SourceTree, find_tree
from harness.errors import InputError
from harness.golden import oracle
from harness.image import plain_folder
from harness.image.plain_folder import plain_folders, plain_temporary
from harness.model.folder import load_model
from harness.options.selection import _split_names
from harness.simulator.board_process import VirtualBoard
from harness.support.build_path import cmake_path, is_plain
from tests.support.models import ROOT

ODD = (
    "-a'b\"c;d,e$f\ng#h\\i%j|k:l=m<n>o?p*q[r]s{t}u`v!w^x~y @z(&) ${HOME} $<1:2> Übung "
    + os.fsdecode(b"\xe9\xff")
)
"""A name with every character that once broke a tool."""

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
needs_clang = pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang is not installed")
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A repository with an odd path, and one bundled model with few vectors in it."""
    folder = tmp_path / ODD
    model = folder / "models" / "few"
    shutil.copytree(ROOT / "models" / "digits", model)
    held = dict(np.load(model / "vectors.npz"))
    first = {name: held[name][:5] for name in ("inputs", "labels", "golden")}
    np.savez(model / "vectors.npz", **held | first)
    return folder


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    # Short, because the path of a socket has at most 108 characters.
    with tempfile.TemporaryDirectory(prefix="-,;'\"$#\\%é ", dir="/tmp") as temporary:
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=folder,
            env={**os.environ, "TMPDIR": temporary, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=250,
            check=False,
        )


@pytest.mark.parametrize(
    ("toolchain", "target"),
    [
        pytest.param("gcc", "virtual-stm32", marks=needs_gcc),
        pytest.param("gcc", "qemu-stm32", marks=[needs_gcc, needs_qemu]),
        pytest.param("clang", "virtual-stm32", marks=needs_clang),
    ],
)
def test_a_model_is_built_and_run_in_an_odd_folder(odd: Path, toolchain: str, target: str) -> None:
    model = "--model=./models/few"
    done = run(odd, "run", model, f"--target={target}", f"--toolchain={toolchain}")
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert list((odd / "reports" / "runs").glob("*.json"))
    assert list(odd.glob("build/images/*/build.log"))


@needs_gcc
@needs_qemu
def test_prebuilt_firmware_may_have_an_odd_name(odd: Path) -> None:
    chosen = ("--model=./models/few", "--target=qemu-stm32")
    done = run(odd, "build", *chosen)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    (built,) = odd.glob("build/images/*/firmware.elf")
    firmware = odd / "-a,b;c'd\"e%f.elf"
    shutil.copy(built, firmware)
    done = run(odd, "run", *chosen, f"--elf={firmware.name}")
    assert done.returncode == 0, done.stderr.decode(errors="replace")


@pytest.mark.parametrize("character", ['"', ";", "\n", "\\", "|", "$", ":", "\udce9", "\x7f"])
def test_sources_at_a_path_that_no_tool_reads_are_refused(character: str) -> None:
    path = Path(f"/opt/a{character}b/CMSIS-NN")
    with pytest.raises(InputError) as caught:
        cmake_path(path)
    assert caught.value.what == f"build tools cannot read it: its path holds {character!r}"
    tree = find_tree()
    elsewhere = SourceTree(**{**vars(tree), "root": path})
    with pytest.raises(InputError, match="build tools cannot read it"):
        render(elsewhere, (), (), "cortex-m4f", layers=1, state=False)


@pytest.mark.parametrize("name", ["plain", "My Projects (old) & more/Übung", "a+b@c~d.e-f_g"])
def test_a_plain_path_is_used_as_it_is(name: str, tmp_path: Path) -> None:
    build, model = tmp_path / name / "build", tmp_path / name / "model"
    assert is_plain(build)
    with plain_folders(build, model) as folders:
        assert folders == (build, model)


def test_a_build_elsewhere_is_brought_back(tmp_path: Path) -> None:
    build, model = tmp_path / "a;b" / "build", tmp_path / "a;b" / "model"
    model.mkdir(parents=True)
    (model / "model.c").write_text("int nothing;")
    with plain_folders(build, model) as (place, there):
        assert is_plain(place)
        assert (there / "model.c").read_text() == "int nothing;"
        (place / "sub").mkdir(parents=True)
        (place / "sub" / "firmware.elf").write_text("done")
    assert (build / "sub" / "firmware.elf").read_text() == "done"
    assert not place.exists()


def test_an_odd_folder_for_temporary_files_is_replaced_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/odd;tmp")
    monkeypatch.setattr(plain_folder, "_TEMPORARY", (str(tmp_path),))
    assert plain_temporary() == str(tmp_path)
    monkeypatch.setattr(plain_folder, "_TEMPORARY", ())
    with pytest.raises(InputError) as caught:
        plain_temporary()
    assert caught.value.where == "TMPDIR=/odd;tmp"


def test_a_model_or_target_may_have_a_comma_in_its_path(tmp_path: Path) -> None:
    (tmp_path / "a,b").mkdir()
    path = f"{tmp_path}/a,b"
    assert _split_names([path, "one,two"]) == (path, "one", "two")


@pytest.mark.parametrize("name", ["numbers.py", "signal.py", "harness/__init__.py"])
def test_a_module_in_the_current_folder_is_not_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise RuntimeError('not the module that is wanted')\n")
    monkeypatch.chdir(tmp_path)
    model = load_model(ROOT / "models" / "faces")
    oracle.of_vectors(model.tflite, [model.vectors.inputs[:1]])
    with VirtualBoard.start("stm32f429xi"):
        pass
