"""Stock tools use a virtual board: the pyocd command, gdb, pyserial, and pyOCD over TCP."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import serial

from harness.cli.main import main
from harness.engines.registry import find_engine
from harness.errors import ExitCode
from harness.image.build import Image, build_image
from harness.link.frame import FrameDecoder
from harness.link.messages import Message
from harness.model.folder import find_model
from harness.results.record_file import read_record
from harness.simulator import runtime_folder
from harness.support.lease import Lease
from harness.target.find_target import find_target
from tests.support.stock_tools import free_port, pyocd, running

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build" / "images"
TARGET = "nucleo-f429zi"
VECTORS = 3

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


class Served(NamedTuple):
    probe: str
    port: str


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for the boards of these tests alone; it must be empty at the end."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        yield path
        assert list(path.iterdir()) == []


@pytest.fixture(scope="module")
def board(folder: Path) -> Iterator[Served]:
    """A board as `harness virtual serve` makes it without options."""
    serve = ("harness", "virtual", "serve", "stm32f429xi")
    with running(*serve, until="Ctrl-C ends it") as lines:
        assert lines[0] == "NUCLEO-F429ZI (virtual)\n"
        words = dict(line.split() for line in lines[1:3])
        yield Served(words["probe"], words["port"])


@pytest.fixture(scope="module")
def image() -> Image:
    target = find_target(TARGET, [ROOT / "targets"])
    model = find_model("digits", [ROOT / "models"])
    return build_image(target, model, find_engine("cmsis-nn"), IMAGES)


@pytest.fixture
def loaded(board: Served, image: Image) -> Image:
    """The image, loaded to the board by `pyocd load`."""
    pyocd("load", "-u", board.probe, str(image.elf.path))
    return image


def test_pyocd_lists_the_board(board: Served) -> None:
    (line,) = [line for line in pyocd("list").splitlines() if board.probe in line]
    assert "NUCLEO-F429ZI (virtual)" in line


def test_pyocd_loads_an_image_that_uses_the_serial_port(board: Served, image: Image) -> None:
    """The firmware announces its start on the serial port."""
    with serial.Serial(board.port, 115200, timeout=0.1) as port:
        pyocd("load", "-u", board.probe, str(image.elf.path))
        decoder, payloads = FrameDecoder(), list[bytes | None]()
        end = time.monotonic() + 5
        while not payloads and time.monotonic() < end:
            payloads += decoder.feed(port.read(100))
    assert payloads[0] is not None
    assert payloads[0][0] == Message.BOOT


def test_gdb_stops_at_a_function_and_shows_its_caller(board: Served, loaded: Image) -> None:
    if shutil.which("gdb-multiarch") is None:
        pytest.skip("gdb-multiarch is not on PATH: apt install gdb-multiarch")
    port = free_port()
    server = ("pyocd", "gdbserver", "-u", board.probe, "--port", str(port), "--telnet-port", "0")
    commands = [
        "set confirm off",
        f"target extended-remote 127.0.0.1:{port}",
        "monitor reset halt",
        "break link_start",
        "continue",
        "backtrace",
        "info registers pc",
        "detach",
    ]
    with running(*server, until=f"GDB server listening on port {port}"):
        done = subprocess.run(
            ["gdb-multiarch", "-nx", "-batch", str(loaded.elf.path)]
            + [word for command in commands for word in ("-ex", command)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "Breakpoint 1, link_start (device=" in done.stdout, done.stdout + done.stderr
    assert "#0  link_start (device=" in done.stdout
    assert "#1  " in done.stdout
    assert " in main () at " in done.stdout


@pytest.mark.parametrize(
    ("options", "target"),
    [
        (["stm32f429xi", "--uart=all"], "nucleo-f429zi"),
        (["nrf91"], "virtual-nrf91"),
        (["stm32f429xi", "--uart=usart3"], ""),
        (["nrf52840", "--boot=0x10000"], ""),
    ],
)
def test_the_command_that_serve_prints_runs_a_model(
    options: list[str], target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_digits(tmp_path, monkeypatch)
    with running("harness", "virtual", "serve", *options, until="Ctrl-C ends it") as lines:
        commands = [line for line in lines if line.startswith("harness ")]
        assert len(commands) == bool(target)
        for command in commands:
            assert f"--target={target}\n" in command
            _, *arguments = shlex.split(command)
            assert main(arguments) == ExitCode.PASSED


@pytest.mark.parametrize(
    ("chip", "target", "uart"),
    [
        ("stm32f429xi", "nucleo-f429zi", "USART3"),
        ("stm32l475xg", "b-l475e-iot01a", "USART1"),
        ("nrf52840", "nrf52840-dk", "UARTE0"),
    ],
)
def test_a_served_board_is_found_by_the_target_of_the_real_board(
    chip: str,
    target: str,
    uart: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As one that is plugged in, by its name and with its UART; it says what its counter counts."""
    few_digits(tmp_path, monkeypatch)
    alone = tmp_path_factory.mktemp("v")  # short: it is a part of the paths of sockets
    alone.chmod(0o700)
    monkeypatch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(alone))
    with running("harness", "virtual", "serve", chip, until="Ctrl-C ends it") as lines:
        words = dict(line.split() for line in lines[1:4])
        assert words["uart"] == uart
        assert main(["run", f"--target={target}", "--model=digits"]) == ExitCode.PASSED
    assert f"it runs on the virtual board {words['probe']}" in capsys.readouterr().err
    (record,) = map(read_record, (tmp_path / "reports" / "runs").iterdir())
    assert record.target.version.endswith(f"virtual probe {words['probe']}")
    assert record.numbers["instructions_median"].kind == "exact"
    assert "cycles_median" not in record.numbers


def test_a_uart_that_is_not_on_the_serial_port_is_named(image: Image) -> None:
    """The image of the NUCLEO sends on USART3."""
    serve = ("harness", "virtual", "serve", "stm32f429xi", "--uart=usart1", "--serial=deaf")
    with running(*serve, until="Ctrl-C ends it") as lines:
        pyocd("load", "-u", "deaf", str(image.elf.path))
    (named,) = [line for line in lines if " sends, " in line]
    assert named == "USART3 sends, but USART1 is on the serial port; --uart=USART3 connects it\n"


def few_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `tmp_path` a repository with the bundled model and a few of its vectors."""
    model = tmp_path / "models" / "digits"
    shutil.copytree(ROOT / "models" / "digits", model)
    arrays = dict(np.load(model / "vectors.npz"))
    few = {name: arrays[name][:VECTORS] for name in ("inputs", "labels", "golden")}
    np.savez(model / "vectors.npz", **arrays | few)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "images").symlink_to(IMAGES)
    monkeypatch.chdir(tmp_path)


def test_the_harness_uses_the_board_through_pyocd_server(
    board: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a board on another machine, with the target file of the real board."""
    few_digits(tmp_path, monkeypatch)
    port = free_port()
    server = ("pyocd", "server", "-u", board.probe, "--port", str(port))
    probe = f"remote:localhost:{port}"
    with running(*server, until="Serving debug probe"):
        # Like the real board, except that a virtual board counts instructions.
        desk = tmp_path / "targets" / "desk.toml"
        desk.parent.mkdir()
        desk.write_text(f'base = "{TARGET}"\ncounter.ticks = "instructions"\n')
        arguments = ["--target", "desk", "--model", "digits"]
        assert (
            main(["run", *arguments, "--probe", probe, "--serial", board.port]) == ExitCode.PASSED
        )
    (record,) = map(read_record, (tmp_path / "reports" / "runs").iterdir())
    assert record.verdict == "passed"
    assert record.target.version.endswith(f"probe {probe}")
    assert len(record.ticks) == VECTORS
    for resource in (f"probe {probe}", f"port {board.port}"):
        Lease(resource, wait=0).release()
