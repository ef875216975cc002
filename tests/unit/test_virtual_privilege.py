"""Unprivileged code: what it must not access, and what has no effect."""

from pathlib import Path

import pytest

from harness.simulator import halting_debug, scs
from tests.support.assembly_bench import results, running

PRECISERR, IMPRECISERR, BFARVALID, NOCP = 1 << 9, 1 << 10, 1 << 15, 1 << 19

_PROLOGUE = """start:
    poke 0xE000ED24, 0x70000
    mov r0, sp
    sub r0, #0x400
    msr psp, r0
"""
_UNPRIVILEGED = """
    movs r0, #3
    msr control, r0
    isb
"""
# Notes CFSR, BFAR and the offset of the return address from r6, and returns to r11.
_HANDLER = """
    fault: ldr r7, =0xE000ED28
        ldr r5, [r7]
        str r5, [r7]
        put r5
        ldr r5, [r7, #16]
        put r5
        mrs r7, psp
        ldr r5, [r7, #24]
        subs r5, r6
        put r5
        str r11, [r7, #24]
        bx lr
    svcall: bkpt #0
"""
_HANDLERS = {5: "fault", 6: "fault", 11: "svcall"}


@pytest.mark.parametrize(
    ("code", "address"),
    [
        *((code, 0xE000_ED00) for code in ("ldr r1, [r4]", "ldrb r1, [r4]", "strh r1, [r4]")),
        *((code, 0xE000_ED08) for code in ("str r1, [r4]", "stm r4!, {r1}", "ldm r4, {r1, r12}")),
        *(("ldr r1, [r4]", address) for address in (0xE000_2000, 0xE004_0000, 0xE00F_F000)),
        *(("str r1, [r4]", address) for address in (0xE000_E010, 0xE000_1004, 0xE004_2000)),
    ],
)
def test_the_private_peripheral_bus_is_a_precise_bus_fault(
    tmp_path: Path, code: str, address: int
) -> None:
    """The rest of the block does not run, also not its stores to memory and to the bus."""
    source = f"""{_PROLOGUE}
        ldr r4, ={address:#x}
        ldr r6, =at
        ldr r11, =behind + 1
        movs r1, #5
        ldr r3, =0x2001C000
        ldr r2, =0xE000ED08
        {_UNPRIVILEGED}
    at: {code}
        str r1, [r3]
        str r3, [r2]
        movs r1, #7
        str r1, [r3]
    behind: ldr r2, [r3]
        put r1
        put r2
        svc #0
        {_HANDLER}
    """
    with running(tmp_path, source, _HANDLERS) as bench:
        assert bench.results == [PRECISERR | BFARVALID, address, 0, 5, 0]
        assert bench.register(scs.VTOR) == 0


def test_privileged_code_and_handlers_have_access(tmp_path: Path) -> None:
    source = f"""{_PROLOGUE}
        movs r0, #2
        msr control, r0
        isb
        ldr r4, =0xE000ED00
        ldr r5, [r4]
        put r5
        {_UNPRIVILEGED}
        svc #1
    svcall: ldr r5, [r4]
        put r5
        bkpt #0
    """
    assert results(tmp_path, source, {11: "svcall"}) == [0x410F_C241] * 2


@pytest.mark.parametrize("allowed", [False, True])
def test_the_software_trigger_is_open_with_usersetmpend(tmp_path: Path, allowed: bool) -> None:
    source = f"""{_PROLOGUE}
        poke 0xE000E100, 1
        poke 0xE000ED14, {0x202 if allowed else 0x200}
        ldr r4, =0xE000EF00
        ldr r6, =at
        ldr r11, =behind + 1
        movs r5, #0
        {_UNPRIVILEGED}
    at: str r5, [r4]
    behind: dsb
        isb
        svc #0
    irq0: note 1
        bx lr
        {_HANDLER}
    """
    expected = [1] if allowed else [PRECISERR | BFARVALID, 0xE000_EF00, 0]
    assert results(tmp_path, source, {**_HANDLERS, 16: "irq0"}) == expected


def test_special_registers_are_read_as_zero_and_not_written(tmp_path: Path) -> None:
    source = f"""{_PROLOGUE}
        movs r4, #0x40
        msr basepri, r4
        {_UNPRIVILEGED}
        movs r4, #1
        msr primask, r4
        msr faultmask, r4
        msr msp, r4
        cpsid i
        cpsid f
        movs r4, #0
        msr basepri, r4
        msr control, r4
        isb
        mrs r3, primask
        mrs r4, basepri
        mrs r5, msp
        mrs r6, control
        movs r7, #0
        msr basepri, r7
        put r3
        put r4
        put r5
        put r6
        svc #0
    svcall: mrs r3, primask
        mrs r4, basepri
        mrs r5, faultmask
        put r3
        put r4
        put r5
        bkpt #0
    """
    assert results(tmp_path, source, {11: "svcall"}) == [0, 0, 0, 3, 0, 0x40, 0]


@pytest.mark.parametrize(("access", "faults"), [(0, 2), (1, 1), (3, 0)])
def test_the_fpu_can_be_for_privileged_code_only(tmp_path: Path, access: int, faults: int) -> None:
    """CPACR: 0 denies, 1 allows privileged code, 3 all."""
    source = f"""{_PROLOGUE}
        poke CPACR, {access * 5 << 20:#x}
        dsb
        isb
        ldr r11, =first + 1
        vmov s0, r0
    first: {_UNPRIVILEGED}
        ldr r11, =second + 1
        vmov s0, r0
    second: svc #0
    usage: ldr r7, =0xE000ED28
        ldr r5, [r7]
        str r5, [r7]
        put r5
        tst lr, #4
        ite eq
        mrseq r7, msp
        mrsne r7, psp
        str r11, [r7, #24]
        bx lr
    svcall: bkpt #0
    """
    assert results(tmp_path, source, {6: "usage", 11: "svcall"}) == [NOCP] * faults


def test_stores_behind_the_write_buffer_and_without_it(tmp_path: Path) -> None:
    """ACTLR.DISDEFWBUF makes the BusFault of a store precise."""
    source = """start:
        poke 0xE000ED24, 0x70000
        ldr r4, =0x60000000
        ldr r6, =at
        movs r3, #0
        movs r2, #0
        cmp r2, #0
        b at
    at: str r3, [r4]
        mov r3, #1
        poke 0xE000E008, 2
        b 1f
    1:  ldr r6, =again
        b again
    again: ittt eq
        moveq r2, #1
        streq r3, [r4, #8]
        moveq r2, #2
        nop
        b .
    fault: ldr r7, =0xE000ED28
        ldr r5, [r7]
        str r5, [r7]
        put r5
        cmp r5, #0x400
        it eq
        bxeq lr
        put r2
        ldr r5, [r7, #16]
        put r5
        ldr r5, [sp, #24]
        subs r5, r6
        put r5
        ldr r5, [sp, #28]
        ldr r10, =0x0600FC00
        and r5, r10
        put r5
        bkpt #0
    """
    values = results(tmp_path, source, {5: "fault"})
    assert values == [IMPRECISERR, PRECISERR | BFARVALID, 1, 0x6000_0008, 4, 0x0400]


def test_a_debugger_reads_and_writes_all_registers_of_unprivileged_code(tmp_path: Path) -> None:
    source = f"""{_PROLOGUE}
        movs r4, #0x40
        msr basepri, r4
        {_UNPRIVILEGED}
        bkpt #0
        mrs r0, control
        put r0
        svc #0
    svcall: mrs r0, basepri
        put r0
        mrs r0, msp
        put r0
        bkpt #1
    """
    special, msp, write = 20, 17, 1 << 16
    with running(tmp_path, source, {11: "svcall"}) as bench:
        debug, data = bench.core.debug, halting_debug.DCRDR & 0xFFF
        seen = []
        for number in (special, msp):
            debug.transfer_register(number)
            seen.append(debug.read(data))
        assert seen == [3 << 24 | 0x40 << 8, 0x2001_0000]
        for number, value in ((special, 3 << 24 | 0x60 << 8), (msp, 0x2000_8000)):
            debug.write(data, value)
            debug.transfer_register(number | write)
        bench.core.executor.pc += 2
        bench.core.resume()
        bench.wait()
        assert bench.results == [3, 0x60, 0x2000_8000]
