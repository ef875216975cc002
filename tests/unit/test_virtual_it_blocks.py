"""A debugger stops inside IT blocks: at breakpoints, and after single steps."""

from pathlib import Path

import pytest

from harness.simulator import it_walk, scs
from harness.simulator.registers import IT_STATE, XPSR, R
from tests.support.assembly_bench import Bench, running

FPB_CTRL, FPB_COMP0 = 0xE000_2000, 0xE000_2008
BLOCK = """
    itete eq
    addeq r4, #1
    addne r4, #2
    addeq r4, #4
    addne r4, #8
    adds r5, #1
    bkpt #0
"""


def program(before: str) -> str:
    return f"start: movs r4, #0\n movs r5, #0\n {before}\n bkpt #0\n nop\n {BLOCK}"


def skip(bench: Bench) -> int:
    """Go over the breakpoint instruction, and return where that is."""
    bench.core.executor.pc += 2
    return bench.core.executor.pc


def set_breakpoint(bench: Bench, address: int) -> None:
    half = 0x8000_0000 if address & 2 else 0x4000_0000
    with bench.core.stopped():
        bench.core.bus.write(FPB_CTRL, 4, 3)
        bench.core.bus.write(FPB_COMP0, 4, address & ~3 | half | 1)


def resume(bench: Bench) -> None:
    bench.core.resume()
    bench.wait()


@pytest.mark.parametrize("portable", [False, True], ids=["machine-code", "python"])
@pytest.mark.parametrize(("value", "sum_of_both"), [(0, 5), (1, 10)])
def test_breakpoints(tmp_path: Path, value: int, sum_of_both: int, portable: bool) -> None:
    """Also at an instruction whose condition is false: that does not matter (C1.11)."""
    with running(tmp_path, program(f"cmp r4, #{value}"), portable=portable) as bench:
        core, read = bench.core, bench.core.executor.registers.read
        start = skip(bench)
        for place, state in zip(range(4, 12, 2), (0x0B, 0x16, 0x0C, 0x18), strict=True):
            core.executor.pc = start
            set_breakpoint(bench, start + place)
            before = core.executor.now()
            resume(bench)
            assert core.executor.pc == start + place
            assert it_walk.state(core.executor.registers) & 0xF == state & 0xF
            assert core.executor.now() - before == place // 2
            resume(bench)
            assert core.executor.pc == start + 14
            assert core.executor.now() - before == 7
            assert (read(R[4]), read(R[5])) == (sum_of_both, 1)
            core.executor.registers.write(R[4], 0)
            core.executor.registers.write(R[5], 0)
            core.executor.registers.write(XPSR, read(XPSR) & ~(1 << 30) | (not value) << 30)


def test_single_steps(tmp_path: Path) -> None:
    """Each instruction is one step, also the IT itself, and those whose condition is false."""
    with running(tmp_path, program("cmp r4, #0")) as bench:
        core, read = bench.core, bench.core.executor.registers.read
        start = skip(bench)
        seen = []
        for _ in range(7):
            before = core.executor.now()
            core.step()
            seen.append((core.executor.pc - start, read(R[4])))
            assert core.executor.now() - before == 1
        assert seen == [(2, 0), (4, 0), (6, 1), (8, 1), (10, 5), (12, 5), (14, 5)]
        assert not read(XPSR) & IT_STATE


CONDITIONS = ("eq", "cs", "mi", "vs", "hi", "ge", "gt")
OPERANDS = ((0, 0), (1, 2), (2, 1), (0x8000_0000, 1), (1, 0x8000_0000), (0x7FFF_FFFF, 0xFFFF_FFFF))


@pytest.mark.parametrize("left, right", OPERANDS)  # noqa: PT006 - of the two registers
def test_steps_do_what_a_run_does(tmp_path: Path, left: int, right: int) -> None:
    """For every condition; narrow instructions set no flags but those of comparisons do."""
    blocks = "".join(
        f"""    ldr r0, ={left:#x}
        ldr r1, ={right:#x}
        cmp r0, r1
        itete {condition}
        sub{condition} r2, r0, r1
        sub{opposite} r2, r1, r0
        adds{condition}.w r3, r3, r2
        ror{opposite} r3, r1
        mrs r4, xpsr
        eors r5, r4
        it {condition}
        cmp{condition} r3, r2
        mrs r4, xpsr
        eors r5, r4
        rors r5, r1
        eors r5, r3
    """
        for condition, opposite in zip(
            CONDITIONS, ("ne", "cc", "pl", "vc", "ls", "lt", "le"), strict=True
        )
    )
    source = f"start: movs r5, #0\n movs r3, #9\n bkpt #0\n {blocks}\n here: bkpt #0"
    with running(tmp_path, source) as bench:
        core, read = bench.core, bench.core.executor.registers.read
        start = skip(bench)
        before = core.executor.now()
        resume(bench)
        end, count, ran = core.executor.pc, core.executor.now() - before, read(R[5])
        core.executor.pc = start
        core.executor.registers.write(R[5], 0)
        core.executor.registers.write(R[3], 9)
        for _ in range(count):
            core.step()
        assert (core.executor.pc, read(R[5])) == (end, ran)


def test_exceptions_of_a_stepped_block(tmp_path: Path) -> None:
    """The stacked xPSR has the state of the instruction that faulted, or of that behind SVC."""
    source = """start: poke 0xE000ED24, 0x70000
        movs r0, #0
        ldr r1, =0x60000000
        cmp r0, #0
        bkpt #0
        itett eq
        svceq #0
        svcne #0
        ldreq r2, [r1]
        moveq r3, #3
        bkpt #0
    svcall: ldr r7, [sp, #28]
        bx lr
    fault: ldr r6, [sp, #28]
        ldr r4, [sp, #24]
        adds r4, #2
        str r4, [sp, #24]
        ldr r4, =0x0600FC00
        bics r5, r6, r4
        orr r5, #0x0800     @ the last instruction: EQ, 1000
        str r5, [sp, #28]
        bx lr
    """
    with running(tmp_path, source, {11: "svcall", 5: "fault"}) as bench:
        core, read = bench.core, bench.core.executor.registers.read
        start = skip(bench)
        while core.executor.pc != start + 10:
            core.step()
        assert [read(R[number]) & IT_STATE for number in (7, 6)] == [0x0400_1000, 0x0000_0400]
        assert read(R[3]) == 3
        assert bench.register(scs.CFSR) == 1 << 15 | 1 << 9


def test_a_breakpoint_instruction_ignores_the_condition(tmp_path: Path) -> None:
    source = "start: cmp sp, sp\n it ne\n bkpt #1\n note 1\n bkpt #0"
    with running(tmp_path, source) as bench:
        assert bench.results == []
        skip(bench)
        bench.core.executor.registers.write(XPSR, 1 << 24)
        resume(bench)
        assert bench.results == [1]


def test_an_interrupt_between_two_steps(tmp_path: Path) -> None:
    """The handler is not conditional, and the block goes on as it began."""
    source = f"""start: poke 0xE000E100, 1
        ldr r0, =STIR
        movs r1, #0
        {program("cmp r4, #0").removeprefix("start:")}
    irq0: movs r6, #6
        movs r7, #7
        bx lr
    """
    with running(tmp_path, source, {16: "irq0"}) as bench:
        core, read = bench.core, bench.core.executor.registers.read
        skip(bench)
        for _ in range(3):
            core.step()
        with core.stopped():
            core.nvic.pend(16)
        resume(bench)
        assert [read(R[number]) for number in (4, 5, 6, 7)] == [5, 1, 6, 7]


def test_a_step_at_an_it_that_the_core_does_not_have(tmp_path: Path) -> None:
    """Armv6-M has no IT: the step ends in the HardFault handler."""
    source = "start: bkpt #0\n .hword 0xBF08\n nop\n bkpt #1\n handler: b ."
    with running(tmp_path, source, {3: "handler"}, chip="kw41z4") as bench:
        place = skip(bench)
        bench.core.step()
        assert bench.core.executor.pc == place + 6


@pytest.mark.parametrize("stepped", [False, True], ids=["run", "step"])
@pytest.mark.parametrize(("value", "faults"), [(0, 1), (1, 0)])
def test_a_denied_float_instruction(tmp_path: Path, value: int, faults: int, stepped: bool) -> None:
    """It faults with the IT state of its own; it is executed again afterwards. False, it is a NOP.

    The IT block before it contains instructions whose condition is false.
    """
    source = f"""start:
        poke 0xE000ED24, 0x70000
        movs r4, #0
        movs r5, #0
        bkpt #0
        cmp r5, #0
        ite ne
        addne r4, #16
        addeq r4, #32
        cmp r5, #{value}
        itett eq
        addeq r4, #1
        addne r4, #2
        vmoveq.f32 s0, #1.0
        addeq r4, #4
        put r4
        bkpt #0
    usage: ldr r6, [sp, #28]
        lsrs r7, r6, #10
        ands r7, #0x3F       @ the upper bits of ITSTATE
        put r7
        ubfx r7, r6, #25, #2
        put r7
        poke 0xE000ED88, 0xF00000
        dsb
        isb
        bx lr
    """
    with running(tmp_path, source, {6: "usage"}) as bench:
        core = bench.core
        skip(bench)
        if stepped:
            while core.bus.read(core.executor.pc, 2) != 0xBE00:
                core.step()
        else:
            resume(bench)
        *state, total = bench.results
        assert total == (37 if faults else 34)
        assert len(state) == 2 * faults
        if faults:
            itstate = state[0] << 2 | state[1]
            assert (itstate >> 4, itstate & 0xF) == (0, 0b0100)
