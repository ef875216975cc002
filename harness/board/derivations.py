"""Targets that are derived by asking a program what it has."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.board.pyocd.auto_target import KIND as AUTO
from harness.board.pyocd.auto_target import auto_target, chip_of_pack, counted_by, find_probe
from harness.board.renode.platform_target import KIND, renode_target
from harness.target.chip_target import KIND as CHIP
from harness.target.chip_target import derive_chip
from harness.target.target_file import Target


def derivations(
    renode: str = "", probe: str = "", pack: str = "", roots: Sequence[Path] = ()
) -> Mapping[str, Callable[[str], Target]]:
    """Return the functions that derive a target, by the prefix of its name, for `find_target`.

    `roots` are the folders with target files, `renode` is the path of Renode (--renode), `probe`
    the unique ID of a debug probe (--probe), and `pack` the path of a CMSIS pack (--pack).
    """
    return {
        KIND: partial(renode_target, option=renode),
        CHIP: partial(chip_target, pack=pack, probe=probe),
        AUTO: lambda _: auto_target(tuple(roots), probe, pack),
    }


def chip_target(name: str, pack: str, probe: str = "") -> Target:
    """Derive a target from a chip; `pack` is the path of the CMSIS pack that has it, or empty."""
    target = chip_of_pack(name, pack) if pack else derive_chip(name)
    return counted_by(find_probe(probe), target) if probe else target
