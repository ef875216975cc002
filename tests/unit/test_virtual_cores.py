"""The Cortex-M0+ and the Cortex-M33: what differs from the Cortex-M4F; SysTick on all of them."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.simulator import halting_debug
from harness.simulator import registers as reg
from tests.support.assembly_bench import Bench, results, running

M0PLUS, M4F, M33 = "kw41z4", "stm32f429xi", "nrf91"
CHIPS = pytest.mark.parametrize("chip", [M0PLUS, M4F, M33])
_STOP_WATCHDOG = "poke 0x40048100, 0\n"  # SIM_COPC; memory without effect on the other chips


def read(address: int) -> str:
    return f"ldr r0, ={address:#x}\n ldr r0, [r0]\n put r0\n"


@pytest.mark.parametrize(
    ("chip", "cpuid"), [(M0PLUS, 0x410C_C601), (M4F, 0x410F_C241), (M33, 0x410F_D214)]
)
def test_the_core_identifies_itself(tmp_path: Path, chip: str, cpuid: int) -> None:
    source = f"start: {read(0xE000_ED00)} bkpt #0"
    assert results(tmp_path, source, chip=chip) == [cpuid]


@pytest.mark.parametrize(
    ("chip", "features"),
    [(M4F, [0x1011_0021, 0x1100_0011, 0]), (M33, [0x1011_0021, 0x1100_0011, 0x40])],
)
def test_the_fpu_identifies_itself(tmp_path: Path, chip: str, features: list[int]) -> None:
    source = "start:" + "".join(read(0xE000_EF40 + 4 * index) for index in range(3)) + " bkpt #0"
    assert results(tmp_path, source, chip=chip) == features


_MISSING = {
    "CPACR": 0xE000_ED88,
    "CFSR": 0xE000_ED28,
    "HFSR": 0xE000_ED2C,
    "SHCSR": 0xE000_ED24,
    "SHPR1": 0xE000_ED18,
    "FPCCR": 0xE000_EF34,
    "MVFR0": 0xE000_EF40,
    "ID_PFR0": 0xE000_ED40,
    "DWT_CYCCNT": 0xE000_1004,
    "IABR": 0xE000_E300,
}


def test_registers_that_armv6m_does_not_have_read_as_zero(tmp_path: Path) -> None:
    source = "start: poke 0xE000EDFC, 0x01000000\n poke 0xE0001000, 1\n"
    for address in _MISSING.values():
        source += f"poke {address:#x}, 0xFFFFFFFF\n{read(address)}"
    assert results(tmp_path, source + " bkpt #0", chip=M0PLUS) == [0] * len(_MISSING)


def test_the_cycle_counter_of_the_m33_counts(tmp_path: Path) -> None:
    source = f"""start: poke 0xE000EDFC, 0x01000000
        poke 0xE0001000, 1
        nop
        {read(0xE000_1004)} bkpt #0"""
    assert results(tmp_path, source, chip=M33)[0] > 0


def test_priorities_of_armv6m_have_two_bits_and_no_groups(tmp_path: Path) -> None:
    source = f"""start:
        poke 0xE000E400, 0xFFFFFFFF
        poke 0xE000ED0C, 0x05FA0700
        {read(0xE000_E400)} {read(0xE000_ED0C)} bkpt #0"""
    assert results(tmp_path, source, chip=M0PLUS) == [0xC0C0_C0C0, 0xFA05_0000]


@CHIPS
def test_vtor_moves_the_vectors(tmp_path: Path, chip: str) -> None:
    source = """start:
        ldr r0, =0x20004000
        ldr r1, =moved + 1
        str r1, [r0, #44]
        poke 0xE000ED08, 0x20004000
        svc #0
        note 1
        bkpt #0
    svcall: note 2
        bx lr
        .thumb_func
    moved: note 3
        bx lr
    """
    assert results(tmp_path, source, {11: "svcall"}, chip) == [3, 1]


@pytest.mark.parametrize(
    "code",
    [
        "ldr r1, [r0]",
        "ldr r1, [r0, #4]",
        "ldrh r1, [r0]",
        "ldrsh r1, [r0, r2]",
        "str r1, [r0]",
        "strh r1, [r0]",
        "ldm r0!, {r1, r3}",
        "stm r0!, {r1, r3}",
        ".inst.n 0xDE00",
        ".inst.w 0xFBB0F0F1  @ udiv",
        ".inst.w 0xF2400101  @ movw",
        "ldr r1, [r4]",
        "str r1, [r4]",
    ],
)
def test_every_fault_of_armv6m_is_a_hard_fault(tmp_path: Path, code: str) -> None:
    """The frame has the address of the instruction, and no register tells the reason."""
    source = f"""start:
        ldr r0, =0x20004001
        movs r2, #0
        ldr r4, =0x60000000  @ nothing is there
        nop
    1:  {code}
        nop
        bkpt #0
    fault: ldr r5, =1b
        ldr r4, [sp, #24]
        subs r4, r5
        put r4
        {read(0xE000_ED28)}
        mov r4, lr
        put r4
        mrs r4, ipsr
        put r4
        bkpt #0
    """
    chip_results = results(tmp_path, source, {3: "fault"}, M0PLUS)
    assert chip_results == [0, 0, 0xFFFF_FFF9, 3]


def test_a_byte_access_needs_no_alignment(tmp_path: Path) -> None:
    source = """start:
        ldr r0, =0x20004001
        movs r1, #7
        strb r1, [r0]
        ldrb r2, [r0]
        put r2
        bkpt #0
    """
    assert results(tmp_path, source, chip=M0PLUS) == [7]


def test_a_fault_in_the_hard_fault_handler_locks_the_m0plus_up(tmp_path: Path) -> None:
    source = "start: udf #0\n fault: udf #1\n"
    with running(tmp_path, source, {3: "fault"}, chip=M0PLUS) as bench:
        assert bench.core.locked_up


def test_exceptions_of_the_m33_save_the_secure_float_context(tmp_path: Path) -> None:
    """CONTROL.SFPA is set by a float instruction, clear in the handler, and restored after it."""
    source = """start:
        poke CPACR, 0xF00000
        dsb
        isb
        ldr r0, =0x01000000  @ FPSCR.FZ
        vmsr fpscr, r0
        vmov.f32 s0, #1.0
        svc #0
        vmrs r3, fpscr
        vmov r4, s0
        mrs r5, control
        put r3
        put r4
        put r5
        bkpt #0
    svcall:
        put lr
        ldr r4, [sp, #28]
        lsrs r4, r4, #20
        put r4
        mrs r4, control
        put r4
        vmov.f32 s0, #8.0
        bx lr
    """
    values = results(tmp_path, source, {11: "svcall"}, M33)
    assert values == [0xFFFF_FFE9, 0x10 | 1, 0, 0x0100_0000, 0x3F80_0000, 0xC]


def test_the_stack_limit_of_the_m33(tmp_path: Path) -> None:
    """A frame below MSPLIM raises a UsageFault, STKOF. A reset clears MSPLIM."""
    source = """start:
        poke 0xE000ED24, 0x40000
        mrs r5, msplim
        put r5
        mov r4, sp
        subs r4, #64
        msr msplim, r4
        push {r0-r3}
    1:  sub sp, #128
        bkpt #0
    usage:
        movs r5, #0
        msr msplim, r5
        ldr r4, =1b
        ldr r5, [sp, #24]
        subs r5, r4
        put r5
        ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        ldr r5, =0x2000F000
        msr msplim, r5
        bkpt #0
    """
    with running(tmp_path, source, {6: "usage"}, chip=M33) as bench:
        assert bench.results == [0, 0, 1 << 20]
        bench.core.bus.write(0x2000_0000, 4, 0)
        bench.run()
        assert bench.results == [0, 0, 1 << 20]


def test_exception_entry_of_the_m33_checks_the_stack_limit(tmp_path: Path) -> None:
    """Nothing is stored below the limit; the stack pointer is the limit, and SVCall is pending."""
    source = """start:
        poke 0xE000ED24, 0x40000
        mov r4, sp
        subs r4, #16
        msr msplim, r4
        ldr r5, =0x5A5A5A5A
        str r5, [sp, #-32]
        svc #0
        bkpt #0
    svcall: bkpt #1
    usage: mov r5, sp
        subs r5, r4
        put r5
        ldr r5, [r4, #-16]
        put r5
        ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        ldr r5, =0xE000ED24
        ldr r5, [r5]
        put r5
        bkpt #2
    """
    values = results(tmp_path, source, {6: "usage", 11: "svcall"}, M33)
    assert values == [0, 0x5A5A_5A5A, 1 << 20, 1 << 18 | 1 << 15 | 1 << 3]


def test_a_debugger_reads_the_stack_limits_of_the_m33(tmp_path: Path) -> None:
    source = """start: ldr r5, =0x2000F000
        msr msplim, r5
        ldr r5, =0x20008000
        msr psplim, r5
        bkpt #0
    """
    with running(tmp_path, source, chip=M33) as bench:
        seen = []
        for number in (28, 29):
            bench.core.debug.transfer_register(number)
            seen.append(bench.core.debug.read(halting_debug.DCRDR & 0xFFF))
        assert seen == [0x2000_F000, 0x2000_8000]


_SNAPSHOTS = """start:
    {watchdog}
    poke 0xE000E014, {reload}
    poke 0xE000E018, 0
    poke 0xE000E010, 7
    ldr r4, =0xE000E018
    ldr r5, =0xE000ED04
    ldr r6, =0x20004000
    movs r3, #0
    str r3, [r6]
again:
    cpsid i
    ldr r1, [r4]             @ SysTick
    ldr r2, [r5]             @ ICSR: is its interrupt pending?
    ldr r3, [r6]             @ interrupts so far
    bkpt #0
    cpsie i
    nop
1:  subs r0, #1
    bne 1b
    b again
systick:
    ldr r1, =0x20004000
    ldr r2, [r1]
    adds r2, #1
    str r2, [r1]
    bx lr
"""


def ticks(bench: Bench, reload: int) -> int:
    """Return the ticks that SysTick and its interrupts tell, as firmware derives them."""
    value, state, handled = (bench.core.executor.registers.read(reg.R[n]) for n in (1, 2, 3))
    missed = state >> 26 & 1 and value > reload // 2
    return (handled + missed) * (reload + 1) + reload - value


def check_snapshots(directory: Path, chip: str, reload: int, turns: list[int]) -> None:
    """Compare SysTick with the number of executed instructions after each loop."""
    watchdog = _STOP_WATCHDOG if chip == M0PLUS else ""
    source = _SNAPSHOTS.format(reload=reload, watchdog=watchdog)
    with running(directory, source, {15: "systick"}, chip=chip) as bench:
        start = ticks(bench, reload) - bench.core.executor.now()
        for count in turns:
            bench.core.executor.registers.write(reg.R[0], count)
            bench.core.executor.pc += 2  # after the BKPT
            bench.core.resume()
            bench.wait()
            assert ticks(bench, reload) - bench.core.executor.now() == start


@CHIPS
@settings(max_examples=8, deadline=None)
@given(
    reload=st.integers(100, 5000),
    turns=st.lists(st.integers(1, 8000), min_size=5, max_size=25),
)
def test_systick_and_its_interrupts_count_every_instruction(
    tmp_path_factory: pytest.TempPathFactory, chip: str, reload: int, turns: list[int]
) -> None:
    check_snapshots(tmp_path_factory.mktemp("systick"), chip, reload, turns)


@pytest.mark.parametrize("chip", [M0PLUS, M33])
def test_systick_of_24_bits_counts_for_a_long_time(tmp_path: Path, chip: str) -> None:
    check_snapshots(tmp_path, chip, 0xFF_FFFF, [5, 9_000_000, 1, 12_000_000, 7])


def test_systick_passes_through_zero(tmp_path: Path) -> None:
    """With a reload value of 3, the values of successive ticks are 3, 2, 1, 0, 3 and so on."""
    source = """start:
        poke 0xE000E014, 3
        poke 0xE000E018, 0
        poke 0xE000E010, 5
        ldr r0, =0xE000E018
        ldr r1, [r0]
        ldr r2, [r0]
        ldr r3, [r0]
        ldr r4, [r0]
        ldr r5, [r0]
        put r1
        put r2
        put r3
        put r4
        put r5
        bkpt #0
    """
    values = results(tmp_path, source, chip=M0PLUS)
    assert sorted(values[:4]) == [0, 1, 2, 3]
    assert values[4] == values[0]
    assert all((before - after) % 4 == 1 for before, after in pairwise(values))


@CHIPS
def test_the_frame_of_an_exception_is_aligned_to_eight_bytes(tmp_path: Path, chip: str) -> None:
    """Armv6-M and Armv8-M always align it; on the Cortex-M4F, CCR.STKALIGN is set after reset."""
    watchdog = _STOP_WATCHDOG if chip == M0PLUS else ""
    source = f"""start: {watchdog}
        sub sp, #4
        mov r4, sp
        svc #0
        mov r0, sp
        subs r0, r4
        put r0
        bkpt #0
    svcall: mov r0, sp
        subs r0, r4, r0
        put r0
        mrs r0, ipsr
        put r0
        bx lr
    """
    assert results(tmp_path, source, {11: "svcall"}, chip) == [36, 11, 0]


@pytest.mark.parametrize(("chip", "value"), [(M0PLUS, 0x208), (M4F, 0), (M33, 0x201)])
def test_the_bits_of_ccr_that_are_always_set(tmp_path: Path, chip: str, value: int) -> None:
    source = f"start: poke 0xE000ED14, 0\n {read(0xE000_ED14)} bkpt #0"
    assert results(tmp_path, source, chip=chip) == [value]
