"""Engines side by side: their results for one model on one target, and the parts of these."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.results.judge.causes import ticks_of_layers
from harness.results.judge.compare import Comparison, History, compare, no_history
from harness.results.record import Record

Parts = Mapping[str, int]
"""The parts of a number, by name; empty if the record does not have them."""


@dataclass(frozen=True)
class SideBySide:
    """A run of each engine with the same model, target, toolchain and flag.

    `comparisons` compare the first engine's run with each of the others. `refused` has the engines
    that cannot be compared, and why.
    """

    first: Record
    comparisons: Sequence[Comparison]
    refused: Mapping[str, str]

    @property
    def records(self) -> list[Record]:
        """The runs, in the order of the engines."""
        return [self.first, *(comparison.new for comparison in self.comparisons)]

    @property
    def unmatched(self) -> dict[str, list[str]]:
        """The layers that not every engine has, by engine; only for runs that have layers."""
        layers = {r.image.engine: _names(r) for r in self.records if r.layers}
        common = set.intersection(*map(set, layers.values())) if layers else set()
        others = {engine: [n for n in names if n not in common] for engine, names in layers.items()}
        return {engine: names for engine, names in others.items() if names}


def side_by_side(
    records: Iterable[Record],
    engines: Sequence[str],
    history: Callable[[Record], History] = lambda _: no_history,
) -> list[SideBySide]:
    """Return the newest runs of several engines with the same target, model and build.

    They have the same protocol, too, and ran from the same memory.
    The runs are in the order of `engines`, the requested ones. `history` returns the history of a
    run.
    """
    groups: dict[tuple[str, ...], dict[str, Record]] = {}
    for record in sorted(records, key=lambda record: record.started):
        engine = record.image.engine
        target, model, variant, *build = record.combination
        key = (target, model, *build, variant.removeprefix(engine))
        groups.setdefault(key, {})[engine] = record
    compared = (_group(runs, engines, history) for runs in groups.values())
    return [group for group in compared if group.comparisons or group.refused]


def _group(
    runs: Mapping[str, Record], engines: Sequence[str], history: Callable[[Record], History]
) -> SideBySide:
    order = [*(name for name in engines if name in runs), *sorted(set(runs).difference(engines))]
    first, *others = (runs[name] for name in order)
    refused = {r.image.engine: why for r in others if (why := _refusal(first, r))}
    if len(engines) > 1:
        none = f"has no run of {first.subset}" if first.subset else "has no run"
        refused |= {name: none for name in engines if name not in runs}
    comparisons = [
        compare(first, other, history(other))
        for other in others
        if other.image.engine not in refused
    ]
    return SideBySide(first, comparisons, refused)


def _refusal(first: Record, other: Record) -> str:
    """Return why two runs cannot stand side by side; empty if they can."""
    if first.model.digest != other.model.digest:
        return "ran another network"
    commits = {record.commit.hash if record.commit else "" for record in (first, other)}
    return "ran at another commit" if len(commits) > 1 else ""


def tick_parts(record: Record) -> Parts:
    """Return the ticks of vector 0 by layer, and the ticks outside the layers."""
    layers = ticks_of_layers(record)
    if not layers:
        return {}
    names = dict(zip(_names(record), layers.values(), strict=True))
    return names | {"outside the layers": record.ticks[0] - sum(layers.values())}


def flash_parts(record: Record) -> Parts:
    """Return the bytes of flash by part of the firmware."""
    parts = record.memory.parts if record.memory else {}
    return {name: use.flash for name, use in parts.items() if use.flash}


def ram_parts(record: Record) -> Parts:
    """Return the bytes of RAM: the arena, the reserved stack, and the rest."""
    sizes = {
        name: int(number.value) for name, number in record.numbers.items() if number.unit == "byte"
    }
    if "arena" not in sizes:
        return {}
    known = {"arena": sizes["arena"], "stack": sizes.get("stack_reserved", 0)}
    return known | {"other": sizes["ram"] - sum(known.values())}


def _names(record: Record) -> list[str]:
    return [f"{index} {operator}" for index, operator in ticks_of_layers(record)]
