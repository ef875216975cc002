"""Firmware that polls memory for a debugger's data takes no processor time, and wakes at once."""

import math
import time
from pathlib import Path

import pytest

from harness.simulator.polling import PollingDetector
from tests.support.assembly_bench import Bench, running

FLAG = 0x2000_4000
_POLL = f"""start:
    ldr r4, ={FLAG:#x}
1:  ldr r1, [r4]
    cmp r1, #0
    beq 1b
    put r1
    bkpt #0
"""
_COUNT = """start:
    ldr r4, =0x20004000
1:  ldr r1, [r4, #4]
    adds r1, #1
    str r1, [r4, #4]
    movs r1, #0
    cmp r1, #0
    beq 1b
"""
_WAIT_FOR_TICKS = """start:
    ldr r4, =0xE0001000
    ldr r5, =0xE000EDFC
    ldr r6, =0x01000000
    str r6, [r5]
    movs r6, #1
    str r6, [r4]
    ldr r5, =0x7FFFFFFF
1:  ldr r1, [r4, #4]
    cmp r1, r5
    blo 1b
"""


def detector_of(bench: Bench, seconds_left: float = math.inf) -> PollingDetector:
    return PollingDetector(bench.core.executor, bench.core.bus.memories, lambda: seconds_left)


def looks(bench: Bench, count: int, detector: PollingDetector | None = None) -> list[bool]:
    """Return what the detector says after each of `count` runs."""
    core, seen = bench.core, []
    detector = detector or detector_of(bench)
    with core.stopped():
        for _ in range(count):
            core.executor.run(core.executor.now() + 2000, lambda: True)
            seen.append(detector.polls())
    return seen


def test_a_loop_that_only_reads_memory_is_polling(tmp_path: Path) -> None:
    with running(tmp_path, _POLL, chip="nrf91", wait=False) as bench:
        assert any(looks(bench, 5))
        with_timer = detector_of(bench, seconds_left=1.5)  # it may change what the loop reads
        runs = [(with_timer.slice, *looks(bench, 1, with_timer)) for _ in range(5)]
        assert set(runs) == {(2_000_000, False)}  # and the loop keeps its speed


@pytest.mark.parametrize("source", [_COUNT, _WAIT_FOR_TICKS], ids=["counter", "ticks"])
def test_a_loop_that_changes_memory_or_reads_time_is_not(tmp_path: Path, source: str) -> None:
    with running(tmp_path, source, chip="nrf91", wait=False) as bench:
        assert not any(looks(bench, 20))


def test_polling_takes_few_instructions_and_ends_with_the_data(tmp_path: Path) -> None:
    with running(tmp_path, _POLL, chip="nrf91", wait=False) as bench:
        time.sleep(0.1)  # the first look comes after two million instructions
        before = bench.core.executor.now()
        time.sleep(0.2)
        assert bench.core.executor.now() - before < 4_000_000
        with bench.core.stopped():
            bench.core.bus.write(FLAG, 4, 5)
        bench.wait()
        assert bench.results == [5]
