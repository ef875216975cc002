"""Lazy stacking of the float context: FPCCR, FPCAR, FPDSCR and CONTROL.FPCA."""

from pathlib import Path

import pytest

from tests.support.assembly_bench import results, running

ASPEN, LSPEN = 1 << 31, 1 << 30
MONRDY, BFRDY, MMRDY, HFRDY, THREAD, USER, LSPACT = (1 << bit for bit in (8, 6, 5, 4, 3, 1, 0))
MLSPERR, LSPERR = 1 << 5, 1 << 13
CHIPS = pytest.mark.parametrize("chip", ["stm32f429xi", "nrf91"])
_ON = "poke CPACR, 0xF00000\n dsb\n isb\n"
_FPCCR = "ldr r5, =0xE000EF34\n ldr r5, [r5]\n put r5\n"
_FRAME_S0 = "ldr r5, [r4, #0x20]\n put r5\n"
_PAINT = "ldr r3, =0x5A5A5A5A\n str r3, [sp, #-72]\n"  # where the frame will have S0


@CHIPS
def test_the_space_is_reserved_and_written_by_the_first_float_instruction(
    tmp_path: Path, chip: str
) -> None:
    source = f"""start: {_ON}
        ldr r7, =0x20010000
        mov sp, r7
        vmov.f32 s0, #1.0
        vmov.f32 s15, #2.0
        {_PAINT}
        svc #0
        vmov r5, s0
        put r5
        vmov r5, s15
        put r5
        mrs r5, control
        and r5, #4
        put r5
        {_FPCCR}
        bkpt #0
    svcall: mov r4, sp
        subs r5, r7, r4
        put r5
        mov r5, lr
        put r5
        mrs r5, control
        and r5, #4
        put r5
        {_FRAME_S0} {_FPCCR}
        ldr r5, =0xE000EF38     @ FPCAR
        ldr r5, [r5]
        subs r5, r4
        put r5
        vmov.f32 s0, #8.0
        mrs r5, control
        and r5, #4
        put r5
        {_FRAME_S0} {_FPCCR}
        ldr r5, [r4, #0x5C]
        put r5
        vmov.f32 s15, #8.0
        bx lr
    """
    secure = 4 if chip == "nrf91" else 0
    control = ASPEN | LSPEN | secure
    ready = control | HFRDY | THREAD
    assert results(tmp_path, source, {11: "svcall"}, chip) == [
        *(0x68, 0xFFFF_FFE9, 0, 0x5A5A_5A5A, ready | LSPACT, 0x20),
        *(4, 0x3F80_0000, ready, 0x4000_0000),
        *(0x3F80_0000, 0x4000_0000, 4, ready),
    ]


@CHIPS
def test_without_a_float_instruction_nothing_is_written(tmp_path: Path, chip: str) -> None:
    source = f"""start: {_ON}
        ldr r7, =0x20010000
        mov sp, r7
        vmov.f32 s0, #1.0
        {_PAINT}
        svc #0
        vmov r5, s0
        put r5
        ldr r5, [sp, #-72]
        put r5
        mrs r5, control
        and r5, #4
        put r5
        bkpt #0
    svcall: bx lr
    """
    assert results(tmp_path, source, {11: "svcall"}, chip) == [0x3F80_0000, 0x5A5A_5A5A, 4]


def test_a_nested_handler_stacks_the_reserved_frame_of_the_first(tmp_path: Path) -> None:
    """Handler 1 uses no float; handler 2 preempts it, and its float instruction saves thread's."""
    source = f"""start: {_ON}
        poke 0xE000E100, 3
        poke 0xE000E400, 0x2040
        ldr r7, =0x20010000
        mov sp, r7
        vmov.f32 s0, #1.0
        poke STIR, 0
        dsb
        isb
        vmov r5, s0
        put r5
        bkpt #0
    irq0: mov r4, sp
        poke STIR, 1
        dsb
        isb
        {_FRAME_S0}
        mrs r5, control
        and r5, #4
        put r5
        bx lr
    irq1: subs r5, r4, #0
        mov r5, sp
        subs r5, r4, r5
        put r5
        mov r5, lr
        put r5
        vmov.f32 s0, #8.0
        bx lr
    """
    values = results(tmp_path, source, {16: "irq0", 17: "irq1"})
    assert values == [32, 0xFFFF_FFF1, 0x3F80_0000, 0, 0x3F80_0000]


def test_without_lspen_the_registers_are_stacked_at_once(tmp_path: Path) -> None:
    source = f"""start: {_ON}
        poke 0xE000EF34, 0x80000000
        ldr r7, =0x20010000
        mov sp, r7
        vmov.f32 s0, #1.0
        {_PAINT}
        svc #0
        bkpt #0
    svcall: mov r4, sp
        {_FRAME_S0} {_FPCCR}
        vmov.f32 s0, #8.0
        bx lr
    """
    assert results(tmp_path, source, {11: "svcall"}) == [0x3F80_0000, ASPEN]


def test_without_aspen_a_float_instruction_leaves_fpca(tmp_path: Path) -> None:
    source = f"""start: {_ON}
        poke 0xE000EF34, 0
        dsb
        isb
        vmov.f32 s0, #1.0
        mrs r5, control
        put r5
        mov r7, sp
        svc #0
        vmov r5, s0
        put r5
        bkpt #0
    svcall: mov r5, sp
        subs r5, r7, r5
        put r5
        vmov.f32 s0, #8.0
        bx lr
    """
    assert results(tmp_path, source, {11: "svcall"}) == [0, 32, 0x4100_0000]


@CHIPS
def test_a_new_context_begins_with_fpdscr(tmp_path: Path, chip: str) -> None:
    source = f"""start: {_ON}
        poke 0xE000EF3C, 0xFFFFFFFF
        ldr r5, =0xE000EF3C
        ldr r5, [r5]
        put r5
        dsb
        isb
        vmov.f32 s0, #1.0
        vmrs r5, fpscr
        put r5
        bkpt #0
    """
    assert results(tmp_path, source, chip=chip) == [0x07C0_0000, 0x07C0_0000]


def test_fpccr_describes_the_interrupted_code(tmp_path: Path) -> None:
    """Unprivileged thread code, while MemManage has a priority and BusFault has none left."""
    source = f"""start: {_ON}
        poke 0xE000ED24, 0x30000
        poke 0xE000ED18, 0x00008020
        movs r0, #0x40
        msr basepri, r0
        vmov.f32 s0, #1.0
        poke 0xE000E100, 1
        movs r0, #1
        msr control, r0
        isb
        vmov.f32 s0, #1.0
        svc #0
    svcall: {_FPCCR}
        bkpt #0
    """
    values = results(tmp_path, source, {11: "svcall"})
    assert values == [ASPEN | LSPEN | MMRDY | HFRDY | THREAD | USER | LSPACT]


_REFUSALS = {
    "mpu": (
        """poke 0xE000ED9C, 0x2000FFB0
        poke 0xE000EDA0, 0x06000009
        poke 0xE000ED94, 5""",
        "0x20010000",
        4,
        MLSPERR,
    ),
    "memory": ("", "0x20000008 + 0x40", 5, LSPERR),
}


@pytest.mark.parametrize("kind", _REFUSALS)
@pytest.mark.parametrize("enabled", [True, False])
def test_memory_that_refuses_the_lazy_stacking(tmp_path: Path, kind: str, enabled: bool) -> None:
    """The fault comes at the float instruction, which runs once the handler has mended it."""
    protect, stack, exception, status = _REFUSALS[kind]
    mend = "poke 0xE000ED94, 0\n" if kind == "mpu" else "poke 0xE000EF34, 0xC0000000\n"
    lazy = "" if kind == "mpu" else "poke 0xE000EF38, 0x10020000\n"
    source = f"""start: {_ON}
        poke 0xE000ED24, {0x30000 if enabled else 0:#x}
        poke 0xE000ED1C, 0x80000000     @ SVCall has a low priority
        vmov.f32 s0, #1.0
        ldr r7, ={stack}
        mov r12, sp
        {"mov sp, r7" if kind == "mpu" else ""}
        svc #0
        bkpt #0
    svcall: {protect}
        {lazy}
        dsb
        isb
        note 1
        ldr r6, =at
        b at
    at: vmov.f32 s0, #8.0
        note 2
        {_FPCCR}
        bkpt #1
    fault: mrs r5, ipsr
        put r5
        ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        ldr r5, [sp, #24]
        subs r5, r6
        put r5
        {_FPCCR} {mend}
        bx lr
    """
    ready = ASPEN | LSPEN | HFRDY | THREAD | (MMRDY | BFRDY if enabled else 0)
    expected = [1, exception if enabled else 3, status, 0, ready | LSPACT, 2]
    with running(tmp_path, source, {11: "svcall", 3: "fault", 4: "fault", 5: "fault"}) as bench:
        assert bench.results[:6] == expected


def test_a_tail_chained_handler_can_still_stack_it(tmp_path: Path) -> None:
    source = f"""start: {_ON}
        poke 0xE000E100, 3
        vmov.f32 s0, #1.0
        cpsid i
        poke 0xE000E200, 3
        cpsie i
        vmov r5, s0
        put r5
        bkpt #0
    irq0: bx lr
    irq1: {_FPCCR}
        vmov.f32 s0, #8.0
        mov r5, lr
        put r5
        bx lr
    """
    lazy = ASPEN | LSPEN | HFRDY | THREAD | LSPACT
    assert results(tmp_path, source, {16: "irq0", 17: "irq1"}) == [lazy, 0xFFFF_FFE9, 0x3F80_0000]


@CHIPS
def test_a_tail_chained_handler_has_no_float_context(tmp_path: Path, chip: str) -> None:
    """DDI 0403E, B1.5.6, ExceptionTaken: also after a handler that has used the registers."""
    source = f"""start: {_ON}
        svc #0
        bkpt #0
    svcall: poke 0xE000ED04, 0x10000000     @ PENDSVSET
        vmov.f32 s0, #1.0
        mrs r5, control
        put r5
        bx lr
    pendsv: mrs r5, control
        put r5
        bx lr
    """
    values = results(tmp_path, source, {11: "svcall", 14: "pendsv"}, chip)
    assert [value & 4 for value in values] == [4, 0]


def test_a_switch_of_tasks_as_kernels_do_it(tmp_path: Path) -> None:
    """PendSV saves S16 to S31 only for a float context; each task keeps its own registers."""
    source = f"""start: {_ON}
        ldr r0, =0x20008000     @ the second task's stack: a frame without float
        ldr r1, =task + 1
        str r1, [r0, #24]
        ldr r1, =0x01000000
        str r1, [r0, #28]
        ldr r7, =0x20006000     @ the other task's stack pointer and EXC_RETURN
        str r0, [r7]
        ldr r1, =0xFFFFFFFD
        str r1, [r7, #4]
        ldr r0, =0x20009000
        msr psp, r0
        movs r0, #2
        msr control, r0
        isb
        vmov.f32 s0, #1.0
        vmov.f32 s16, #2.0
        bl yield
        vmov r5, s0
        put r5
        vmov r5, s16
        put r5
        bl yield
        note 9
        bkpt #0
    task: mrs r5, control
        and r5, #4
        put r5
        vmov.f32 s0, #8.0
        vmov.f32 s16, #8.0
        bl yield
        vmov r5, s16
        put r5
        bl yield
    yield: ldr r0, =0xE000ED04
        ldr r1, =0x10000000
        str r1, [r0]
        dsb
        isb
        bx lr
    pendsv: mrs r0, psp
        tst lr, #0x10
        it eq
        vstmdbeq r0!, {{s16-s31}}
        ldr r1, =0x20006000
        ldm r1, {{r2, r3}}
        str r0, [r1]
        str lr, [r1, #4]
        mov lr, r3
        tst lr, #0x10
        it eq
        vldmiaeq r2!, {{s16-s31}}
        msr psp, r2
        bx lr
    """
    values = results(tmp_path, source, {14: "pendsv"})
    assert values == [0, 0x3F80_0000, 0x4000_0000, 0x4100_0000, 9]
