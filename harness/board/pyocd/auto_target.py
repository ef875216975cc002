"""The target `auto`: the one board that is connected, identified through its debug probe."""

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import HarnessError, InputError
from harness.target.chip_choice import check_flash, choose
from harness.target.chip_target import derive_chip
from harness.target.find_target import list_targets, load_target
from harness.target.target_file import Counter, Pyocd, Target

KIND = "auto"

_FREQUENCY = 1_000_000  # Hz; the wires of an unknown board may be long
_ANY_CHIP = "cortex_m"  # pyOCD's name
_SEARCH_LIMIT, _READ_LIMIT = 30.0, 90.0  # seconds


@cache
def auto_target(roots: Sequence[Path], wanted: str, pack: str = "") -> Target:
    """Return the target for the only connected board, or the one with the probe `wanted`.

    A line on stderr says what it is. A target file in `roots` comes first: the one with the board's
    name, or the user's only one for the chip. Otherwise the target is derived from the chip, in the
    CMSIS pack at the path `pack` if it has it. The board is asked once in this process.

    Raises `InfrastructureError` if there is no board, or several, and `InputError` if the chip is
    not known.
    """
    # pyOCD is slow to import, and runs on emulators do without.
    from harness.board.pyocd.time_limit import TimeLimit, cut_of  # noqa: PLC0415

    probe = find_probe(wanted)
    board = probe.associated_board_info
    if board is not None and board.target:
        chip, how = board.target, f"{board.name}, as its probe says"
    else:
        limit = TimeLimit(f"probe {probe.unique_id}", cut_of(probe))
        activity = "identifying the chip"
        chip, how = limit.run(_READ_LIMIT, activity, lambda: _read_chip(probe, activity, pack))
    target = counted_by(probe, _target_for(chip, probe, roots, pack))
    print(
        f"auto: probe {probe.unique_id}: {how}; the target is {target.name}",
        file=sys.stderr,
    )
    return target


def chip_of_pack(name: str, pack: str) -> Target:
    """Return the target for the chip `name` of the CMSIS pack at the path `pack`."""
    from harness.board.pyocd.packs import provide_chip  # noqa: PLC0415 - pyOCD

    provide_chip(name, pack)
    target = derive_chip(name)
    board = msgspec.structs.replace(target.board, pack=str(Path(pack).absolute()))
    return msgspec.structs.replace(target, board=board)


def find_probe(wanted: str) -> Any:
    """Return the probe that `pick_probe` finds; a search that does not end is an error."""
    from harness.board.pyocd.probes import pick_probe  # noqa: PLC0415 - pyOCD
    from harness.board.pyocd.time_limit import TimeLimit  # noqa: PLC0415 - pyOCD

    search = TimeLimit(f"probe {wanted}")
    return search.run(_SEARCH_LIMIT, "searching the probe", lambda: pick_probe(wanted))


def counted_by(probe: Any, target: Target) -> Target:
    """Return `target` with instructions as its ticks, if `probe` is a virtual board's.

    The counter of a virtual board counts instructions, not cycles.
    """
    from harness.board.pyocd.probes import is_of_virtual_board  # noqa: PLC0415 - pyOCD

    if not is_of_virtual_board(probe):
        return target
    return msgspec.structs.replace(target, counter=Counter("instructions"))


def _target_for(chip: str, probe: Any, roots: Sequence[Path], pack: str) -> Target:
    """Return the target of the file for the board, or of the user's only file for its chip."""
    from harness.board.pyocd.probes import is_on_board  # noqa: PLC0415 - pyOCD

    users, *bundled = roots
    own = _with_chip(chip, users) if bundled else []
    for target in [*own, *(each for root in roots for each in _with_chip(chip, root))]:
        if is_on_board(probe, target.name):
            return target
    if len(own) == 1:
        return own[0]
    return chip_of_pack(chip, pack) if pack else derive_chip(chip)


def _with_chip(chip: str, root: Path) -> list[Target]:
    """Return the targets in the folder `root` that are boards with `chip` behind a probe."""
    found = []
    for path in list_targets((root,)).values():
        try:
            target = load_target(path)
        except HarnessError:
            continue  # it is not this board's; `harness list targets` shows what is wrong
        if isinstance(target.board, Pyocd) and target.board.target == chip:
            found.append(target)
    return found


def _read_chip(probe: Any, activity: str, pack: str) -> tuple[str, str]:
    """Return pyOCD's name of the chip behind `probe` by its id registers, and how it is known."""
    from harness.board.pyocd.identification import (  # noqa: PLC0415 - pyOCD
        identify,
        what_is_known,
    )
    from harness.board.pyocd.packs import chips_of, provide_chip  # noqa: PLC0415 - pyOCD
    from harness.board.pyocd.probe_lease import ProbeLease  # noqa: PLC0415 - pyOCD
    from harness.board.pyocd.probes import close_session, open_session  # noqa: PLC0415 - pyOCD
    from harness.board.pyocd.pyocd_errors import translated_errors  # noqa: PLC0415 - pyOCD

    where = f"probe {probe.unique_id}"
    lease = ProbeLease(probe, _ANY_CHIP, wait=0)
    try:
        session = open_session(probe, _ANY_CHIP, _FREQUENCY)
        try:
            with translated_errors(probe.unique_id, _ANY_CHIP, activity):
                found = identify(session)
                known = "" if found else what_is_known(session)
        finally:
            close_session(session)
    finally:
        lease.release()
    if found is None:
        raise InputError(
            f"the chip is not identified: {known}; targets/chips knows none of its id registers",
            where=where,
            remedy="name it: --target=chip:NAME; `pyocd list --targets` shows the names",
        )
    chip, used = choose(found.line, found.kib, where, chips_of(pack) if pack else ())
    if pack:
        provide_chip(chip, pack)
        check_flash(chip, found.kib, where)
    size = "" if found.kib is None else f" with {found.kib:,} KiB of flash"
    how = f"{chip} or one like it, of {found.line.name}{size} ({found.register})"
    return chip, f"{how}; {used}" if used else how
