"""Numbers that carry what kind they are."""

from typing import Literal

import msgspec

Kind = Literal["exact", "measured", "estimated"]


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value with its unit and kind.

    `exact` values are the same for the same inputs on every machine (sizes, emulated
    instructions, accuracy on fixed vectors); `measured` ones were read from a clock or
    an instrument; `estimated` ones come from a model.
    """

    value: float | int
    unit: str
    kind: Kind
