"""Targets that are derived by asking a program what it has."""

from collections.abc import Callable, Mapping
from functools import partial

from harness.board.renode.platform_target import KIND, renode_target
from harness.target.target_file import Target


def derivations(renode: str = "") -> Mapping[str, Callable[[str], Target]]:
    """Return the functions that derive a target, by the prefix of its name, for `find_target`.

    `renode` is the path of Renode (--renode).
    """
    return {KIND: partial(renode_target, option=renode)}
