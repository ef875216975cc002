"""The energy of runs, for the terminal: lines below the table, with meter and set-up."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from harness.measure.shown_number import quantity
from harness.report.terminal_lines import keeping, print_line
from harness.results.record import Record


def print_energy(records: Sequence[Record], console: Console) -> None:
    """Print the estimated energies, then some lines for each measured energy."""
    names = {name for r in records for name in (r.target.name, r.model.name)}
    for line in _estimated(records):
        print_line(console, keeping(line, *names, style="dim"))
    for record in records:
        for line in _metered(record):
            print_line(console, keeping(line, *names))


def _estimated(records: Sequence[Record]) -> Iterator[str]:
    """Yield a line for each target and estimator, with the energies of all models."""
    amounts_by_estimator: dict[tuple[str, str], list[str]] = {}
    several = len({record.image.engine for record in records}) > 1
    for record in records:
        number = record.numbers.get("energy_estimated")
        if number is not None:
            name = f"{record.model.name}{f' with {record.image.engine}' * several}"
            amount = f"{name} ~ {quantity(number.value, 'J', 3)}"
            key = (record.target.name, number.model)
            amounts_by_estimator.setdefault(key, []).append(amount)
    for (target, estimator), amounts in amounts_by_estimator.items():
        yield f"{target}, energy per inference: {', '.join(amounts)} (estimated: {estimator})"


def _metered(record: Record) -> list[str]:
    energy = record.energy
    if energy is None:
        return []
    value = {name: number.value for name, number in record.numbers.items()}
    error = 2 * value["energy_standard_error"] / value["energy_mean"]
    return [
        f"{record.target.name}, {record.model.name}: "
        f"{quantity(value['energy_median'], 'J')} per inference (± {error:.2%})",
        f"  {quantity(value['energy_net_median'], 'J')} above idle; {energy.volts:g} V",
        f"  {quantity(value['power_compute'], 'W')} computing, "
        f"{quantity(value['power_transfer'], 'W')} between inferences, "
        f"{quantity(value['power_idle'], 'W')} idle",
        f"  {'simulated' if energy.virtual else 'measured'}: {energy.meter}"
        + (" (virtual)" if energy.virtual else "")
        + f", inferences found by {energy.found_by}"
        + (f"; {energy.left_out} inferences left out" if energy.left_out else "")
        + (f"; {energy.note}" if energy.note else ""),
    ]
