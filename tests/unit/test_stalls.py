"""A stop of an emulator, or of the harness, costs retries and ends no run."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from harness.board.board_options import BoardOptions
from harness.board.provision import provision
from harness.engines.registry import find_engine
from harness.image.build import build_image
from harness.link import batch, exchange, link_client
from harness.link.link_client import LinkClient
from harness.model.folder import find_model
from harness.support.progress import Progress
from harness.target.find_target import find_target
from tests.support import host
from tests.support.devices import opened

ROOT = Path(__file__).parents[2]
STOPPED = 1.2
"""Seconds; with the deadlines of these tests, a silent device is given up after 0.5 s."""

TARGETS = [
    pytest.param(
        target,
        marks=pytest.mark.skipif(
            not all(map(shutil.which, programs)), reason=f"{programs} are needed: `make system`"
        ),
    )
    for target, programs in (
        ("qemu-stm32", ("arm-none-eabi-gcc", "qemu-system-arm")),
        ("virtual-stm32", ("arm-none-eabi-gcc",)),
    )
]


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_ANSWER_DEADLINE", 0.1)
    monkeypatch.setattr(link_client, "RUN_DEADLINE", 0.5)


def emulators() -> list[psutil.Process]:
    """Return the emulator that this process owns: the child of a supervisor."""
    return [
        child
        for supervisor in psutil.Process().children()
        for child in supervisor.children(recursive=True)
    ]


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Stop the emulator after some seconds, and let it continue."""

    def stop() -> None:
        time.sleep(seconds)
        for process in emulators():
            process.suspend()
        time.sleep(STOPPED)
        for process in emulators():
            process.resume()

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.parametrize("name", TARGETS)
def test_an_emulator_that_is_stopped_ends_no_session(name: str, tmp_path: Path) -> None:
    target = find_target(name, [ROOT / "targets"])
    model = find_model("digits", [ROOT / "models"])
    image = build_image(target, model, find_engine("cmsis-nn"), ROOT / "build" / "images")
    data = model.vectors.inputs[0].tobytes()
    options = BoardOptions()
    with closing(provision(target, tmp_path, Progress(sys.stderr), options)) as board:
        link = LinkClient(board.start(image), baud=115_200)
        with stopped_after(0.0):
            link.hello(image.build_id, deadline=1.0)
        expected = link.infer(data)
        for seconds in (0.01, 0.05, 0.07):
            end = time.monotonic() + STOPPED + 0.3
            with stopped_after(seconds):
                while time.monotonic() < end:
                    result = link.infer(data)
                    assert result.output == expected.output
        assert link.infer(data).output == expected.output


@pytest.mark.parametrize("name", TARGETS)
def test_an_emulator_that_is_stopped_in_a_batch_ends_no_session(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_LEAST", 0.3)
    target = find_target(name, [ROOT / "targets"])
    model = find_model("digits", [ROOT / "models"])
    image = build_image(target, model, find_engine("cmsis-nn"), ROOT / "build" / "images")
    with opened(
        target, model, image, tmp_path, board_options=BoardOptions(input_via="debug")
    ) as dut:
        session = dut._opened
        queue = session.queue(image)
        assert queue is not None
        inputs = [dut._packed([values]) for values in model.vectors.inputs[:20]]
        expected = [session.measure(data, "a vector").output for data in inputs]
        for seconds in (0.0, 0.02):
            end = time.monotonic() + STOPPED + 0.3
            with stopped_after(seconds):
                while time.monotonic() < end:
                    results = session.measure_batch(inputs, range(20), queue)
                    assert [result.output for result in results] == expected


HARNESS = """
import sys
from harness.link import exchange
from tests.unit.test_link import BUILD_ID, SIZE, link

exchange._ANSWER_DEADLINE = 0.05
with link(sys.argv[1]) as device:
    device.hello(BUILD_ID)
    print("ready", flush=True)
    for _ in range(int(sys.argv[2])):
        assert device.infer(bytes(SIZE)).output == bytes(SIZE)
print("done", flush=True)
"""


def test_a_harness_that_is_stopped_ends_no_session(tmp_path: Path) -> None:
    firmware = host.build_firmware(tmp_path, "identity")
    command = [sys.executable, "-c", HARNESS, str(firmware), "1500"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        for _ in range(4):
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.6)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        output, errors = process.communicate(timeout=120)
    assert output == "done\n", errors
