"""Tells a change of the board from a change of the code, by the boards of the runs."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from harness.board.device_info import DeviceInfo
from harness.results.judge.change_points import Change, relative
from harness.results.record import Record

NO_DEVICE = DeviceInfo()
_LISTED = 3  # boards by name; more are counted


def device_of(record: Record) -> DeviceInfo:
    """Return which of several equal boards ran; nothing of it may be known."""
    return record.device or NO_DEVICE


def board_note(old: Record, new: Record) -> str:
    """Return that another board ran the `new` record; empty if it is the same, or not known."""
    before, after = device_of(old), device_of(new)
    if not before.is_another(after):
        return ""
    return f"the board changed, too: {before} → {after}"


def change_note(
    devices: Sequence[DeviceInfo],
    values: Sequence[float],
    changes: Sequence[Change],
    change: Change,
) -> str:
    """Return whether the boards, too, are others from a change of a series on.

    `devices` and `values` are those of all runs, `changes` all changes of the series. If boards ran
    on both sides of the change, their numbers tell whether it comes from the boards. The note is
    empty if all these runs were on one board, or if the boards are not known.
    """
    cuts = [0, *sorted(each.index for each in changes), len(devices)]
    at = cuts.index(change.index, 1)
    before, after = (
        _by_board(devices[begin:end], values[begin:end])
        for begin, end in pairwise(cuts[at - 1 : at + 2])
    )
    if not before or not after or len({*before, *after}) == 1:
        return ""
    both = [board for board in after if board in before]
    names = {device.board: str(device) for device in devices}
    if not both:
        old, new = (_listed([names[board] for board in side]) for side in (before, after))
        return f"the board changed, too: {old} → {new}"
    own = median(relative(median(before[board]), median(after[board])) for board in both)
    which = "not the boards" if abs(own) > abs(change.relative) / 2 else "the boards, not the code"
    ran = _listed([names[board] for board in both])
    return f"{which}: {own * 100:+.2g} % on the same board ({ran})"


def _by_board(devices: Sequence[DeviceInfo], values: Sequence[float]) -> dict[str, list[float]]:
    """Return the values of some runs by their boards, as far as these are known."""
    found: dict[str, list[float]] = {}
    for device, value in zip(devices, values, strict=True):
        if device.board:
            found.setdefault(device.board, []).append(value)
    return found


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _LISTED} more"] if len(names) > _LISTED else []
    return "; ".join([*names[:_LISTED], *more])
