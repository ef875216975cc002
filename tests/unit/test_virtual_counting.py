"""Instruction counts are exact, for every counter and every kind of code."""

from pathlib import Path

import pytest

from harness.errors import InfrastructureError
from harness.simulator import emulator
from tests.support.assembly_bench import Bench, running

PORTABLE = pytest.mark.parametrize("portable", [False, True], ids=["native", "portable"])

_ON = """
start:
    poke 0xE000EDFC, 0x01000000
    poke 0xE0001000, 1
    ldr r7, =CYCCNT
"""


def between_readings(code: str) -> str:
    """Return a program that reads CYCCNT before and after `code`, and stores the difference."""
    return f"{_ON}\n ldr r5, [r7]\n{code}\n ldr r6, [r7]\n subs r6, r5\n put r6\n bkpt #0\n"


def counted(directory: Path, code: str, *, portable: bool) -> int:
    with running(directory, between_readings(code), portable=portable) as bench:
        assert not bench.core.locked_up
        (count,) = bench.results
        return count


@PORTABLE
@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("", 1),
        ("nop", 2),
        (" .rept 100\n nop\n .endr", 101),
        ("mov.w r0, #1\n nop.w", 3),
        # Instructions that an IT skips count, as on silicon and in QEMU.
        ("cmp r0, r0\n ittee ne\n movne r1, #1\n movne r1, #2\n moveq r1, #3\n moveq r1, #4", 7),
        ("cmp r0, r0\n ite ne\n ldrne r6, [r7]\n ldreq r6, [r7]\n nop", 6),
        # A movw, then 1,000 turns of a loop of three instructions.
        ("movw r0, #1000\n 1: subs r0, #1\n nop\n bne 1b", 3002),
        ("movw r0, #1000\n 1: subs r0, #1\n it pl\n addpl r1, #1\n cmp r0, #0\n bne 1b", 5002),
        ("bl 1f\n b 2f\n 1: bx lr\n 2: nop", 5),
        # A block that crosses the end of a page.
        (" b 1f\n .balign 1024\n .space 1000\n 1: .rept 50\n nop\n .endr", 52),
    ],
)
def test_cyccnt(tmp_path: Path, code: str, count: int, portable: bool) -> None:
    assert counted(tmp_path, code, portable=portable) == count


@PORTABLE
def test_cyccnt_in_an_it_block_does_not_affect_the_following_code(
    tmp_path: Path, portable: bool
) -> None:
    source = f"""{_ON}
        movs r0, #0
        cmp r0, r0
        itt eq
        ldreq r5, [r7]
        ldreq r6, [r7]
        b 1f
    1:  movs r1, #1          @ executed unconditionally, in a block of its own
        movs r2, #2
        subs r6, r5
        put r1
        put r2
        put r6
        bkpt #0
    """
    with running(tmp_path, source, portable=portable) as bench:
        assert bench.results == [1, 2, 1]


@PORTABLE
def test_writing_and_stopping_cyccnt(tmp_path: Path, portable: bool) -> None:
    source = f"""{_ON}
        movs r0, #0
        str r0, [r7]
        nop
        ldr r1, [r7]
        ldr r2, =0xE0001000
        str r0, [r2]         @ off
        nop
        ldr r3, [r7]
        ldr r4, [r7]
        put r1
        put r3
        put r4
        bkpt #0
    """
    with running(tmp_path, source, portable=portable) as bench:
        first, stopped, still = bench.results
        assert first == 2
        assert stopped == still == 4


def test_counts_are_equal_in_every_run(tmp_path: Path) -> None:
    code = "movw r0, #20000\n 1: subs r0, #1\n it pl\n addpl r1, #1\n cmp r0, #0\n bne 1b"
    with running(tmp_path, between_readings(code)) as bench:
        (first,) = bench.results
        for _ in range(5):
            bench.core.bus.write(0x2000_0000, 4, 0)
            bench.run()
            assert list(bench.results) == [first]


def test_rewritten_code_is_counted_again(tmp_path: Path) -> None:
    """A routine in RAM: first one wide instruction and a return, then two narrow ones instead."""
    source = f"""{_ON}
        ldr r4, =0x20000800
        ldr r0, =0x0001F04F  @ mov.w r0, #1
        ldr r1, =0xBF004770  @ bx lr; nop
        str r0, [r4]
        str r1, [r4, #4]
        adds r3, r4, #1
        ldr r5, [r7]
        blx r3
        ldr r6, [r7]
        subs r6, r5
        put r6
        ldr r0, =0xBF00BF00  @ nop; nop
        str r0, [r4]
        dsb
        isb
        ldr r5, [r7]
        blx r3
        ldr r6, [r7]
        subs r6, r5
        put r6
        bkpt #0
    """
    with running(tmp_path, source) as bench:
        assert bench.results == [4, 5]


@PORTABLE
def test_tim2_counts_instructions(tmp_path: Path, portable: bool) -> None:
    source = f"""{_ON}
        poke 0x40000014, 1
        poke 0x40000000, 1
        ldr r4, =0x40000024
        ldr r5, [r7]
        ldr r0, [r4]
        movw r2, #500
    1:  subs r2, #1
        bne 1b
        ldr r6, [r7]
        ldr r1, [r4]
        subs r6, r5
        subs r1, r0
        put r6
        put r1
        bkpt #0
    """
    with running(tmp_path, source, portable=portable) as bench:
        assert bench.results == [1003, 1003]


def test_a_step_is_one_instruction(tmp_path: Path) -> None:
    source = "start: bkpt #0\n nop\n bl 1f\n nop\n 1: cmp r0, r0\n it ne\n movne r1, #1\n nop\n b ."
    with running(tmp_path, source) as bench:
        core = bench.core
        core.executor.pc += 2
        counts, addresses = [], []
        for _ in range(7):
            before = core.executor.now()
            core.step()
            counts.append(core.executor.now() - before)
            addresses.append(core.executor.pc)
        start = addresses[0] - 2
        assert counts == [1] * 7  # also an IT, and an instruction whose condition is false
        assert [address - start for address in addresses] == [2, 8, 10, 12, 14, 16, 16]


def test_another_version_of_unicorn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "UNICORN", "2.0.0")
    with pytest.raises(InfrastructureError, match=r"unicorn 2\.1\.4 is installed"):
        Bench()


def test_speed(tmp_path: Path) -> None:
    """It takes seconds at most; a busy machine does not fail it."""
    source = "start: ldr r0, =20000000\n 1: nop\n nop\n subs r0, #1\n bne 1b\n bkpt #0"
    with running(tmp_path, source) as bench:
        assert bench.core.executor.now() > 80_000_000
