"""Where a run of the core ends, nothing is lost and nothing happens twice."""

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest

from harness.simulator.core import Core
from harness.simulator.halting_debug import DEMCR
from harness.simulator.registers import R
from tests.support.assembly_bench import running, wait_for


@pytest.mark.parametrize("portable", [False, True], ids=["machine-code", "python"])
def test_an_event_survives_a_run_that_ends_before_the_wfe(tmp_path: Path, portable: bool) -> None:
    source = """start:
        bkpt #0
        sev
        b wait
    wait: nop
        wfe
        bkpt #1
    """
    with running(tmp_path, source, portable=portable) as bench:
        core = bench.core
        core.executor.pc += 2
        with core.stopped():
            limit = core.executor.now() + 2
            core.executor.run(limit, lambda: True)
            assert core.executor.now() == limit
        core.resume()
        wait_for(lambda: core.halted or core.sleeping)
        assert core.halted


class _Watchdog:
    """Resets `core` at a tick."""

    def __init__(self, core: Core, tick: int) -> None:
        self._core = core
        self._tick: int | None = tick

    def deadline(self) -> int | None:
        return self._tick

    def expire(self) -> None:
        if self._tick is not None and self._core.clock.ticks() >= self._tick:
            self._tick = None
            self._core.request_reset()


def test_a_watchdog_resets_without_a_further_block(tmp_path: Path) -> None:
    source = "start: bkpt #0\n loop: adds r0, #1\n b loop\n"
    with running(tmp_path, source) as bench:
        core, before = bench.core, bench.core.executor.now()
        core.timed.append(_Watchdog(core, core.clock.ticks() + 1000))
        core.executor.pc += 2
        core.resume()
        bench.wait()
        assert core.executor.now() - before in range(1000, 1010)


def test_a_reset_by_a_single_step_for_the_monitor_is_at_once(tmp_path: Path) -> None:
    """The monitor last runs before the store to AIRCR, whose address it notes."""
    source = f"""start:
        ldr r1, =0x20001000
        ldr r0, [r1]
        cmp r0, #0
        bne again
        ldr r2, =0xE000ED0C
        ldr r3, =0x05FA0004
        poke {DEMCR:#x}, 0x50000     @ MON_EN, MON_STEP
        isb
        nop
    at: str r3, [r2]
        b .
    again: ldr r4, =at
        subs r0, r4
        put r0
        wfi
    monitor: ldr r0, [sp, #24]
        str r0, [r1]
        bx lr
    """
    with running(tmp_path, source, {12: "monitor"}, wait=False) as bench:
        bench.core.debug.control = 0
        bench.core.power_on()
        wait_for(lambda: bench.core.sleeping or bench.failed())
        assert bench.results == [0]


def test_a_step_executes_its_instruction_even_if_another_thread_interrupts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "start: bkpt #0\n cmp r0, r0\n itt eq\n addeq r4, #1\n addeq r5, #1\n ldrd r6, r7, [sp]"
    )
    with running(tmp_path, source) as bench:
        executor = bench.core.executor
        start = executor.emulator.start

        def interrupted(pc: int, count: int = 0) -> int:
            executor.interrupt()
            return start(pc, count)

        monkeypatch.setattr(executor.emulator, "start", interrupted)
        executor.pc += 2
        for size in (2, 2, 2, 2, 4):
            expected = executor.pc + size, executor.now() + 1
            bench.core.step()
            assert (executor.pc, executor.now()) == expected
        assert executor.registers.read(R[5]) == 1


def test_resume_does_not_wait_for_a_slow_program(tmp_path: Path) -> None:
    """400,000 accesses to devices take longer than a debugger waits for an answer."""
    slices: list[threading.Thread] = []
    with running(tmp_path, "start: bkpt #0\n 1: b 1b") as bench:
        core, execute = bench.core, bench.core._execute
        core.executor.pc += 2

        def counted(limit: int, ready: Callable[[], bool]) -> None:
            slices.append(threading.current_thread())
            execute(limit, ready)

        with (
            patch.object(core, "_execute", counted),
            patch("harness.simulator.core.monotonic", side_effect=count(0.0, 0.2)),
        ):
            core.resume()
    assert slices.count(threading.current_thread()) == 2  # until 0.5 s have passed
