"""Sessions of several hosts share a probe behind pyOCD's server, one at a time.

Two names of one server, localhost and 127.0.0.1, stand for two hosts: neither knows the leases of
the other.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.board.pyocd import open_chip, server_lock
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.board.pyocd.remote_probe import RemoteProbe
from harness.board.pyocd.server_lock import ServerLock
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError
from harness.image.build import Image, build_image
from harness.link.device_errors import DeviceStoppedError
from harness.model.folder import find_model
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Pyocd
from tests.support.assembly_bench import cross_compiler, wait_for
from tests.support.pyocd_sessions import pyocd_server

ROOT = Path(__file__).parents[2]
CHIP = "stm32f429xi"
TARGET = find_target("virtual-stm32", [ROOT / "targets"])

_HOLD = """
import sys, time
from harness.board.pyocd.server_lock import ServerLock
print("asks", flush=True)
lock = ServerLock(("127.0.0.1", int(sys.argv[1])), "probe", wait=60)
print("holds", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A directory for the boards of these tests alone."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        yield


@pytest.fixture
def board(folder: None) -> Iterator[VirtualBoard]:
    del folder
    with VirtualBoard.start(CHIP) as started:
        yield started


@pytest.fixture
def port(board: VirtualBoard) -> Iterator[int]:
    with pyocd_server(board) as (_, probe):
        yield int(probe.rpartition(":")[2])


@pytest.fixture(scope="module")
def image() -> Image:
    cross_compiler()
    model = find_model("anomaly", [ROOT / "models"])
    return build_image(TARGET, model, find_engine("cmsis-nn"), ROOT / "build" / "images")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_lock, "_MOMENT", 0.3)


def lock(port: int, wait: float = 0) -> ServerLock:
    return ServerLock(("127.0.0.1", port), "probe P", wait=wait)


def host(name: str, port: int, board: VirtualBoard, wait: float = 0) -> PyocdBoard:
    reached = Pyocd(target=CHIP, probe=f"remote:{name}:{port}", serial=board.port)
    return PyocdBoard(TARGET, reached, Progress(sys.stderr), wait)


def test_the_second_one_is_refused_and_leaves_nothing(port: int) -> None:
    first = lock(port)
    for _ in range(3):
        with pytest.raises(InfrastructureError) as caught:
            lock(port)
        assert caught.value.where == "probe P"
        assert "in use by another client of its server" in caught.value.what
        assert "--lock-timeout" in caught.value.remedy
    first.release()
    first.release()
    third = lock(port, wait=10)
    with pytest.raises(InfrastructureError):
        lock(port)
    third.release()


def test_the_second_one_may_wait(port: int) -> None:
    first = lock(port)
    timer = threading.Timer(0.5, first.release)
    timer.start()
    lock(port, wait=30).release()
    timer.join()


@pytest.mark.parametrize("victim", [0, 1])
def test_the_lock_of_a_killed_session_is_free(port: int, victim: int) -> None:
    """Whether it holds the lock, or waits for it while another one does."""
    first = lock(port) if victim else None
    command = [sys.executable, "-c", _HOLD, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asks\n"
        if first is None:
            assert process.stdout.readline() == "holds\n"
            with pytest.raises(InfrastructureError):
                lock(port)
        process.kill()
    if first is not None:
        first.release()
    lock(port, wait=10).release()


def test_two_hosts_on_one_probe(port: int, board: VirtualBoard, image: Image) -> None:
    """The second one changes nothing; with time to wait, it gets the board afterwards."""
    second = host("127.0.0.1", port, board)
    with closing(host("localhost", port, board)) as first, closing(second):
        first.start(image)
        with pytest.raises(InfrastructureError) as caught:
            second.start(image)
        assert str(caught.value).startswith(f"probe remote:127.0.0.1:{port}: is in use by another")
        assert "erase" not in str(caught.value)
        first.check()
        ram = TARGET.memory.ram.origin
        first.write_memory(ram, b"mine")
        assert first.read_memory(ram, 4) == b"mine"
        timer = threading.Timer(0.5, first.stop)
        timer.start()
        with closing(host("127.0.0.1", port, board, wait=60)) as patient:
            patient.start(image)
            patient.check()
        timer.join()


def test_a_client_without_the_lock_is_named(
    port: int, board: VirtualBoard, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the chip in reset while the flash is programmed."""
    with closing(RemoteProbe(f"localhost:{port}")) as other:

        def disturb(_: float) -> None:
            if not other.is_open:
                other.open()
                other.assert_reset(True)

        monkeypatch.setattr(open_chip, "FlashProgress", lambda _step: disturb)
        board.set_fault("write-protected=1")  # the reset may come too late to harm
        with closing(host("127.0.0.1", port, board)) as harness:
            with pytest.raises(InfrastructureError) as caught:
                harness.start(other_image(image))
            text = str(caught.value)
            assert "another client of the server opened or closed the probe meanwhile" in text
            assert "erase --mass" not in text
            assert "unlock" not in text
        other.assert_reset(False)


def other_image(image: Image) -> Image:
    """Return an image that differs from the one in flash."""
    del image
    model = find_model("digits", [ROOT / "models"])
    return build_image(TARGET, model, find_engine("cmsis-nn"), ROOT / "build" / "images")


def test_a_killed_run_does_not_keep_the_probe(port: int, board: VirtualBoard) -> None:
    """The second host gets the board at once."""
    # It waits, because this test tries the lock, too.
    arguments = ["--target=virtual-stm32", "--model=digits", f"--serial={board.port}"]
    command = [sys.executable, "-m", "harness", "run", *arguments, "--lock-timeout=30"]
    command += [f"--probe=remote:localhost:{port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:

        def held() -> bool:
            time.sleep(0.1)
            try:
                lock(port).release()
            except InfrastructureError:
                return True
            return False

        wait_for(held)
        process.kill()
    lock(port, wait=10).release()


@pytest.mark.parametrize("others", [True, False])
def test_a_core_that_another_client_may_have_halted_is_explained(
    port: int, board: VirtualBoard, image: Image, *, others: bool
) -> None:
    """On the serial line, it is only silent. Without another client there is no such reason."""
    with closing(host("127.0.0.1", port, board)) as harness:
        harness.start(image)
        with closing(RemoteProbe(f"localhost:{port}")) as other:
            if others:
                other.open()
                other.flush()
            halt(harness)
            with pytest.raises(DeviceStoppedError) as caught:
                harness.check()
            texts = (str(caught.value), harness.diagnosis().text)
    for text in texts:
        assert "the core is halted, at " in text
        assert ("another client of the server opened or closed the probe" in text) == others


def halt(board: PyocdBoard) -> None:
    """Halt the core, as another client would: its register is the same."""
    assert board._chip is not None
    target = board._chip._session.target
    target.halt()
    wait_for(target.is_halted)
