"""What an error of a fault says to do, from the bits of the fault status registers."""

import pytest

from harness.link.fault_registers import causes, remedy

CAUSES = [*range(2), *range(3, 6), *range(8, 14), *range(16, 21), 24, 25]
"""The bits of CFSR: Armv7-M ARM (DDI 0403E), B3.2.15; 20: Armv8-M ARM."""


@pytest.mark.parametrize("bit", CAUSES)
def test_each_cause_has_a_name_and_a_remedy_of_its_own(bit: int) -> None:
    (named,) = causes(1 << bit, 0, 0, 0)
    assert ": " in named
    assert remedy(1 << bit, 0) != remedy(0, 0)


@pytest.mark.parametrize(
    ("cfsr", "said"),
    [
        (1 << 24, "CCR.UNALIGN_TRP"),
        (1 << 25, "CCR.DIV_0_TRP"),
        (1 << 19, "CPACR"),
        (1 << 9, "is its clock on"),
        (1 << 10, "ACTLR.DISDEFWBUF"),
        (1 << 12 | 1 << 9, "the stack more room"),  # the overflow explains the other
    ],
)
def test_what_to_do(cfsr: int, said: str) -> None:
    assert said in remedy(cfsr, 0)


def test_a_vector_table_that_cannot_be_read() -> None:
    assert "VTOR" in remedy(0, 1 << 1)
