"""The commands of docs/firmware.md and docs/mlperf.md run, as a reader runs them.

A reader's project, firmware and model have stand-ins. tests/unit/test_own_elf.py runs the command
for pytest.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.engines.registry import find_engine
from harness.errors import ExitCode
from harness.image.build import Image, build_image
from harness.image.prebuilt import prebuilt_image
from harness.model.folder import load_model
from harness.simulator import runtime_folder
from harness.support import machine_lock
from harness.target.find_target import find_target
from tests.support.page_commands import ROOT, commands
from tests.support.repository import Repository, make_repository

BOARD = "nucleo-f429zi"
MAKEFILE = "all:\n\tmkdir -p build && cp ../fw.elf build/NAME.elf\n"

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture
def repository(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Repository:
    """A repository with the model `small`, and with boards of its own."""
    boards = tmp_path_factory.mktemp("boards")  # a short path, for sockets
    boards.chmod(0o700)
    monkeypatch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(boards))
    monkeypatch.setattr(machine_lock, "_PREFIX", str(boards))
    (tmp_path / "mine").mkdir()
    return make_repository(tmp_path / "mine", monkeypatch, capsys)


def image_of(repository: Repository) -> Image:
    """The firmware of a reader: for the board, with the model `small`."""
    model = load_model(repository.root / "models" / "small")
    target = find_target(BOARD, [ROOT / "targets"])
    return build_image(target, model, find_engine("misbehaving"), repository.root / "images")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@contextmanager
def served(words: tuple[str, ...]) -> Iterator[None]:
    """Run `harness virtual serve` as in another terminal; go on when the board is there."""
    program = [sys.executable, "-m", *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        try:
            assert process.stdout
            assert any("Ctrl-C" in line for line in process.stdout)
            yield
        finally:
            process.terminate()


def test_the_commands_of_the_page_on_firmware_run(repository: Repository) -> None:
    small = repository.root / "models" / "small"
    for name in ("wake", "gesture"):  # `harness init` writes no model beside others
        shutil.copytree(small, repository.root / "models" / name)
    for folder in ("path/to/firmware", "build", "../firmware"):
        (repository.root / folder).mkdir(parents=True)
    elf = image_of(repository).elf.path
    shutil.copy(elf, repository.root / "build" / "fw.elf")
    shutil.copy(elf, repository.root.parent / "fw.elf")
    (repository.root.parent / "firmware" / "Makefile").write_text(MAKEFILE)
    text = page("firmware.md")
    assert "make -C ../firmware" in text
    subprocess.run(["make", "-s", "-C", "../firmware"], cwd=repository.root, check=True)
    found = [command for command in commands(text) if command.complete]
    (serve,) = (command for command in found if command.words[1] == "virtual")
    ran = []
    with served(serve.words):
        for command in found:
            program, *arguments = command.words
            if command is serve or program == "pytest":
                continue
            assert main(["--no-progress", *arguments]) == ExitCode.PASSED, command
            ran.append(arguments[0])
    assert sorted(ran) == ["build", "init", "link", "link", "run", "run", "run"]
    records = repository.records()
    assert {record.model.name for record in records} == {"wake", "gesture"}
    assert {record.target.name for record in records} == {BOARD, "virtual-stm32"}


def test_a_foreign_binary_becomes_an_elf_by_the_page_s_commands(
    repository: Repository, tmp_path: Path
) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", page("mlperf.md"), re.M | re.S)
    (block,) = (text for text in blocks if "objcopy" in text)
    elf = image_of(repository).elf
    binary = tmp_path / "theirs.bin"
    tool = ["arm-none-eabi-objcopy", "-O", "binary", str(elf.path), str(binary)]
    subprocess.run(tool, check=True)
    subprocess.run(["sh", "-e", "-c", block], cwd=tmp_path, check=True)
    theirs = prebuilt_image(
        find_target("virtual-stm32", [ROOT / "targets"]),
        tmp_path / "theirs.elf",
        tmp_path / "images",
        stamped=False,
    )
    (segment,) = theirs.elf.segments()
    assert (segment.address, segment.data) == (0x0800_0000, binary.read_bytes())
