"""The option `--small`, the same for all commands that list changes."""

from collections.abc import Callable
from typing import Any

from harness.harness_toml import small_change
from harness.support.numbers import percentage
from harness.workspace import Workspace


def add_small_option(add: Callable[..., Any]) -> None:
    """Declare `--small` through `add`, argparse's `add_argument`."""
    add(
        "--small",
        type=percentage,
        metavar="PERCENT",
        help="list changes below PERCENT as small (default: that of harness.toml, or 0.1%%)",
    )


def small_of(options: Any, workspace: Workspace) -> float:
    """Return the share below which a change is small."""
    given: float | None = options.small
    return small_change(workspace.root) if given is None else given
