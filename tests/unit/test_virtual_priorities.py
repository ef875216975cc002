"""Priorities, masks and the registers of the system handlers."""

from pathlib import Path

import pytest

from harness.simulator import scs
from tests.support.assembly_bench import results, running, wait_for

_FOUR = "poke 0xE000E100, 0xF\n poke 0xE000E400, 0x60202040\n"


def read(address: int) -> str:
    return f"ldr r5, ={address:#x}\n ldr r5, [r5]\n put r5\n"


def test_reserved_fields_and_missing_interrupts_read_as_zero(tmp_path: Path) -> None:
    """The STM32F429 has 91 interrupts and four bits of priority."""
    source = "start:"
    for address in (0xE000_ED18, 0xE000_ED1C, 0xE000_ED20, 0xE000_E458, 0xE000_E45C):
        source += f"poke {address:#x}, 0xFFFFFFFF\n {read(address)}"
    source += f"""poke 0xE000EF00, 91
        {read(0xE000_E208)} poke 0xE000E108, 0xFFFFFFFF
        {read(0xE000_E108)} bkpt #0"""
    assert results(tmp_path, source) == [
        *(0x00F0_F0F0, 0xF000_0000, 0xF0F0_00F0, 0x00F0_F0F0, 0),
        *(0, 0x07FF_FFFF),
    ]


def test_software_sets_and_clears_the_pending_bits(tmp_path: Path) -> None:
    """A UsageFault that SHCSR pends waits for its enable bit, and has no reason in CFSR."""
    source = f"""start: poke 0xE000ED24, 0x1000
        dsb
        isb
        {read(0xE000_ED24)}
        poke 0xE000ED24, 0x41000
        dsb
        isb
        {read(0xE000_ED24)}
        cpsid i
        poke 0xE000ED24, 0x7F000
        poke 0xE000ED24, 0x70000
        cpsie i
        note 1
        bkpt #0
    usage: {read(0xE000_ED24)} {read(0xE000_ED28)}
        bx lr
    """
    values = results(tmp_path, source, {6: "usage"})
    assert values == [0x1000, 0x4_0008, 0, 0x4_0000, 1]


def test_software_that_clears_an_active_bit_ends_its_priority(tmp_path: Path) -> None:
    source = f"""start: poke 0xE000ED1C, 0x40000000
        {_FOUR}
        svc #0
        bkpt #0
    svcall: poke STIR, 3
        dsb
        isb
        note 1
        {read(0xE000_ED24)}
        poke 0xE000ED24, 0
        dsb
        isb
        note 2
        poke 0xE000ED24, 0x80
        bx lr
    irq3: note 3
        bx lr
    """
    assert results(tmp_path, source, {11: "svcall", 19: "irq3"}) == [1, 0x80, 3, 2]


def test_basepri_has_the_implemented_bits_and_basepri_max_only_raises(tmp_path: Path) -> None:
    source = """start: .irp value, 0x5F, 0x20, 0x40, 0, 0x10
        movs r0, #\\value
        msr basepri_max, r0
        mrs r5, basepri
        put r5
        .endr
        movs r0, #0xFF
        msr basepri, r0
        mrs r5, basepri_max
        put r5
        movs r0, #0x0F
        msr basepri, r0
        mrs r5, basepri
        put r5
        bkpt #0
    """
    assert results(tmp_path, source) == [0x50, 0x20, 0x20, 0x20, 0x10, 0xF0, 0]


@pytest.mark.parametrize(
    ("mask", "lost"),
    [
        ("cpsid i", True),
        ("cpsid f", True),
        ("movs r0, #0x40\n msr basepri, r0", True),
        ("movs r0, #0x60\n msr basepri, r0", False),
    ],
)
def test_a_masked_supervisor_call_is_a_hard_fault(tmp_path: Path, mask: str, lost: bool) -> None:
    """With FAULTMASK, there is no priority left for it: lockup."""
    source = f"""start: poke 0xE000ED1C, 0x50000000
        {mask}
        svc #0
        bkpt #0
    svcall: note 1
        bx lr
    hard: note 2
        {read(0xE000_ED2C)} bkpt #1
    """
    with running(tmp_path, source, {11: "svcall", 3: "hard"}) as bench:
        locked = mask == "cpsid f"
        assert bench.core.locked_up == locked
        assert bench.results == ([] if locked else [2, 1 << 30] if lost else [1])


def test_aircr_needs_its_key(tmp_path: Path) -> None:
    source = f"""start: poke 0xE000ED0C, 0x00000300
        {read(0xE000_ED0C)} poke 0xE000ED0C, 0x05FA0300
        {read(0xE000_ED0C)} poke 0xE000ED0C, 0xFA050004
        bkpt #0
    """
    assert results(tmp_path, source) == [0xFA05_0000, 0xFA05_0300]


def test_nmi_preempts_a_hard_fault_and_ends_its_lockup(tmp_path: Path) -> None:
    source = """start: udf #0
    hard: note 1
        poke 0xE000ED04, 0x80000000
        dsb
        isb
        note 3
        udf #1
    nmi: note 2
        ldr r7, =RESULTS
        ldr r7, [r7]
        cmp r7, #16
        beq 1f
        bx lr
    1:  ldr r7, [sp, #24]
        put r7
        bkpt #0
    """
    with running(tmp_path, source, {3: "hard", 2: "nmi"}) as bench:
        assert bench.core.locked_up
        assert bench.results == [1, 2, 3]
        with bench.core.stopped():
            bench.core.nvic.pend(2)
        wait_for(lambda: bench.core.halted)
        assert bench.results == [1, 2, 3, 2, 0xFFFF_FFFE]


def test_a_fault_in_nmi_locks_up(tmp_path: Path) -> None:
    source = """start: poke 0xE000ED04, 0x80000000
        dsb
        isb
    nmi: note 1
        udf #0
    """
    with running(tmp_path, source, {2: "nmi"}) as bench:
        assert bench.core.locked_up
        assert bench.results == [1]
        assert bench.register(scs.HFSR) == 1 << 30


def test_a_new_grouping_lets_a_pending_interrupt_preempt_at_once(tmp_path: Path) -> None:
    """With PRIGROUP 7 nothing preempts; with 0, priority 0x20 preempts 0x40."""
    source = """start:
        poke 0xE000E100, 0x3
        poke 0xE000E400, 0x2040
        poke 0xE000ED0C, 0x05FA0700
        poke 0xE000E200, 1
        isb
        bkpt #0
    irq0: poke 0xE000E200, 2
        isb
        note 1
        poke 0xE000ED0C, 0x05FA0000
        b 1f
    1:  note 3
        bx lr
    irq1: note 2
        bx lr
    """
    assert results(tmp_path, source, {16: "irq0", 17: "irq1"}) == [1, 2, 3]


def test_the_reserved_words_behind_the_active_bits_read_as_zero(tmp_path: Path) -> None:
    source = """start:
        poke 0xE000E100, 1
        poke 0xE000E200, 1
        isb
        bkpt #0
    irq0: ldr r4, =0xE000E300
        ldr r5, [r4]
        put r5
        ldr r5, [r4, #128]
        put r5
        bx lr
    """
    assert results(tmp_path, source, {16: "irq0"}) == [1, 0]


@pytest.mark.parametrize("portable", [False, True], ids=["machine-code", "python"])
def test_code_that_has_unmasked_nothing_so_far_unmasks_what_became_pending(
    tmp_path: Path, portable: bool
) -> None:
    """The third time, an interrupt waits; the fourth time, it is enabled while it is pending."""
    source = """start: mov r4, #0
    again: adds r4, #1
        put r4
        cpsid i
        cmp r4, #3
        bne 1f
        poke 0xE000E100, 1
        poke STIR, 0
    1:  cmp r4, #4
        bne 2f
        poke STIR, 1
        poke 0xE000E100, 2
    2:  bl unmask
        note 99
        cmp r4, #4
        bne again
        bkpt #0
    unmask: cpsie i
        bx lr
    irq0: note 10
        bx lr
    irq1: note 20
        bx lr
    """
    with running(tmp_path, source, {16: "irq0", 17: "irq1"}, portable=portable) as bench:
        assert bench.results == [1, 99, 2, 99, 3, 10, 99, 4, 20, 99]


def test_what_a_handler_could_not_unmask_is_unmasked_after_it(tmp_path: Path) -> None:
    """Interrupt 3 waits for the handler of 0, which returns with PRIMASK set."""
    source = f"""start: {_FOUR}
        bl unmask
        poke STIR, 0
        dsb
        isb
        note 1
        bl unmask
        note 2
        bkpt #0
    unmask: cpsie i
        bx lr
    irq0: push {{r4, lr}}
        poke STIR, 3
        bl unmask
        note 10
        cpsid i
        pop {{r4, pc}}
    irq3: note 40
        bx lr
    """
    assert results(tmp_path, source, {16: "irq0", 19: "irq3"}) == [10, 1, 40, 2]
