"""Engines side by side: what they make of one network on one target, and of what that is made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.results.judge.causes import ticks_of_layers
from harness.results.judge.compare import Comparison, History, compare, no_history
from harness.results.record import Record

Parts = Mapping[str, int]
"""What a number is the sum of, by name; empty where the record does not tell."""


@dataclass(frozen=True)
class SideBySide:
    """A run of each engine, of one network on one target, with one toolchain and flag.

    `comparisons` are of the first engine's run with each of the others'. `refused` says of
    engines why they are not among them.
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
        """By engine, the layers that not every engine has; of those that tell their layers."""
        layers = {r.image.engine: _names(r) for r in self.records if r.layers}
        common = set.intersection(*map(set, layers.values())) if layers else set()
        lone = {engine: [n for n in names if n not in common] for engine, names in layers.items()}
        return {engine: names for engine, names in lone.items() if names}


def side_by_side(
    records: Iterable[Record],
    engines: Sequence[str],
    history: Callable[[Record], History] = lambda _: no_history,
) -> list[SideBySide]:
    """Return the newest runs of several engines, those of one target and model together.

    They are in the order of `engines`, which were asked for. `history` returns that of a run.
    """
    groups: dict[tuple[str, ...], dict[str, Record]] = {}
    for record in sorted(records, key=lambda record: record.started):
        target, model, engine, *build = record.combination
        key = (target, model, *build, record.protocol)
        groups.setdefault(key, {})[engine] = record
    found = (_group(runs, engines, history) for runs in groups.values())
    return [group for group in found if group.comparisons or group.refused]


def _group(
    runs: Mapping[str, Record], engines: Sequence[str], history: Callable[[Record], History]
) -> SideBySide:
    order = [*(name for name in engines if name in runs), *sorted(set(runs).difference(engines))]
    first, *others = (runs[name] for name in order)
    refused = {r.image.engine: why for r in others if (why := _refusal(first, r))}
    if len(engines) > 1:
        refused |= {name: "has no run" for name in engines if name not in runs}
    comparisons = [
        compare(first, other, history(other))
        for other in others
        if other.image.engine not in refused
    ]
    return SideBySide(first, comparisons, refused)


def _refusal(first: Record, other: Record) -> str:
    """Return why two runs are not to be set side by side; empty if they may be."""
    if first.model.digest != other.model.digest:
        return "ran another network"
    commits = {record.commit.hash if record.commit else "" for record in (first, other)}
    return "ran at another commit" if len(commits) > 1 else ""


def ticks(record: Record) -> Parts:
    """Return where the ticks of vector 0 go: its layers, and what is around them."""
    layers = ticks_of_layers(record)
    if not layers:
        return {}
    names = dict(zip(_names(record), layers.values(), strict=True))
    return names | {"around the layers": record.ticks[0] - sum(layers.values())}


def flash(record: Record) -> Parts:
    """Return the bytes of flash, by part of the firmware."""
    parts = record.memory.parts if record.memory else {}
    return {name: use.flash for name, use in parts.items() if use.flash}


def ram(record: Record) -> Parts:
    """Return the bytes of RAM: the arena, what is reserved for the stack, and all other."""
    size = {
        name: int(number.value) for name, number in record.numbers.items() if number.unit == "byte"
    }
    if "arena" not in size:
        return {}
    known = {"arena": size["arena"], "stack": size.get("stack_reserved", 0)}
    return known | {"other": size["ram"] - sum(known.values())}


def _names(record: Record) -> list[str]:
    return [f"{index} {operator}" for index, operator in ticks_of_layers(record)]
