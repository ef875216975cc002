"""Encodings that are undefined on one core and executed by the emulator, or on another core."""

from pathlib import Path

import pytest

from harness.simulator.undefined_encodings import in_armv6m, in_armv7m, in_armv8m
from tests.support.assembly_bench import results, running

M0PLUS, M4F, M33 = "kw41z4", "stm32f429xi", "nrf91"
_EVERYWHERE = {
    "setend": ".inst.n 0xB650",
    "setend be": ".inst.n 0xB658",
    "ldrexd": ".inst.w 0xE8D0127F",
    "strexd": ".inst.w 0xE8C01472",
    "blx": ".inst.w 0xF000E800",
    "eret": ".inst.w 0xF3DE8F00",
    "subs pc, lr": ".inst.w 0xF3DE8F04",
    "vld1": ".inst.w 0xF920000F",
    "vadd.i8": ".inst.w 0xEF000840",
    "vadd.f64": ".inst.w 0xEE310B02",
    "vmsr fpexc": ".inst.w 0xEEE80A10",
    "smc": ".inst.w 0xF7F08000",
    "bxj": ".inst.w 0xF3C08F00",
    "crc32": ".inst.w 0xFAC1F082",
}
_ARMV8M = {
    "sg": ".inst.w 0xE97FE97F",
    "lda": ".inst.w 0xE8D01FAF",
    "stl": ".inst.w 0xE8C01FAF",
    "tt": ".inst.w 0xE840F100",
    "vrinta": ".inst.w 0xFEB80A40",
    "blxns": ".inst.n 0x4784",
}
_NOT_ARMV6M = {
    "it": ".inst.n 0xBF08",
    "cbz": ".inst.n 0xB100",
    "cbnz": ".inst.n 0xB900",
    "mls": ".inst.w 0xFB013012",
}
CASES = [
    *((M4F, code) for code in (*_EVERYWHERE.values(), *_ARMV8M.values())),
    *((M33, code) for code in list(_EVERYWHERE.values())[:9]),
    *((M0PLUS, code) for code in (_EVERYWHERE["setend"], *_NOT_ARMV6M.values())),
]


@pytest.mark.parametrize("chip", [M0PLUS, M4F, M33])
def test_undefined_instructions_fault_where_they_are(tmp_path: Path, chip: str) -> None:
    """All of them in one program, each after another instruction of its block."""
    codes = [code for one, code in CASES if one == chip]
    body = "".join(
        f"""
        ldr r6, =at{number}
        ldr r4, =behind{number}
        movs r5, #{number}
        b 1f
        .ltorg
        .align 1
    1:  adds r5, #100
    at{number}: {code}
        nop
        .align 1
    behind{number}: nop
    """
        for number, code in enumerate(codes)
    )
    source = f"""start: {"poke CPACR, 0xF00000" if chip != M0PLUS else ""}
        {body}
        bkpt #0
        .thumb_func
    fault: ldr r0, [sp, #24]
        subs r0, r6
        adds r0, r5
        put r0
        str r4, [sp, #24]
        bx lr
    """
    expected = [100 + number for number in range(len(codes))]
    assert results(tmp_path, source, {3: "fault"}, chip) == expected


@pytest.mark.parametrize(
    ("code", "undefined"),
    [
        ((0xBF08, None), (True, False, False)),  # it eq
        ((0xBF00, None), (False, False, False)),  # nop
        ((0xB100, None), (True, False, False)),  # cbz
        ((0xBB80, None), (True, False, False)),  # cbnz
        ((0xB662, None), (False, False, False)),  # cpsie i
        ((0xB650, None), (True, True, True)),  # setend
        ((0xF000, 0xF800), (False, False, False)),  # bl
        ((0xF000, 0xC000), (False, True, True)),  # blx
        ((0xE97F, 0xE97F), (False, True, False)),  # sg
        ((0xE8D0, 0x0F4F), (False, False, False)),  # ldrexb
        ((0xF890, 0x0000), (False, False, False)),  # ldrb.w
        ((0xF990, 0x0000), (False, False, False)),  # ldrsb.w
        ((0xEEE1, 0x0A10), (False, False, False)),  # vmsr fpscr
        ((0xEEF1, 0xFA10), (False, False, False)),  # vmrs apsr_nzcv
        ((0xEEE0, 0x0A10), (False, True, True)),  # vmsr fpsid
    ],
)
def test_what_is_undefined(
    code: tuple[int, int | None], undefined: tuple[bool, bool, bool]
) -> None:
    assert (in_armv6m(*code), in_armv7m(*code), in_armv8m(*code)) == undefined


def test_a_step_over_an_undefined_instruction_takes_the_fault(tmp_path: Path) -> None:
    source = """start: bkpt #0
        .inst.n 0xB650
        bkpt #1
    hard: nop
        bkpt #2
    """
    with running(tmp_path, source, {3: "hard"}) as bench:
        core = bench.core
        core.executor.pc += 2
        core.step()
        assert core.executor.pc == core.bus.memories[0].value(12, 4) & ~1
        assert bench.register(0xD28) == 1 << 16
