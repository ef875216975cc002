"""Pairs the runs of two sets for a comparison."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from harness.board.device_info import DeviceInfo
from harness.errors import InputError
from harness.results.combination import Combination
from harness.results.judge.boards import NO_DEVICE, device_of
from harness.results.record import Record

_ANY: Mapping[Combination, DeviceInfo] = {}


class Pairs(NamedTuple):
    """Runs of two sets: pairs, and runs without a partner."""

    both: Sequence[tuple[Record, Record]]
    only_old: Sequence[Record]
    only_new: Sequence[Record]


def pair(old: Iterable[Record], new: Iterable[Record]) -> Pairs:
    """Pair the newest runs of each combination; the old one, if possible, from the same board.

    The remaining runs are paired if they differ in the flag only; then if they differ in the
    toolchain too; then in the engine too; each time only if there is exactly one such run on each
    side. If both sets have one run, these two are a pair in any case. A run of some of the vectors
    is only paired with one of as many: raises `InputError` if the sets have one run each, and these
    are not.
    """
    after = newest_of_each(new)
    before = newest_of_each(old, {record.combination: device_of(record) for record in after})
    if len(before) == len(after) == 1:
        _check_vectors(before[0], after[0])
        return Pairs([(before[0], after[0])], [], [])
    both: list[tuple[Record, Record]] = []
    for parts in (5, 4, 3, 2):
        old_runs, new_runs = _by_key(before, parts), _by_key(after, parts)
        for key, runs in old_runs.items():
            if len(runs) == len(new_runs.get(key, ())) == 1:
                both.append((runs[0], new_runs[key][0]))
                before.remove(runs[0])
                after.remove(new_runs[key][0])
    return Pairs(both, before, after)


def newest_of_each(
    records: Iterable[Record], wanted: Mapping[Combination, DeviceInfo] = _ANY
) -> list[Record]:
    """Return the last run of each combination, in the order of the combinations.

    If some runs were on the `wanted` board, it is the last of those.
    """

    def rank(record: Record) -> tuple[bool, str]:
        board = wanted.get(record.combination, NO_DEVICE).board
        return bool(board) and device_of(record).board == board, record.started

    newest = {record.combination: record for record in sorted(records, key=rank)}
    return [newest[key] for key in sorted(newest)]


def _by_key(records: Sequence[Record], parts: int) -> dict[tuple[str, ...], list[Record]]:
    """Return the runs by the first `parts` of their combination."""
    runs: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        key = (*record.combination[:parts], str(record.subset))
        runs.setdefault(key, []).append(record)
    return runs


def _check_vectors(old: Record, new: Record) -> None:
    """Raise `InputError` unless both ran all vectors, or as many of as many."""
    if str(old.subset) != str(new.subset):
        ran = " and ".join(str(record.subset or "all vectors") for record in (old, new))
        raise InputError(
            f"these runs are not compared: they ran {ran}",
            where=f"runs {old.id}, {new.id}",
            remedy="run both with the same --vectors=N, or both with all vectors",
        )
