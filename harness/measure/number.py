"""Numbers with a unit and a kind: exact, measured or estimated."""

from typing import Literal

import msgspec

Kind = Literal["exact", "measured", "estimated"]


class Number(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value with its unit and kind.

    `exact` values are the same for the same inputs on every machine (sizes, emulated
    instructions, accuracy on fixed vectors); `measured` values were read from a clock or
    an instrument; `estimated` values come from `model`. If it is known, `error` is the relative
    error of the model, or the uncertainty of what was measured (0.1: 10 %).
    """

    value: float | int
    """The value."""
    unit: str
    """Unit, such as `byte`, `s` or `J`; `1` for a count or a share."""
    kind: Kind
    """Where the value comes from."""
    model: str = ""
    """Name of the model of an estimate."""
    error: float | None = None
    """Error of an estimate, or uncertainty of a measurement, as a share of the value (0.1: 10 %).
    It is missing if it is not known.
    """

    def __post_init__(self) -> None:
        if (self.kind == "estimated") != bool(self.model):
            raise ValueError("estimated numbers need a model, and other numbers must not have one")
