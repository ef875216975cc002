"""Exception entry and return: tail-chaining, integrity checks, stack alignment, the monitor."""

from pathlib import Path

import pytest

from harness.simulator import scs
from tests.support.assembly_bench import results, running

INVSTATE, INVPC, FORCED = 1 << 17, 1 << 18, 1 << 30
_ENABLE_FAULTS = "poke 0xE000ED24, 0x70000\n"
_FOUR = "poke 0xE000E100, 0xF\n poke 0xE000E400, 0x60202040\n"


def test_tail_chaining_keeps_registers_and_frame(tmp_path: Path) -> None:
    """The second handler has the first one's r0, the same stack and EXC_RETURN."""
    source = f"""start: {_FOUR}
        movs r0, #1
        mov r6, sp
        cpsid i
        poke 0xE000E200, 3
        cpsie i
        put r0
        bkpt #0
    irq1: movs r0, #7
        mov r4, sp
        mov r5, lr
        bx lr
    irq0: put r0
        mov r1, sp
        subs r1, r4
        put r1
        mov r1, lr
        subs r1, r5
        put r1
        ldr r1, [sp]
        put r1
        bx lr
    """
    assert results(tmp_path, source, {16: "irq0", 17: "irq1"}) == [7, 0, 0, 1, 1]


def test_a_lower_priority_that_is_masked_is_not_chained(tmp_path: Path) -> None:
    source = f"""start: {_FOUR}
        poke STIR, 1
        dsb
        isb
        movs r0, #0
        msr basepri, r0
        note 1
        bkpt #0
    irq1: movs r0, #0x40
        msr basepri, r0
        poke STIR, 0
        note 2
        bx lr
    irq0: note 3
        bx lr
    """
    assert results(tmp_path, source, {16: "irq0", 17: "irq1"}) == [2, 3, 1]


def test_icsr_tells_what_runs_and_what_is_next(tmp_path: Path) -> None:
    """VECTACTIVE, RETTOBASE, VECTPENDING, which BASEPRI masks and PRIMASK does not, ISRPENDING."""
    source = f"""start: {_FOUR}
        ldr r6, =0xE000ED04
        poke STIR, 0
        dsb
        isb
        cpsid i
        poke STIR, 0
        ldr r5, [r6]
        put r5
        movs r0, #0x40
        msr basepri, r0
        ldr r5, [r6]
        put r5
        movs r0, #0
        msr basepri, r0
        cpsid f
        ldr r5, [r6]
        put r5
        bkpt #0
    irq0: ldr r5, [r6]
        put r5
        poke STIR, 1
        dsb
        isb
        bx lr
    irq1: ldr r5, [r6]
        put r5
        bx lr
    """
    values = results(tmp_path, source, {16: "irq0", 17: "irq1"})
    base, pending = 1 << 11, 1 << 22
    assert values == [16 | base, 17, 16 << 12 | pending, pending, pending]


@pytest.mark.parametrize(
    "link", [0xFFFF_FFF1, 0xFFFF_FFF0, 0xFFFF_FFF5, 0xFFFF_FFFB, 0xFFFF_FFFE, 0xFFFF_FF9D]
)
def test_an_exc_return_that_does_not_suit(tmp_path: Path, link: int) -> None:
    """The UsageFault has the handler's frame and the bad value; SVCall is not active any more."""
    source = f"""start: {_ENABLE_FAULTS}
        svc #0
        bkpt #0
    svcall: mov r4, sp
        ldr r0, ={link | 1:#x}
        bx r0
    usage: ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        mov r5, sp
        subs r5, r4
        put r5
        mov r5, lr
        put r5
        ldr r5, =0xE000ED24
        ldr r5, [r5]
        put r5
        ldr r0, =0xFFFFFFF9
        bx r0
    """
    values = results(tmp_path, source, {11: "svcall", 6: "usage"})
    assert values == [INVPC, 0, link | 1, 0x7_0008]


@pytest.mark.parametrize(("allowed", "values"), [(0, [INVPC, 6]), (1, [1])])
def test_a_return_to_thread_mode_while_others_are_active(
    tmp_path: Path, allowed: int, values: list[int]
) -> None:
    """CCR.NONBASETHRDENA allows it: thread code runs at the priority of SVCall."""
    source = f"""start: {_ENABLE_FAULTS} {_FOUR}
        poke 0xE000ED14, {0x200 | allowed}
        svc #0
        bkpt #0
    svcall: poke STIR, 0
        dsb
        isb
        bkpt #1
    irq0: mov r0, sp
        movs r1, #0
        str r1, [r0, #28]
        ldr r1, =0x01000000
        str r1, [r0, #28]
        ldr r1, =thread
        str r1, [r0, #24]
        ldr r0, =0xFFFFFFF9
        bx r0
    thread: mrs r5, ipsr
        adds r5, #1
        put r5
        bkpt #2
    usage: ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        mrs r5, ipsr
        put r5
        bkpt #3
    """
    source = source.replace("poke 0xE000E400, 0x60202040", "poke 0xE000E400, 0x20202020")
    source = source.replace("start:", "start: poke 0xE000ED1C, 0x80000000\n")
    assert results(tmp_path, source, {11: "svcall", 6: "usage", 16: "irq0"}) == values


@pytest.mark.parametrize(("stacked", "status"), [(0x0100_0003, INVPC), (0, INVSTATE)])
def test_a_stacked_status_that_does_not_suit(tmp_path: Path, stacked: int, status: int) -> None:
    """A return to thread mode with an exception number; a return that clears EPSR.T."""
    source = f"""start: {_ENABLE_FAULTS}
        mov r6, sp
        svc #0
    svcall: ldr r0, ={stacked:#x}
        str r0, [sp, #28]
        bx lr
    usage: ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        ldr r5, [sp, #28]
        put r5
        mov r5, sp
        subs r5, r6, r5
        put r5
        bkpt #0
    """
    assert results(tmp_path, source, {11: "svcall", 6: "usage"}) == [status, stacked, 32]


def test_a_handler_at_an_even_address(tmp_path: Path) -> None:
    source = f"""start: {_ENABLE_FAULTS}
        poke 0xE000ED1C, 0x80000000
        ldr r0, =0x20000400
        ldr r1, =svcall
        str r1, [r0, #44]
        ldr r1, =usage + 1
        str r1, [r0, #24]
        ldr r2, =0xE000ED08
        str r0, [r2]
        svc #0
    svcall: bkpt #0
    usage: ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        ldr r5, [sp, #28]
        lsrs r5, r5, #24
        put r5
        ldr r5, [sp, #24]
        ldr r4, =svcall
        subs r5, r4
        put r5
        bkpt #1
    """
    assert results(tmp_path, source, {11: "svcall", 6: "usage"}) == [INVSTATE, 0, 0]


def test_a_vector_that_cannot_be_read(tmp_path: Path) -> None:
    """HFSR.VECTTBL; the exception stays pending, and nothing is stacked twice."""
    source = """start: mov r6, sp
        ldr r0, =0x2002FF80
        ldr r1, =hard + 1
        str r1, [r0, #12]
        ldr r2, =0xE000ED08
        str r0, [r2]
        poke 0xE000E104, 1      @ interrupt 32: its vector is behind the RAM
        poke 0xE000E204, 1
        dsb
        isb
        bkpt #0
    hard: mov r5, sp
        subs r5, r6, r5
        put r5
        ldr r5, =0xE000ED2C
        ldr r5, [r5]
        put r5
        ldr r5, =0xE000E204
        ldr r5, [r5]
        put r5
        bkpt #1
    """
    assert results(tmp_path, source) == [32, 2, 1]


@pytest.mark.parametrize(("aligned", "sizes"), [(1, [36, 1, 0]), (0, [32, 0, 0])])
def test_the_alignment_of_the_stack(tmp_path: Path, aligned: int, sizes: list[int]) -> None:
    """CCR.STKALIGN decides about a stack that is not a multiple of eight."""
    source = f"""start: poke 0xE000ED14, {aligned << 9:#x}
        ldr r7, =0x2000FFFC
        mov sp, r7
        svc #0
        mov r5, sp
        subs r5, r7, r5
        put r5
        bkpt #0
    svcall: mov r5, sp
        subs r5, r7, r5
        put r5
        ldr r5, [sp, #28]
        ubfx r5, r5, #9, #1
        put r5
        bx lr
    """
    assert results(tmp_path, source, {11: "svcall"}) == sizes


@pytest.mark.parametrize("chip", ["stm32f429xi", "nrf91"])
@pytest.mark.parametrize(("between", "failed"), [("nop", 0), ("svc #0", 1), ("clrex", 1)])
def test_an_exception_clears_the_exclusive_monitor(
    tmp_path: Path, chip: str, between: str, failed: int
) -> None:
    source = f"""start: ldr r4, =0x20004000
        movs r1, #5
        ldrex r0, [r4]
        {between}
        strex r2, r1, [r4]
        put r2
        ldr r3, [r4]
        put r3
        bkpt #0
    svcall: bx lr
    """
    assert results(tmp_path, source, {11: "svcall"}, chip) == [failed, 0 if failed else 5]


@pytest.mark.parametrize("number", [2, 3, 11], ids=["NMI", "HardFault", "SVCall"])
def test_faultmask_cannot_be_set_at_a_negative_priority_and_a_return_clears_it(
    tmp_path: Path, number: int
) -> None:
    """In SVCall it is set until the return; the return from NMI keeps it as it was."""
    source = f"""start: {"poke 0xE000ED04, 0x80000000" if number == 2 else "svc #0"}
        dsb
        isb
        mrs r5, faultmask
        put r5
        {"poke 0xE000ED0C, 0x05FA0000" if number != 2 else "cpsid f"}
        {"poke 0xE000ED04, 0x80000000" if number == 2 else ""}
        dsb
        isb
        mrs r5, faultmask
        put r5
        bkpt #0
    svcall: {"udf #0" if number == 3 else ""}
    nmi: cpsid f
        mrs r5, faultmask
        put r5
        movs r5, #1
        msr faultmask, r5
        mrs r5, faultmask
        put r5
        bx lr
    hard: ldr r5, [sp, #24]
        adds r5, #2
        str r5, [sp, #24]
        cpsid f
        mrs r5, faultmask
        put r5
        movs r5, #1
        msr faultmask, r5
        mrs r5, faultmask
        put r5
        bx lr
    """
    values = results(tmp_path, source, {2: "nmi", 3: "hard", 11: "svcall"})
    expected = {2: [0, 0, 0, 1, 1, 1], 3: [0, 0, 1, 1, 0, 0], 11: [1, 1, 0, 0]}
    assert values == expected[number]


def test_bus_faults_are_ignored_at_negative_priority(tmp_path: Path) -> None:
    """CCR.BFHFNMIGN, as code uses it to find out what is there: the load ends with its base."""
    source = """start: poke 0xE000ED14, 0x300
        poke 0xE000E008, 2      @ ACTLR.DISDEFWBUF: the faults of stores are precise
        cpsid f
        ldr r4, =0x60000000
        movs r1, #7
        ldr r5, [r4], #4
        strd r1, r1, [r4], #8
        ldr r6, =0x20004000
        str r1, [r6]
        cpsie f
        put r4
        ldr r5, [r6]
        put r5
        ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        ldr r5, =0xE000ED38
        ldr r5, [r5]
        put r5
        poke 0xE000ED14, 0x200
        ldr r5, [r4]
        bkpt #0
    hard: note 9
        bkpt #1
    """
    values = results(tmp_path, source, {3: "hard"})
    assert values[0] == 0x6000_000C
    assert values[1] == 7
    assert values[2] & 0x8200 == 0x8200
    assert values[3:] == [0x6000_0004, 9]


def test_an_imprecise_fault_waits_for_its_priority_and_the_store_is_over(tmp_path: Path) -> None:
    source = f"""start: {_ENABLE_FAULTS} poke 0xE000ED18, 0x00008000
        poke 0xE000ED1C, 0x80000000
        svc #0
        note 3
        bkpt #0
    svcall: ldr r4, =0x60000000
        movs r1, #7
        str r1, [r4], #4
        nop
        put r4
        ldr r5, =0xE000ED24
        ldr r5, [r5]
        put r5
        bx lr
    fault: ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        bx lr
    """
    with running(tmp_path, source, {11: "svcall", 5: "fault"}) as bench:
        active, pended = 1 << 7, 1 << 14
        assert bench.results == [0x6000_0004, 0x7_0000 | active | pended, 1 << 10, 3]
        assert bench.register(scs.HFSR) == 0
