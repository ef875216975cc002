"""The memory protection unit denies what PMSAv7 denies, and raises MemManage faults for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.simulator import halting_debug, scs
from harness.simulator import registers as reg
from harness.simulator.mpu import MpuV7
from harness.simulator.stops import Reason
from tests.support.assembly_bench import Bench, results, running

IACCVIOL, DACCVIOL, MUNSTKERR, MSTKERR, MMARVALID = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 1 << 7
READ_WRITE, PRIVILEGED, READ_ONLY, NO_ACCESS, USER_READ = 3, 1, 6, 0, 2  # AP
XN = 1 << 28
TYPE, CTRL, RNR, RBAR, RASR = 0xE000_ED90, 0xE000_ED94, 0xE000_ED98, 0xE000_ED9C, 0xE000_EDA0
ON, PRIVDEFENA, HFNMIENA = 1, 4, 2

# Notes CFSR, MMFAR and the offset of the return address from r6, and returns to r11.
_HANDLER = """
    fault: ldr r7, =0xE000ED28
        ldr r5, [r7]
        str r5, [r7]
        put r5
        ldr r5, [r7, #12]
        put r5
        ldr r5, [sp, #24]
        subs r5, r6
        put r5
        str r11, [sp, #24]
        bx lr
"""
_MEM_MANAGE = "poke 0xE000ED24, 0x10000\n"


def region(number: int, base: int, size: int, permission: int, *, srd: int = 0, xn: int = 0) -> str:
    """Return code that sets a region; `size` is the binary logarithm of its bytes."""
    limit = permission << 24 | srd << 8 | size - 1 << 1 | 1 | xn
    return f"poke {RBAR:#x}, {base | 1 << 4 | number:#x}\n poke {RASR:#x}, {limit:#x}\n"


def access(code: str, address: int, number: int = 0) -> str:
    """Return code that accesses `address` in r4."""
    return f"""
        ldr r6, =at{number}
        ldr r11, =behind{number} + 1
        ldr r4, ={address:#x}
        b at{number}
    at{number}: {code}
    behind{number}:
    """


def switch_on(control: int = ON | PRIVDEFENA) -> str:
    return f"poke {CTRL:#x}, {control}\n dsb\n isb\n"


UNPRIVILEGED = "movs r0, #1\n msr control, r0\n isb\n"
_PROCESS = "ldr r0, =0x20018000\n msr psp, r0\n movs r0, #3\n msr control, r0\n isb\n"


def test_the_registers(tmp_path: Path) -> None:
    source = f"""start:
        poke {RBAR:#x}, 0x20001013
        poke {RASR:#x}, 0xFFFFFFFF
        poke 0xE000EDA4, 0x20002014
        poke 0xE000EDA8, 0x03000011
        .irp address, {TYPE:#x}, {RNR:#x}, {RBAR:#x}, {RASR:#x}, 0xE000EDB0, 0xE000EDC0
        ldr r0, =\\address
        ldr r0, [r0]
        put r0
        .endr
        poke {RNR:#x}, 3
        ldr r0, ={RASR:#x}
        ldr r0, [r0]
        put r0
        bkpt #0
    """
    expected = [0x800, 4, 0x2000_2004, 0x0300_0011, 0x0300_0011, 0, 0x173F_FF3F]
    assert results(tmp_path, source) == expected


@pytest.mark.parametrize(
    ("permission", "privileged", "reads", "writes"),
    [
        (0, True, False, False),
        (1, True, True, True),
        (1, False, False, False),
        (2, True, True, True),
        (2, False, True, False),
        (3, False, True, True),
        (5, True, True, False),
        (5, False, False, False),
        (6, True, True, False),
        (6, False, True, False),
        (7, True, True, False),
    ],
)
def test_access_permissions(
    tmp_path: Path, permission: int, privileged: bool, reads: bool, writes: bool
) -> None:
    source = f"""start: {_MEM_MANAGE}
        {region(7, 0x2000_0000, 16, READ_WRITE)} {region(0, 0x0800_0000, 21, READ_ONLY)}
        {region(1, 0x2001_0000, 12, permission)}
        poke {RNR:#x}, 7
        poke {RASR:#x}, 0x0300001F
        {switch_on(ON)} {"" if privileged else UNPRIVILEGED}
        {access("ldr r5, [r4]", 0x2001_0FFC)} {access("str r5, [r4]", 0x2001_0000, 1)}
        note 7
        bkpt #0
        {_HANDLER}
    """
    denied = [
        value
        for allowed, address in ((reads, 0x2001_0FFC), (writes, 0x2001_0000))
        if not allowed
        for value in (DACCVIOL | MMARVALID, address, 0)
    ]
    assert results(tmp_path, source, {4: "fault"}) == [*denied, 7]


def test_the_higher_region_wins_and_a_disabled_subregion_is_the_one_below(tmp_path: Path) -> None:
    """Region 2 of 2 KiB at 0x20010000 forbids all but its subregions 1 and 7; region 1 allows."""
    source = f"""start: {_MEM_MANAGE}
        {region(1, 0x2001_0000, 12, READ_WRITE)}
        {region(2, 0x2001_0000, 11, NO_ACCESS, srd=0x82)} {switch_on()}
        {access("ldr r5, [r4]", 0x2001_00FC)} {access("ldr r5, [r4]", 0x2001_0100, 1)}
        {access("ldr r5, [r4]", 0x2001_01FC, 2)} {access("ldrb r5, [r4]", 0x2001_0200, 3)}
        {access("str r5, [r4]", 0x2001_06FF, 4)} {access("str r5, [r4]", 0x2001_0700, 5)}
        note 7
        bkpt #0
        {_HANDLER}
    """
    data = DACCVIOL | MMARVALID
    expected = [*(data, 0x2001_00FC, 0), *(data, 0x2001_0200, 0), *(data, 0x2001_06FF, 0), 7]
    assert results(tmp_path, source, {4: "fault"}) == expected


def test_a_guard_of_32_bytes_stops_a_store_and_keeps_the_memory_around(tmp_path: Path) -> None:
    """As the stack guards of Zephyr; the store is precise, also inside an IT block."""
    source = f"""start: {_MEM_MANAGE}
        {region(0, 0x2001_0020, 5, READ_ONLY)} {switch_on()}
        movs r5, #9
        movs r3, #0
        cmp r3, #0
        {access("itt eq; streq r5, [r4, #-4]; streq r5, [r4]; movs r3, #1", 0x2001_0020)}
        put r3
        ldr r4, =0x2001001C
        ldm r4, {{r0, r1}}
        put r0
        put r1
        {access("str r5, [r4]", 0x2001_0040, 1)}
        note 7
        bkpt #0
        {_HANDLER}
    """
    assert results(tmp_path, source.replace("; ", "\n"), {4: "fault"}) == [
        *(DACCVIOL | MMARVALID, 0x2001_0020, 6),
        *(0, 9, 0),
        7,
    ]


@pytest.mark.parametrize(
    ("where", "status"),
    [(0x2001_0000, IACCVIOL), (0x2001_1000, 0), (0x4002_0000, IACCVIOL), (0xE000_E000, IACCVIOL)],
    ids=["XN", "executable", "peripheral", "system"],
)
def test_instruction_fetches(tmp_path: Path, where: int, status: int) -> None:
    source = f"""start: {_MEM_MANAGE}
        {region(0, 0x2001_0000, 12, READ_WRITE, xn=XN)} {switch_on()}
        ldr r4, ={where:#x}
        movw r5, #0x4770        @ bx lr
        {"str r5, [r4]" if where >> 28 == 2 else ""}
        dsb
        isb
        adds r6, r4, #0
        ldr r11, =behind + 1
        adds r4, #1
        blx r4
    behind: note 7
        bkpt #0
        {_HANDLER}
    """
    values = results(tmp_path, source, {4: "fault"})
    assert values[::2] if status else values
    assert values == ([status, values[1], 0, 7] if status else [7])


def test_without_the_background_map_privileged_code_needs_a_region(tmp_path: Path) -> None:
    source = f"""start: {_MEM_MANAGE}
        {region(0, 0x0800_0000, 21, READ_ONLY)} {region(1, 0x2000_0000, 16, READ_WRITE)}
        {switch_on(ON)}
        {access("ldr r5, [r4]", 0x2001_0000)} {access("ldr r5, [r4]", 0x4002_0000, 1)}
        {access("ldr r5, [r4]", 0xE000_ED00, 2)}
        put r5
        bkpt #0
        {_HANDLER}
    """
    data = DACCVIOL | MMARVALID
    expected = [*(data, 0x2001_0000, 0), *(data, 0x4002_0000, 0), 0x410F_C241]
    assert results(tmp_path, source, {4: "fault"}) == expected


def test_the_background_map_is_for_privileged_code(tmp_path: Path) -> None:
    source = f"""start: {_MEM_MANAGE}
        {region(0, 0x0800_0000, 21, READ_ONLY)} {region(1, 0x2000_0000, 16, READ_WRITE)}
        {switch_on()} {access("ldr r5, [r4]", 0x2001_0000)}
        {access("ldrt r5, [r4]", 0x2001_0000, 1)}
        {UNPRIVILEGED} {access("str r5, [r4]", 0x2001_0000, 2)}
        note 7
        bkpt #0
        {_HANDLER}
    """
    denied = [DACCVIOL | MMARVALID, 0x2001_0000, 0]
    assert results(tmp_path, source, {4: "fault"}) == [*denied, *denied, 7]


@pytest.mark.parametrize(("control", "denied"), [(ON, []), (ON | HFNMIENA, [0xFFFF])])
def test_hard_fault_and_faultmask_switch_it_off(
    tmp_path: Path, control: int, denied: list[int]
) -> None:
    """With HFNMIENA, the access in the HardFault handler is a second fault: lockup."""
    source = f"""start: {region(0, 0x2001_0000, 12, NO_ACCESS)} {switch_on(control | PRIVDEFENA)}
        ldr r4, =0x20010000
        cpsid f
        ldr r5, [r4]
        cpsie f
        note 1
        udf #0
    hard: ldr r5, [r4]
        note 2
        bkpt #0
    """
    with running(tmp_path, source, {3: "hard"}) as bench:
        assert bench.core.locked_up == bool(denied)
        assert bench.results == ([] if denied else [1, 2])


def test_a_fault_without_its_own_handler_is_a_hard_fault(tmp_path: Path) -> None:
    source = f"""start: {region(0, 0x2001_0000, 12, NO_ACCESS)} {switch_on()}
        {access("ldr r5, [r4]", 0x2001_0000)}
        bkpt #0
        {_HANDLER}
    """
    with running(tmp_path, source, {3: "fault"}) as bench:
        assert bench.results == [DACCVIOL | MMARVALID, 0x2001_0000, 0]
        assert bench.register(scs.HFSR) == 1 << 30


def test_a_stack_that_must_not_be_written(tmp_path: Path) -> None:
    """The frame of SVC does not fit in unprivileged memory: MSTKERR, and no address."""
    source = f"""start: {_MEM_MANAGE}
        {region(0, 0x0800_0000, 21, READ_ONLY)} {region(1, 0x2000_0000, 17, READ_WRITE)}
        {region(2, 0x2001_7FE0, 5, PRIVILEGED)} {switch_on()} {_PROCESS}
        svc #0
        bkpt #0
    svcall: bkpt #1
    fault: ldr r7, =0xE000ED28
        ldr r5, [r7]
        put r5
        mrs r5, ipsr
        put r5
        ldr r5, =0xE000ED24     @ SHCSR: SVCall is pending
        ldr r5, [r5]
        put r5
        bkpt #2
    """
    values = results(tmp_path, source, {4: "fault", 11: "svcall"})
    assert values == [MSTKERR, 4, 0x1_0000 | 1 << 15 | 1]


def test_a_stack_that_must_not_be_read(tmp_path: Path) -> None:
    """The handler forbids the frame of its caller: the return ends in MemManage, MUNSTKERR."""
    source = f"""start: {_MEM_MANAGE} poke {CTRL:#x}, 0
        {region(0, 0x0800_0000, 21, READ_ONLY)} {region(1, 0x2000_0000, 17, READ_WRITE)}
        {switch_on()} {_PROCESS}
        svc #0
        bkpt #0
    svcall: {region(2, 0x2001_7FE0, 5, PRIVILEGED)}
        mrs r4, psp
        mov r6, sp
        bx lr
    fault: ldr r7, =0xE000ED28
        ldr r5, [r7]
        put r5
        mrs r5, psp
        subs r5, r4
        put r5
        mov r5, sp
        subs r5, r6
        put r5
        mov r5, lr
        put r5
        bkpt #2
    """
    values = results(tmp_path, source, {4: "fault", 11: "svcall"})
    assert values == [MUNSTKERR, 0, 0, 0xFFFF_FFFD]


def test_a_change_of_a_region_takes_effect_at_once(tmp_path: Path) -> None:
    source = f"""start: {_MEM_MANAGE} {region(0, 0x2001_0000, 8, READ_WRITE)} {switch_on()}
        ldr r0, ={RASR:#x}
        ldr r1, ={NO_ACCESS << 24 | 7 << 1 | 1:#x}
        ldr r4, =0x20010000
        ldr r6, =at
        ldr r11, =behind + 1
        ldr r5, [r4]
        str r1, [r0]
    at: ldr r5, [r4]
    behind: note 7
        bkpt #0
        {_HANDLER}
    """
    assert results(tmp_path, source, {4: "fault"}) == [DACCVIOL | MMARVALID, 0x2001_0000, 0, 7]


def test_a_reset_switches_it_off(tmp_path: Path) -> None:
    source = f"""start: ldr r4, =0x20010000
        ldr r5, =RESULTS
        ldr r5, [r5]
        cbnz r5, 1f
        {region(0, 0x2001_0000, 8, NO_ACCESS)} {switch_on()}
        note 1
        poke 0xE000ED0C, 0x05FA0004
        b .
    1:  ldr r5, [r4]
        ldr r5, ={CTRL:#x}
        ldr r5, [r5]
        put r5
        bkpt #0
    """
    assert results(tmp_path, source) == [1, 0]


_TRIALS = """start: ldr r6, =trials
    bkpt #0
    .balign 8
    trials: ldrb.w r5, [r4]
    bkpt #1
    .balign 8
    strb.w r5, [r4]
    bkpt #1
    .balign 8
    ldrbt r5, [r4]
    bkpt #1
    .balign 8
    strbt r5, [r4]
    bkpt #1
"""
_WINDOW = 0x2000_4000
_V7 = st.builds(
    lambda base, size, permission, srd: (
        _WINDOW + base * 32 & -1 << size,
        permission << 24 | srd << 8 | size - 1 << 1 | 1,
    ),
    *(st.integers(0, 127), st.integers(5, 13), st.sampled_from([0, 1, 2, 3, 5, 6, 7])),
    st.sampled_from([0, 0xFF]) | st.integers(0, 0xFF),
)
_V8 = st.builds(
    lambda base, size, permission: (
        _WINDOW + base * 32 | permission << 1,
        _WINDOW + (base + size) * 32 | 1,
    ),
    *(st.integers(0, 127), st.integers(0, 40), st.integers(0, 3)),
)


def trial(bench: Bench, kind: int, address: int) -> bool:
    """Return whether the emulator allows an access: to read, to write, the same unprivileged."""
    executor = bench.core.executor
    executor.registers.write(reg.R[4], address)
    executor.pc = executor.registers.read(reg.R[6]) + 8 * kind
    return executor.run(executor.now() + 1000, lambda: True).reason is not Reason.DENIED


@pytest.fixture(scope="module", params=[("stm32f429xi", _V7), ("nrf91", _V8)], ids=["v7", "v8"])
def bench_and_regions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bench, st.SearchStrategy[tuple[int, int]]]]:
    """A halted bench with the code for `trial`, and the regions of its MPU."""
    chip, regions = request.param
    with running(tmp_path_factory.mktemp("mpu"), _TRIALS, chip=chip) as bench:
        yield bench, regions


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_checks_of_stacking_are_those_of_code(
    bench_and_regions: tuple[Bench, st.SearchStrategy[tuple[int, int]]], data: st.DataObject
) -> None:
    """The unit's own checks and the emulator's agree on overlapping regions and subregions."""
    bench, regions = bench_and_regions
    unit = bench.core.mpu
    assert unit is not None
    code = (0x0800_0000, 0x0600_0029) if isinstance(unit, MpuV7) else (0x6, 0xF_FFE1)
    with bench.core.stopped():
        unit.reset()
        chosen = [*data.draw(st.lists(regions, min_size=1, max_size=3)), code]
        for number, (base, limit) in enumerate(chosen):
            for register, value in ((RNR, number), (RBAR, base), (RASR, limit)):
                unit.write(register & 0xFFF, value)
        unit.write(CTRL & 0xFFF, ON | data.draw(st.sampled_from([0, PRIVDEFENA])))
        for _ in range(30):
            kind = data.draw(st.integers(0, 3))
            address = _WINDOW + data.draw(st.integers(0, 0x1FFF))
            ours = unit.allows(address, write=bool(kind & 1), privileged=kind < 2, negative=False)
            assert trial(bench, kind, address) == ours


_SECTION = """
    poke 0xE000ED9C, 0x08000010
    poke 0xE000EDA0, 0x0300002F   @ the flash, for all
    poke 0xE000ED9C, 0x20000011
    poke 0xE000EDA0, 0x0300001F   @ 64 KiB of RAM, for all
    poke 0xE000ED9C, 0x20010012
    poke 0xE000EDA0, 0x0100001D   @ 32 KiB, for privileged code
    poke 0xE000ED24, 0x70000
    ldr r6, =0x20010100
"""


@pytest.mark.parametrize("writes", [False, True])
def test_a_debugger_that_writes_a_register_does_not_end_the_protection(
    tmp_path: Path, writes: bool
) -> None:
    source = f"""start: {_SECTION}
        mov r0, sp
        sub r0, #0x400
        msr psp, r0
        poke 0xE000ED94, 5
        movs r0, #3
        msr control, r0
        isb
        bkpt #0
        str r0, [r6]
        bkpt #1
    memory: note 4
        bkpt #2
    """
    with running(tmp_path, source, {4: "memory"}) as bench:
        if writes:
            bench.core.debug.write(halting_debug.DCRDR & 0xFFF, 5)
            bench.core.debug.transfer_register(1 << 16)
        bench.core.executor.pc += 2
        bench.core.resume()
        bench.wait()
        assert bench.results == [4]


def test_a_step_after_faultmask_runs_without_the_mpu(tmp_path: Path) -> None:
    """CTRL.HFNMIENA is 0; the region is of the flash only."""
    source = f"""start: {_SECTION}
        poke 0xE000ED94, 1
        ldr r6, =0x20020000
        bkpt #0
        cpsid f
        str r6, [r6]
        bkpt #1
    """
    with running(tmp_path, source) as bench:
        core = bench.core
        core.executor.pc += 2
        after = core.executor.pc + 4
        core.step()
        core.step()
        assert core.executor.pc == after
        assert core.bus.read(0x2002_0000, 4) == 0x2002_0000
