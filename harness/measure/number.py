"""Numbers that carry what kind they are."""

from typing import Literal

import msgspec

Kind = Literal["exact", "measured", "estimated"]


class Number(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value with its unit and kind.

    `exact` values are the same for the same inputs on every machine (sizes, emulated
    instructions, accuracy on fixed vectors); `measured` ones were read from a clock or
    an instrument; `estimated` ones come from `model`, which is off by about `error` of the
    value (0.1: 10 %) where that is known.
    """

    value: float | int
    unit: str
    kind: Kind
    model: str = ""
    error: float | None = None

    def __post_init__(self) -> None:
        if (self.kind == "estimated") != bool(self.model):
            raise ValueError("a number names a model if it is estimated, and only then")
