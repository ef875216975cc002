"""Which of a model's vectors ran, as a Record has it."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Subset(msgspec.Struct, frozen=True):
    """The vectors that ran, if not all of them did."""

    of: Annotated[int, Meta(ge=1)]
    """How many vectors the model has."""
    vectors: list[Annotated[int, Meta(ge=0)]]
    """The numbers of those that ran, as in the model's file. They are sorted, and `ticks` has the
    same order.
    """

    def __str__(self) -> str:
        return f"{len(self.vectors):,} of {self.of:,} vectors"
