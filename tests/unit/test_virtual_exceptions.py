"""Exceptions, interrupts, faults and sleep follow the Armv7-M architecture."""

import time
from pathlib import Path

import pytest

from harness.simulator import scs
from tests.support.assembly_bench import results, running, wait_for

# Interrupts 0 to 3: exceptions 16 to 19, enabled and with priorities 0x40, 0x20, 0x20, 0x60.
_FOUR = "poke 0xE000E100, 0xF\n poke 0xE000E400, 0x60202040\n"
_HANDLERS = {16: "irq0", 17: "irq1", 18: "irq2", 19: "irq3"}


def test_a_higher_priority_preempts_and_a_lower_waits(tmp_path: Path) -> None:
    source = f"""start: {_FOUR}
        poke STIR, 0
        dsb
        isb
        note 1
        bkpt #0
    irq0: note 10
        poke STIR, 3        @ lower: after this
        poke STIR, 1        @ higher: now
        dsb
        isb
        note 11
        bx lr
    irq1: note 20
        poke STIR, 2        @ the same priority: after this, before the one preempted goes on
        dsb
        isb
        note 21
        bx lr
    irq2: note 30
        bx lr
    irq3: note 40
        bx lr
    """
    assert results(tmp_path, source, _HANDLERS) == [10, 20, 21, 30, 11, 40, 1]


def test_priority_grouping_decides_what_preempts(tmp_path: Path) -> None:
    """With PRIGROUP 6 only bit 7 preempts: 0x20 waits for 0x40, but runs before 0x60."""
    source = f"""start: {_FOUR}
        poke 0xE000ED0C, 0x05FA0600
        poke STIR, 0
        dsb
        isb
        bkpt #0
    irq0: poke STIR, 3
        poke STIR, 1
        dsb
        isb
        note 11
        bx lr
    irq1: note 20
        bx lr
    irq3: note 40
        bx lr
    """
    assert results(tmp_path, source, {16: "irq0", 17: "irq1", 19: "irq3"}) == [11, 20, 40]


def test_pending_interrupts_follow_one_another_by_priority(tmp_path: Path) -> None:
    source = f"""start: {_FOUR}
        cpsid i
        poke 0xE000E200, 0xF
        note 1
        cpsie i
        note 2
        bkpt #0
    irq0: note 10
        bx lr
    irq1: note 20
        bx lr
    irq2: note 30
        bx lr
    irq3: note 40
        bx lr
    """
    assert results(tmp_path, source, _HANDLERS) == [1, 20, 30, 10, 40, 2]


@pytest.mark.parametrize(
    ("mask", "unmask", "passed"),
    [
        ("cpsid i", "cpsie i", []),
        ("cpsid f", "cpsie f", []),
        ("movs r0, #0x40\n msr basepri, r0", "movs r0, #0\n msr basepri, r0", [20]),
        ("movs r0, #1\n msr primask, r0", "movs r0, #0\n msr primask, r0", []),
    ],
)
def test_masks(tmp_path: Path, mask: str, unmask: str, passed: list[int]) -> None:
    source = f"""start: {_FOUR}
        {mask}
        poke STIR, 0
        poke STIR, 1
        dsb
        isb
        note 1
        {unmask}
        note 2
        bkpt #0
    irq0: note 10
        bx lr
    irq1: note 20
        bx lr
    """
    before = [*passed, 1]
    after = [number for number in (20, 10) if number not in passed]
    assert results(tmp_path, source, {16: "irq0", 17: "irq1"}) == [*before, *after, 2]


def test_the_frame_and_exc_return(tmp_path: Path) -> None:
    source = """start:
        mov r0, #0x10
        mov r1, #0x11
        mov r2, #0x12
        mov r3, #0x13
        mov r12, #0x1C
        ldr r7, =0x20010000
        sub r6, r7, #12     @ not a multiple of 8: the frame is aligned, and xPSR shows it
        mov sp, r6
        cmp r0, #0x10
        svc #0
        mrs r4, xpsr
        put r4
        mov r5, sp
        subs r5, r6, r5
        put r5
        put r12
        bkpt #0
    svcall:
        mov r4, sp
        subs r5, r6, r4
        put r5
        put lr
        ldr r5, [sp, #28]
        put r5
        ldr r5, [sp, #16]
        put r5
        mov r12, #0
        mrs r5, ipsr
        put r5
        bx lr
    """
    size, link, stacked, r12, ipsr, status, moved, restored = results(
        tmp_path, source, {11: "svcall"}
    )
    assert (size, link, r12, ipsr) == (36, 0xFFFF_FFF9, 0x1C, 11)
    assert stacked >> 9 & 1  # the padding
    assert stacked >> 30 & 1  # Z
    assert status & 0x1FF == 0
    assert status >> 30 & 1
    assert (moved, restored) == (0, 0x1C)


def test_thread_mode_on_the_process_stack_unprivileged(tmp_path: Path) -> None:
    source = """start:
        ldr r0, =0x20008000
        msr psp, r0
        movs r0, #3
        msr control, r0     @ PSP, unprivileged
        isb
        mov r1, sp
        svc #0
        mrs r1, control
        movs r0, #0
        msr control, r0     @ ignored: unprivileged
        mrs r2, control
        mov r3, sp
        svc #1
    svcall:
        ldr r0, [sp, #-4]
        mrs r4, psp
        ldr r5, [r4, #24]
        ldrb r5, [r5, #-2]
        cbnz r5, 1f
        put lr
        bx lr
    1:  put r1
        put r2
        put r3
        bkpt #0
    """
    assert results(tmp_path, source, {11: "svcall"}) == [0xFFFF_FFFD, 3, 3, 0x2000_8000]


def test_float_registers_survive_an_exception(tmp_path: Path) -> None:
    source = """start:
        poke CPACR, 0xF00000
        dsb
        isb
        vmov.f32 s0, #1.0
        vmov.f32 s15, #2.0
        vmov.f32 s16, #3.0
        ldr r0, =0x01000000  @ FPSCR.FZ
        vmsr fpscr, r0
        mov r6, sp
        svc #0
        vmov r0, s0
        vmov r1, s15
        vmov r2, s16
        vmrs r3, fpscr
        mrs r4, control
        put r0
        put r1
        put r2
        put r3
        put r4
        bkpt #0
    svcall:
        mov r4, sp
        subs r5, r6, r4
        put r5
        put lr
        mrs r5, control
        put r5
        vmov.f32 s0, #8.0
        vmov.f32 s15, #8.0
        vmrs r5, fpscr
        put r5
        bx lr
    """
    values = results(tmp_path, source, {11: "svcall"})
    assert values[:4] == [104, 0xFFFF_FFE9, 0, 0]  # a new context, with the default FPSCR
    assert values[4:] == [0x3F80_0000, 0x4000_0000, 0x4040_0000, 0x0100_0000, 4]


def test_the_fpu_is_off_after_reset(tmp_path: Path) -> None:
    """The FPU instruction raises a UsageFault, NOCP, after all earlier ones of its block."""
    source = """start:
        poke 0xE000ED24, 0x40000
        movs r4, #1
        movs r5, #2
    1:  vmov.f32 s0, #1.0
        vmov r6, s0
        put r6
        bkpt #0
    usage:
        put r4
        put r5
        ldr r4, =1b
        ldr r5, [sp, #24]
        subs r5, r4
        put r5
        ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        poke CPACR, 0xF00000
        dsb
        isb
        bx lr
    """
    assert results(tmp_path, source, {6: "usage"}) == [1, 2, 0, 1 << 19, 0x3F80_0000]


@pytest.mark.parametrize(
    ("code", "status", "exception"),
    [
        ("ldr r0, =0x60000000\n ldr r1, [r0]", 1 << 9 | 1 << 15, 5),
        ("ldr r0, =0x60000000\n str r1, [r0]", 1 << 10, 5),
        ("ldr r0, =0x60000001\n bx r0", 1 << 8, 5),
        ("ldr r0, =0x40000001\n bx r0", 1 << 0, 4),
        ("udf #1", 1 << 16, 6),
        ("ldr r0, =start\n bic r0, #1\n bx r0", 1 << 17, 6),
    ],
    ids=["load", "store", "fetch", "never", "undefined", "state"],
)
def test_faults(tmp_path: Path, code: str, status: int, exception: int) -> None:
    """Each fault once in its own handler, once escalated to HardFault."""
    body = "handler: mrs r5, ipsr\n put r5\n ldr r5, =0xE000ED28\n ldr r5, [r5]\n put r5\n bkpt #0"
    handlers = dict.fromkeys((3, 4, 5, 6), "handler")
    enabled = f"start: poke 0xE000ED24, 0x70000\n {code}\n nop\n bkpt #0\n {body}"
    assert results(tmp_path, enabled, handlers) == [exception, status]
    disabled = f"start: {code}\n nop\n bkpt #0\n {body}"
    with running(tmp_path, disabled, handlers) as bench:
        assert bench.results == [3, status]
        assert bench.register(scs.HFSR) == 1 << 30
        if status & 1 << 15:
            assert bench.register(scs.BFAR) == 0x6000_0000


def test_an_invalid_exc_return(tmp_path: Path) -> None:
    source = """start: svc #0
    svcall: mvn r0, #0
        bic r0, #0xE
        bx r0
    handler: ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        bkpt #0
    """
    assert results(tmp_path, source, {11: "svcall", 3: "handler"}) == [1 << 18]


def test_a_breakpoint_without_debugger_is_a_hard_fault(tmp_path: Path) -> None:
    source = "start: bkpt #1\n handler: note 5\n 1: wfi\n b 1b"
    with running(tmp_path, source, {3: "handler"}, wait=False) as bench:
        bench.core.debug.control = 0
        bench.core.power_on()
        wait_for(lambda: bench.core.sleeping)
        assert bench.results[-1] == 5
        assert bench.register(scs.HFSR) >> 31


def test_a_fault_in_the_hard_fault_handler_locks_up(tmp_path: Path) -> None:
    source = "start: udf #0\n handler: note 1\n udf #1"
    with running(tmp_path, source, {3: "handler"}) as bench:
        assert bench.core.locked_up
        assert bench.results == [1]
        bench.core.halt()
        assert bench.core.halted
        assert bench.core.executor.pc == 0xFFFF_FFFE


def test_a_stack_overflow_still_reaches_the_handler(tmp_path: Path) -> None:
    source = """start: ldr r0, =0x20000008
        mov sp, r0
        svc #0
    svcall: b .
    handler: ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        mrs r5, ipsr
        put r5
        bkpt #0
    """
    assert results(tmp_path, source, {11: "svcall", 3: "handler"}) == [1 << 12, 3]


def test_an_empty_chip_locks_up(tmp_path: Path) -> None:
    with running(tmp_path, "start: nop", wait=False) as bench:
        bench.core.bus.memories[0].fill(0, 1024, 0xFF)
        bench.core.power_on()
        wait_for(lambda: bench.core.locked_up)


def test_vtor_and_reset(tmp_path: Path) -> None:
    source = """start: ldr r0, =0x20000400
        ldr r1, =RESULTS
        ldr r2, [r1]
        cmp r2, #0
        bne 1f
        ldr r3, =moved + 1
        str r3, [r0, #44]
        ldr r2, =0xE000ED08
        str r0, [r2]
        svc #0
        note 3
        poke 0xE000ED0C, 0x05FA0004
        b .
    1:  ldr r5, =0xE000ED08
        ldr r5, [r5]
        put r5
        bkpt #0
    moved: note 2
        bx lr
    svcall: note 1
        bx lr
    """
    assert results(tmp_path, source, {11: "svcall"}) == [2, 3, 0]


def test_wfi_wakes_for_a_masked_interrupt_without_taking_it(tmp_path: Path) -> None:
    source = f"""start: {_FOUR}
        cpsid i
        note 1
        wfi
        note 2
        cpsie i
        note 3
        bkpt #0
    irq0: note 10
        bx lr
    """
    with running(tmp_path, source, {16: "irq0"}, wait=False) as bench:
        wait_for(lambda: bench.core.sleeping)
        with bench.core.stopped():
            bench.core.nvic.pend(16)
        bench.wait()
        assert bench.results == [1, 2, 10, 3]


def test_wfe_and_sev(tmp_path: Path) -> None:
    source = """start: sev
        wfe                 @ takes the event
        note 1
        sev
        wfe
        note 2
        wfe                 @ sleeps
        note 3
        bkpt #0
    irq0: bx lr
    """
    with running(tmp_path, source, {16: "irq0"}, wait=False) as bench:
        wait_for(lambda: bench.core.sleeping)
        assert bench.results == [1, 2]
        with bench.core.stopped():
            bench.core.nvic.enable(16, True)
            bench.core.nvic.pend(16)
        bench.wait()
        assert bench.results == [1, 2, 3]


def test_sevonpend_makes_a_pending_interrupt_an_event(tmp_path: Path) -> None:
    """The interrupt is not enabled. Without SEVONPEND, the core would go on sleeping."""
    source = """start: sev
        wfe
        poke 0xE000ED10, 0x10
        poke 0xE000E200, 1
        wfe                 @ it became pending: does not sleep
        note 1
        wfe                 @ sleeps
        note 2
        bkpt #0
    """
    with running(tmp_path, source, wait=False) as bench:
        wait_for(lambda: bench.core.sleeping)
        assert bench.results == [1]
        with bench.core.stopped():
            bench.core.nvic.pend(17)
        bench.wait()
        assert bench.results == [1, 2]


def test_sleep_on_exit(tmp_path: Path) -> None:
    source = f"""start: {_FOUR}
        poke 0xE000ED10, 2
        poke STIR, 0
        isb
        note 9
        bkpt #0
    irq0: note 10
        bx lr
    """
    with running(tmp_path, source, {16: "irq0"}, wait=False) as bench:
        wait_for(lambda: bench.core.sleeping)
        with bench.core.stopped():
            bench.core.nvic.pend(16)
        wait_for(lambda: len(bench.results) == 2)
        assert bench.results == [10, 10]


def test_systick_wakes_on_time_and_the_host_sleeps(tmp_path: Path) -> None:
    """Ten ticks of 10 ms at 16 MHz."""
    source = """start:
        poke 0xE000E014, 159999
        poke 0xE000E018, 0
        poke 0xE000E010, 7
    1:  wfi
        ldr r0, =RESULTS
        ldr r0, [r0]
        cmp r0, #40
        bne 1b
        bkpt #0
    systick: note 1
        bx lr
    """
    wall, busy = time.monotonic(), time.process_time()
    with running(tmp_path, source, {15: "systick"}) as bench:
        assert bench.results == [1] * 10
    assert 0.09 < time.monotonic() - wall < 2
    assert time.process_time() - busy < 0.5


def test_systick_counts_instructions(tmp_path: Path) -> None:
    source = """start:
        poke 0xE000E014, 999
        poke 0xE000E018, 0
        poke 0xE000E010, 5
        ldr r7, =0xE000E018
        ldr r5, [r7]
        nop
        nop
        ldr r6, [r7]
        subs r5, r6
        put r5
        movw r0, #1000
    1:  subs r0, #1
        bne 1b
        ldr r5, =0xE000E010
        ldr r6, [r5]
        ldr r5, [r5]
        put r6
        put r5
        bkpt #0
    """
    assert results(tmp_path, source) == [3, 0x10005, 5]


def test_timer_interrupt(tmp_path: Path) -> None:
    source = """start:
        poke 0xE000E100, 0x10000000
        poke 0x40000028, 1
        poke 0x4000002C, 499
        poke 0x40000014, 1
        poke 0x40000010, 0
        poke 0x4000000C, 1
        poke 0x40000000, 1
    1:  ldr r0, =RESULTS
        ldr r0, [r0]
        cmp r0, #12
        bne 1b
        bkpt #0
    tim2: poke 0x40000010, 0
        note 1
        bx lr
    """
    with running(tmp_path, source, {16 + 28: "tim2"}) as bench:
        assert bench.results == [1, 1, 1]
        assert 2900 < bench.core.executor.now() < 3300  # three periods of 1000


def test_a_level_sensitive_line_pends_again(tmp_path: Path) -> None:
    """The handler does not clear the cause on its first run."""
    source = """start:
        poke 0xE000E104, 0x20
        poke 0x4001100C, 0x202C
    1:  wfi
        b 1b
    usart1: ldr r0, =0x40011000
        note 1
        ldr r1, =RESULTS
        ldr r1, [r1]
        cmp r1, #4
        beq 1f
        ldr r2, [r0, #4]
        put r2
        cmp r2, #'c'
        bne 1f
        bkpt #0
    1:  bx lr
    """
    with running(tmp_path, source, {16 + 37: "usart1"}, wait=False) as bench:
        wait_for(lambda: bench.core.sleeping)
        with bench.core.stopped():
            bench.chip.uarts["USART1"].receive(b"abc")
        bench.wait()
        assert bench.results == [1, 1, ord("a"), 1, ord("b"), 1, ord("c")]


def test_pins_are_logged_with_the_time(tmp_path: Path) -> None:
    source = """start:
        ldr r0, =0x40020400
        movs r1, #1
        lsls r2, r1, #16
        str r1, [r0]                @ MODER: PB0 is an output
        str r1, [r0, #0x18]
        .rept 20
        nop
        .endr
        str r2, [r0, #0x18]
        bkpt #0
    """
    with running(tmp_path, source) as bench:
        up, down = bench.chip.pins.log
        assert (up.pin, up.high, down.pin, down.high) == ("PB0", True, "PB0", False)
        assert down.instructions - up.instructions == 21


@pytest.mark.parametrize("chip", ["stm32f429xi", "nrf91"])
def test_a_handler_uses_the_main_stack_and_control_says_so(tmp_path: Path, chip: str) -> None:
    """CONTROL.nPRIV stays, also after a nested handler; SPSEL is 0 (B1.4.4, B1.5.6)."""
    source = """start:
        poke 0xE000E100, 3
        poke 0xE000E400, 0x2040
        poke 0xE000ED1C, 0x40000000     @ SVCall: less urgent than interrupt 1
        mov r4, sp
        sub r0, r4, #0x400
        msr psp, r0
        movs r0, #3
        msr control, r0
        isb
        svc #0
        mrs r0, control
        put r0
        sub r0, sp, r4
        adds r0, #0x400
        put r0
        bkpt #0
    svcall: mrs r0, control
        put r0
        poke 0xE000E200, 2
        isb
        mrs r0, control
        put r0
        bx lr
    irq1: mrs r0, control
        put r0
        bx lr
    """
    assert results(tmp_path, source, {11: "svcall", 17: "irq1"}, chip) == [1, 1, 1, 3, 0]


def test_sleep_on_exit_after_a_wfe_is_a_wfi(tmp_path: Path) -> None:
    """The return from the handler is an event, but only a WFE waits for one."""
    source = """start: poke 0xE000E100, 1
        wfe
        note 2
        b .
    irq0: poke 0xE000ED10, 2        @ SLEEPONEXIT
        note 1
        bx lr
    """
    with running(tmp_path, source, {16: "irq0"}, wait=False) as bench:
        core = bench.core
        wait_for(lambda: core.sleeping)
        with core.stopped():
            core.bus.write(0xE000_E200, 4, 1)
        wait_for(lambda: len(bench.results) > 1 or (core.sleeping and bench.results == [1]))
        with core.stopped():
            core.bus.write(0xE000_E200, 4, 1)
        wait_for(lambda: len(bench.results) > 1)
        assert bench.results == [1, 1]
