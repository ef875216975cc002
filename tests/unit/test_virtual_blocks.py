"""The bench for assembly programs, and the scanner of basic blocks."""

from pathlib import Path

import pytest

from harness.simulator.thumb import Special, scan
from tests.support.assembly_bench import results


def test_a_program_runs_and_halts(tmp_path: Path) -> None:
    assert results(tmp_path, "start: note 7\n note 9\n bkpt #0") == [7, 9]


@pytest.mark.parametrize(
    ("code", "count", "in_it", "specials"),
    [
        ("bf00 4770", 2, 0, []),
        ("f04f 0001 bf00", 2, 0, []),  # mov.w, nop
        ("bf08 2001 2002", 3, 1, []),  # it eq
        ("bf1e 2001 2002 2003 bf00", 5, 3, []),  # ittt ne
        ("bf0b 2001 2002 2003 2004 bf00", 6, 4, []),
        ("b662", 1, 0, [Special.UNMASK]),  # cpsie i
        ("b672", 1, 0, []),  # cpsid i
        ("f380 8810", 1, 0, [Special.UNMASK]),  # msr primask, r0
        ("b671", 1, 0, [Special.FAULTMASK]),  # cpsid f
        ("b663", 1, 0, [Special.FAULTMASK]),  # cpsie if
        ("f380 8811", 1, 0, [Special.UNMASK]),  # msr basepri, r0
        ("f380 8813", 1, 0, [Special.FAULTMASK]),  # msr faultmask, r0
        ("f380 8809", 1, 0, []),  # msr psp, r0
        ("f380 8814", 1, 0, [Special.CONTROL]),  # msr control, r0
        ("f3ef 8010", 1, 0, []),  # mrs r0, primask
        ("f3ef 8011", 1, 0, [Special.READ_BASEPRI]),  # mrs r0, basepri
        ("bf20", 1, 0, [Special.WAIT_FOR_EVENT]),
        ("bf40", 1, 0, [Special.SEND_EVENT]),
        ("ee30 0a20", 1, 0, [Special.FLOAT]),  # vadd.f32 s0, s0, s1
        ("ed90 0a00", 1, 0, [Special.FLOAT]),  # vldr s0, [r0]
        ("eeb7 0bc0", 1, 0, [Special.FLOAT]),
        ("ec51 0b10", 1, 0, [Special.FLOAT]),  # vmov r0, r1, d0
        ("fb90 f0f1", 1, 0, []),  # sdiv
    ],
)
def test_scanning_a_block(code: str, count: int, in_it: int, specials: list[Special]) -> None:
    data = b"".join(int(word, 16).to_bytes(2, "little") for word in code.split())
    block = scan(0x100, memoryview(data))
    assert block.count == count
    assert len(block.in_it) == in_it
    assert [special for _, special in block.specials] == specials
    assert block.end == 0x100 + len(data)
