"""The combination: what a run ran on, and how it was built."""

import re
from typing import NamedTuple

_OF_SUBSET = re.compile(r"/\d+-of-\d+(/|\Z)")


class Combination(NamedTuple):
    """The names of what was run. Runs of the same combination share a history and a baseline."""

    target: str
    model: str
    engine: str
    toolchain: str
    optimize: str

    def __str__(self) -> str:
        return f"{self.target}, {self.model} ({self.engine}, {self.toolchain} {self.optimize})"

    @property
    def base(self) -> "Combination":
        """The combination with the name of its engine alone: whatever vectors or protocol ran."""
        return self._replace(engine=self.engine.partition("/")[0])

    @property
    def is_partial(self) -> bool:
        """Whether only some of the model's vectors ran."""
        return bool(_OF_SUBSET.search(self.engine))


def of_subset(ran: int, of: int) -> str:
    """Return what the engine's name ends with if only `ran` of the model's vectors ran."""
    return f"/{ran}-of-{of}"
