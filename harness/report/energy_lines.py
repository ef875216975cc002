"""The energy of runs, for the terminal: lines below the table, with meter and set-up."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from harness.measure.shown_number import quantity
from harness.report.run_labels import details_of
from harness.report.terminal_lines import keeping, print_line
from harness.results.record import EnergyInfo, Record


def print_energy(records: Sequence[Record], console: Console) -> None:
    """Print the estimated energies, then the measured ones, and how they were measured."""
    names = {name for r in records for name in (r.target.name, r.model.name)}
    titles = _titles(records)
    for line in _estimated(records, titles):
        print_line(console, keeping(line, *names, style="dim"))
    set_ups: dict[str, list[str]] = {}
    for record, title in zip(records, titles, strict=True):
        if record.energy is None:
            continue
        for line in _metered(record, f"{record.target.name}, {title}"):
            print_line(console, keeping(line, *names))
        set_ups.setdefault(_set_up(record.energy), []).append(title)
    for set_up, measured in set_ups.items():
        whose = f" ({', '.join(measured)})" if len(set_ups) > 1 else ""
        print_line(console, keeping(f"{set_up}{whose}", *names))


def _titles(records: Sequence[Record]) -> list[str]:
    """Return the model of each record, with what tells it from the other records."""
    return [
        f"{record.model.name}{f' ({details})' if details else ''}"
        for record, details in zip(records, details_of(records), strict=True)
    ]


def _estimated(records: Sequence[Record], titles: Sequence[str]) -> Iterator[str]:
    """Yield a line for each target and estimator, with the energies of all models."""
    amounts_by_estimator: dict[tuple[str, str], list[str]] = {}
    for record, title in zip(records, titles, strict=True):
        number = record.numbers.get("energy_estimated")
        if number is not None:
            amount = f"{title} ~ {quantity(number.value, 'J', 3)}"
            key = (record.target.name, number.model)
            amounts_by_estimator.setdefault(key, []).append(amount)
    for (target, estimator), amounts in amounts_by_estimator.items():
        yield f"{target}, energy per inference: {', '.join(amounts)} (estimated: {estimator})"


def _metered(record: Record, title: str) -> list[str]:
    value = {name: number.value for name, number in record.numbers.items()}
    error = 2 * value["energy_standard_error"] / value["energy_mean"]
    return [
        f"{title}: {quantity(value['energy_median'], 'J')} per inference (± {error:.2%}), "
        f"{quantity(value['energy_net_median'], 'J')} above idle",
        f"  {quantity(value['power_compute'], 'W')} computing, "
        f"{quantity(value['power_transfer'], 'W')} between inferences, "
        f"{quantity(value['power_idle'], 'W')} idle",
    ]


def _set_up(energy: EnergyInfo) -> str:
    return (
        f"{'simulated' if energy.virtual else 'measured'}: {energy.meter}"
        + (" (virtual)" if energy.virtual else "")
        + f", {energy.volts:g} V, inferences found by {energy.found_by}"
        + (f"; {energy.left_out} inferences left out" if energy.left_out else "")
        + (f"; {energy.note}" if energy.note else "")
    )
