"""A remote probe: few round trips, errors at the right place, flash that is what was asked for."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyocd.core import exceptions

from harness.board.pyocd import flash_job, remote_flash, remote_memory, server_connection
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.board.pyocd.remote_probe import RemoteProbe
from harness.board.pyocd.server_connection import Request
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError
from harness.image.build import Image, build_image
from harness.model.folder import find_model
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Pyocd, Target
from tests.support.assembly_bench import cross_compiler
from tests.support.pyocd_sessions import pyocd_server

ROOT = Path(__file__).parents[2]
CHIPS = {"virtual-stm32": "stm32f429xi", "virtual-nrf52840": "nrf52840"}
_TRIPS, _TRIPS_UNCHANGED = 85, 75  # of a session: 67 to 72, and 58 to 63


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A directory for the boards of these tests alone."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        yield


def image_of(target: Target, model: str) -> Image:
    cross_compiler()
    found = find_model(model, [ROOT / "models"])
    return build_image(target, found, find_engine("cmsis-nn"), ROOT / "build" / "images")


@contextmanager
def remote_board(name: str) -> Iterator[tuple[VirtualBoard, PyocdBoard, Target]]:
    """A virtual board, and the harness's access to it through pyOCD's server."""
    chip, target = CHIPS[name], find_target(name, [ROOT / "targets"])
    with VirtualBoard.start(chip) as board, pyocd_server(board) as (_, probe):
        reached = Pyocd(target=chip, probe=probe, serial=board.port)
        with closing(PyocdBoard(target, reached, Progress(sys.stderr), 0)) as harness:
            yield board, harness, target


@pytest.fixture
def stm32() -> Iterator[tuple[VirtualBoard, PyocdBoard, Target]]:
    with remote_board("virtual-stm32") as made:
        yield made


class Trips:
    """Counts round trips: answers that were waited for after something was sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._waits = False
        kind = server_connection.ServerConnection
        monkeypatch.setattr(kind, "_send", self._sending(kind._send))
        monkeypatch.setattr(kind, "_next_answer", self._answering(kind._next_answer))

    def _sending(self, send: Callable[..., None]) -> Callable[..., None]:
        def counted(connection: Any, *arguments: Any) -> None:
            self._waits = self._waits or bool(connection._to_send)
            send(connection, *arguments)

        return counted

    def _answering(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.count += self._waits
            self._waits = False
            return answer(*arguments)

        return counted


@pytest.mark.parametrize("answer", [[1], [1, 2, 3], [1, -1], [1, 1 << 32], [1, "2"], None, 7])
def test_an_answer_that_is_not_memory_is_an_error_of_the_probe(answer: Any) -> None:
    with pytest.raises(exceptions.ProbeError, match="not 2 words"):
        remote_memory._bytes(range(0x2000_0001, 0x2000_0006), answer)


@pytest.mark.parametrize("name", CHIPS)
def test_a_session_takes_few_round_trips(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It connects, identifies the chip, programs it, reads it back, starts it and disconnects."""
    monkeypatch.setattr(flash_job, "_PAUSE", 0.1)  # looks cost no time while the chip is busy
    trips = Trips(monkeypatch)
    with remote_board(name) as (_, harness, target):
        image = image_of(target, "digits")
        harness.start(image)
        harness.stop()
        changed, trips.count = trips.count, 0
        harness.start(image)
        harness.stop()
    assert changed < _TRIPS
    assert trips.count < _TRIPS_UNCHANGED


@pytest.mark.parametrize("name", ["virtual-stm32"])
def test_flash_holds_the_image_and_what_else_was_in_its_sectors(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several tables of calls, too. The board is read back through its own probe."""
    monkeypatch.setattr(remote_flash, "_MOST_CALLS", 16)
    with remote_board(name) as (board, harness, target):
        harness.start(image_of(target, "digits"))
        image = image_of(target, "anomaly")
        harness.start(image)
        segments = image.elf.segments()
        contents = [harness.read_memory(s.address, len(s.data)) for s in segments]
        assert contents == [segment.data for segment in segments]
        harness.stop()
        local = Pyocd(target=CHIPS[name], probe=board.probe_id, serial=board.port)
        board.set_fault("write-protected=0")  # nothing differs, so nothing is written
        with closing(PyocdBoard(target, local, Progress(sys.stderr), 0)) as near:
            near.start(image)


def test_bytes_beside_the_image_are_kept(stm32: tuple[VirtualBoard, PyocdBoard, Target]) -> None:
    _, harness, target = stm32
    large, small = image_of(target, "digits"), image_of(target, "anomaly")
    (large, small) = sorted((large, small), key=lambda image: -_end(image))
    harness.start(large)
    beside, size = _end(small), 64
    assert beside + size < _end(large)
    before = harness.read_memory(beside, size)
    harness.start(small)
    assert harness.read_memory(beside, size) == before != b"\xff" * size


def _end(image: Image) -> int:
    last = max(image.elf.segments(), key=lambda segment: segment.address)
    return -(-(last.address + len(last.data)) // 4) * 4


def test_pyocd_programs_a_chip_with_an_unusual_algorithm(
    stm32: tuple[VirtualBoard, PyocdBoard, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_flash, "can_program", lambda *_: False)
    _, harness, target = stm32
    image = image_of(target, "anomaly")
    harness.start(image)
    segment = image.elf.segments()[0]
    assert harness.read_memory(segment.address, len(segment.data)) == segment.data


def test_an_algorithm_that_fails_says_where(
    stm32: tuple[VirtualBoard, PyocdBoard, Target],
) -> None:
    board, harness, target = stm32
    board.set_fault("write-protected=1")
    with pytest.raises(InfrastructureError, match=r"flash cannot be erased: .*address 0x08004000"):
        harness.start(image_of(target, "digits"))
    assert harness.diagnosis().text


def test_a_stuck_bit_is_noticed(stm32: tuple[VirtualBoard, PyocdBoard, Target]) -> None:
    board, harness, target = stm32
    image = image_of(target, "digits")
    segment = image.elf.segments()[0]
    offset = next(i for i, value in enumerate(segment.data) if not value & 1)
    board.set_fault(f"stuck-bit={segment.address + offset:#x}:0")
    with pytest.raises(InfrastructureError, match="verification failed"):
        harness.start(image)


def test_a_write_that_fails_is_an_error_of_its_operation(
    stm32: tuple[VirtualBoard, PyocdBoard, Target],
) -> None:
    """And the next operation is free of it."""
    _, harness, target = stm32
    harness.start(image_of(target, "digits"))
    begin = target.memory.ram.origin
    for _ in range(2):
        with pytest.raises(InfrastructureError, match="writing memory: memory cannot be accessed"):
            harness.write_memory(0x6000_0000, bytes(4000))
        with pytest.raises(InfrastructureError, match="reading memory: memory cannot be accessed"):
            harness.read_memory(0x6000_0000, 4000)
        harness.write_memory(begin, bytes(range(100)))
        assert harness.read_memory(begin, 100) == bytes(range(100))


# Pipelined requests, without a server


class Script:
    """Answers requests as `fails` says: those with these numbers fail."""

    def __init__(self, fails: set[int]) -> None:
        self._fails = fails
        self._requests: list[Request] = []

    def request(self, name: str, *_: Any) -> Request:
        self._requests.append(Request(len(self._requests), name))
        return self._requests[-1]

    def wait(self, request: Request) -> None:
        for each in self._requests[: request.number + 1]:
            each.answer = {"id": each.number, "status": 12, "error": f"#{each.number}"}
            if each.number not in self._fails:
                each.answer = {"id": each.number, "status": 0, "result": each.number}


@given(st.lists(st.tuples(st.sampled_from(["write", "read", "later"]), st.booleans())))
def test_each_failed_write_is_reported_by_the_next_operation_that_waits(
    steps: list[tuple[str, bool]],
) -> None:
    """The first of several in a row; the others fail because of it."""
    probe: Any = RemoteProbe("localhost:1")
    probe._connection = Script({i for i, (_, fails) in enumerate(steps) if fails})
    open_failures: list[int] = []
    later: list[tuple[int, Callable[[], int]]] = []

    def check(number: int, value: Callable[[], int], *, fails: bool) -> None:
        before = [each for each in open_failures if each < number]
        open_failures[:] = [each for each in open_failures if each > number]
        expected = before[0] if before else number if fails else None
        if expected is None:
            assert value() == number
            return
        with pytest.raises(exceptions.TransferFaultError, match=rf"#{expected}\b"):
            value()

    for number, (kind, fails) in enumerate(steps):
        if kind == "write":
            probe.write_ap(0, 0)
            open_failures += [number] * fails
        elif kind == "read":
            check(number, lambda: probe.read_ap(0), fails=fails)
        else:
            later.append((number, probe.read_ap(0, now=False)))
    for number, value in later:
        check(number, value, fails=steps[number][1])
    with ExitStack() as last:
        if open_failures:
            last.enter_context(
                pytest.raises(exceptions.TransferFaultError, match=rf"#{open_failures[0]}\b")
            )
        probe.flush()
