"""What flash does not keep, the next instruction does not see, and nothing else changes."""

from pathlib import Path

import pytest

from tests.support.assembly_bench import results, running

ERASED = 0xFFFF_FFFF
UNLOCK = """
    poke 0x40023C04, 0x45670123
    poke 0x40023C04, 0xCDEF89AB
    poke 0x40023C10, 0x201      @ PG, words
"""


def test_a_locked_flash_keeps_its_word_at_once(tmp_path: Path) -> None:
    source = """start:
        ldr r0, =0x08010000
        movs r1, #5
        str r1, [r0]
        ldr r2, [r0]
        ldr r3, =0x40023C0C
        ldr r3, [r3]
        put r2
        put r3
        bkpt #0
    """
    assert results(tmp_path, source) == [ERASED, 1 << 7]  # PGSERR


def test_programming_over_a_word_only_clears_bits(tmp_path: Path) -> None:
    source = f"""start:
        {UNLOCK}
        ldr r0, =0x08010000
        ldr r1, =0x12345678
        str r1, [r0]
        ldr r1, =0xFFFF0F0F
        str r1, [r0]
        ldr r2, [r0]
        put r2
        bkpt #0
    """
    assert results(tmp_path, source) == [0x1234_0608]


@pytest.mark.parametrize("portable", [False, True])
def test_each_instruction_counts_once(tmp_path: Path, portable: bool) -> None:
    source = """start:
        poke 0xE000EDFC, 0x01000000     @ TRCENA
        poke 0xE0001000, 1
        ldr r0, =0x08010000
        ldr r7, =CYCCNT
        ldr r4, [r7]
        .rept 5
        str r0, [r0]
        adds r1, #1
        .endr
        ldr r5, [r7]
        subs r5, r4
        put r5
        put r1
        bkpt #0
    """
    with running(tmp_path, source, portable=portable) as bench:
        assert bench.results == [11, 5]


def test_stores_of_several_words(tmp_path: Path) -> None:
    """The first word can be programmed; the second one only loses bits, the third is erased."""
    source = f"""start:
        {UNLOCK}
        ldr r0, =0x08010004
        ldr r1, =0xFFFF0000
        str r1, [r0]
        subs r0, #4
        ldr r1, =0x11111111
        ldr r2, =0x22222222
        ldr r3, =0x33333333
        stmia r0!, {{r1, r2, r3}}
        ldr r6, =0x08010000
        ldm r6, {{r1, r2, r3}}
        subs r0, r6
        put r0
        put r1
        put r2
        put r3
        bkpt #0
    """
    assert results(tmp_path, source) == [12, 0x1111_1111, 0x2222_0000, 0x3333_3333]


def test_a_conditional_store(tmp_path: Path) -> None:
    source = """start:
        ldr r0, =0x08010000
        movs r1, #0
        movs r2, #0
        cmp r1, #0
        ittee eq
        streq r1, [r0]
        moveq r2, #7
        movne r2, #8
        strne r2, [r0]
        ldr r3, [r0]
        put r2
        put r3
        bkpt #0
    """
    assert results(tmp_path, source) == [7, ERASED]


def test_a_loop_of_refused_stores(tmp_path: Path) -> None:
    """The same instruction stores again and again, at the same address and at others."""
    source = f"""start:
        {UNLOCK}
        ldr r0, =0x08010000
        movs r1, #0xF0
        movs r4, #4
    loop:
        str r1, [r0]
        lsrs r1, #1
        subs r4, #1
        bne loop
        ldr r2, [r0]
        put r2
        bkpt #0
    """
    assert results(tmp_path, source) == [0xF0 & 0x78 & 0x3C & 0x1E]


def test_half_a_double_word_of_the_l4(tmp_path: Path) -> None:
    """PROGERR is set once, by the store that the controller refuses."""
    source = """start:
        poke 0x40022008, 0x45670123
        poke 0x40022008, 0xCDEF89AB
        poke 0x40022014, 1
        ldr r0, =0x08010000
        movs r1, #1
        movs r2, #2
        strd r1, r2, [r0]
        movs r1, #3
        strd r1, r2, [r0]
        ldrd r3, r4, [r0]
        put r3
        put r4
        ldr r5, =0x40022010
        ldr r5, [r5]
        put r5
        bkpt #0
    """
    assert results(tmp_path, source, chip="stm32l475xg") == [1, 2, 1 << 7 | 1 << 3]
