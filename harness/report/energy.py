"""Energy of runs for a terminal: below the table, with what it was measured with."""

from collections.abc import Sequence

from rich.console import Console

from harness.results.record import Record

_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def print_energy(records: Sequence[Record], console: Console) -> None:
    """Print two or three lines for each of `records` that has an energy."""
    for record in records:
        for line in _lines(record):
            console.print(line, highlight=False)


def _lines(record: Record) -> list[str]:
    value = {name: number.value for name, number in record.numbers.items()}
    name = f"{record.target.name}, {record.model.name}"
    lines = []
    if "energy_estimated" in value:
        number = record.numbers["energy_estimated"]
        lines.append(
            f"{name}: {_amount(number.value, 'J')} an inference, estimated: {number.model}"
        )
    energy = record.energy
    if energy is not None:
        error = 2 * value["energy_standard_error"] / value["energy_mean"]
        lines += [
            f"{name}: {_amount(value['energy_median'], 'J')} an inference (± {error:.2%}), "
            f"{_amount(value['energy_net_median'], 'J')} more than waiting",
            f"  {_amount(value['power_compute'], 'W')} computing, "
            f"{_amount(value['power_transfer'], 'W')} between, "
            f"{_amount(value['power_idle'], 'W')} waiting; {energy.volts:g} V",
            f"  {'invented' if energy.virtual else 'measured'}: {energy.meter}"
            + (" (virtual)" if energy.virtual else "")
            + f", by {energy.found_by}"
            + (f"; {energy.left_out} inferences left out" if energy.left_out else "")
            + (f"; {energy.note}" if energy.note else ""),
        ]
    return lines


def _amount(value: float, unit: str) -> str:
    """Return three digits with a prefix: 0.0001234 J is 123 µJ."""
    size, prefix = next(
        ((size, prefix) for size, prefix in _PREFIXES if abs(value) >= size), _PREFIXES[-1]
    )
    return f"{value / size:.3g} {prefix}{unit}"
