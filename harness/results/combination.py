"""The combination: what a run ran on, and how it was built."""

from typing import NamedTuple


class Combination(NamedTuple):
    """The names of what was run. Runs of the same combination share a history and a baseline."""

    target: str
    model: str
    engine: str
    toolchain: str
    optimize: str

    def __str__(self) -> str:
        return f"{self.target}, {self.model} ({self.engine}, {self.toolchain} {self.optimize})"
