"""DebugMonitor: debug events without a debugger (Armv7-M ARM, C1.5 and C1.6.5)."""

from itertools import pairwise
from pathlib import Path

import pytest

from harness.simulator import scs
from harness.simulator.halting_debug import DFSR_BKPT, DFSR_DWTTRAP, DFSR_HALTED, TRCENA
from tests.support.assembly_bench import Bench, running, wait_for

DEMCR, DFSR, COMP0 = 0xE000_EDFC, 0xE000_ED30, 0xE000_1020
MON_EN, MON_PEND, MON_STEP, MON_REQ = (1 << bit for bit in range(16, 20))
RAM = 0x2000_8000
HANDLERS = {3: "hard", 4: "other", 11: "svcall", 12: "monitor", 16: "irq0"}
ENDS = """
    hard: note 3
    other:
    irq0: b .
    svcall: bx lr
"""
SKIP = "ldr r5, [sp, #24]\n adds r5, #2\n str r5, [sp, #24]\n"


def monitored(tmp_path: Path, source: str) -> list[int]:
    """Return the results of a program that runs without a debugger and ends with a sleep."""
    with running(tmp_path, f"{source}\n{ENDS}", HANDLERS, wait=False) as bench:
        free(bench)
        return list(bench.results)


def free(bench: Bench) -> None:
    bench.core.debug.control = 0
    bench.core.power_on()
    wait_for(lambda: bench.core.sleeping or bench.failed())


def test_a_breakpoint_instruction(tmp_path: Path) -> None:
    """The stacked address is that of the BKPT; DFSR says what happened."""
    source = f"""start: poke {DEMCR:#x}, {MON_EN:#x}
        ldr r6, =here
        nop
    here: bkpt #7
        note 2
        wfi
    monitor: mrs r4, ipsr
        put r4
        ldr r4, [sp, #24]
        subs r4, r6
        put r4
        ldr r4, ={DFSR:#x}
        ldr r5, [r4]
        str r5, [r4]
        put r5
        {SKIP}
        bx lr
    """
    assert monitored(tmp_path, source) == [12, 0, DFSR_BKPT, 2]


@pytest.mark.parametrize(
    ("prepare", "enable"),
    [
        ("nop", 0),
        ("cpsid i", MON_EN),
        ("movs r0, #0x80\n msr basepri, r0", MON_EN),
    ],
    ids=["off", "primask", "basepri"],
)
def test_a_breakpoint_that_cannot_reach_the_monitor(
    tmp_path: Path, prepare: str, enable: int
) -> None:
    source = f"""start: poke {DEMCR:#x}, {enable:#x}
        poke 0xE000ED20, 0x80   @ the priority of DebugMonitor
        {prepare}
        bkpt #1
        note 2
        wfi
    monitor: note 12
        {SKIP}
        bx lr
    hard: ldr r4, ={DFSR:#x}
        ldr r5, [r4]
        put r5
        ldr r5, =0xE000ED2C
        ldr r5, [r5]
        lsrs r5, #30
        put r5
        {SKIP}
        bx lr
    other:
    irq0: b .
    svcall: bx lr
    """
    with running(tmp_path, source, HANDLERS, wait=False) as bench:
        free(bench)
        assert bench.results == [DFSR_BKPT, 2, 2]


def test_a_watchpoint(tmp_path: Path) -> None:
    """It is taken after the access; one that cannot be taken is lost."""
    source = f"""start: ldr r7, ={RAM:#x}
        poke {DEMCR:#x}, {MON_EN | TRCENA:#x}
        poke {COMP0:#x}, {RAM:#x}
        poke {COMP0 + 4:#x}, 2
        poke {COMP0 + 8:#x}, 6
        b 1f
    1:  ldr r6, =here
        str r7, [r7]
    here: note 1
        cpsid i
        str r7, [r7]
        cpsie i
        note 2
        wfi
    monitor: ldr r4, [sp, #24]
        subs r4, r6
        adds r4, #1
        put r4
        ldr r4, ={DFSR:#x}
        ldr r5, [r4]
        put r5
        bx lr
    """
    assert monitored(tmp_path, source) == [1, DFSR_DWTTRAP, 1, 2]


def test_single_steps(tmp_path: Path) -> None:
    """After each instruction that MON_STEP lets the program execute, the monitor runs."""
    source = f"""start: movs r0, #0
        movs r6, #0
        poke {DEMCR:#x}, {MON_EN | MON_PEND:#x}
        nop
        b 1f
    1:  adds r0, #1
        adds r0, #1
        adds r0, #1
        note 99
        wfi
    monitor: put r0
        ldr r4, ={DEMCR:#x}
        ldr r3, [r4]
        put r3
        adds r6, #1
        cmp r6, #5
        ite lo
        ldrlo r5, ={MON_EN | MON_STEP:#x}
        movhs r5, #0
        str r5, [r4]
        ldr r4, ={DFSR:#x}
        ldr r5, [r4]
        str r5, [r4]
        put r5
        bx lr
    """
    found = monitored(tmp_path, source)
    assert found[-1] == 99
    counts, control, status = found[:-1:3], found[1:-1:3], found[2:-1:3]
    assert status == [0, *[DFSR_HALTED] * 4]
    assert counts[-1] > counts[0]
    assert all(after - before in (0, 1) for before, after in pairwise(counts))
    assert control == [MON_EN, *[MON_EN | MON_STEP] * 4]


def test_pending_by_software(tmp_path: Path) -> None:
    """MON_PEND reads what is pending; MON_REQ is a bit for software; a reset clears both."""
    source = f"""start: cpsid i
        poke {DEMCR:#x}, {MON_PEND | MON_REQ | TRCENA:#x}
        ldr r4, ={DEMCR:#x}
        ldr r5, [r4]
        put r5
        poke {DEMCR:#x}, {MON_REQ | TRCENA:#x}
        ldr r5, [r4]
        put r5
        cpsie i
        note 1
        poke {DEMCR:#x}, {MON_PEND | MON_REQ | TRCENA:#x}
        isb
        note 2
    1:  wfi
        b 1b
    monitor: note 12
        bx lr
    """
    with running(tmp_path, f"{source}\n{ENDS}", HANDLERS, wait=False) as bench:
        free(bench)
        pend = MON_PEND | MON_REQ | TRCENA
        assert bench.results == [pend, pend & ~MON_PEND, 1, 12, 2]
        with bench.core.stopped():
            bench.core.debug.control = 1
            bench.core.halt()
            bench.core.reset_now()
            assert bench.core.debug.read(scs.DEMCR) == TRCENA


def test_a_debugger_takes_the_events_over(tmp_path: Path) -> None:
    """With C_DEBUGEN the core halts, whatever MON_EN says."""
    source = f"""start: poke {DEMCR:#x}, {MON_EN:#x}
        bkpt #7
    monitor: b .
    """
    with running(tmp_path, f"{source}\n{ENDS}", HANDLERS) as bench:
        assert bench.core.halted
        assert bench.core.debug.dfsr & DFSR_BKPT


def test_a_breakpoint_of_the_breakpoint_unit(tmp_path: Path) -> None:
    """Its registers say: six for instructions, two for literals, and that it cannot remap."""
    source = f"""start: ldr r4, =0xE0002000
        ldr r5, [r4]
        put r5
        ldr r5, =0x20000001
        str r5, [r4, #0x20]     @ COMP6, for literals
        ldr r5, [r4, #0x20]
        put r5
        ldr r5, [r4, #4]
        put r5
        poke {DEMCR:#x}, {MON_EN:#x}
        ldr r6, =here
        bic r6, r6, #1
        movs r5, #3
        str r5, [r4]
        ldr r5, =0x40000001     @ the lower halfword
        orr r5, r6
        str r5, [r4, #8]
        b 1f
        .align 2
    1:  nop
        nop
    here: note 2
        wfi
    monitor: ldr r5, [sp, #24]
        subs r5, r6
        put r5
        movs r5, #0
        str r5, [r4, #8]
        bx lr
    """
    assert monitored(tmp_path, source) == [0x260, 0x2000_0001, 0, 0, 2]
