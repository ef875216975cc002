"""What the harness itself costs, as ratios: `make perf`.

Each figure stands against the same work done without the harness, in turns, so that a
busy machine slows both. Nothing here passes or fails.
"""

import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import serial

from harness.board import provision
from harness.board.reach import Reach
from harness.dut import open_dut
from harness.engines import find_engine
from harness.image import Image, build_image
from harness.link import frame, messages
from harness.link.channel import Channel
from harness.link.client import LinkClient
from harness.link.messages import Message
from harness.model import find_model
from harness.progress import Progress
from harness.run import Run
from harness.selection import DEFAULT_ENGINE
from harness.target import find_target
from harness.workspace import Workspace
from tests import host
from tests.repeated import repeated_image

ROOT = Path(__file__).parent.parent
BUILD_ID = "0" * 32
BAUD = 115200
REPEATS = 200


def main() -> None:
    """Print every figure with its budget."""
    with tempfile.TemporaryDirectory(prefix="harness-perf-") as name:
        folder = Path(name)
        firmware = host.build_firmware(folder / "host", "identity")
        exchange(firmware)
        throttled_line(firmware)
        emulator(folder)
    warm_start()


def exchange(firmware: Path) -> None:
    """One HELLO against raw pyserial on a pty that echoes as many bytes."""
    hello = frame.encode(bytes((Message.HELLO, 0)) + messages.hello(0x12345678))
    with port(["cat"]) as echo, port([str(firmware)]) as device:
        link = LinkClient(Channel(device.fileno(), name="pty"), baud=BAUD)
        link.hello(BUILD_ID)

        def raw() -> None:
            echo.write(hello)
            if echo.read(len(hello)) != hello:
                raise SystemExit("the echo is not what was sent")

        ours, theirs = in_turns(lambda: link._greet(7), raw)
    show("one HELLO / raw pyserial echo", ours / theirs, "≤ 1.5", f"{ours * 1e6:.0f} µs")


def throttled_line(firmware: Path) -> None:
    """How busy a line of 115200 baud is kept while an input is loaded."""
    with port([str(firmware)], bytes_per_second=BAUD / 10) as device:
        link = LinkClient(Channel(device.fileno(), name="pty"), baud=BAUD)
        link.hello(BUILD_ID)
        data = os.urandom(link._session().input_size)
        begin = time.perf_counter()
        for _ in range(5):
            link._load(data)
        took = time.perf_counter() - begin
    payload = 5 * len(data) * 10 / BAUD / took
    # The line is busy with frames, of which so much is payload:
    efficiency = 1000 / len(frame.encode(bytes(1006)))
    show("a throttled line: busy / elapsed", payload / efficiency, "≥ 0.95", f"{took:.2f} s")
    show("payload / bytes on the line", efficiency, "≥ 0.97", "1000 bytes a frame")


def emulator(folder: Path) -> None:
    """A run's time in QEMU against QEMU executing as many instructions without a host."""
    workspace = Workspace(folder)
    target = find_target("qemu-stm32", workspace.targets)
    model = find_model("digits", workspace.models)
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), workspace.images)
    bare_image = repeated_image(image, REPEATS, folder / "repeated")

    def run(which: Image) -> tuple[float, int, Run | None]:
        board = provision(target, workspace.logs, Progress(sys.stderr), Reach())
        progress = Progress(sys.stderr)
        with open_dut(target, model, which, board, workspace, progress, lambda _: None) as dut:
            if which is image:
                result = dut.run()
                return result.inference, int(result.ticks.sum()), result
            begin = time.perf_counter()
            ticks = dut._infer(model.vectors.inputs[0]).ticks
            return time.perf_counter() - begin, ticks, None

    ratios = []
    for _ in range(3):
        seconds, ticks, result = run(image)
        bare_seconds, bare_ticks, _ = run(bare_image)
        ratios.append((seconds / ticks) / (bare_seconds / bare_ticks))
    ratio = statistics.median(ratios)
    show(
        "a run's inferences / bare QEMU",
        ratio,
        "≤ 1.15",
        f"{bare_ticks / bare_seconds / 1e6:.0f} MIPS bare",
    )
    if result is not None:
        streamed = result.vectors.inputs.nbytes
        rate = streamed / (result.wall - result.inference) / 1000
        show(
            "streaming / whole run", 1 - result.inference / result.wall, "apart", f"{rate:.0f} kB/s"
        )


def warm_start() -> None:
    """From the start of pytest to the first inference, the image being built."""
    test = ROOT / "tests" / "data" / "first_inference.py"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--target=qemu-stm32",
    ]
    command += ["--model=digits", str(test)]
    times = []
    for _ in range(4):
        begin = time.time()
        output = subprocess.run(
            [*command, "-s"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
        ).stdout
        first = next(line for line in output.splitlines() if line.startswith("first inference"))
        times.append(float(first.split()[-1]) - begin)
    warm = statistics.median(times[1:])
    show("pytest to first inference / 2 s", warm / 2, "≤ 1", f"{warm:.2f} s")


def in_turns(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Return the median seconds of both, taken in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(2000):
        for function, spent in zip((ours, theirs), times, strict=True):
            begin = time.perf_counter()
            function()
            spent.append(time.perf_counter() - begin)
    return statistics.median(times[0]), statistics.median(times[1])


@contextmanager
def port(command: list[str], bytes_per_second: float | None = None) -> Iterator[serial.Serial]:
    """Open a pty with pyserial; `command` is at its other end, behind a throttle if asked."""
    controller, line = pty.openpty()
    tty.setraw(line)
    if bytes_per_second is None:
        process = subprocess.Popen(command, stdin=controller, stdout=controller)
    else:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=controller)
        sink = process.stdin.fileno() if process.stdin else -1
        threading.Thread(
            target=throttle, args=(controller, sink, bytes_per_second), daemon=True
        ).start()
    try:
        with serial.Serial(os.ttyname(line), timeout=2) as opened:
            yield opened
    finally:
        process.kill()
        process.wait()
        os.close(line)
        os.close(controller)


def throttle(source: int, sink: int, bytes_per_second: float) -> None:
    """Pass bytes on at most as quickly as a serial line would."""
    free = time.perf_counter()
    try:
        while data := os.read(source, 64):
            free = max(free, time.perf_counter()) + len(data) / bytes_per_second
            time.sleep(max(free - time.perf_counter(), 0))
            os.write(sink, data)
    except OSError:
        return


def show(what: str, ratio: float, budget: str, detail: str) -> None:
    """Print one line of the table."""
    print(f"{what:40} {ratio:6.2f}   budget {budget:14} {detail}", flush=True)


if __name__ == "__main__":
    main()
