"""Rounds of a loop that waits for SysTick are counted as if they were executed."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from harness.simulator.systick import CSR, SysTick
from harness.simulator.waiting_loops import WaitingLoops
from tests.support.assembly_bench import Bench, running

_ENABLE = """start: poke 0xE000E014, 4999
    poke 0xE000E018, 0
    poke 0xE000E010, {control}
    poke 0xE000EDFC, 0x1000000      @ DEMCR.TRCENA
    poke CYCCNT, 0
    poke 0xE0001000, 0x40000001
    ldr r5, =0xE000E010
    ldr r7, =CYCCNT
"""
_END = """
    ldr r4, [r7]
    put r4
    put r6
    ldr r4, [r5]
    put r4
    bkpt #0
    handler: ldr r1, =CYCCNT
    ldr r2, [r1]
    put r2
    bx lr
"""
_AT_PAGE_END = "b.w 1f\n .ltorg\n .balign 1024\n .space 1022\n"
_LOOPS = {
    "a branch": "1: ldr r3, [r5]\n lsls r3, #15\n bpl 1b\n",
    "a wide load": "1: ldr.w r3, [r5]\n tst.w r3, #0x10000\n beq 1b\n",
    "milliseconds": """movs r0, #3
        1: ldr r3, [r5]
        lsls r3, #15
        it mi
        submi r0, #1
        cmp r0, #0
        bne 1b
    """,
    "behind the end of a page": _AT_PAGE_END + "1: ldr r3, [r5]\n lsls r3, #15\n bpl 1b\n",
    "before the end of a page": _AT_PAGE_END
    + "1: movs r2, #1\n ldr r3, [r5]\n lsls r3, #15\n bpl 1b\n",
    "the stack": "1: ldr r2, [sp]\n ldr r3, [r5]\n ands.w r3, r3, #0x10000\n beq 1b\n",
}
_OTHERS = {  # each round differs from the one before
    "a count": "1: adds r6, #1\n ldr r3, [r5]\n lsls r3, #15\n bpl 1b\n",
    "a store": "1: str r3, [sp, #-8]\n ldr r3, [r5]\n lsls r3, #15\n bpl 1b\n",
    "another load": "1: ldr r6, [r7]\n ldr r3, [r5]\n lsls r3, #15\n bpl 1b\n",
    "a count behind the end of a page": _AT_PAGE_END
    + "1: ldr r3, [r5]\n adds r6, #1\n lsls r3, #15\n bpl 1b\n",
    "two blocks": "1: ldr r3, [r5]\n lsls r3, #15\n bmi 2f\n adds r6, #1\n b 1b\n 2:\n",
}


@pytest.fixture
def reads() -> Iterator[list[int]]:
    """Yield a list that contains an element for each read of CSR."""
    found: list[int] = []
    read = SysTick.read

    def counted(self: SysTick, offset: int) -> int:
        if offset == CSR:
            found.append(offset)
        return read(self, offset)

    with patch.object(SysTick, "read", counted):
        yield found


@pytest.mark.parametrize(
    ("control", "portable"),
    [(5, False), (7, False), (5, True)],
    ids=["polled", "interrupt", "python"],
)
@pytest.mark.parametrize("loop", [*_LOOPS, *_OTHERS])
def test_nothing_shows_that_rounds_were_not_executed(
    tmp_path: Path, reads: list[int], loop: str, control: int, portable: bool
) -> None:
    code = {**_LOOPS, **_OTHERS}[loop]
    source = _ENABLE.format(control=control) + code + code + _END
    with running(tmp_path, source, {15: "handler"}, portable=portable) as bench:
        values, count = list(bench.results), bench.core.executor.now()
    passed = len(reads)
    with (
        patch.object(WaitingLoops, "pass_rounds"),
        running(tmp_path, source, {15: "handler"}, portable=portable) as bench,
    ):
        assert (values, count) == (list(bench.results), bench.core.executor.now())
    executed = len(reads) - passed
    assert executed > 1000
    assert passed == executed if loop in _OTHERS else passed < 50


def test_an_event_of_the_board_comes_in_its_round(tmp_path: Path) -> None:
    """A lockup after 1,234 instructions, in the middle of the wait."""
    source = _ENABLE.format(control=5) + _LOOPS["a branch"] + _END
    with patch.object(WaitingLoops, "pass_rounds"):
        executed = _locks_up(tmp_path, source)
    assert _locks_up(tmp_path, source) == executed


def _locks_up(directory: Path, source: str) -> int:
    """Return the count of instructions at the lockup."""
    bench = Bench()
    try:
        bench.load(directory, source, {})
        bench.core.call_after(1234, bench.core.lock_up)
        bench.run()
        assert bench.core.locked_up
        return bench.core.executor.now()
    finally:
        bench.core.close()
