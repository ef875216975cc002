"""Energy of runs for a terminal: below the table, with what it was measured with."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from harness.report.plain_text import quantity
from harness.results.record import Record


def print_energy(records: Sequence[Record], console: Console) -> None:
    """Print the energies that were estimated, and then some lines for each that was metered."""
    for line in _estimated(records):
        console.print(line, style="dim", highlight=False)
    for record in records:
        for line in _metered(record):
            console.print(line, highlight=False)


def _estimated(records: Sequence[Record]) -> Iterator[str]:
    """Yield a line for each target and estimator: all its models are on it."""
    found: dict[tuple[str, str], list[str]] = {}
    several = len({record.image.engine for record in records}) > 1
    for record in records:
        number = record.numbers.get("energy_estimated")
        if number is not None:
            name = f"{record.model.name}{f' by {record.image.engine}' * several}"
            amount = f"{name} ~ {quantity(number.value, 'J', 3)}"
            found.setdefault((record.target.name, number.model), []).append(amount)
    for (target, estimator), amounts in found.items():
        yield f"{target}, energy an inference: {', '.join(amounts)} (estimated: {estimator})"


def _metered(record: Record) -> list[str]:
    energy = record.energy
    if energy is None:
        return []
    value = {name: number.value for name, number in record.numbers.items()}
    error = 2 * value["energy_standard_error"] / value["energy_mean"]
    return [
        f"{record.target.name}, {record.model.name}: "
        f"{quantity(value['energy_median'], 'J')} an inference (± {error:.2%})",
        f"  {quantity(value['energy_net_median'], 'J')} more than waiting; {energy.volts:g} V",
        f"  {quantity(value['power_compute'], 'W')} computing, "
        f"{quantity(value['power_transfer'], 'W')} between, "
        f"{quantity(value['power_idle'], 'W')} waiting",
        f"  {'invented' if energy.virtual else 'measured'}: {energy.meter}"
        + (" (virtual)" if energy.virtual else "")
        + f", by {energy.found_by}"
        + (f"; {energy.left_out} inferences left out" if energy.left_out else "")
        + (f"; {energy.note}" if energy.note else ""),
    ]
