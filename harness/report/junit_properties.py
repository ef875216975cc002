"""A run in JUnit's XML: properties of its test, for a CI that shows them."""

from harness.measure.number import Number
from harness.measure.shown_number import error_of
from harness.results.outcome import outcome_of
from harness.results.record import Record


def properties(record: Record) -> list[tuple[str, str]]:
    """Return names and values: what was run, and each number with its unit and kind."""
    image = record.image
    return [
        ("target", record.target.name),
        ("model", record.model.name),
        ("engine", record.engine),
        ("toolchain", f"{image.toolchain} {image.optimize}"),
        ("verdict", outcome_of(record)),
        *([("subset", str(record.subset))] if record.subset else []),
        *((name, _text(number)) for name, number in record.numbers.items()),
    ]


def _text(number: Number) -> str:
    value = f"{number.value}" if number.unit == "1" else f"{number.value} {number.unit}"
    if number.kind != "estimated":
        return f"{value}, {number.kind}"
    return f"≈ {value}, {error_of(number.error)}, estimated by {number.model}"
