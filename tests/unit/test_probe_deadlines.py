"""A probe, a server or a board that stops answering at any moment ends an operation in time."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from harness.board.pyocd import open_chip, server_connection, time_limit
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.board.pyocd.time_limit import TimeLimit
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InfrastructureError
from harness.image.build import Image, build_image
from harness.model.folder import find_model
from harness.simulator import board_client, runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Pyocd
from tests.support.assembly_bench import cross_compiler, wait_for
from tests.support.pyocd_sessions import pyocd_server

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build" / "images"
CHIP = "stm32f429xi"
TARGET = find_target("virtual-stm32", [ROOT / "targets"])
_PATIENT = 2.5  # seconds: a healthy board is flashed first, also on a busy machine


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for the boards of these tests alone."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        yield path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Deadlines of less than a second; no thread is left in the end."""
    set_deadlines(monkeypatch, 0.7)
    yield
    wait_for(lambda: not any(thread.name == "probe" for thread in threading.enumerate()))


def set_deadlines(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(server_connection, "ANSWER_DEADLINE", seconds)
    monkeypatch.setattr(server_connection, "CONNECT_DEADLINE", seconds)
    monkeypatch.setattr(board_client, "DEADLINE", seconds)


@pytest.fixture(scope="module")
def image() -> Image:
    cross_compiler()
    model = find_model("anomaly", [ROOT / "models"])
    return build_image(TARGET, model, find_engine("cmsis-nn"), IMAGES)


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard.start(CHIP) as started:
        yield started


@contextmanager
def harness_of(probe: str, port: str) -> Iterator[PyocdBoard]:
    reached = Pyocd(target=CHIP, probe=probe, serial=port)
    with closing(PyocdBoard(TARGET, reached, Progress(sys.stderr), 0)) as board:
        yield board


def end(process: int, how: signal.Signals) -> None:
    """Stop or kill a process; return when it does nothing any more."""
    os.kill(process, how)
    status = Path(f"/proc/{process}/stat")
    wait_for(lambda: status.read_text().rpartition(")")[2].split()[0] in "TZ")


RAM = TARGET.memory.ram.origin
MOMENTS: dict[str, Callable[[PyocdBoard, Image], object]] = {
    "connecting": PyocdBoard.start,
    "flashing": PyocdBoard.start,
    "reading memory": lambda harness, _: harness.read_memory(RAM, 4000),
    "writing memory": lambda harness, _: harness.write_memory(RAM, bytes(4000)),
    "checking": lambda harness, _: harness.check(),
}


def error_at(
    moment: str,
    harness: PyocdBoard,
    image: Image,
    monkeypatch: pytest.MonkeyPatch,
    stop: Callable[[], None],
) -> str:
    """Return the error of an operation of `harness` that `stop` interrupts."""
    if moment == "flashing":
        monkeypatch.setattr(open_chip, "FlashProgress", lambda _step: lambda _share: stop())
    else:
        if moment != "connecting":
            assert harness.start(image)
        stop()
    with pytest.raises(InfrastructureError) as caught:
        MOMENTS[moment](harness, image)
    begin = time.monotonic()
    assert (harness.diagnosis().text == "") == (moment == "connecting")
    harness.stop()
    assert time.monotonic() - begin < 3 * time_limit._GRACE  # nothing waits any more
    return str(caught.value)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_a_server_that_stops_or_ends(
    how: signal.Signals,
    moment: str,
    board: VirtualBoard,
    image: Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_deadlines(monkeypatch, _PATIENT)
    with pyocd_server(board) as (server, probe), harness_of(probe, board.port) as harness:
        error = error_at(moment, harness, image, monkeypatch, lambda: end(server.pid, how))
    assert error.startswith(f"probe {probe}: ")
    assert "\n  -> " in error
    within = f"within {_PATIENT:g} s"
    assert any(text in error for text in (within, "refused", "closed the", "reset by"))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_virtual_board_that_is_stopped(
    moment: str, board: VirtualBoard, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_deadlines(monkeypatch, _PATIENT)
    process = board_process(board)
    try:
        with harness_of(board.probe_id, board.port) as harness:
            error = error_at(
                moment, harness, image, monkeypatch, lambda: end(process, signal.SIGSTOP)
            )
        assert f"the board has not answered within {_PATIENT:g} s" in error
        assert "restart its server or virtual board" in error
    finally:
        os.kill(process, signal.SIGCONT)


def board_process(board: VirtualBoard) -> int:
    """Return the process of a board, which its default ID contains."""
    return int(board.probe_id.rpartition("-")[2])


def test_a_board_that_closes_while_it_is_stopped(board: VirtualBoard, image: Image) -> None:
    process = board_process(board)
    with harness_of(board.probe_id, board.port) as harness:
        assert harness.start(image)
        end(process, signal.SIGSTOP)
        begin = time.monotonic()
        harness.close()
        assert time.monotonic() - begin < 5
    os.kill(process, signal.SIGCONT)


# Peers that are no pyOCD server

Behaviour = Callable[[socket.socket], None]


def silent(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


def trickling(connection: socket.socket) -> None:
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def flooding(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 100_000)


def answering(*answers: bytes) -> Behaviour:
    def answer(connection: socket.socket) -> None:
        for text in answers:
            connection.recv(1000)
            connection.sendall(text)
        silent(connection)

    return answer


def confirming(connection: socket.socket) -> None:
    """Answer each request, with nothing."""
    for line in connection.makefile():
        number = json.loads(line)["id"]
        connection.sendall(json.dumps({"id": number, "status": 0}).encode() + b"\n")


PEERS = {
    "silent": (silent, "has not answered the request 'hello' within 0.7 s"),
    "trickling": (trickling, "has not answered the request 'hello' within 0.7 s"),
    "flooding": (flooding, "with more than 1,000,000 bytes"),
    "closing": (lambda _: None, "during 'hello'|does not answer 'hello'"),
    "garbage": (answering(b"\xff\xfe\x00HTTP\n"), "answers 'hello' with b'\\xff"),
    "no object": (answering(b"17\n"), "answers 'hello' with b'17'"),
    "old answer": (answering(b'{"id": 7, "status": 0}\n'), "answers 'hello' with b'{"),
    "no status": (answering(b'{"id": 0}\n'), "missing required field"),
    "an error": (answering(b'{"id": 0, "status": 3, "error": "no"}\n'), "(status code 3): no"),
    "nested": (answering(b"[" * 200_000 + b"\n"), "answers 'hello' with b'[[["),
    "nothing": (confirming, "the server's answer makes no sense"),
}


@contextmanager
def peer(behaviour: Behaviour) -> Iterator[str]:
    """Serve each connection in a thread, as pyOCD's server does; yield the remote probe's ID."""

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            behaviour(connection)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=handle, args=(connection,)))
            threads[-1].start()

    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threads = [threading.Thread(target=serve)]
        threads[0].start()
        yield f"remote:127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_no_server_is_explained(
    name: str, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, expected = PEERS[name]
    monkeypatch.setattr(server_connection, "_LONGEST", 1_000_000)
    with peer(behaviour) as probe, harness_of(probe, "/dev/null") as harness:
        with pytest.raises(InfrastructureError) as caught:
            harness.start(image)
        assert caught.value.where == f"probe {probe}"
        assert any(text in caught.value.what for text in expected.split("|"))
        assert caught.value.remedy


def test_a_port_where_nobody_accepts(image: Image) -> None:
    """The system completes the connection; further ones are not even that."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        with socket.create_connection(address), harness_of(
            f"remote:127.0.0.1:{address[1]}", "/dev/null"
        ) as harness:  # fmt: skip
            with pytest.raises(InfrastructureError, match=r"within 0\.7 s|timed out") as caught:
                harness.start(image)
            assert caught.value.remedy


def test_ctrl_c_ends_the_wait_for_a_server(tmp_path: Path, image: Image) -> None:
    connected = threading.Event()

    def wait(connection: socket.socket) -> None:
        connected.set()
        silent(connection)

    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "images").symlink_to(IMAGES)
    with peer(wait) as probe:
        command = [sys.executable, "-m", "harness", "run", "--model=anomaly", "--serial=/dev/null"]
        command += ["--target=virtual-stm32", f"--probe={probe}"]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
            assert connected.wait(60)
            process.send_signal(signal.SIGINT)
            assert process.wait(8) == ExitCode.INTERRUPTED


# Any driver


def test_an_operation_that_ends_in_time_returns_or_raises() -> None:
    limit = TimeLimit("probe P1")
    assert limit.run(5, "adding", lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        limit.run(5, "dividing", lambda: 1 // 0)


@pytest.mark.parametrize("can_be_cut", [True, False])
def test_a_driver_that_never_returns(can_be_cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "_GRACE", 0.05)
    released = threading.Event()
    limit = TimeLimit("probe P1", released.set if can_be_cut else None)
    for activity in ("erasing", "closing"):
        with pytest.raises(InfrastructureError) as caught:
            limit.run(0.1, activity, released.wait)
        assert caught.value.what == (
            f"{activity}: the probe does not answer (erasing was not finished within 0.1 s)"
        )
        assert caught.value.where == "probe P1"
    assert released.is_set() == can_be_cut
    released.set()


def test_ctrl_c_cuts_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def interrupt() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return released.wait()

    with pytest.raises(KeyboardInterrupt):
        TimeLimit("probe P1", released.set).run(60, "erasing", interrupt)
    assert released.is_set()


# Clients of a virtual board


def test_clients_that_never_speak_or_stop_in_a_message(board: VirtualBoard) -> None:
    """They hold nothing that others need."""
    announcement = runtime_folder.find(board.probe_id)
    assert announcement is not None
    clients = []
    for begin in (b"", b"\x10", b"\x10\0\0\0{", b"\xff\xff\xff\xff") * 5:
        clients.append(socket.socket(socket.AF_UNIX))
        clients[-1].connect(announcement.socket)
        clients[-1].sendall(begin)
    assert board.status()["failure"] == ""
    with closing(board_client.Session(announcement)) as session:
        assert session.execute(b"")
    for client in clients:
        client.close()
    board.set_fault("none")
