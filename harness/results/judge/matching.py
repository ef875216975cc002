"""Which runs of two sets belong together."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.results.record import Record


class Pairs(NamedTuple):
    """Runs of two sets, those of one combination together, and those that have no other."""

    both: Sequence[tuple[Record, Record]]
    only_old: Sequence[Record]
    only_new: Sequence[Record]


def pair(old: Iterable[Record], new: Iterable[Record]) -> Pairs:
    """Pair the newest runs of each combination.

    Of what is left, runs are paired that differ in their flag only, then in toolchain or engine
    too, where there is one such on each side. Two single runs belong together whatever they are.
    """
    before, after = _newest(old), _newest(new)
    if len(before) == len(after) == 1:
        return Pairs([(before[0], after[0])], [], [])
    both: list[tuple[Record, Record]] = []
    for parts in (5, 4, 3, 2):
        ours, theirs = _by_key(before, parts), _by_key(after, parts)
        for key, runs in ours.items():
            if len(runs) == len(theirs.get(key, ())) == 1:
                both.append((runs[0], theirs[key][0]))
                before.remove(runs[0])
                after.remove(theirs[key][0])
    return Pairs(both, before, after)


def _newest(records: Iterable[Record]) -> list[Record]:
    """Return the last run of each combination, in the order of the combinations."""
    newest = {record.combination: record for record in sorted(records, key=lambda r: r.started)}
    return [newest[key] for key in sorted(newest)]


def _by_key(records: Sequence[Record], parts: int) -> dict[tuple[str, ...], list[Record]]:
    """Return the runs by the first `parts` of their combination."""
    found: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        found.setdefault(record.combination[:parts], []).append(record)
    return found
