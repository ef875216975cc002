"""What the campaign counts. Each count must be 0."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """The ways in which a harness can fail its user."""

    WRONG_NUMBER = "wrong numbers"
    HANG = "hangs"
    ORPHAN = "orphans"  # a process or a file that outlives its owner
    LOST_RECORD = "lost Records"
    UNCLEAR_ERROR = "unclear errors"
    GROWTH = "growths"  # memory or descriptors that grow with the number of runs


@dataclass
class Tally:
    """The faults that were tried, and the findings, of one class of faults."""

    tried: int = 0
    findings: Counter[Kind] = field(default_factory=Counter)

    def row(self, name: str) -> str:
        """Return the row of the table."""
        counts = "".join(f"{self.findings[kind]:{len(kind.value) + 2}}" for kind in Kind)
        return f"{name:12}{self.tried:8,}{counts}"


def heading() -> str:
    """Return the heading of the table."""
    return f"{'':12}{'faults':>8}" + "".join(
        f"{kind.value:>{len(kind.value) + 2}}" for kind in Kind
    )
