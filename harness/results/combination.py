"""What two runs must have in common to be of the same thing."""

from typing import NamedTuple


class Combination(NamedTuple):
    """Names of what was run: runs of one combination have one history and one baseline."""

    target: str
    model: str
    engine: str
    toolchain: str
    optimize: str

    def __str__(self) -> str:
        return f"{self.target}, {self.model} ({self.engine}, {self.toolchain} {self.optimize})"
