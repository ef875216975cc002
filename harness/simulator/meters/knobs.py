"""What a virtual meter does wrong, given as text: `ppk2,noise=0.02,late=0.0003`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from harness.errors import InputError
from harness.support.suggestions import suggest

KINDS = ("ppk2", "lpm01a")


@dataclass(frozen=True)
class Knobs:
    """All off. `noise` is in shares of the current when awake, `missing` of the samples.

    `ppm` is how much too fast the meter's clock is, `corrupt` the share of bytes that are
    changed. The trigger comes `late` seconds after the current; with `deaf` it never comes.
    After `stops` seconds nothing more is sent. With `reversed` the leads are.
    """

    noise: float = 0.0
    missing: float = 0.0
    ppm: float = 0.0
    late: float = 0.0
    corrupt: float = 0.0
    stops: float = 0.0
    deaf: float = 0.0
    reversed: float = 0.0


def parse(text: str) -> tuple[str, Knobs]:
    """Return the kind of meter and its knobs; `InputError` says what is wrong with `text`.

    A knob without a value is on.
    """
    kind, *settings = text.split(",")
    if kind not in KINDS:
        raise InputError(f"there is no virtual meter {kind!r}", remedy=suggest(kind, KINDS))
    return kind, Knobs(**_values(settings, text))


def _values(settings: list[str], where: str) -> Mapping[str, float]:
    known = [field.name for field in fields(Knobs)]
    values = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in known:
            raise InputError(
                f"a virtual meter has no {name!r}", where=where, remedy=suggest(name, known)
            )
        try:
            values[name] = float(value or 1)
        except ValueError:
            raise InputError(f"{value!r} is no number", where=f"{where}: {name}") from None
    return values
