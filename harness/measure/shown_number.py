"""Numbers as text for people: with their units, kinds and errors."""

import math
from dataclasses import dataclass

from harness.measure.number import Number
from harness.support.printable import printable

_LARGEST = 2**53
_CLOCK = 1e3  # Hz; lower frequencies are not those of clocks, but errors of a regression
_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
SCALED = {"s", "J", "W", "A", "V"}
"""Units that `quantity` writes with a prefix."""


@dataclass(frozen=True)
class Shown:
    """A number as text with its unit; `note` is its kind unless it is `exact`."""

    text: str
    note: str = ""
    model: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.note}".strip()


def show(number: Number) -> Shown:
    """Return `number` as text; an estimate has its error, and a measurement if that is known."""
    text = quantity(number.value, number.unit)
    if number.kind == "exact":
        return Shown(text)
    if number.kind == "measured":
        uncertain = "" if number.error is None else f"{error_of(number.error)}, "
        return Shown(text, f"{uncertain}measured")
    return Shown(f"≈ {text}", f"{error_of(number.error)}, estimated", number.model)


def error_of(error: float | None) -> str:
    """Return the error of a number as text; `error` is relative to its value."""
    if error is None:
        return "error unknown"
    share = 100 * error
    return f"± {share:.0f} %" if share >= 10 else f"± {share:.2g} %"  # noqa: PLR2004 - digits


def quantity(value: float, unit: str, digits: int = 4) -> str:
    """Return a value with its unit; counts in full, other values with `digits` digits."""
    if abs(value) > _LARGEST:  # ticks and sizes that are not a Number
        return "more than 2^53"
    if unit == "byte":
        return f"{value:,.0f} B"
    if unit == "Hz" and abs(value) >= _CLOCK:
        return f"{_digits(value / 1e6, digits)} MHz"
    if unit in SCALED:
        scale, prefix = _prefix(value)
        return f"{_digits(value / scale, digits)} {prefix}{unit}"
    is_count = float(value).is_integer() and abs(value) > 1
    plain = f"{value:,.0f}" if is_count else _digits(value, digits)
    return plain if unit == "1" else f"{plain} {printable(unit)}"


def few_digits(value: float) -> str:
    """Return `value` with three digits, for estimates."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.{max(0, 2 - int(math.log10(scaled)))}f}{unit}"
    return f"{value:.0f}"


def percent(share: float) -> str:
    """Return a share in percent with its sign: `+0.03 %`."""
    if not math.isfinite(share):
        return "from 0"
    digits = next((n for n in range(1, 15) if abs(share) >= 10.0 ** -(n + 1)), 15)
    return f"{share * 100:+,.{digits}f} %"


def _digits(value: float, digits: int) -> str:
    """Return `value` with `digits` significant digits, and all digits before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    before = math.floor(math.log10(abs(value))) + 1
    return f"{value:,.{max(0, min(12, digits - before))}f}"


def _prefix(value: float) -> tuple[float, str]:
    return next((p for p in _PREFIXES if abs(value) >= p[0]), _PREFIXES[0 if value == 0 else -1])
