"""What the harness itself costs, as ratios: `make perf`.

Each figure stands against the same work done without the harness, in turns, so that a
busy machine slows both. Nothing here passes or fails.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from harness.board.board_options import BoardOptions
from harness.board.provision import provision
from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.image.build import Image, build_image
from harness.link import frame, messages
from harness.link.channel import Channel
from harness.link.link_client import LinkClient
from harness.link.messages import Message
from harness.link.protocol import InputVia
from harness.model.folder import Model, find_model
from harness.runs.bench import open_link_dut
from harness.runs.link_dut import LinkDut
from harness.runs.request import RunRequest
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Target
from harness.workspace import Workspace
from tests.perf.carriers import carriers
from tests.perf.computing import computing
from tests.perf.farm import throughput
from tests.perf.interrupts import interrupts
from tests.perf.line import Wire, port
from tests.perf.protocols import protocols
from tests.perf.results import results
from tests.support import host
from tests.support.devices import opened
from tests.support.images import large_image
from tests.support.models import large_input

ROOT = Path(__file__).parents[2]
BUILD_ID = "0" * 32
BAUD = 115200
EMULATORS = ("qemu-stm32", "virtual-stm32")


def main(vectors: int) -> None:
    """Print every figure with its budget; so many keyword vectors go over each carrier."""
    with tempfile.TemporaryDirectory(prefix="harness-perf-") as name:
        folder = Path(name)
        firmware = host.build_firmware(folder / "host", "identity")
        exchange(firmware)
        throttled_line(firmware)
        with protocols(folder / "protocols", vectors, show) as serial:
            carriers(folder / "carriers", vectors, serial, show)
        for target in EMULATORS:
            feeds(folder, target)
        for target in (*EMULATORS, "renode-stm32"):
            computing(folder / "computing", target, show)
        virtual_board(folder)
        interrupts(folder / "interrupts", show)
        throughput(folder / "farm", show)
        results(folder / "year", show)
    for target in EMULATORS:
        warm_start(target)
    for arguments in (["--help"], ["run"], ["list", "models"], ["doctor"]):
        first_line(arguments)


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

        ours, theirs = in_turns(lambda: link._greet(7, 1.0), raw)
    show("one HELLO / raw pyserial echo", ours / theirs, "≤ 1.5", f"{ours * 1e6:.0f} µs")


def throttled_line(firmware: Path) -> None:
    """How busy a line of 115200 baud is kept while an input is loaded."""
    with port([str(firmware)], Wire(BAUD)) as device:
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


def feeds(folder: Path, name: str) -> None:
    """A large input on its way by LOAD against the same written by the debug side."""
    workspace = Workspace(folder)
    target = find_target(name, workspace.targets)
    model = large_input(folder / f"large-{name}", vectors=1)
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), workspace.images)
    with (
        started(target, model, image, workspace) as serial,
        started(target, model, image, workspace, "debug") as debug,
    ):
        rounds = [(_timed(serial)[0], _timed(debug)[0]) for _ in range(5)]
    slow, quick = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    rates = " and ".join(
        f"{model.vectors.inputs[0].nbytes / seconds / 1000:,.0f}" for seconds in (slow, quick)
    )
    show(f"{name}: input of 50 KB, serial / debug", slow / quick, "apart", f"{rates} kB/s")


@contextmanager
def started(
    target: Target, model: Model, image: Image, workspace: Workspace, input_via: InputVia = "serial"
) -> Iterator[LinkDut]:
    """A device of its own that runs `image`."""
    options = BoardOptions(input_via=input_via)
    with opened(target, model, image, workspace.root, board_options=options) as dut:
        yield dut


def _timed(dut: LinkDut, inputs: Any = None) -> tuple[float, float, int]:
    """Return the seconds until RUN, those from RUN to its result, and the ticks."""
    link, waited = dut._link, dut._link.waited
    data = (dut.model.vectors.inputs[0] if inputs is None else inputs).tobytes()
    begin = time.perf_counter()
    ticks = link.infer(data).ticks
    computing = link.waited - waited
    return time.perf_counter() - begin - computing, computing, ticks


def virtual_board(folder: Path) -> None:
    """Flashing 250 KB through pyOCD, and streaming to a virtual board."""
    workspace = Workspace(folder)
    target = find_target("virtual-stm32", workspace.targets)
    model = find_model("digits", workspace.models)
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), workspace.images)
    large = large_image(image, 250_000 - image.flash, folder / "large")
    progress = Progress(sys.stderr)
    with closing(provision(target, workspace.logs, progress, BoardOptions())) as board:
        begin = time.perf_counter()
        with open_link_dut(RunRequest(target, model, workspace), large, board) as dut:
            seconds = time.perf_counter() - begin
            show(
                "virtual-stm32: flash 250 KB / 5 s", seconds / 5, "≤ 1", f"{seconds:.2f} s to HELLO"
            )
            data = model.vectors.inputs[0].tobytes()
            begin = time.perf_counter()
            for _ in range(100):
                dut._link._load(data)
            rate = 100 * len(data) / (time.perf_counter() - begin) / 1000
            show("virtual-stm32: streaming / 100 kB/s", rate / 100, "≥ 1", f"{rate:.0f} kB/s")


def warm_start(name: str) -> None:
    """From the start of pytest to the first inference, the image being built."""
    test = ROOT / "tests" / "data" / "first_inference.py"
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
    command += [f"--target={name}", "--model=digits", str(test)]
    times = []
    for _ in range(4):
        begin = time.time()
        output = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
        ).stdout
        first = next(line for line in output.splitlines() if line.startswith("first inference"))
        times.append(float(first.split()[-1]) - begin)
    warm = statistics.median(times[1:])
    show(f"{name}: pytest to first inference / 2 s", warm / 2, "≤ 1", f"{warm:.2f} s")


def first_line(arguments: list[str]) -> None:
    """From the start of a command to its first output; not a ratio, but what a user waits for."""
    command = [sys.executable, "-m", "harness", *arguments]
    times = []
    for _ in range(4):
        begin = time.perf_counter()
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout
            process.stdout.read(1)
            times.append(time.perf_counter() - begin)
            process.terminate()
            process.stdout.read()
    first = statistics.median(times[1:])
    what = f"harness {' '.join(arguments)}: first line / 0.5 s"
    show(what, first / 0.5, "≤ 1", f"{first:.2f} s")


def in_turns(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Return the median seconds of both, taken in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(2000):
        for function, spent in zip((ours, theirs), times, strict=True):
            begin = time.perf_counter()
            function()
            spent.append(time.perf_counter() - begin)
    return statistics.median(times[0]), statistics.median(times[1])


def show(what: str, ratio: float, budget: str, detail: str) -> None:
    """Print one line of the table."""
    print(f"{what:44} {ratio:6.2f}   budget {budget:14} {detail}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
