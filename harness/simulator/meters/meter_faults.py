"""The kind of a virtual meter and its faults, as text: `ppk2,noise=0.02,late=0.0003`."""

from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, fields

from harness.errors import InputError
from harness.support.numbers import number
from harness.support.suggestions import suggest

_VALUE = number(-1e6, 1e6)
KINDS = ("ppk2", "lpm01a")


@dataclass(frozen=True)
class MeterFaults:
    """The faults of a meter; 0 switches a fault off.

    `noise`: standard deviation, as a fraction of the current while awake.
    `missing`: fraction of the samples that are missing.
    `ppm`: how much too fast the meter's clock runs, in parts per million.
    `late`: seconds by which the trigger lags behind the current.
    `corrupt`: fraction of the bytes that are changed.
    `stops`: seconds after which the meter sends nothing more.
    `deaf`: the meter never shows the trigger.
    `reversed`: the leads are reversed, so the current is negative.
    """

    noise: float = 0.0
    missing: float = 0.0
    ppm: float = 0.0
    late: float = 0.0
    corrupt: float = 0.0
    stops: float = 0.0
    deaf: float = 0.0
    reversed: float = 0.0


def parse(text: str) -> tuple[str, MeterFaults]:
    """Return the kind of meter and its faults; raise `InputError` if `text` is invalid.

    A fault without a value has the value 1.
    """
    kind, *settings = text.split(",")
    if kind not in KINDS:
        raise InputError(f"there is no virtual meter {kind!r}", remedy=suggest(kind, KINDS))
    return kind, MeterFaults(**_values(settings, text))


def _values(settings: list[str], where: str) -> Mapping[str, float]:
    known = [field.name for field in fields(MeterFaults)]
    values = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in known:
            raise InputError(
                f"a virtual meter has no fault {name!r}", where=where, remedy=suggest(name, known)
            )
        try:
            values[name] = _VALUE(value or "1")
        except ArgumentTypeError as error:
            raise InputError(str(error), where=f"{where}: {name}") from error
    return values
