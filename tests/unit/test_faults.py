"""What a person reads, and what is left behind, when a board behind a probe fails.

Virtual boards are driven as real ones are: the `harness` command, a target file of kind
`pyocd`, pyOCD and a serial port. Every fault that they can be given is given once.
"""

import os
import random
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path

import pytest
from pyocd.probe.aggregator import DebugProbeAggregator

from harness.board.board_options import BoardOptions
from harness.elf import Elf
from harness.engines import registry
from harness.engines.registry import Generated, find_engine
from harness.errors import ExitCode, InfrastructureError
from harness.image.build import build_image
from harness.link import exchange, link_client
from harness.link.link_client import LinkClient
from harness.measure import core_clock
from harness.model.folder import load_model
from harness.model.graph import Graph
from harness.results.recording import record_run
from harness.runs.link_dut import LinkDut
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support import machine_lock
from harness.support.lease import Lease
from harness.target.find_target import load_target
from harness.workspace import Workspace
from tests.support.devices import opened
from tests.support.repository import (
    BEHAVE,
    DATA,
    FAIL,
    HANG,
    LOCK_UP,
    OVERFLOW,
    READ_UNMAPPED,
    RESTART,
    UNDEFINED,
    Repository,
    line_of,
)

CHIP = "stm32f429xi"
LOST = (
    "harness: desk: the board is set aside, because it does not come back; its other runs are not "
    "tried\n"
)
THRICE = 24.0
"""Seconds for a run that hangs, and hangs again after a reset and a reflash."""
COMPUTING = 5_000_000
"""Instructions without sleep: more than anything but a vector that hangs."""

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the boards of these tests, and no others, are found; empty in the end."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        # Once a board is gone, its terminal's name may be that of another session's board.
        patch.setattr(machine_lock, "_PREFIX", str(path))
        DebugProbeAggregator.get_all_connected_probes()  # libusb opens a socket for good
        yield path
        assert list(path.iterdir()) == []
        assert str(path) not in Path("/proc/net/unix").read_text()


@pytest.fixture(scope="module")
def board(folder: Path) -> Iterator[VirtualBoard]:
    """A board that the faults of most tests leave as it was."""
    with VirtualBoard.start(CHIP) as started:
        yield started


@contextmanager
def board_with(fault: str = "") -> Iterator[VirtualBoard]:
    """A board of one test's own, with a fault from the start."""
    with VirtualBoard.start(CHIP, faults=[fault] if fault else []) as started:
        yield started


def run(
    repository: Repository,
    board: VirtualBoard,
    *behaviours: int,
    engine: str = "misbehaving",
) -> tuple[int, str]:
    """Run vectors of these `behaviours` on `board`; nothing that was opened stays open."""
    behind(repository, board)
    repository.answers(*behaviours)
    before = handles()
    result = repository.run(engine, "--target", "desk")
    end = time.monotonic() + 1
    while left := handles() - before:  # a thread of the test may talk to the board just now
        assert time.monotonic() < end, left
    for resource in (f"probe {board.probe_id}", f"port {board.port}"):
        Lease(resource, wait=0).release()
    return result


def behind(repository: Repository, board: VirtualBoard) -> None:
    """Write the target `desk`, which is behind the probe of `board`."""
    table = (
        f'kind = "pyocd", target = "{CHIP}", probe = "{board.probe_id}", serial = "{board.port}", '
        "chip_id = { address = 0xE004_2000, mask = 0xFFF, value = 0x419 }"
    )
    repository.target("desk", board=table)


def handles() -> set[str]:
    """Return the sockets and terminals that this process holds open, and its children."""
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists()]
    held = [link for link in links if link.startswith(("socket:", "/dev/pts/"))]
    children: list[str] = []
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):  # a thread that has just ended
            children += task.read_text().split()
    return {*held, *children}


def fails(
    repository: Repository,
    board: VirtualBoard,
    *behaviours: int,
    engine: str = "misbehaving",
    within: float = 8,
) -> str:
    """Return what a run says that ends with an error, in time, and without a record."""
    begin = time.monotonic()
    code, text = run(repository, board, *behaviours, engine=engine)
    assert time.monotonic() - begin < within
    assert code == ExitCode.INFRASTRUCTURE, text
    assert "Traceback" not in text
    assert repository.records() == []
    return text


def works(repository: Repository, board: VirtualBoard) -> None:
    """The next run finds the board as if nothing had been."""
    assert run(repository, board, BEHAVE, BEHAVE) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert record.verdict == "passed"
    assert record.retries == 0


def test_the_desk_of_these_tests_is_sound(repository: Repository, board: VirtualBoard) -> None:
    works(repository, board)


# Probe and power


def test_the_clock_of_a_board_behind_a_probe_is_measured(
    repository: Repository, board: VirtualBoard, cycles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its instructions are said to be cycles, so its clock is how fast this machine emulates it."""
    monkeypatch.setattr(core_clock, "APART", 0.2)
    monkeypatch.setattr(core_clock, "_VAGUE", 1.0)
    behind(repository, board)
    path = repository.root / "targets" / "desk.toml"
    path.write_text(path.read_text().replace('"instructions"', '"cycles"'))
    repository.answers(BEHAVE)
    assert repository.run("misbehaving", "--target", "desk") == (ExitCode.PASSED, "")
    (record,) = repository.records()
    clock, time = record.numbers["clock"], record.numbers["latency_median"]
    assert clock.value > 1e6
    assert time.value == pytest.approx(record.ticks[0] / clock.value)
    assert time.error == clock.error


def test_a_board_without_power_is_explained(repository: Repository, board: VirtualBoard) -> None:
    board.set_fault("no-power")
    assert fails(repository, board, BEHAVE) == (
        f"harness: probe {board.probe_id}: connecting: Target not detected. Check connection to "
        "target. Potentially reduce debug clock.\n"
        "  -> check the target's power and the SWD wiring: SWDIO, SWCLK, GND, nRESET. Some locked "
        "chips do not answer either: only the vendor's tool or boot loader unlocks them\n"
    )
    board.set_fault("none")
    works(repository, board)


def test_a_probe_that_is_busy_is_explained(repository: Repository, board: VirtualBoard) -> None:
    board.set_fault("probe-busy")
    text = fails(repository, board, BEHAVE)
    assert text.startswith(f"harness: probe {board.probe_id}: connecting: ")
    assert "another session has it open\n  -> is another program using it? On Linux a udev" in text
    board.set_fault("none")
    works(repository, board)


def test_another_chip_is_refused_before_it_is_touched(
    repository: Repository, board: VirtualBoard
) -> None:
    with board_with("wrong-chip=stm32l475xg") as other:
        assert fails(repository, other, BEHAVE) == (
            f"harness: probe {other.probe_id}: the chip is not a stm32f429xi: "
            "0xe0042000 reads 0x415, not 0x419\n"
            "  -> is this the right board? --probe selects another, --target=auto reads which chip "
            "it is\n"
        )
    works(repository, board)


def test_a_board_that_loses_power_while_it_computes(
    repository: Repository, board: VirtualBoard
) -> None:
    with while_it_computes(board, "no-power"):
        text = fails(repository, board, BEHAVE, HANG)
    assert text.startswith("harness: ")
    assert "No ACK received\n  -> check the target's power" in text
    board.set_fault("none")
    works(repository, board)


def test_a_board_that_is_unplugged_while_it_computes(repository: Repository) -> None:
    with board_with() as own:
        with while_it_computes(own, "unplug"):
            text = fails(repository, own, BEHAVE, HANG)
        # Without the probe, nobody knows how far the batch has come.
        which = r"(vector 1|vectors 0 to 1): the device closed the line"
        assert re.match(rf"harness: desk \({re.escape(own.port)}\): {which}", text)
        assert "the probe was unplugged" in text
        assert "\n  -> plug it in again\nthe board does not come back: reset after '" in text
        assert text.endswith(f"; then 'there is no such probe; connected: none'\n{LOST}")
    plugged_in_again(repository, own)


def test_a_brown_out_while_it_computes_is_explained(
    repository: Repository, board: VirtualBoard
) -> None:
    with while_it_computes(board, "brown-out=1000"):
        text = fails(repository, board, BEHAVE, HANG)
    assert text == (
        f"harness: desk ({board.port}): vector 1: the device restarted in the middle of a session\n"
        "  -> check its power supply, watchdog and reset line\n"
    )
    works(repository, board)


# Flash


def test_a_write_protected_sector_is_explained_every_time(repository: Repository) -> None:
    with board_with("write-protected=0") as own:
        for _ in range(2):
            text = fails(repository, own, BEHAVE)
            assert text.startswith(f"harness: probe {own.probe_id}: programming flash: ")
            assert "flash cannot be erased: " in text
            assert "(address 0x08000000; " in text
            assert "\n  -> is the sector write-protected, or the chip locked?" in text


def test_a_stuck_bit_of_flash_is_named(repository: Repository, board: VirtualBoard) -> None:
    works(repository, board)
    (image,) = repository.images()
    segment = Elf(repository.root / "build" / "images" / image / "firmware.elf").segments()[0]
    # Not in the vector table or the first code: the image is to be flashed, not run.
    offset = next(i for i in range(1000, len(segment.data)) if not segment.data[i] & 4)
    address, byte = segment.address + offset, segment.data[offset]
    (record,) = (repository.root / "reports" / "runs").iterdir()
    record.unlink()
    with board_with(f"stuck-bit={address:#x}:2") as own:
        text = fails(repository, own, BEHAVE)
    assert f"{address:#010x} reads {byte | 4:#04x}, {byte:#04x} was written\n" in text
    assert text.startswith(f"harness: probe {own.probe_id}: verification failed: ")


@pytest.mark.parametrize("transfers", [0, 30])
def test_a_board_that_is_unplugged_while_it_is_flashed(
    repository: Repository, transfers: int
) -> None:
    with board_with(f"unplug-during-flash={transfers}") as own:
        text = fails(repository, own, BEHAVE)
        assert text.startswith(f"harness: probe {own.probe_id}: programming flash: the probe was ")
        assert text.endswith(f"\n  -> plug it in again\n{LOST}")
        text = fails(repository, own, BEHAVE)
        assert text.startswith(f"harness: probe {own.probe_id}: there is no such probe; connected")
    plugged_in_again(repository, own)


def plugged_in_again(repository: Repository, board: VirtualBoard) -> None:
    with VirtualBoard.start(CHIP, serial=board.probe_id) as again:
        works(repository, again)


@contextmanager
def while_it_computes(board: VirtualBoard, fault: str) -> Iterator[None]:
    """Give `board` the fault once it computes for longer than anything but HANG does."""

    def wait() -> None:
        since = 0
        while True:
            status = board.status()
            if status["sleeping"] or status["halted"]:
                since = status["instructions"]
            elif status["instructions"] - since > COMPUTING:
                break
            time.sleep(0.02)
        with suppress(InfrastructureError):  # who unplugs it may get no answer
            board.set_fault(fault)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


# The serial line


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that waits for a lost answer a tenth as long as it does for real devices."""
    monkeypatch.setattr(exchange, "_ANSWER_DEADLINE", 0.3)
    monkeypatch.setattr(exchange, "_WATCH_PERIOD", 0.2)


EXCHANGE = {"to-device": 24, "to-host": 44}
"""Bytes that a vector of four takes: LOAD and RUN; two ACKs and RESULT."""


@pytest.mark.parametrize("direction", EXCHANGE)
@pytest.mark.parametrize("harm", ["drop", "corrupt", "double", "delay"])
def test_a_line_that_harms_a_byte_harms_no_number(
    repository: Repository, board: VirtualBoard, impatient: None, harm: str, direction: str
) -> None:
    """In any part of requests and answers, their delimiters included."""
    behind(repository, board)
    repository.answers(*range(20, 23))
    retries = 0
    with session(repository) as dut:
        ticks = dut.run().ticks
        for place in (0, 1, 6, EXCHANGE[direction] - 1, EXCHANGE[direction] + 9):
            board.set_fault(f"serial-{harm}={direction}:{place}{':0.4' * (harm == 'delay')}")
            run = dut.run()
            assert run.outputs.tolist() == run.vectors.inputs.tolist()
            assert run.ticks.tolist() == ticks.tolist()
            record_run(run, Workspace(repository.root))
            retries += run.retries
    assert retries > 0
    assert sum(record.retries for record in repository.records()) == retries


def test_bursts_of_noise_cost_retries_and_no_run(
    repository: Repository, board: VirtualBoard, impatient: None
) -> None:
    """50 bursts of 1 to 900 bytes in 1,000 inferences, in both directions."""
    rng = random.Random("noise")
    behind(repository, board)
    repository.answers(*([BEHAVE] * 250))
    with session(repository) as dut:
        ticks = dut.run().ticks.tolist()
        retries = 0
        for _ in range(4):
            for place in range(13):
                direction = ("to-device", "to-host")[place % 2]
                index = rng.randrange(250 * EXCHANGE[direction])
                board.set_fault(f"serial-noise={direction}:{index}:{rng.randint(1, 900)}")
            run = dut.run()
            assert run.outputs.tolist() == run.vectors.inputs.tolist()
            assert run.ticks.tolist() == ticks
            retries += run.retries
    assert retries > 30  # a burst can spoil what another has spoilt


@pytest.mark.parametrize("place", ["to-device:0", "to-device:5", "to-host:3", "to-host:30"])
def test_a_byte_that_is_lost_in_hello_is_no_matter(
    repository: Repository, board: VirtualBoard, place: str
) -> None:
    board.set_fault(f"serial-drop={place}")
    works(repository, board)


@contextmanager
def session(repository: Repository) -> Iterator[LinkDut]:
    """A session with the misbehaving model on the target that was written last.

    Inputs go over the serial line, whose noise is the matter.
    """
    images = Workspace(repository.root).images
    target = load_target(repository.root / "targets" / "desk.toml")
    model = load_model(repository.root / "models" / "small")
    image = build_image(target, model, find_engine("misbehaving"), images)
    options = BoardOptions(input_via="serial")
    with opened(target, model, image, repository.root, board_options=options) as dut:
        yield dut


def test_a_line_that_is_whole_again_needs_no_retries(
    repository: Repository, board: VirtualBoard
) -> None:
    works(repository, board)


# Firmware

FAULTS = {
    "undefined instruction": (
        UNDEFINED,
        [
            "vector 2: HardFault: UNDEFINSTR: undefined instruction\n",
            f"pc execute_undefined model.c:{line_of('udf #0')} (0x08",
            f"called from nn_invoke model.c:{line_of('  execute_undefined();')} (0x08",
        ],
    ),
    "unmapped address": (
        READ_UNMAPPED,
        [
            "vector 2: HardFault: PRECISERR: bus error on a data access\n",
            "address 0x60000000\n",
            f"pc read_unmapped model.c:{line_of('(void)UNMAPPED')} (0x08",
        ],
    ),
    "stack overflow": (
        OVERFLOW,
        ["STKERR: bus error while entering an exception (stack overflow?)", "`stack` in the "],
    ),
    "restart": (
        RESTART,
        ["vector 2: the device restarted in the middle of a session\n", "check its power supply"],
    ),
    "lock-up": (
        LOCK_UP,
        [
            "vector 2: the core is in lockup: UNDEFINSTR: undefined instruction\n",
            "called from nn_invoke model.c:",
        ],
    ),
    "error of the engine": (FAIL, ["vector 2: the engine: layer 2 failed\n"]),
}


@pytest.mark.parametrize("what", FAULTS)
def test_firmware_that_fails_is_explained(
    repository: Repository, board: VirtualBoard, what: str
) -> None:
    """The probe halts the core before the firmware's own handler runs, which is noticed soon."""
    behaviour, texts = FAULTS[what]
    text = fails(repository, board, BEHAVE, BEHAVE, behaviour, BEHAVE)
    assert text.startswith("harness: desk")
    for expected in texts:
        assert text.count(expected) == 1
    works(repository, board)


def test_an_inference_that_does_not_end_says_where_it_was(
    repository: Repository,
    board: VirtualBoard,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_client, "RUN_DEADLINE", 0.3)
    text = fails(repository, board, BEHAVE, HANG, within=THRICE)
    late = (
        r"(a batch of \d+ inferences|the inference) did not end within 0\.3 s"  # by the host's load
    )
    assert re.search(rf"vector 1: {late}\n", text)
    assert f"the core was at nn_invoke model.c:{line_of('case HANG') + 1}" in text
    assert re.search(
        f"bytes used\nthe board does not come back: reset after '{late}'(; then '{late}')?\n"
        "  -> the device hangs, or it is too slow for this model\n",
        text,
    )
    works(repository, board)


def test_silent_firmware_says_where_it_was(
    repository: Repository, board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinkClient, "hello", partialmethod(LinkClient.hello, deadline=1))
    text = fails(repository, board, BEHAVE, engine="silent", within=THRICE)
    assert "the device did not answer HELLO within 1 s\nno byte came from it\n" in text
    assert "\nthe core was at nn_init model.c:" in text
    works(repository, board)


# Firmware that does not get as far as an answer

C = """\
#include "nn.h"
#define REGISTER(address) (*(volatile uint32_t *)(address))
#define VTOR REGISTER(0xE000ED08U) /* Armv7-M ARM, B3.2 and B3.3 */
#define AIRCR REGISTER(0xE000ED0CU)
static int8_t tensor[4];
static uint32_t vectors[128] __attribute__((aligned(512)));
static void restart(void) {
    AIRCR = 0x05FA0004U;
    for (;;) {
    }
}
int nn_init(void) {
    for (unsigned i = 0; i < 128U; i++) {
        vectors[i] = (uint32_t)restart; /* whatever happens */
    }
    %s;
    return 0;
}
nn_tensor_t nn_input(void) { return (nn_tensor_t){tensor, sizeof(tensor)}; }
nn_tensor_t nn_output(void) { return nn_input(); }
int nn_invoke(void) { return 0; }
uint32_t nn_arena_size(void) { return 4; }
"""
EARLY = {
    "a fault": (
        '__asm volatile("udf #0")',
        ["harness: desk: HardFault: UNDEFINSTR: undefined instruction\n    pc nn_init model.c:"],
    ),
    "a reset": (
        "restart()",
        [
            ": the device did not answer HELLO within 1 s\nno byte came from it\nthe core was at ",
            "\nit keeps resetting: a watchdog, the power supply, or the firmware itself?\n",
        ],
    ),
    "a reset after it has said that it starts": (
        "VTOR = (uint32_t)vectors",  # the first byte that it receives resets it
        [
            ": the device restarted 5 times without answering HELLO\n",
            "  -> check its power supply, watchdog and reset line\n",
        ],
    ),
}


@dataclass(frozen=True)
class Early:
    """An engine that writes the C above."""

    code: str
    name: str = "early"
    version: str = "written here"

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:
        (directory / "model.c").write_text(C % self.code)
        shutil.copy(DATA / "firmware" / "misbehaving" / "model.cmake", directory)
        return Generated((directory / "model.c",), directory / "model.cmake", 4, 0, (), self.code)


@pytest.mark.parametrize("what", EARLY)
def test_firmware_that_fails_at_start_is_explained(
    repository: Repository, board: VirtualBoard, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, texts = EARLY[what]
    monkeypatch.setitem(registry.ENGINES, "early", Early(code))
    monkeypatch.setattr(LinkClient, "hello", partialmethod(LinkClient.hello, deadline=1))
    text = fails(repository, board, BEHAVE, engine="early", within=THRICE)
    for expected in texts:
        assert expected in text
    works(repository, board)
