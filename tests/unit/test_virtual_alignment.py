"""Accesses that must be aligned, and divisions by zero, fault as on silicon and in QEMU."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from harness.simulator import halting_debug, scs
from harness.simulator.thumb_operands import operand_of
from tests.support.assembly_bench import Bench, results, running

UNALIGNED, DIVBYZERO = 1 << 24, 1 << 25
CCR = {"no trap": 0, "UNALIGN_TRP": 1 << 3, "DIV_0_TRP": 1 << 4, "both": 3 << 3}

# r7 is the address, 0x2000C000 and an offset; Z is set.
ALWAYS = {
    "ldrd r0, r1, [r7]": 3,
    "ldrd r0, r1, [r7, #8]!": 3,
    "ldrd r0, r1, [r7], #-8": 3,
    "strd r0, r1, [r7]": 3,
    "strd r0, r1, [r7, #-4]": 3,
    "ldm r7, {r0, r1}": 3,
    "ldm r7!, {r0, r1}": 3,
    "ldmdb r7!, {r0, r1, lr}": 3,
    "stm r7!, {r0, r1}": 3,
    "stmdb r7, {r0, r1, r12}": 3,
    "ldm.w r7, {r0, r1, r12}": 3,
    "vldr s0, [r7]": 3,
    "vldr d1, [r7, #4]": 3,
    "vstr s0, [r7]": 3,
    "vldmia r7!, {s0-s3}": 3,
    "vstmia r7, {s0-s3}": 3,
    "vldmdb r7!, {s0-s3}": 3,
    "ldrex r0, [r7]": 3,
    "ldrexh r0, [r7]": 1,
    "it eq\n ldrdeq r0, r1, [r7]": 3,
    "ittt eq\n moveq r2, #5\n strdeq r0, r1, [r7]\n streq r0, [r7, #4]": 3,
    "itee eq\n moveq r2, #5\n vldrne s0, [r7]\n ldmne r7, {r0, r1}": 0,
    "it eq\n stmeq r7!, {r0, r1}": 3,
    "mov r0, r7\n ldrd r0, r1, [r0]": 3,
}
TRAPPED = {
    "ldr r0, [r7]": 3,
    "ldr r0, [r7, #4]!": 3,
    "str r0, [r7], #4": 3,
    "ldrh r0, [r7]": 1,
    "ldrsh r0, [r7]": 1,
    "strh r0, [r7]": 1,
    "ldr.w r0, [r7, r2, lsl #2]": 3,
    "ldrt r0, [r7]": 3,
    "it eq\n ldreq r0, [r7]": 3,
    "itt eq\n moveq r2, #5\n streq r0, [r7]": 3,
}
NEVER = dict.fromkeys(("ldrb r0, [r7]", "strb r0, [r7]", "ldrexb r0, [r7]", "pld [r7]"), 0)
DIVISIONS = (
    "udiv r0, r1, r2",
    "sdiv r0, r1, r2",
    "itt eq\n moveq r3, #7\n sdiveq r0, r1, r2",
    "it ne\n udivne r0, r1, r2",
)

_HANDLER = """
    usage: ldr r10, =0xE000ED28
        ldr r9, [r10]
        str r9, [r10]           @ clears it
        put r9
        ldr r9, [sp, #24]
        subs r9, r6
        put r9
        ldr r9, [sp, #28]
        ldr r10, =0x0600FC00    @ ITSTATE
        and r9, r10
        put r9
        str r11, [sp, #24]      @ returns behind the instruction
        ldr r9, [sp, #28]
        ldr r10, =0x0600FC00
        bic r9, r10
        str r9, [sp, #28]
        bx lr
"""
# SYS_OPEN of the console, SYS_WRITE of the results, SYS_EXIT. A debugger stops at the first.
_END = """
        ldr r1, =open
        movs r0, #1
        bkpt #0xAB
        ldr r1, =write
        ldr r2, =RESULTS
        ldr r3, [r2]
        adds r3, #4
        str r0, [r1]
        str r2, [r1, #4]
        str r3, [r1, #8]
        movs r0, #5
        bkpt #0xAB
        ldr r1, =0x20026
        movs r0, #0x18
        bkpt #0xAB
    .align 2
    console: .asciz ":tt"
    .align 2
    open: .word console, 4, 3
"""


def case(number: int, code: str, offset: int, divisor: int = 3) -> str:
    """Return a program that executes `code`, and notes its number, its fault and its results."""
    return f"""
        note {number}
        ldr r7, =0x2000C000
        ldr r0, =0x12345678
        ldr r1, =0x9ABCDEF0
        .irp place, -16, -12, -8, -4, 0, 4, 8, 12, 16
        str r1, [r7, #\\place]
        .endr
        movs r2, #{divisor}
        movs r3, #4
        mov r12, #5
        mov lr, #6
        vmov s0, r0
        vmov s1, r1
        vmov d1, r0, r1
        ldr r6, =case{number}
        ldr r11, =next{number} + 1
        adds r7, #{offset}
        cmp r7, r7
        b case{number}
    case{number}: {code}
    next{number}: put r0
        put r1
        put r2
        put r3
        put r7
        mov r9, lr
        put r9
        vmov r0, s0
        put r0
        vmov r0, s2
        put r0
        ldr r7, =0x2000C000
        .irp place, -16, -12, -8, -4, 0, 4, 8, 12, 16
        ldr r0, [r7, #\\place]
        put r0
        .endr
        b pool{number}
        .ltorg
    pool{number}:
    """


CASES = [
    *((code, offset, 3) for code in (*ALWAYS, *TRAPPED, *NEVER) for offset in range(4)),
    *((code, 0, divisor) for code in DIVISIONS for divisor in (0, 3)),
]
_RESULTS = 17  # words that each case notes


def expected(code: str, offset: int, divisor: int, ccr: int) -> int:
    """Return the bit of CFSR that an execution sets; 0 if it raises no fault."""
    if code in DIVISIONS:
        divides = divisor == 0 and not code.startswith("it ne")
        return DIVBYZERO if divides and ccr & CCR["DIV_0_TRP"] else 0
    mask = ALWAYS.get(code) or (TRAPPED.get(code, 0) if ccr & CCR["UNALIGN_TRP"] else 0)
    return UNALIGNED if offset & mask else 0


def program(ccr: int) -> str:
    """Return a program that executes all cases, and prints its results if no debugger stops it."""
    body = "".join(case(number, *one) for number, one in enumerate(CASES, 1))
    return f"""start:
        poke CPACR, 0xF00000
        poke 0xE000ED24, 0x40000
        poke 0xE000ED14, {0x200 | ccr}
        poke 0x20000000, 0
        dsb
        isb
        {body}
        {_END}
        {_HANDLER}
        .equ write, 0x2000D000
    """


def faults(noted: list[int]) -> list[int]:
    """Return the CFSR of each case."""
    found, at = [], 0
    for number in range(1, len(CASES) + 1):
        assert noted[at] == number, CASES[number - 1]
        is_fault = noted[at + 1] in (UNALIGNED, DIVBYZERO)
        found.append(noted[at + 1] if is_fault else 0)
        at += 1 + 3 * is_fault + _RESULTS
    assert at == len(noted)
    return found


@pytest.mark.parametrize("traps", CCR)
def test_what_must_be_aligned_faults_and_nothing_else(traps: str, tmp_path: Path) -> None:
    with running(tmp_path, program(CCR[traps]), {6: "usage"}) as bench:
        noted, executed = list(bench.results), bench.core.executor.now()
    assert faults(noted) == [expected(*one, CCR[traps]) for one in CASES]
    with running(tmp_path, program(CCR[traps]), {6: "usage"}, portable=True) as bench:
        assert (bench.results, bench.core.executor.now()) == (noted, executed)


@pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="qemu-system-arm is not on PATH: see `make system`",
)
@pytest.mark.parametrize("traps", CCR)
def test_registers_memory_and_frames_are_those_of_qemu(traps: str, tmp_path: Path) -> None:
    with running(tmp_path, program(CCR[traps]), {6: "usage"}) as bench:
        ours = bench.results
    command = ["qemu-system-arm", "-M", "netduinoplus2", "-display", "none", "-monitor", "none"]
    command += ["-serial", "none", "-semihosting-config", "enable=on,target=native"]
    command += ["-kernel", str(tmp_path / "bench.elf")]
    printed = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    _, *theirs = (value for (value,) in struct.iter_unpack("<I", printed))
    assert ours == theirs


def test_conditional_accesses_with_the_trap_leave_no_condition_behind(tmp_path: Path) -> None:
    source = """start: poke 0xE000ED14, 0x208
        dsb
        isb
        ldr r7, =0x2000C000
        movs r2, #0
        b 0f
    0:  cmp r0, r0
        itttt eq
        ldreq r1, [r7]
        streq r1, [r7]
        ldreq r1, [r7]
        ldreq r1, [r7]
        cmp r7, #99
        b 1f
    1:  movs r2, #1
        put r2
        bkpt #0
    """
    for portable in (False, True):
        with running(tmp_path, source, portable=portable) as bench:
            assert bench.results == [1]


@pytest.mark.parametrize("chip", ["stm32f429xi", "stm32l475xg", "nrf52840"])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ldrd r0, r1, [r7]", UNALIGNED),
        ("ittt eq\n moveq r2, #5\n strdeq r0, r1, [r7]\n streq r0, [r7, #4]", UNALIGNED),
        ("udiv r0, r1, r2", DIVBYZERO),
    ],
)
def test_it_is_a_hard_fault_without_a_handler_of_its_own(
    chip: str, code: str, status: int, tmp_path: Path
) -> None:
    source = f"""start: poke 0xE000ED14, 0x210
        ldr r7, =0x2000C001
        movs r2, #0
        movs r6, #0
        cmp r7, r7
    1:  {code}
        movs r6, #1
        b .
    hard: ldr r5, [sp, #24]
        ldr r4, =1b
        subs r5, r4
        put r5
        put r6
        mrs r5, ipsr
        put r5
        bkpt #0
    """
    with running(tmp_path, source, {3: "hard"}, chip=chip) as bench:
        assert bench.results == [4 * code.startswith("it"), 0, 3]
        assert bench.register(scs.CFSR) == status
        assert bench.register(scs.HFSR) == 1 << 30
    with running(tmp_path, source, {3: "hard"}, chip=chip, wait=False) as bench:
        bench.core.debug.demcr = halting_debug.VC_HARDERR
        bench.core.power_on()
        bench.wait()
        assert bench.core.halted
        assert bench.results == []  # before the first instruction of the handler
        assert bench.core.debug.dfsr == halting_debug.DFSR_VCATCH


def test_a_breakpoint_comes_first_and_a_step_takes_the_fault(tmp_path: Path) -> None:
    source = """start: ldr r7, =0x2000C001
        bkpt #0
        nop
        ldrd r0, r1, [r7]
        b .
    hard: nop
        bkpt #1
    """
    with running(tmp_path, source, {3: "hard"}) as bench:
        core = bench.core
        core.executor.pc += 4  # behind BKPT and NOP
        address = core.executor.pc
        core.executor.set_breakpoints({address})
        core.step()  # a debugger passes the breakpoint when it steps
        assert (bench.register(scs.CFSR), core.executor.pc) == (UNALIGNED, vector(bench, 3))
        core.executor.pc = address - 2
        core.control.write(scs.CFSR, UNALIGNED)
        core.resume()
        bench.wait()
        assert (core.executor.pc, bench.register(scs.CFSR)) == (address, 0)


def vector(bench: Bench, exception: int) -> int:
    """Return the address of a handler."""
    memory = bench.core.bus.memories[0]
    return memory.value(4 * exception, 4) & ~1


def test_code_that_was_replaced_is_not_checked_and_new_code_is(tmp_path: Path) -> None:
    """The same address in RAM first holds LDM, then LDR, then LDM."""
    source = """start: ldr r4, =0x20008000
        ldr r5, =0x4770C903     @ ldm r1!, {r0, r1}: bx lr
        ldr r6, =0x47706808     @ ldr r0, [r1]: bx lr
        ldr r7, =0x20008001
        adds r1, r4, #0
        str r5, [r4]
        dsb
        isb
        blx r7
        note 1
        str r6, [r4]
        dsb
        isb
        ldr r1, =0x20000001
        blx r7
        note 2
        str r5, [r4]
        dsb
        isb
        ldr r1, =0x20000001
        blx r7
        note 3
        bkpt #0
    hard: note 4
        bkpt #0
    """
    assert results(tmp_path, source, {3: "hard"}) == [1, 2, 4]


@pytest.mark.parametrize(
    ("code", "operand"),
    [
        ("c903", (1, 3)),
        ("b503", None),  # push
        ("469d", (3, 3)),  # mov sp, r3
        ("46bd", None),  # mov sp, r7
        ("f381 8809", (1, 3)),  # msr psp, r1
        ("f381 8810", None),  # msr primask, r1
        ("f381 8811", (1, 0xF)),  # msr basepri, r1
        ("f381 8812", (1, 0xF)),  # msr basepri_max, r1
        ("e9d1 0300", (1, 3)),  # ldrd
        ("e9dd 0300", None),  # of sp
        ("e9df 0300", None),  # of pc
        ("e8d1 f002", None),  # tbb
        ("e8d1 f013", None),  # tbh
        ("e8d1 0f5f", (1, 1)),  # ldrexh
        ("e8d1 0f4f", None),  # ldrexb
        ("e8d1 0faf", (1, 3)),  # lda
        ("e8c1 0f9f", (1, 1)),  # stlh
        ("e8c1 0fe2", (1, 3)),  # stlex
        ("e841 f000", None),  # tt
        ("e841 0200", (1, 3)),  # strex
        ("ec51 0b10", None),  # vmov r0, r1, d0
        ("ed91 0a00", (1, 3)),  # vldr
        ("ed9f 0a00", None),
        ("ed2d 8b02", None),  # vpush
        ("fb91 f0f2", (2, 0)),  # sdiv
        ("fb01 f002", None),  # mul
        ("f8d1 0001", None),  # ldr
    ],
)
def test_the_operand_of_an_instruction(code: str, operand: tuple[int, int] | None) -> None:
    first, second = (int(half, 16) for half in [*code.split(), "-1"][:2])
    found = operand_of(first, None if second < 0 else second, priority_bits=4)
    assert (found and found[:2]) == operand


def test_a_basepri_with_all_bits_keeps_what_is_written() -> None:
    assert operand_of(0xF381, 0x8811) is None


def test_the_trap_is_on_at_once(tmp_path: Path) -> None:
    """The block that sets CCR.UNALIGN_TRP goes on with the trap; one that clears it, without."""
    source = """start: poke 0xE000ED24, 0x40000
        ldr r7, =0x2000C001
        ldr r6, =0xE000ED14
        movw r4, #0x208
        movw r5, #0x200
        movs r3, #0
        b 1f
    1:  ldr r1, [r7]
        str r4, [r6]
        ldr r1, [r7]
        adds r3, #1
        str r5, [r6]
        ldr r1, [r7]
        put r3
        bkpt #0
    usage: ldr r1, [sp, #24]
        adds r1, #2
        str r1, [sp, #24]
        note 8
        bx lr
    """
    assert results(tmp_path, source, {6: "usage"}) == [8, 1]


def test_stack_pointers_are_multiples_of_four(tmp_path: Path) -> None:
    source = """start: mov r4, sp
        orr r3, r4, #3
        cmp r3, r3
        itt eq
        moveq sp, r3
        moveq r6, #1
        mov r5, sp
        mov sp, r4
        subs r5, r4
        put r5
        put r6
        subs r5, r3, r4
        put r5
        msr msp, r3
        mrs r5, msp
        subs r5, r4
        put r5
        msr psp, r3
        mrs r5, psp
        subs r5, r4
        put r5
        bkpt #0
    """
    assert results(tmp_path, source) == [0, 1, 3, 0, 0]
