"""The comparators of the DWT: watchpoints, MATCHED, DebugMonitor."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.simulator.clock import next_deadline
from harness.simulator.halting_debug import DFSR_DWTTRAP, TRCENA
from harness.simulator.registers import R
from tests.support.assembly_bench import Bench, running, wait_for

DEMCR, DWT_CTRL, COMP0, MASK0, FUNCTION0 = (
    *(0xE000_EDFC, 0xE000_1000),
    *(0xE000_1020, 0xE000_1024, 0xE000_1028),
)
RAM = 0x2000_8000
PC, READ, WRITE, ACCESS = 4, 5, 6, 7
MATCHED = 1 << 24


def watch(bench: Bench, registers: Mapping[int, int]) -> None:
    """Halt the core at reset, set the registers as a debugger does, and let it run on."""
    core = bench.core
    with core.stopped():
        for address, value in {DEMCR: TRCENA, **registers}.items():
            core.bus.write(address, 4, value)


@pytest.mark.parametrize("portable", [False, True], ids=["machine-code", "python"])
@pytest.mark.parametrize(
    ("function", "address", "mask", "code"),
    [
        (WRITE, RAM, 2, "str r1, [r0]"),
        (WRITE, RAM + 2, 0, "str r1, [r0]"),  # any byte of the access counts
        (WRITE, RAM + 2, 1, "strb r1, [r0, #3]"),
        (WRITE, RAM + 4, 2, "strd r1, r1, [r0]"),
        (WRITE, RAM, 2, "push {r1-r3}"),
        (WRITE, RAM, 2, "str r1, [r0, #2]"),  # unaligned
        (READ, RAM, 2, "ldr r1, [r0]"),
        (READ, RAM + 1, 0, "ldrh r1, [r0]"),
        (READ, RAM + 8, 2, "ldm r0, {r1-r4}"),
        (ACCESS, RAM, 15, "ldr r1, [r0, #0x100]"),
        (ACCESS, 0x4002_0414, 2, "ldr r2, =0x40020414\nstr r1, [r2]"),  # a device
        (ACCESS, 0x4000_0024, 2, "ldr r2, =0x40000024\nldr r1, [r2]"),  # an exact device
    ],
)
def test_the_core_halts_after_the_access(
    tmp_path: Path, function: int, address: int, mask: int, code: str, portable: bool
) -> None:
    source = f"""start: ldr r0, =0x20008000
        ldr r11, =after
        add r2, r0, #12
        mov sp, r2
        ldr r1, [r0, #0x40]
        movs r6, #0
        bkpt #0
        {code}
    after: adds r6, #1
        str r6, [r0, #0x80]
        bkpt #0
    """
    with running(tmp_path, source, portable=portable) as bench:
        watch(bench, {COMP0: address, MASK0: mask, FUNCTION0: function})
        core = bench.core
        core.executor.pc += 2  # over the breakpoint
        before = core.executor.now()
        core.resume()
        bench.wait()
        registers = core.executor.registers
        assert core.executor.pc == registers.read(R[11]) & ~1
        assert registers.read(R[6]) == 0
        assert core.debug.dfsr & DFSR_DWTTRAP
        assert core.executor.now() - before == 1 + code.count("\n")
        assert core.bus.read(FUNCTION0, 4) == function | MATCHED
        assert core.bus.read(FUNCTION0, 4) == function


@pytest.mark.parametrize(
    ("function", "address", "mask", "code"),
    [
        (WRITE, RAM, 2, "ldr r1, [r0]"),
        (READ, RAM, 2, "str r1, [r0]"),
        (ACCESS, RAM, 2, "str r1, [r0, #4]"),
        (ACCESS, RAM + 3, 0, "strh r1, [r0]"),
        (PC, RAM, 2, "ldr r1, [r0]"),
        (WRITE + 4, RAM, 2, "str r1, [r0]"),  # it only signals the match
    ],
)
def test_other_accesses_do_not_halt(
    tmp_path: Path, function: int, address: int, mask: int, code: str
) -> None:
    source = f"""start: ldr r0, ={RAM:#x}
        poke {DEMCR:#x}, {TRCENA:#x}
        poke {COMP0:#x}, {address:#x}
        poke {MASK0:#x}, {mask}
        poke {FUNCTION0:#x}, {function}
        b 1f
    1:  {code}
        note 1
        bkpt #0
    """
    with running(tmp_path, source) as bench:
        assert bench.results == [1]
        assert not bench.core.debug.dfsr & DFSR_DWTTRAP
        matched = bool(bench.core.bus.read(FUNCTION0, 4) & MATCHED)
        assert matched == (function == WRITE + 4)


@pytest.mark.parametrize("portable", [False, True], ids=["machine-code", "python"])
def test_an_it_block_is_not_disturbed(tmp_path: Path, portable: bool) -> None:
    """The core halts after the block, and conditional instructions do what they always do."""
    source = f"""start: ldr r0, ={RAM:#x}
        movs r4, #0
        cmp r4, #0
        bkpt #0
        itete eq
        streq r0, [r0]
        addne r4, #1
        addeq r4, #2
        addne r4, #4
        it eq
        ldreq r5, [r0]
        bkpt #0
    """
    with running(tmp_path, source, portable=portable) as bench:
        watch(bench, {COMP0: RAM, MASK0: 2, FUNCTION0: ACCESS})
        core = bench.core
        core.executor.pc += 2
        start, before = core.executor.pc, core.executor.now()
        core.resume()
        bench.wait()
        assert core.executor.pc == start + 10
        assert core.executor.now() - before == 5
        assert core.executor.registers.read(R[4]) == 2
        core.resume()
        bench.wait()
        assert core.executor.pc == start + 14
        assert core.executor.registers.read(R[5]) == RAM


def test_a_step_over_the_access_notes_the_watchpoint(tmp_path: Path) -> None:
    source = f"start: ldr r0, ={RAM:#x}\n bkpt #0\n str r0, [r0]\n bkpt #0"
    with running(tmp_path, source) as bench:
        watch(bench, {COMP0: RAM, MASK0: 2, FUNCTION0: WRITE})
        bench.core.executor.pc += 2
        bench.core.debug.dfsr = 0
        bench.core.step()
        assert bench.core.debug.dfsr == DFSR_DWTTRAP | 1


def test_an_instruction_address(tmp_path: Path) -> None:
    source = f"""start: poke {DEMCR:#x}, {TRCENA:#x}
        ldr r1, =here
        ldr r0, ={COMP0:#x}
        str r1, [r0]
        movs r1, #{PC}
        str r1, [r0, #8]
        b 1f
    1:  nop
    here: movs r7, #7
        movs r7, #8
        bkpt #0
    """
    with running(tmp_path, source) as bench:
        assert bench.core.executor.registers.read(R[7]) == 7
        assert bench.core.debug.dfsr & DFSR_DWTTRAP
        assert bench.core.bus.read(FUNCTION0, 4) == PC | MATCHED


def test_a_data_value_at_an_address(tmp_path: Path) -> None:
    """Comparator 1 compares the halfword that is written where comparator 0 says."""
    linked = WRITE | 1 << 8 | 1 << 10
    source = f"""start: ldr r0, ={RAM:#x}
        movs r1, #5
        movs r2, #6
        bkpt #0
        strh r1, [r0]
        strh r2, [r0, #2]
        str r2, [r0]
        movs r7, #7
        strh r2, [r0]
        movs r7, #8
        bkpt #0
    """
    with running(tmp_path, source) as bench:
        watch(bench, {COMP0: RAM, MASK0: 1, COMP0 + 16: 0x6_0006, FUNCTION0 + 16: linked})
        bench.core.executor.pc += 2
        bench.core.resume()
        bench.wait()
        assert bench.core.executor.registers.read(R[7]) == 7
        assert bench.core.debug.dfsr & DFSR_DWTTRAP
        # LNK1ENA reads as one.
        assert bench.core.bus.read(FUNCTION0 + 16, 4) == linked | 1 << 9 | MATCHED


def test_a_value_of_the_cycle_counter(tmp_path: Path) -> None:
    """It is noticed at the end of the block, as an interrupt of a timer is."""
    source = """start: movs r0, #0
    1:  adds r0, #1
        nop
        b 1b
    """
    with running(tmp_path, source, wait=False) as bench:
        with bench.core.stopped():
            bench.core.bus.write(DEMCR, 4, TRCENA)
            bench.core.bus.write(DWT_CTRL, 4, 1)
            count = bench.core.bus.read(DWT_CTRL + 4, 4)
            bench.core.bus.write(COMP0, 4, count + 100_000)
            bench.core.bus.write(FUNCTION0, 4, 1 << 7 | 4)
        wait_for(lambda: bench.core.halted)
        assert bench.core.debug.dfsr & DFSR_DWTTRAP
        assert count + 100_000 <= bench.core.bus.read(DWT_CTRL + 4, 4) < count + 100_006
        assert bench.core.bus.read(FUNCTION0, 4) == 1 << 7 | 4 | MATCHED


def test_a_sleeping_core_does_not_reach_a_value_of_the_cycle_counter(tmp_path: Path) -> None:
    """The counter stands still; nor does waiting for it cost the host anything."""
    source = f"""start: poke {DEMCR:#x}, {TRCENA:#x}
        poke {COMP0:#x}, 1000
        poke {FUNCTION0:#x}, 0x84
        poke {DWT_CTRL:#x}, 1
    1:  wfi
        b 1b
    """
    with running(tmp_path, source, wait=False) as bench:
        wait_for(lambda: bench.core.sleeping)
        with bench.core.stopped():
            assert next_deadline(bench.core.timed) is None
            assert not bench.core.bus.read(FUNCTION0, 4) & MATCHED


def test_registers(tmp_path: Path) -> None:
    """Four comparators; a debugger finds the size of MASK by writing ones."""
    with running(tmp_path, "start: bkpt #0") as bench:
        bus = bench.core.bus
        watch(bench, {COMP0: 0xFFFF_FFFF, MASK0: 0xFFFF_FFFF})
        assert bus.read(DWT_CTRL, 4) >> 24 == 0x40
        assert (bus.read(COMP0, 4), bus.read(MASK0, 4)) == (0xFFFF_FFFF, 0xF)
        assert bus.read(COMP0 + 4 * 16, 4) == 0
        assert bus.read(DWT_CTRL + 0x1C, 4) == 0xFFFF_FFFF  # PCSR in debug state
        bench.core.reset_now()
        assert bus.read(COMP0, 4) == 0xFFFF_FFFF


def test_samples_of_the_program_counter(tmp_path: Path) -> None:
    with running(tmp_path, "start: b start", wait=False) as bench:
        watch(bench, {})
        with bench.core.stopped():
            assert bench.core.bus.read(DWT_CTRL + 0x1C, 4) == bench.core.executor.pc


def test_the_comparators_of_armv8m(tmp_path: Path) -> None:
    """Version 2: MATCH and ACTION in FUNCTION, which also says what a comparator can do."""
    source = f"""start: ldr r0, ={RAM:#x}
        bkpt #0
        ldr r1, [r0]
        movs r7, #7
        str r1, [r0]
        movs r7, #8
        bkpt #0
    """
    function = 2 << 10 | 1 << 4 | 5  # a word, a debug event, written
    with running(tmp_path, source, chip="nrf91") as bench:
        watch(bench, {COMP0: RAM, FUNCTION0: function})
        bench.core.executor.pc += 2
        bench.core.resume()
        bench.wait()
        assert bench.core.executor.registers.read(R[7]) == 7
        assert bench.core.debug.dfsr & DFSR_DWTTRAP
        assert bench.core.bus.read(FUNCTION0, 4) == 0x5800_0000 | function | MATCHED


def test_the_comparators_of_armv6m(tmp_path: Path) -> None:
    source = f"start: ldr r0, ={RAM:#x}\n bkpt #0\n str r0, [r0]\n movs r7, #7\n bkpt #0"
    with running(tmp_path, source, chip="kw41z4") as bench:
        watch(bench, {COMP0: RAM, MASK0: 2, FUNCTION0: WRITE})
        assert bench.core.bus.read(DWT_CTRL, 4) == 2 << 28
        bench.core.executor.pc += 2
        bench.core.resume()
        bench.wait()
        assert bench.core.executor.registers.read(R[7]) == 0
        assert bench.core.debug.dfsr & DFSR_DWTTRAP
