"""Targets that are derived by asking a program what it has."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.board.pyocd.auto_target import KIND as AUTO
from harness.board.pyocd.auto_target import auto_target
from harness.board.renode.platform_target import KIND, renode_target
from harness.target.target_file import Target


def derivations(
    renode: str = "", probe: str = "", roots: Sequence[Path] = ()
) -> Mapping[str, Callable[[str], Target]]:
    """Return the functions that derive a target, by the prefix of its name, for `find_target`.

    `roots` are the folders with target files, `renode` is the path of Renode (--renode), and
    `probe` the unique ID of a debug probe (--probe).
    """
    return {
        KIND: partial(renode_target, option=renode),
        AUTO: lambda _: auto_target(tuple(roots), probe),
    }
