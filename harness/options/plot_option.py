"""The option `--plot`, the same for all commands that plot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import InputError

_FORMATS = (".svg", ".png", ".pdf")


def add_plot_option(add: Callable[..., Any]) -> None:
    """Declare `--plot` through `add`, argparse's `add_argument`."""
    add("--plot", type=Path, metavar="FILE", help="also write a plot: .svg, .png or .pdf")


def plot_path(options: Any) -> Path | None:
    """Return the file for the plot, None without `--plot`.

    Raises `InputError` if the plot cannot be written there: at once, not after the runs.
    """
    path: Path | None = options.plot
    if path:
        check_plot_path(path)
    return path


def check_plot_path(path: Path) -> None:
    """Raise `InputError` if `path` has another format, or its folder does not exist."""
    if path.suffix not in _FORMATS:
        raise InputError(
            f"the format of a plot is {', '.join(_FORMATS)}, not {path.suffix!r}", where=str(path)
        )
    if not path.parent.is_dir():
        raise InputError("there is no such folder", where=str(path.parent))
